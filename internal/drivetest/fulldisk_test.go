package drivetest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// On a full disk programs get ENOSPC, nothing that was saved is lost, and when there is room again work goes on.
func TestFullDisk(t *testing.T) {
	needRoot(t)
	disk := filepath.Join(tempDir(t), "disk")
	must(t, os.Mkdir(disk, 0o755))
	resize := func(flags uintptr, mib uint64) {
		t.Helper()
		must(t, unix.Mount("tmpfs", disk, "tmpfs", flags, fmt.Sprintf("size=%dm", mib)))
	}
	resize(0, 96)
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount the small disk: %v", err)
		}
	})
	d := newDrive(t, inDir(disk))
	if d.plain {
		must(t, os.Remove(d.mnt))
		must(t, os.Mkdir(filepath.Join(disk, "mnt"), 0o755))
		must(t, os.Symlink(filepath.Join(disk, "mnt"), d.mnt))
	}
	rng := rand.New(rand.NewPCG(5, 6))
	saved := map[string]string{} // BLAKE3 by name, of what was acknowledged
	save := func(name string, n int) error {
		data := randomBytes(rng, n)
		f, err := os.OpenFile(d.path(name), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		if err == nil {
			err = f.Sync()
		}
		if e := f.Close(); err == nil {
			err = e
		}
		if err == nil {
			saved[name] = b3(data)
		}
		return err
	}
	wantSaved := func(when string) {
		t.Helper()
		for name, want := range saved {
			if got, err := hashFile(d.path(name)); err != nil || got != want {
				t.Errorf("%s: %s is %.12s, %v, want %.12s", when, name, got, err, want)
			}
		}
	}
	for i := range 20 {
		must(t, save(fmt.Sprintf("before%d", i), 10_000*i+1))
	}
	d.sync()

	var err error
	for i := 0; err == nil; i++ {
		if i > 500 {
			t.Fatal("the disk does not fill up")
		}
		err = save(fmt.Sprintf("fill%d", i), 1<<20)
	}
	wantErrno(t, "writing to a full disk", err, unix.ENOSPC)
	wantSaved("while the disk is full")
	for i := range 200 { // small things: names, attributes, files of a few bytes
		name := fmt.Sprintf("small%d", i)
		if err := save(name, 100); err != nil {
			wantErrno(t, "a small file on a full disk", err, unix.ENOSPC)
		}
		if err := os.Mkdir(d.path(name+".d"), 0o755); err != nil {
			wantErrno(t, "mkdir on a full disk", err, unix.ENOSPC)
		}
	}
	wantSaved("after small files on a full disk")
	if !d.plain { // a snapshot waits for what was closed, which cannot be stored
		err := os.Mkdir(d.path(".snapshots/full"), 0o755)
		if err != nil {
			wantErrno(t, "a snapshot on a full disk", err, unix.ENOSPC)
		}
		if list := get(os.ReadDir(d.path(".snapshots")))(t); (len(list) == 1) != (err == nil) {
			t.Errorf("a snapshot on a full disk: %v, and there are %v", err, list)
		}
	}
	if !d.plain {
		if s := d.status(); s.SafeToUnplug && s.Unsealed > 0 {
			t.Errorf("status: %+v", s)
		}
	}

	resize(unix.MS_REMOUNT, 1024)
	if !eventually(30*time.Second, func() bool { err = save(fmt.Sprint("again", time.Now().UnixNano()), 200_000); return err == nil }) {
		t.Fatalf("there is room again, and still: %v", err)
	}
	d.sync()
	wantSaved("when there is room again")
	if !d.plain {
		d.snap("room")
		for name, want := range saved {
			if got, err := hashFile(d.path(".snapshots/room", name)); err != nil || got != want {
				t.Errorf("in the snapshot %s is %.12s, %v, want %.12s", name, got, err, want)
			}
		}
	}
	d.check()
	d.remount()
	wantSaved("after remount")
	must(t, save("last", 100_000))
	d.sync()
	d.check()

	// Full, and then the daemon is killed: what was acknowledged is there.
	var use unix.Statfs_t
	must(t, unix.Statfs(disk, &use))
	resize(unix.MS_REMOUNT, (use.Blocks-use.Bfree)*uint64(use.Bsize)>>20+32)
	for err = nil; err == nil; {
		err = save(fmt.Sprint("more", len(saved)), 1<<20)
	}
	wantErrno(t, "writing to a full disk", err, unix.ENOSPC)
	d.kill()
	if !d.plain {
		detach(d.mnt)
	}
	resize(unix.MS_REMOUNT, 1024)
	d.mount()
	wantSaved("after a crash on a full disk")
	d.sync()
	d.check()
}
