package drivetest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

var lockClaims = []claim{
	{"flock holds against other processes", false, testFlock},
	{"fcntl locks hold by byte range", false, testFcntl},
	{"a lock goes with its holder", false, testLockEnds},
	{"read-only files can be locked", false, testLockReadOnly},
}

// lockState asks another process whether it could have the lock.
func lockState(t *testing.T, name string, args ...string) string {
	t.Helper()
	out := run(t, helper(name, args...))
	return out[:len(out)-1]
}

func testFlock(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	f := get(os.Create(p))(t)
	defer f.Close()
	must(t, unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	if got := lockState(t, "flock", p); got != "held" {
		t.Errorf("another process finds the lock %s", got)
	}
	other := get(os.Open(p))(t)
	defer other.Close()
	wantErrno(t, "a second handle", unix.Flock(int(other.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EAGAIN)
	must(t, unix.Flock(int(f.Fd()), unix.LOCK_UN))
	if got := lockState(t, "flock", p); got != "free" {
		t.Errorf("after LOCK_UN another process finds the lock %s", got)
	}
}

func testFcntl(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	f := get(os.Create(p))(t)
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: 100, Len: 50}
	must(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock))
	for at, want := range map[int]string{0: "free", 89: "free", 95: "held", 120: "held", 149: "held", 150: "free"} {
		if got := lockState(t, "fcntl", p, fmt.Sprint(at)); got != want {
			t.Errorf("bytes %d to %d: %s, want %s", at, at+9, got, want)
		}
	}
	lock = unix.Flock_t{Type: unix.F_UNLCK}
	must(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock))
	if got := lockState(t, "fcntl", p, "120"); got != "free" {
		t.Errorf("after unlocking: %s", got)
	}
	ofd := unix.Flock_t{Type: unix.F_WRLCK, Start: 0, Len: 10}
	must(t, unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &ofd))
	if got := lockState(t, "fcntl", p, "0"); got != "held" {
		t.Errorf("a lock of an open file description: %s", got)
	}
}

func testLockEnds(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	f := get(os.Create(p))(t)
	must(t, unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	must(t, f.Close())
	if got := lockState(t, "flock", p); got != "free" {
		t.Errorf("after close: %s", got)
	}
}

func testLockReadOnly(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, []byte("x"), 0o444))
	f := get(os.Open(p))(t)
	defer f.Close()
	must(t, unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB))
	lock := unix.Flock_t{Type: unix.F_RDLCK, Len: 1}
	must(t, unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock))
}
