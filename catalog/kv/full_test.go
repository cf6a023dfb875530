package kv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFullDiskLosesNothingThatWasAccepted runs itself in a child that mounts a
// small tmpfs in a mount namespace of its own, so that nothing is left behind
// however it ends.
func TestFullDiskLosesNothingThatWasAccepted(t *testing.T) {
	if os.Getenv(childEnv) == "full disk" {
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=48m"); err != nil {
			t.Fatal(err)
		}
		defer syscall.Unmount(dir, syscall.MNT_DETACH)
		fullDisk(t, dir)
		return
	}
	cmd := child("full disk", "-test.run=^TestFullDiskLosesNothingThatWasAccepted$", "-test.v")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	cmd.Stderr = nil
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil || !bytes.Contains(out, []byte("updates are in memory")) {
		t.Fatalf("the child did not come to its end: %v", err)
	}
}

func fullDisk(t *testing.T, dir string) {
	const reserveSize = 4 << 20
	path, ballast := filepath.Join(dir, "catalog.db"), filepath.Join(dir, "ballast")
	reserved := func() int64 {
		var st syscall.Stat_t
		if err := syscall.Stat(path+".reserve", &st); err != nil {
			return 0
		}
		return st.Blocks * 512
	}
	open := func() *DB {
		e, err := OpenBolt(path, BoltOptions{Reserve: reserveSize})
		if err != nil {
			t.Fatal(err)
		}
		return mustOpen(t, e, Options{Interval: 5 * time.Millisecond, MaxRows: 1000, MaxBytes: 4 << 20})
	}
	db := open()
	accepted := 0
	value := bytes.Repeat([]byte("0123456789abcdef"), 64)
	grow := func() error {
		err := db.Update(func(tx *Tx) error {
			for i := range 4 {
				tx.Put(key(2, fmt.Sprintf("%06d/%d", accepted, i)), bytes.Clone(value))
			}
			return nil
		})
		if err == nil {
			accepted++
		}
		return err
	}
	verify := func(when string) {
		t.Helper()
		if n := len(rows(t, db, []byte{2}, nil)); n != 4*accepted {
			t.Fatalf("%s: %d rows, %d were accepted", when, n, 4*accepted)
		}
	}
	for range 1000 {
		if err := grow(); err != nil {
			t.Fatal(err)
		}
	}
	mustSync(t, db)
	if n := reserved(); n < reserveSize {
		t.Fatalf("%d bytes are reserved, want %d", n, reserveSize)
	}

	// The disk fills up with something else.
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	for block := 1 << 20; block >= 4096; block /= 16 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, block))
		}
	}
	f.Close()
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}

	// The reserve takes some more groups, then Sync fails, then Update.
	durable := accepted
	for err = nil; err == nil; {
		if err = grow(); err != nil {
			break
		}
		if err = db.Sync(context.Background()); err == nil {
			durable = accepted
		}
	}
	t.Logf("%d updates before the disk was full, %d more became durable, then %v", 1000, durable-1000, err)
	if !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, ErrRetry) {
		t.Fatalf("Sync on a full disk: %v", err)
	}
	if saved := int64(durable-1000) * 4 * 1024; saved < reserveSize/4 {
		t.Errorf("only %d bytes became durable with a reserve of %d", saved, reserveSize)
	}
	if reserved() != 0 {
		t.Error("the reserve is still there")
	}
	for err = nil; err == nil; {
		err = grow()
	}
	t.Logf("%d updates are in memory, then %v", accepted-durable, err)
	if !errors.Is(err, syscall.ENOSPC) || accepted-durable > 2000 {
		t.Fatalf("Update on a full disk after %d updates: %v", accepted-durable, err)
	}
	if db.Err() != nil {
		t.Fatalf("poisoned: %v", db.Err())
	}
	verify("full")

	// Somebody makes room.
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	mustSync(t, db)
	verify("room again")
	for range 10 {
		if err := grow(); err != nil {
			t.Fatal(err)
		}
		mustSync(t, db)
	}
	if n := reserved(); n < reserveSize {
		t.Errorf("%d bytes are reserved again, want %d", n, reserveSize)
	}
	mustClose(t, db)
	db = open()
	verify("reopened")
	checkClean(t, db.engine)
	mustClose(t, db)
}

// TestMappingThatCannotGrowIsAFullDisk makes the address space the limit.
func TestMappingThatCannotGrowIsAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	e, err := OpenBolt(path, BoltOptions{mapSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	db := mustOpen(t, e, Options{MaxRows: 100})
	n := 0
	for err == nil {
		if err = db.Update(func(tx *Tx) error { tx.Put(key(2, fmt.Sprintf("%06d", n)), make([]byte, 1000)); return nil }); err == nil {
			n++
			err = db.Sync(context.Background())
		}
	}
	if !errors.Is(err, syscall.ENOSPC) || db.Err() != nil {
		t.Fatalf("after %d rows: %v; poisoned: %v", n, err, db.Err())
	}
	if len(rows(t, db, []byte{2}, nil)) != n {
		t.Error("rows that were accepted cannot be read")
	}
	if err := db.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("Close: %v", err)
	}
	db = mustOpen(t, mustOpenBolt(t, path), Options{})
	if got := len(rows(t, db, []byte{2}, nil)); got != n-1 {
		t.Errorf("%d rows, want the %d that were durable", got, n-1)
	}
	checkClean(t, db.engine)
}

// TestSmallAddressSpaceIsEnough opens a database in a process that may map only
// some GiB more than it has, as in a container or under ulimit -v.
func TestSmallAddressSpaceIsEnough(t *testing.T) {
	out, err := child("small space", filepath.Join(t.TempDir(), "catalog.db")).Output()
	if err != nil || string(out) != "ok\n" {
		t.Fatalf("the child said %q, %v", out, err)
	}
}

func smallSpace(path string) {
	status, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	var pages uint64
	fmt.Sscan(string(status), &pages)
	limit := pages*uint64(os.Getpagesize()) + 3<<30
	if err := syscall.Setrlimit(unix.RLIMIT_AS, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		panic(err)
	}
	e, err := OpenBolt(path, BoltOptions{})
	if err != nil {
		panic(err)
	}
	db, err := Open(e, Options{Tables: testTables})
	if err != nil {
		panic(err)
	}
	for i := range 100_000 {
		if err := db.Update(func(tx *Tx) error { tx.Put(goodRow(i)); return nil }); err != nil {
			panic(err)
		}
	}
	if err := db.Close(); err != nil {
		panic(err)
	}
	fmt.Println("ok")
}
