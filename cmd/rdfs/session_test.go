package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/control"
)

func TestCommandsSpeakToTheRunningMount(t *testing.T) {
	b := newBench(t)
	b.served()
	for _, args := range [][]string{
		{"status", b.repo}, {"log", "-R", b.repo, "exp/data.csv"}, {"sync", b.repo}, {"check", b.repo},
		{"seal", "-R", b.repo, "exp/data.csv"}, {"restore", "-R", b.repo, "exp/data.csv", "--version", "1"},
	} {
		if status, _, errOut := b.rdfs(args...); status != 0 {
			t.Errorf("%v: status %d: %s", args, status, errOut)
		}
	}
	if n := b.e.opened(); n != 1 {
		t.Errorf("the repository was opened %d times, want once, by the mount", n)
	}
	if _, out, _ := b.rdfs("status", b.repo); !strings.Contains(out, b.mnt) {
		t.Errorf("status does not show the mountpoint:\n%s", out)
	}
}

func TestCommandsOpenTheRepositoryThemselvesWhenNothingIsMounted(t *testing.T) {
	b := newBench(t)
	for _, args := range [][]string{{"status", b.repo}, {"check", b.repo}, {"log", "-R", b.repo, "exp/data.csv"}} {
		if status, _, errOut := b.rdfs(args...); status != 0 {
			t.Errorf("%v: status %d: %s", args, status, errOut)
		}
	}
	if n := b.e.opened(); n != 3 {
		t.Errorf("opened %d times, want 3", n)
	}
	if h, locked := control.LockedBy(b.repo); locked {
		t.Errorf("a command left the lock to %+v", h)
	}
}

func TestARepositoryInUseIsSaidInWordsOfPeople(t *testing.T) {
	b := newBench(t)
	lock, err := control.Acquire(b.repo, control.Holder{PID: 4711, Command: "rdfs check --data"})
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	status, _, errOut := b.rdfs("status", b.repo)
	want := "rdfs: repository " + b.repo + " is in use by process 4711 (rdfs check --data)\n"
	if status != exitBusy || errOut != want {
		t.Errorf("status %d: got %q, want %q", status, errOut, want)
	}
}

func TestSecondMountOfARepositoryIsRefusedWithItsPlaceAndProcess(t *testing.T) {
	b := newBench(t)
	b.served()
	status, _, errOut := b.rdfs("mount", "-f", b.repo, b.mnt+"2")
	want := fmt.Sprintf("rdfs: repository %s is already mounted on %s by process %d\n", b.repo, b.mnt, os.Getpid())
	if status != exitBusy || errOut != want {
		t.Errorf("status %d: got %q, want %q", status, errOut, want)
	}
	if _, err := os.Lstat(b.mnt + "2"); err == nil {
		t.Error("the refused mount made its mountpoint")
	}
}

func TestUmountStoresFirstAndReturnsWhenTheRepositoryIsFree(t *testing.T) {
	b := newBench(t)
	_, ended := b.served()
	if status, _, errOut := b.rdfs("umount", b.repo); status != 0 {
		t.Fatalf("status %d: %s", status, errOut)
	}
	if h, locked := control.LockedBy(b.repo); locked {
		t.Errorf("still locked by %+v", h)
	}
	if got, want := b.d.takeCalls(), []string{`sync ""`, "unmount", "close waiting=true"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if status := <-ended; status != 0 {
		t.Errorf("the mount ended with status %d", status)
	}
	if _, err := os.Lstat(control.SocketPath(b.repo)); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	status, _, errOut := b.rdfs("umount", b.repo)
	if status != exitNotFound || !strings.Contains(errOut, "not mounted") {
		t.Errorf("second umount: status %d: %s", status, errOut)
	}
}

func TestUmountNoWaitLeavesSealingToTheNextMount(t *testing.T) {
	b := newBench(t)
	_, ended := b.served()
	if status, _, errOut := b.rdfs("umount", "--no-wait", b.repo); status != 0 {
		t.Fatalf("status %d: %s", status, errOut)
	}
	if got, want := b.d.takeCalls(), []string{"unmount", "close waiting=false"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if status := <-ended; status != 0 {
		t.Errorf("the mount ended with status %d", status)
	}
}

func TestUmountOfABusyDriveNamesItAndGoesOnServing(t *testing.T) {
	b := newBench(t)
	b.served()
	b.d.mu.Lock()
	b.d.busy = syscall.EBUSY
	b.d.mu.Unlock()
	status, _, errOut := b.rdfs("umount", b.repo)
	if status != exitBusy || !strings.Contains(errOut, b.mnt+" is busy") || !strings.Contains(errOut, "rdfs umount "+b.mnt) {
		t.Errorf("status %d: %s", status, errOut)
	}
	if status, _, errOut := b.rdfs("status", b.repo); status != 0 {
		t.Errorf("not served any more: %s", errOut)
	}
}

func TestUmountThatCannotStoreLeavesTheDriveMounted(t *testing.T) {
	b := newBench(t)
	b.served()
	b.d.syncErr = fmt.Errorf("put pack: %w", syscall.ENOSPC)
	status, _, errOut := b.rdfs("umount", b.repo)
	if status != exitFailed || !strings.Contains(errOut, "stays mounted") || !strings.Contains(errOut, "no space") {
		t.Errorf("status %d: %s", status, errOut)
	}
	if got, want := b.d.takeCalls(), []string{`sync ""`}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	b.d.syncErr = nil
}

// The socket answers a moment before the drive is mounted: a command that comes then
// waits, and does not say that a program is in the way.
func TestUmountOfADriveThatIsBeingMountedWaits(t *testing.T) {
	b := newBench(t)
	b.d.slow = make(chan struct{})
	daemon, ended := b.other(), make(chan int, 1)
	go func() { ended <- daemon.run(context.Background(), []string{"mount", "-f", b.repo, b.mnt}) }()
	err := retry(t.Context(), 20*time.Second, func() (again bool, err error) {
		c, err := control.Dial(t.Context(), b.repo)
		if err == nil {
			c.Close()
		}
		return true, err
	})
	if err != nil {
		t.Fatal(err)
	}
	unmounted := make(chan struct{})
	go func() {
		defer close(unmounted)
		if status, _, errOut := b.rdfs("umount", b.repo); status != 0 {
			t.Errorf("umount: status %d: %s", status, errOut)
		}
	}()
	close(b.d.slow)
	<-unmounted
	if status := <-ended; status != 0 {
		t.Errorf("mount: status %d: %s", status, daemon.err.String())
	}
}

func TestASignalUnmountsAndStores(t *testing.T) {
	b := newBench(t)
	stop, ended := b.served()
	stop()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("does not end")
	}
	if got, want := b.d.takeCalls(), []string{"unmount", "close waiting=true"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMountOptionsComeFromTheCommandLineThenTheFileThenTheRule(t *testing.T) {
	b := newBench(t)
	file := b.repo + "/rdfs.yaml"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.ReplaceAll(string(text), "passthrough: auto", "passthrough: false"))
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		options         string
		other, pass, ro bool
	}{
		{"", os.Geteuid() == 0, false, false},
		{"noallow_other,passthrough", false, true, false},
		{"allow_other,ro", true, false, true},
	} {
		ctx := t.Context()
		go func() {
			for {
				b.d.mu.Lock()
				up := b.d.gone != nil
				b.d.mu.Unlock()
				if up {
					fakeMounted{b.d}.Unmount(ctx)
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		if status := b.run(ctx, []string{"mount", "-f", "-o", tt.options, b.repo, b.mnt}); status != 0 {
			t.Fatalf("status %d: %s", status, b.err.String())
		}
		m := b.d.mounted
		if m.AllowOther != tt.other || m.Passthrough != tt.pass || m.ReadOnly != tt.ro || m.Source != b.repo || m.Mountpoint != b.mnt {
			t.Errorf("%q: got %+v", tt.options, m)
		}
		b.d.mu.Lock()
		b.d.gone = nil
		b.d.mu.Unlock()
	}
}

func TestTheDirectoryBeneathAMountIsClosedToWriters(t *testing.T) {
	dir := t.TempDir() + "/a/mnt"
	for range 2 { // the second time its mode is 0 already
		m, err := openMountpoint(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.cover(); err != nil {
			t.Fatal(err)
		}
		if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0 {
			t.Errorf("mode %v, %v; want 0", fi.Mode(), err)
		}
	}
	os.Chmod(dir, 0o755)
	os.WriteFile(dir+"/results.csv", nil, 0o644)
	if _, err := openMountpoint(dir); err == nil || !strings.Contains(err.Error(), "results.csv") {
		t.Errorf("got %v, want the name that is in the way", err)
	}
}

func TestErrorsLeadToTheirExitStatus(t *testing.T) {
	b := newBench(t)
	b.d.check.Errors = 1
	for _, tt := range []struct {
		want int
		args []string
	}{
		{exitOK, []string{"log", "-R", b.repo, "exp/data.csv"}},
		{exitUsage, []string{"log"}},
		{exitUsage, []string{"frobnicate"}},
		{exitUsage, []string{"status", "--frobnicate"}},
		{exitUsage, []string{"restore", "-R", b.repo, "exp/data.csv"}},
		{exitUsage, []string{"restore", "-R", b.repo, "exp/data.csv", "--at", "@soon"}},
		{exitUsage, []string{"restore", "-R", b.repo, "exp/data.csv", "--at", "-1h", "--version", "2"}},
		{exitUsage, []string{"restore", "-R", b.repo, "exp/data.csv", "--version", "0"}},
		{exitNotFound, []string{"log", "-R", b.repo, "exp/other.csv"}},
		{exitNotFound, []string{"status", b.repo + "/none"}},
		{exitNotFound, []string{"log", b.repo + "/rdfs.yaml"}},
		{exitDamaged, []string{"check", b.repo}},
		{exitDamaged, []string{"check", "--json", b.repo}},
	} {
		status, _, errOut := b.rdfs(tt.args...)
		if status != tt.want {
			t.Errorf("%v: status %d, want %d: %s", tt.args, status, tt.want, errOut)
		}
		if (status != 0) != (errOut != "") {
			t.Errorf("%v: status %d with message %q", tt.args, status, errOut)
		}
	}
	if err := fmt.Errorf("x: %w", control.ErrStale); exitStatus(err) != exitStale {
		t.Error("stale")
	}
	if err := errors.Join(errors.New("x"), os.ErrPermission); exitStatus(err) != exitPermission {
		t.Error("permission")
	}
}
