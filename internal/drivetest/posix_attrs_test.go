package drivetest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var attrClaims = []claim{
	{"attributes are set, listed, replaced and removed", false, testAttrs},
	{"XATTR_CREATE, XATTR_REPLACE and ENODATA", false, testAttrFlags},
	{"attributes of any bytes and of 64 KiB", false, testAttrValues},
	{"attributes of directories, and of files without write permission", false, testAttrKinds},
	{"many attributes", false, testManyAttrs},
	{"a short buffer is answered with ERANGE", false, testAttrRange},
	{"attributes stay through rename, truncate and link", false, testAttrStays},
}

func testAttrs(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, nil, 0o644))
	want := map[string]string{"user.a": "1", "user.with.dots": "two", "user.Ünïcode": "three", "user.empty": ""}
	for name, value := range want {
		must(t, setAttr(p, name, value, 0))
	}
	must(t, setAttr(p, "user.a", "one", 0))
	want["user.a"] = "one"
	must(t, setAttr(p, "user.gone", "x", 0))
	must(t, unix.Removexattr(p, "user.gone"))
	got := get(attrs(p))(t)
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s: got %q, want %q", name, got[name], value)
		}
	}
	if len(got) != len(want) {
		t.Errorf("listed: %v", got)
	}
}

func testAttrFlags(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, nil, 0o644))
	wantErrno(t, "REPLACE what is not there", setAttr(p, "user.a", "1", unix.XATTR_REPLACE), unix.ENODATA)
	must(t, setAttr(p, "user.a", "1", unix.XATTR_CREATE))
	wantErrno(t, "CREATE what is there", setAttr(p, "user.a", "2", unix.XATTR_CREATE), unix.EEXIST)
	must(t, setAttr(p, "user.a", "3", unix.XATTR_REPLACE))
	if got := get(getAttr(p, "user.a"))(t); got != "3" {
		t.Errorf("got %q", got)
	}
	must(t, unix.Removexattr(p, "user.a"))
	_, err := getAttr(p, "user.a")
	wantErrno(t, "get what was removed", err, unix.ENODATA)
	wantErrno(t, "remove twice", unix.Removexattr(p, "user.a"), unix.ENODATA)
	_, err = getAttr(filepath.Join(dir, "absent"), "user.a")
	wantErrno(t, "get from nothing", err, unix.ENOENT)
	wantErrno(t, "a name of 256 bytes", setAttr(p, "user."+strings.Repeat("n", 251), "", 0), unix.ERANGE, unix.ENAMETOOLONG)
	wantErrno(t, "a namespace that is none", setAttr(p, "noname", "", 0), unix.EOPNOTSUPP)
}

func testAttrValues(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, nil, 0o644))
	binary := "\x00\x01\xff\xfe\n\x00"
	must(t, setAttr(p, "user.binary", binary, 0))
	if got := get(getAttr(p, "user.binary"))(t); got != binary {
		t.Errorf("got %q", got)
	}
	long := "user." + strings.Repeat("n", 250)
	must(t, setAttr(p, long, "long name", 0))
	if names := get(listAttrs(p))(t); !slices.Contains(names, long) {
		t.Errorf("a name of 255 bytes is not listed: %q", names)
	}
	wantErrno(t, "a value of more than 64 KiB", setAttr(p, "user.huge", strings.Repeat("v", 1<<16+1), 0), unix.E2BIG)
	large := strings.Repeat("v", 1<<16)
	if err := setAttr(p, "user.large", large, 0); err != nil {
		wantErrno(t, "a value of 64 KiB", err, unix.ENOSPC) // the limit of ext4, when this runs there
	} else if got := get(getAttr(p, "user.large"))(t); got != large {
		t.Errorf("got %d bytes", len(got))
	}
}

func testAttrKinds(t *testing.T, dir string) {
	d, f, l := filepath.Join(dir, "d"), filepath.Join(dir, "f"), filepath.Join(dir, "l")
	must(t, os.Mkdir(d, 0o755))
	must(t, os.WriteFile(f, nil, 0o644))
	must(t, os.Symlink("f", l))
	must(t, setAttr(d, "user.k", "on a directory", 0))
	if got := get(getAttr(d, "user.k"))(t); got != "on a directory" {
		t.Errorf("got %q", got)
	}
	wantErrno(t, "user attributes of a link", setAttr(l, "user.k", "v", 0), unix.EPERM)
	open := get(os.OpenFile(f, os.O_RDWR, 0))(t)
	defer open.Close()
	must(t, unix.Fsetxattr(int(open.Fd()), "user.h", []byte("by handle"), 0))
	must(t, os.Rename(f, f+"2"))
	if got := get(getAttr(f+"2", "user.h"))(t); got != "by handle" {
		t.Errorf("got %q", got)
	}
	must(t, os.Remove(f+"2"))
	must(t, unix.Fsetxattr(int(open.Fd()), "user.h", []byte("without a name"), 0))
	buf := make([]byte, 100)
	if n := get(unix.Fgetxattr(int(open.Fd()), "user.h", buf))(t); string(buf[:n]) != "without a name" {
		t.Errorf("got %q", buf[:n])
	}
}

func testManyAttrs(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, nil, 0o644))
	for i := range 60 {
		must(t, setAttr(p, fmt.Sprintf("user.key%02d", i), fmt.Sprint(i), 0))
	}
	got := get(attrs(p))(t)
	for i := range 60 {
		if got[fmt.Sprintf("user.key%02d", i)] != fmt.Sprint(i) {
			t.Errorf("key%02d is %q", i, got[fmt.Sprintf("user.key%02d", i)])
		}
	}
}

func testAttrRange(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, nil, 0o644))
	must(t, setAttr(p, "user.k", "0123456789", 0))
	if n := get(unix.Getxattr(p, "user.k", nil))(t); n != 10 {
		t.Errorf("size asked: %d", n)
	}
	_, err := unix.Getxattr(p, "user.k", make([]byte, 9))
	wantErrno(t, "a short buffer", err, unix.ERANGE)
	if n := get(unix.Listxattr(p, nil))(t); n < 7 {
		t.Errorf("size of the list: %d", n)
	}
	_, err = unix.Listxattr(p, make([]byte, 3))
	wantErrno(t, "a short list buffer", err, unix.ERANGE)
}

func testAttrStays(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, []byte("x"), 0o644))
	must(t, setAttr(p, "user.k", "v", 0))
	must(t, os.Rename(p, p+"2"))
	must(t, os.WriteFile(p+"2", []byte("truncated and written"), 0o644))
	must(t, os.Link(p+"2", p+"3"))
	must(t, os.Remove(p+"2"))
	if got, err := getAttr(p+"3", "user.k"); got != "v" {
		t.Errorf("got %q, %v", got, err)
	}
}
