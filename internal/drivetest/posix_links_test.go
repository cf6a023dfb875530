package drivetest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var linkClaims = []claim{
	{"hard links are one file", false, testHardLinks},
	{"hard links of open and of replaced files", false, testHardLinksOpen},
	{"symbolic links keep their target", false, testSymlinks},
	{"a FIFO carries bytes", false, testFIFO},
	{"a socket can be bound and dialled", false, testSocket},
	{"device nodes keep their numbers", true, testDevices},
	{"inode numbers are stable and different", false, testInodes},
}

func testHardLinks(t *testing.T, dir string) {
	p := func(s string) string { return filepath.Join(dir, s) }
	must(t, os.Mkdir(p("d"), 0o755))
	must(t, os.WriteFile(p("a"), []byte("one"), 0o644))
	must(t, os.Link(p("a"), p("d/b")))
	must(t, os.Link(p("d/b"), p("c")))
	wantLinks(t, 3, p("a"), p("d/b"), p("c"))
	must(t, os.WriteFile(p("c"), []byte("two, through another name"), 0o644))
	wantBytes(t, p("a"), []byte("two, through another name"))
	must(t, os.Chmod(p("a"), 0o600))
	must(t, setAttr(p("a"), "user.k", "v", 0))
	if st := get(os.Stat(p("d/b")))(t); st.Mode().Perm() != 0o600 {
		t.Errorf("mode through the other name: %o", st.Mode().Perm())
	}
	if v, err := getAttr(p("c"), "user.k"); v != "v" {
		t.Errorf("attribute through the other name: %q, %v", v, err)
	}
	must(t, os.Remove(p("a")))
	wantLinks(t, 2, p("d/b"), p("c"))
	must(t, os.Rename(p("d/b"), p("d/e")))
	wantLinks(t, 2, p("d/e"), p("c"))
	wantErrno(t, "link onto a name", os.Link(p("c"), p("d/e")), unix.EEXIST)
	wantErrno(t, "link of a directory", os.Link(p("d"), p("x")), unix.EPERM)
	wantErrno(t, "link of nothing", os.Link(p("absent"), p("x")), unix.ENOENT)
}

func wantLinks(t *testing.T, n uint64, paths ...string) {
	t.Helper()
	var ino uint64
	for _, p := range paths {
		var st unix.Stat_t
		must(t, unix.Lstat(p, &st))
		if st.Nlink != n {
			t.Errorf("%s has %d links, want %d", p, st.Nlink, n)
		}
		if ino != 0 && st.Ino != ino {
			t.Errorf("%s is inode %d, its other name %d", p, st.Ino, ino)
		}
		ino = st.Ino
	}
}

func testHardLinksOpen(t *testing.T, dir string) {
	p := func(s string) string { return filepath.Join(dir, s) }
	f := get(os.Create(p("a")))(t)
	defer f.Close()
	must(t, os.Link(p("a"), p("b")))
	get(f.WriteString("seen through b"))(t)
	wantBytes(t, p("b"), []byte("seen through b"))
	must(t, os.WriteFile(p("new"), []byte("new"), 0o644))
	must(t, os.Rename(p("new"), p("a"))) // b keeps the old file
	get(f.WriteString(", still"))(t)
	wantBytes(t, p("b"), []byte("seen through b, still"))
	wantBytes(t, p("a"), []byte("new"))
	wantLinks(t, 1, p("b"))
}

func testSymlinks(t *testing.T, dir string) {
	p := func(s string) string { return filepath.Join(dir, s) }
	targets := []string{"f", "nowhere", "../" + filepath.Base(dir) + "/f", "/absolute/path", strings.Repeat("x", 1000), " odd\n"}
	must(t, os.WriteFile(p("f"), []byte("target"), 0o644))
	for i, target := range targets {
		l := p(fmt.Sprint("link", i))
		must(t, os.Symlink(target, l))
		if got := get(os.Readlink(l))(t); got != target {
			t.Errorf("readlink: %q, want %q", got, target)
		}
		if st := get(os.Lstat(l))(t); st.Size() != int64(len(target)) || st.Mode()&os.ModeSymlink == 0 {
			t.Errorf("size %d, mode %v, want a link of %d bytes", st.Size(), st.Mode(), len(target))
		}
	}
	wantBytes(t, p("link2"), []byte("target"))
	_, err := os.Stat(p("link1"))
	wantErrno(t, "a dangling link", err, unix.ENOENT)
	must(t, os.WriteFile(p("link1"), []byte("made through the link"), 0o644))
	wantBytes(t, p("nowhere"), []byte("made through the link"))
	wantErrno(t, "a link over a name", os.Symlink("x", p("f")), unix.EEXIST)
	must(t, unix.Linkat(unix.AT_FDCWD, p("link0"), unix.AT_FDCWD, p("hard"), 0))
	if got := get(os.Readlink(p("hard")))(t); got != "f" {
		t.Errorf("a hard link of a link leads to %q", got)
	}
}

func testFIFO(t *testing.T, dir string) {
	p := filepath.Join(dir, "pipe")
	must(t, unix.Mkfifo(p, 0o640))
	if st := get(os.Stat(p))(t); st.Mode()&os.ModeNamedPipe == 0 || st.Mode().Perm() != 0o640 {
		t.Errorf("mode %v", st.Mode())
	}
	got := make(chan []byte, 1)
	go func() {
		b, _ := os.ReadFile(p)
		got <- b
	}()
	must(t, os.WriteFile(p, []byte("through the pipe"), 0))
	if b := <-got; string(b) != "through the pipe" {
		t.Errorf("got %q", b)
	}
}

func testSocket(t *testing.T, dir string) {
	wd := get(os.Getwd())(t)
	t.Chdir(dir) // the address of a socket is at most 108 bytes long
	defer os.Chdir(wd)
	l := get(net.Listen("unix", "s"))(t)
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			c.Write([]byte("hello"))
			c.Close()
		}
	}()
	c := get(net.Dial("unix", "s"))(t)
	defer c.Close()
	buf := make([]byte, 5)
	get(c.Read(buf))(t)
	if st := get(os.Stat("s"))(t); st.Mode()&os.ModeSocket == 0 || !bytes.Equal(buf, []byte("hello")) {
		t.Errorf("mode %v, read %q", st.Mode(), buf)
	}
}

func testDevices(t *testing.T, dir string) {
	for name, dev := range map[string]struct {
		mode uint32
		rdev uint64
	}{
		"null": {unix.S_IFCHR | 0o666, unix.Mkdev(1, 3)},
		"big":  {unix.S_IFCHR | 0o600, unix.Mkdev(511, 70000)},
		"disk": {unix.S_IFBLK | 0o660, unix.Mkdev(8, 1)},
	} {
		p := filepath.Join(dir, name)
		must(t, unix.Mknod(p, dev.mode, int(dev.rdev)))
		must(t, unix.Chmod(p, dev.mode&0o777))
		var st unix.Stat_t
		must(t, unix.Stat(p, &st))
		if st.Mode != dev.mode || st.Rdev != dev.rdev {
			t.Errorf("%s: mode %o, device %x, want %o, %x", name, st.Mode, st.Rdev, dev.mode, dev.rdev)
		}
	}
	p := filepath.Join(dir, "plain")
	must(t, unix.Mknod(p, unix.S_IFREG|0o644, 0))
	must(t, os.WriteFile(p, []byte("made by mknod"), 0))
	wantBytes(t, p, []byte("made by mknod"))
}

func testInodes(t *testing.T, dir string) {
	seen := map[uint64]string{}
	for _, name := range []string{"a", "b", "c"} {
		p := filepath.Join(dir, name)
		must(t, os.WriteFile(p, nil, 0o644))
		var st, again unix.Stat_t
		must(t, unix.Stat(p, &st))
		if other, ok := seen[st.Ino]; ok {
			t.Errorf("%s and %s are both inode %d", name, other, st.Ino)
		}
		seen[st.Ino] = name
		must(t, os.Rename(p, p+"2"))
		must(t, unix.Stat(p+"2", &again))
		if again.Ino != st.Ino || again.Dev != st.Dev {
			t.Errorf("a rename changed the inode from %d to %d", st.Ino, again.Ino)
		}
	}
	fd := get(unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0))(t)
	defer unix.Close(fd)
	for _, e := range readDirents(t, fd) {
		if e.name == "." || e.name == ".." {
			continue
		}
		if want, ok := seen[e.ino]; !ok || want+"2" != e.name {
			t.Errorf("the listing says inode %d of %s, stat says %q", e.ino, e.name, want)
		}
	}
}
