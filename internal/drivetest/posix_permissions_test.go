package drivetest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

var permissionClaims = []claim{
	{"umask and modes", false, testUmask},
	{"chmod keeps all twelve bits", false, testChmod},
	{"others may do what the mode says", true, testPermissions},
	{"sticky directories protect their files", true, testSticky},
	{"setgid directories hand their group down", true, testSetgidDir},
	{"set-id bits go when another one writes", true, testSetIDWrite},
	{"set-id bits go at truncate, fallocate and chown", true, testSetIDOthers},
	{"chown by root and by the owner", true, testChown},
	{"access follows groups", true, testGroups},
	{"an owner may not give a file away nor set another group's setgid", true, testOwnerLimits},
}

func testUmask(t *testing.T, dir string) {
	old := unix.Umask(0o027)
	defer unix.Umask(old)
	f := get(os.OpenFile(filepath.Join(dir, "f"), os.O_CREATE|os.O_WRONLY, 0o666))(t)
	f.Close()
	must(t, unix.Mkdir(filepath.Join(dir, "d"), 0o777))
	must(t, unix.Mkfifo(filepath.Join(dir, "p"), 0o666))
	for name, want := range map[string]uint32{"f": 0o640, "d": 0o750, "p": 0o640} {
		wantMode(t, filepath.Join(dir, name), want)
	}
	// The handle of a new file may write although the mode forbids it.
	f = get(os.OpenFile(filepath.Join(dir, "ro"), os.O_CREATE|os.O_RDWR, 0o400))(t)
	get(f.WriteString("first words"))(t)
	must(t, f.Close())
	wantMode(t, filepath.Join(dir, "ro"), 0o400)
	wantBytes(t, filepath.Join(dir, "ro"), []byte("first words"))
}

func wantMode(t *testing.T, path string, want uint32) {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Lstat(path, &st))
	if got := st.Mode & 0o7777; got != want {
		t.Errorf("%s: mode %04o, want %04o", filepath.Base(path), got, want)
	}
}

func testChmod(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, nil, 0o644))
	for _, mode := range []uint32{0, 0o777, 0o4755, 0o2755, 0o1644, 0o6711, 0o640} {
		must(t, unix.Chmod(p, mode))
		wantMode(t, p, mode)
	}
	f := get(os.Open(p))(t)
	defer f.Close()
	must(t, unix.Fchmod(int(f.Fd()), 0o604))
	wantMode(t, p, 0o604)
}

// asNobody runs fn as the ordinary user and wants the given outcome (0 for success).
func asNobody(t *testing.T, what string, want unix.Errno, fn func() error) {
	t.Helper()
	wantErrno(t, what, as(t, nobody, nobody, fn), want)
}

func testPermissions(t *testing.T, dir string) {
	p := func(s string) string { return filepath.Join(dir, s) }
	must(t, os.WriteFile(p("closed"), []byte("x"), 0o600))
	must(t, os.WriteFile(p("open"), []byte("x"), 0o666))
	must(t, os.Chmod(p("open"), 0o666))
	must(t, os.Mkdir(p("shut"), 0o700))
	must(t, os.WriteFile(p("shut/inner"), nil, 0o666))
	must(t, os.Mkdir(p("listable"), 0o744))
	must(t, os.WriteFile(p("listable/inner"), nil, 0o666))
	asNobody(t, "read a closed file", unix.EACCES, func() error { _, err := os.ReadFile(p("closed")); return err })
	asNobody(t, "write an open file", 0, func() error { return os.WriteFile(p("open"), []byte("y"), 0) })
	asNobody(t, "create in root's directory", unix.EACCES, func() error { return os.WriteFile(p("new"), nil, 0o644) })
	asNobody(t, "mkdir in root's directory", unix.EACCES, func() error { return os.Mkdir(p("new"), 0o755) })
	asNobody(t, "unlink in root's directory", unix.EACCES, func() error { return unix.Unlink(p("open")) })
	asNobody(t, "rename in root's directory", unix.EACCES, func() error { return unix.Rename(p("open"), p("other")) })
	asNobody(t, "stat in a shut directory", unix.EACCES, func() error { _, err := os.Stat(p("shut/inner")); return err })
	asNobody(t, "list a listable directory", 0, func() error { _, err := os.ReadDir(p("listable")); return err })
	asNobody(t, "stat in a directory without x", unix.EACCES, func() error { _, err := os.Stat(p("listable/inner")); return err })
	asNobody(t, "chmod another one's file", unix.EPERM, func() error { return unix.Chmod(p("open"), 0o777) })
	asNobody(t, "set times of another one's file", unix.EPERM, func() error {
		return unix.UtimesNano(p("open"), []unix.Timespec{{Sec: 1}, {Sec: 1}})
	})
	asNobody(t, "touch a writable file of another one", 0, func() error {
		return unix.UtimesNanoAt(unix.AT_FDCWD, p("open"), []unix.Timespec{{Nsec: unix.UTIME_NOW}, {Nsec: unix.UTIME_NOW}}, 0)
	})
	asNobody(t, "truncate a closed file", unix.EACCES, func() error { return os.Truncate(p("closed"), 0) })
	asNobody(t, "set an attribute on a closed file", unix.EACCES, func() error { return setAttr(p("closed"), "user.a", "b", 0) })
	asNobody(t, "read an attribute of a closed file", unix.EACCES, func() error { _, err := getAttr(p("closed"), "user.a"); return err })
}

func testSticky(t *testing.T, dir string) {
	p := func(s string) string { return filepath.Join(dir, s) }
	must(t, unix.Mkdir(p("tmp"), 0o755))
	must(t, unix.Chmod(p("tmp"), 0o1777))
	must(t, os.WriteFile(p("tmp/roots"), nil, 0o666))
	must(t, os.Chmod(p("tmp/roots"), 0o666))
	asNobody(t, "unlink root's file", unix.EPERM, func() error { return unix.Unlink(p("tmp/roots")) })
	asNobody(t, "rename root's file", unix.EPERM, func() error { return unix.Rename(p("tmp/roots"), p("tmp/x")) })
	asNobody(t, "create", 0, func() error { return os.WriteFile(p("tmp/own"), nil, 0o644) })
	asNobody(t, "rename over root's file", unix.EPERM, func() error { return unix.Rename(p("tmp/own"), p("tmp/roots")) })
	asNobody(t, "unlink the own file", 0, func() error { return unix.Unlink(p("tmp/own")) })
}

func testSetgidDir(t *testing.T, dir string) {
	p := func(s string) string { return filepath.Join(dir, s) }
	must(t, os.Mkdir(p("lab"), 0o777))
	must(t, unix.Chown(p("lab"), 0, 4242))
	must(t, unix.Chmod(p("lab"), 0o2777))
	asNobody(t, "work in the group's directory", 0, func() error {
		if err := os.WriteFile(p("lab/f"), nil, 0o644); err != nil {
			return err
		}
		return os.Mkdir(p("lab/d"), 0o755)
	})
	for _, name := range []string{"lab/f", "lab/d"} {
		var st unix.Stat_t
		must(t, unix.Stat(p(name), &st))
		if st.Gid != 4242 || st.Uid != nobody {
			t.Errorf("%s belongs to %d:%d, want %d:4242", name, st.Uid, st.Gid, nobody)
		}
		if want := st.Mode&unix.S_IFMT == unix.S_IFDIR; (st.Mode&unix.S_ISGID != 0) != want {
			t.Errorf("%s: mode %o, want setgid %v", name, st.Mode, want)
		}
	}
}

func testSetIDWrite(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	fresh := func() {
		t.Helper()
		os.Remove(p)
		must(t, os.WriteFile(p, []byte("program"), 0o644))
		must(t, unix.Chmod(p, 0o6777))
	}
	fresh()
	asNobody(t, "write", 0, func() error {
		f, err := os.OpenFile(p, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		if _, err := f.Write([]byte("P")); err != nil {
			return err
		}
		_, err = f.Write([]byte("R"))
		return err
	})
	wantMode(t, p, 0o777)
	fresh()
	asNobody(t, "open with O_TRUNC", 0, func() error { return os.WriteFile(p, []byte("evil"), 0) })
	wantMode(t, p, 0o777)
	fresh()
	f := get(os.OpenFile(p, os.O_WRONLY, 0))(t)
	get(f.WriteString("root may"))(t)
	must(t, f.Close())
	wantMode(t, p, 0o6777)
	// Without group execution the setgid bit means mandatory locking, and stays with write(2).
	fresh()
	must(t, unix.Chmod(p, 0o4767))
	asNobody(t, "write", 0, func() error {
		f, err := os.OpenFile(p, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.Write([]byte("P"))
		return err
	})
	wantMode(t, p, 0o767)
}

func testSetIDOthers(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	for what, change := range map[string]func() error{
		"truncate": func() error { return os.Truncate(p, 3) },
		"ftruncate": func() error {
			f, err := os.OpenFile(p, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			return f.Truncate(2)
		},
		"fallocate": func() error {
			f, err := os.OpenFile(p, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			return unix.Fallocate(int(f.Fd()), 0, 0, 100)
		},
		"chown": func() error { return unix.Chown(p, nobody, nobody) },
	} {
		os.Remove(p)
		must(t, os.WriteFile(p, []byte("program"), 0o644))
		must(t, unix.Chown(p, nobody, nobody))
		must(t, unix.Chmod(p, 0o6777))
		asNobody(t, what, 0, change)
		wantMode(t, p, 0o777)
	}
	must(t, unix.Chmod(p, 0o6755))
	must(t, unix.Chown(p, 0, 0))
	wantMode(t, p, 0o755) // Linux clears them for root as well
}

func testChown(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, nil, 0o644))
	must(t, unix.Chown(p, 1234, -1))
	must(t, unix.Chown(p, -1, 5678))
	var st unix.Stat_t
	must(t, unix.Stat(p, &st))
	if st.Uid != 1234 || st.Gid != 5678 {
		t.Errorf("owner %d:%d", st.Uid, st.Gid)
	}
	must(t, os.Symlink("f", p+"l"))
	must(t, unix.Lchown(p+"l", 42, 43))
	must(t, unix.Lstat(p+"l", &st))
	if st.Uid != 42 || st.Gid != 43 {
		t.Errorf("owner of the link %d:%d", st.Uid, st.Gid)
	}
	must(t, unix.Stat(p, &st))
	if st.Uid != 1234 {
		t.Error("lchown reached the target")
	}
}

func testGroups(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, []byte("for the group"), 0o640))
	must(t, unix.Chown(p, 0, 4242))
	read := func() error { _, err := os.ReadFile(p); return err }
	must(t, as(t, 1000, 4242, read))
	wantErrno(t, "another group", as(t, 1000, 4243, read), unix.EACCES)
	must(t, os.Chmod(p, 0o604)) // the group is worse off than others
	wantErrno(t, "the group is shut out", as(t, 1000, 4242, read), unix.EACCES)
	must(t, as(t, 1000, 4243, read))
}

func testOwnerLimits(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, nil, 0o644))
	must(t, unix.Chown(p, nobody, 4242))
	asNobody(t, "give away", unix.EPERM, func() error { return unix.Chown(p, 0, -1) })
	asNobody(t, "a group one is not in", unix.EPERM, func() error { return unix.Chown(p, -1, 1) })
	asNobody(t, "setgid for a group one is not in", 0, func() error { return unix.Chmod(p, 0o2755) })
	wantMode(t, p, 0o755) // the bit is dropped without a word
	asNobody(t, "the own group", 0, func() error { return unix.Chown(p, -1, nobody) })
	err := as(t, nobody, nobody, func() error {
		if err := unix.Mknod(filepath.Join(dir, "dev"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err == nil {
			return fmt.Errorf("an ordinary user made a device node")
		}
		return nil
	})
	must(t, err)
}
