package drivetest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var openClaims = []claim{
	{"O_EXCL refuses what exists", false, testExcl},
	{"O_APPEND of two processes keeps every line", false, testAppendTwice},
	{"O_APPEND writes at the end wherever the offset is", false, testAppendOffset},
	{"O_TRUNC empties and O_CREAT keeps", false, testTruncCreate},
	{"an unnamed file gets a name", false, testTmpfile},
	{"an unlinked open file can be read and written", false, testUnlinkedOpen},
	{"a renamed open file stays the same", false, testRenamedOpen},
	{"a replaced open file keeps its old bytes", false, testReplacedOpen},
	{"two handles see each other's writes", false, testTwoHandles},
	{"a mapping and read see each other", false, testMmapCoherent},
	{"a mapping outlives its file", false, testMmapOutlives},
	{"a private mapping does not reach the file", false, testMmapPrivate},
	{"access beyond the end of a mapped file ends in SIGBUS bounds", false, testMmapTail},
	{"vectored reads and writes", false, testVectored},
	{"O_DIRECT reads what was written", false, testDirect},
	{"fsync of a file and of a directory", false, testFsync},
	{"a dup shares the offset, a second open does not", false, testDup},
	{"a read-only handle cannot write", false, testAccessMode},
	{"O_NOFOLLOW and O_DIRECTORY", false, testOpenKinds},
	{"O_PATH and reopening through proc", false, testOPath},
	{"RLIMIT-sized offsets are refused", false, testHugeOffset},
}

func testExcl(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	f := get(os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644))(t)
	f.Close()
	_, err := os.OpenFile(p, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	wantErrno(t, "O_EXCL on a file", err, unix.EEXIST)
	must(t, os.Symlink("nowhere", filepath.Join(dir, "l")))
	_, err = os.OpenFile(filepath.Join(dir, "l"), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	wantErrno(t, "O_EXCL on a dangling link", err, unix.EEXIST)
	_, err = os.Open(filepath.Join(dir, "absent"))
	wantErrno(t, "open what is not there", err, unix.ENOENT)
	_, err = os.Open(filepath.Join(p, "below"))
	wantErrno(t, "open below a file", err, unix.ENOTDIR)
	_, err = os.OpenFile(dir, os.O_WRONLY, 0)
	wantErrno(t, "open a directory for writing", err, unix.EISDIR)
}

func testAppendTwice(t *testing.T, dir string) {
	p := filepath.Join(dir, "log")
	must(t, os.WriteFile(p, nil, 0o644))
	const lines = 2000
	a, b := helper("append", p, "first", fmt.Sprint(lines)), helper("append", p, "second", fmt.Sprint(lines))
	must(t, a.Start())
	must(t, b.Start())
	must(t, a.Wait())
	must(t, b.Wait())
	next := map[string]int{}
	for line := range strings.Lines(string(get(os.ReadFile(p))(t))) {
		var tag string
		var n int
		if _, err := fmt.Sscanf(line, "%s %d\n", &tag, &n); err != nil || n != next[tag] {
			t.Fatalf("a torn or lost line: %q, want number %d (%v)", line, next[tag], err)
		}
		next[tag]++
	}
	if next["first"] != lines || next["second"] != lines {
		t.Errorf("got %v lines, want %d of each", next, lines)
	}
}

func testAppendOffset(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, []byte("0123456789"), 0o644))
	f := get(os.OpenFile(p, os.O_RDWR|os.O_APPEND, 0))(t)
	defer f.Close()
	get(f.Seek(2, io.SeekStart))(t)
	get(f.WriteString("ab"))(t)
	must(t, os.Truncate(p, 4))
	get(f.WriteString("cd"))(t)
	wantBytes(t, p, []byte("0123cd"))
}

func testTruncCreate(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, []byte("long content"), 0o600))
	f := get(os.OpenFile(p, os.O_WRONLY|os.O_CREATE, 0o644))(t)
	get(f.WriteString("LONG"))(t)
	f.Close()
	wantBytes(t, p, []byte("LONG content"))
	held := get(os.Open(p))(t)
	defer held.Close()
	f = get(os.OpenFile(p, os.O_WRONLY|os.O_TRUNC, 0))(t)
	if st := get(held.Stat())(t); st.Size() != 0 {
		t.Errorf("a held handle sees %d bytes after O_TRUNC", st.Size())
	}
	get(f.WriteString("new"))(t)
	f.Close()
	buf := make([]byte, 20)
	n, _ := held.ReadAt(buf, 0)
	if string(buf[:n]) != "new" {
		t.Errorf("a held handle reads %q", buf[:n])
	}
	if st := get(os.Stat(p))(t); st.Mode().Perm() != 0o600 {
		t.Errorf("mode %o, want it kept", st.Mode().Perm())
	}
}

func testTmpfile(t *testing.T, dir string) {
	fd := get(unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR, 0o640))(t)
	f := os.NewFile(uintptr(fd), "unnamed")
	get(f.WriteString("out of nothing"))(t)
	var st unix.Stat_t
	must(t, unix.Fstat(fd, &st))
	if st.Nlink != 0 {
		t.Errorf("an unnamed file has %d links", st.Nlink)
	}
	if names := get(os.ReadDir(dir))(t); len(names) != 0 {
		t.Errorf("an unnamed file is listed: %v", names)
	}
	p := filepath.Join(dir, "named")
	must(t, unix.Linkat(unix.AT_FDCWD, procFD(fd), unix.AT_FDCWD, p, unix.AT_SYMLINK_FOLLOW))
	get(f.WriteString(", now named"))(t)
	must(t, f.Close())
	wantBytes(t, p, []byte("out of nothing, now named"))
	must(t, unix.Stat(p, &st))
	if st.Nlink != 1 || st.Mode&0o777 != 0o640 {
		t.Errorf("links %d, mode %o", st.Nlink, st.Mode&0o777)
	}
	fd = get(unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_EXCL, 0o640))(t)
	defer unix.Close(fd)
	err := unix.Linkat(unix.AT_FDCWD, procFD(fd), unix.AT_FDCWD, filepath.Join(dir, "never"), unix.AT_SYMLINK_FOLLOW)
	wantErrno(t, "link of an O_EXCL unnamed file", err, unix.ENOENT)
}

func testUnlinkedOpen(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, bytes.Repeat([]byte("x"), 100_000), 0o644))
	f := get(os.OpenFile(p, os.O_RDWR, 0))(t)
	defer f.Close()
	must(t, os.Remove(p))
	get(f.WriteAt([]byte("still here"), 50_000))(t)
	buf := make([]byte, 10)
	get(f.ReadAt(buf, 50_000))(t)
	if string(buf) != "still here" {
		t.Errorf("read back %q", buf)
	}
	must(t, f.Truncate(60_000))
	must(t, f.Chmod(0o600))
	must(t, f.Sync())
	var st unix.Stat_t
	must(t, unix.Fstat(int(f.Fd()), &st))
	if st.Nlink != 0 || st.Size != 60_000 || st.Mode&0o777 != 0o600 {
		t.Errorf("links %d, size %d, mode %o", st.Nlink, st.Size, st.Mode&0o777)
	}
	must(t, os.WriteFile(p, []byte("another"), 0o644))
	get(f.ReadAt(buf, 50_000))(t)
	if string(buf) != "still here" {
		t.Errorf("after a new file of the name: %q", buf)
	}
	wantBytes(t, p, []byte("another"))
}

func testRenamedOpen(t *testing.T, dir string) {
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "sub", "b")
	must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o755))
	f := get(os.Create(a))(t)
	get(f.WriteString("before, "))(t)
	must(t, os.Rename(a, b))
	get(f.WriteString("after"))(t)
	wantBytes(t, b, []byte("before, after"))
	must(t, os.Rename(filepath.Join(dir, "sub"), filepath.Join(dir, "moved")))
	get(f.WriteString(", later"))(t)
	must(t, f.Close())
	wantBytes(t, filepath.Join(dir, "moved", "b"), []byte("before, after, later"))
}

func testReplacedOpen(t *testing.T, dir string) {
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	must(t, os.WriteFile(a, []byte("old bytes"), 0o644))
	r := get(os.Open(a))(t)
	defer r.Close()
	w := get(os.OpenFile(a, os.O_RDWR, 0))(t)
	defer w.Close()
	must(t, os.WriteFile(b, []byte("new bytes"), 0o644))
	must(t, os.Rename(b, a))
	get(w.WriteAt([]byte("OLD"), 0))(t)
	if got := string(get(io.ReadAll(r))(t)); got != "OLD bytes" {
		t.Errorf("the old handle reads %q", got)
	}
	wantBytes(t, a, []byte("new bytes"))
}

func testTwoHandles(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	w := get(os.Create(p))(t)
	defer w.Close()
	r := get(os.Open(p))(t)
	defer r.Close()
	buf := make([]byte, 8)
	for i := range 200 {
		text := fmt.Sprintf("%08d", i)
		get(w.WriteAt([]byte(text), int64(i*5000)))(t)
		if st := get(r.Stat())(t); st.Size() != int64(i*5000+8) {
			t.Fatalf("the other handle sees size %d, want %d", st.Size(), i*5000+8)
		}
		get(r.ReadAt(buf, int64(i*5000)))(t)
		if string(buf) != text {
			t.Fatalf("the other handle reads %q, want %q", buf, text)
		}
	}
}

func testMmapCoherent(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	f := get(os.Create(p))(t)
	defer f.Close()
	must(t, f.Truncate(1<<20))
	m := get(unix.Mmap(int(f.Fd()), 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED))(t)
	defer unix.Munmap(m)
	other := get(os.OpenFile(p, os.O_RDWR, 0))(t)
	defer other.Close()
	buf := make([]byte, 100)
	for i := range 300 {
		at := (i * 7919) % (1<<20 - 100)
		word := fmt.Appendf(nil, "store %d", i)
		copy(m[at:], word)
		get(other.ReadAt(buf[:len(word)], int64(at)))(t)
		if !bytes.Equal(buf[:len(word)], word) {
			t.Fatalf("read %q after the store of %q", buf[:len(word)], word)
		}
		word = fmt.Appendf(nil, "write %d", i)
		get(other.WriteAt(word, int64(at)))(t)
		if !bytes.Equal(m[at:at+len(word)], word) {
			t.Fatalf("the mapping has %q after the write of %q", m[at:at+len(word)], word)
		}
	}
	want := bytes.Clone(m)
	must(t, unix.Msync(m, unix.MS_SYNC))
	wantBytes(t, p, want)
}

func testMmapOutlives(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, bytes.Repeat([]byte("a"), 8192), 0o644))
	f := get(os.OpenFile(p, os.O_RDWR, 0))(t)
	m := get(unix.Mmap(int(f.Fd()), 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED))(t)
	must(t, f.Close())
	copy(m[4096:], "stored after close")
	got := get(os.ReadFile(p))(t)
	if !bytes.Equal(got, m) {
		t.Error("the file does not have what was stored after close")
	}
	must(t, os.Remove(p))
	copy(m, "stored after unlink")
	if !bytes.HasPrefix(m, []byte("stored after unlink")) || m[4096] != 's' {
		t.Error("the mapping of an unlinked file lost its bytes")
	}
	must(t, unix.Munmap(m))
}

func testMmapPrivate(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, []byte("untouched"), 0o644))
	f := get(os.Open(p))(t)
	defer f.Close()
	m := get(unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE))(t)
	copy(m, "changed")
	must(t, unix.Munmap(m))
	wantBytes(t, p, []byte("untouched"))
}

func testMmapTail(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, []byte("12345"), 0o644))
	f := get(os.OpenFile(p, os.O_RDWR, 0))(t)
	defer f.Close()
	m := get(unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED))(t)
	defer unix.Munmap(m)
	for i, b := range m[5:] {
		if b != 0 {
			t.Fatalf("byte %d behind the end is %d", i+5, b)
		}
	}
	copy(m[5:], "lost") // behind the end: not part of the file
	must(t, unix.Msync(m, unix.MS_SYNC))
	wantBytes(t, p, []byte("12345"))
}

func testVectored(t *testing.T, dir string) {
	f := get(os.Create(filepath.Join(dir, "f")))(t)
	defer f.Close()
	n := get(unix.Pwritev(int(f.Fd()), [][]byte{[]byte("one "), []byte("two "), []byte("three")}, 10))(t)
	a, b := make([]byte, 8), make([]byte, 5)
	m := get(unix.Preadv(int(f.Fd()), [][]byte{a, b}, 10))(t)
	if n != 13 || m != 13 || string(a)+string(b) != "one two three" {
		t.Errorf("wrote %d, read %d: %q %q", n, m, a, b)
	}
}

func testDirect(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	want := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	must(t, os.WriteFile(p, want, 0o644))
	fd, err := unix.Open(p, unix.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		wantErrno(t, "O_DIRECT", err, unix.EINVAL) // a filesystem may refuse it, and then clearly
		return
	}
	defer unix.Close(fd)
	buf := get(unix.Mmap(-1, 0, len(want), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE))(t) // aligned
	defer unix.Munmap(buf)
	if n := get(unix.Pread(fd, buf, 0))(t); !bytes.Equal(buf[:n], want) {
		t.Error("O_DIRECT read other bytes")
	}
	copy(buf, bytes.Repeat([]byte("z"), 4096))
	get(unix.Pwrite(fd, buf[:4096], 8192))(t)
	copy(want[8192:], buf[:4096])
	wantBytes(t, p, want)
}

func testFsync(t *testing.T, dir string) {
	f := get(os.Create(filepath.Join(dir, "f")))(t)
	defer f.Close()
	get(f.WriteString("durable"))(t)
	must(t, f.Sync())
	must(t, unix.Fdatasync(int(f.Fd())))
	d := get(os.Open(dir))(t)
	defer d.Close()
	must(t, d.Sync())
	must(t, unix.Fdatasync(int(d.Fd())))
	must(t, unix.Syncfs(int(f.Fd())))
	r := get(os.Open(filepath.Join(dir, "f")))(t)
	defer r.Close()
	must(t, r.Sync())
}

func testDup(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	f := get(os.Create(p))(t)
	defer f.Close()
	dup := get(unix.Dup(int(f.Fd())))(t)
	get(f.WriteString("ab"))(t)
	get(unix.Write(dup, []byte("cd")))(t)
	must(t, unix.Close(dup))
	get(f.WriteString("ef"))(t)
	wantBytes(t, p, []byte("abcdef"))
}

func testAccessMode(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, []byte("x"), 0o644))
	r := get(os.Open(p))(t)
	defer r.Close()
	_, err := r.Write([]byte("y"))
	wantErrno(t, "write to a read-only handle", err, unix.EBADF)
	wantErrno(t, "truncate a read-only handle", r.Truncate(0), unix.EINVAL, unix.EBADF)
	w := get(os.OpenFile(p, os.O_WRONLY, 0))(t)
	defer w.Close()
	_, err = w.Read(make([]byte, 1))
	wantErrno(t, "read a write-only handle", err, unix.EBADF)
	_, err = unix.Mmap(int(w.Fd()), 0, 1, unix.PROT_READ, unix.MAP_SHARED)
	wantErrno(t, "map a write-only handle", err, unix.EACCES)
}

func testOpenKinds(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, nil, 0o644))
	must(t, os.Symlink("f", filepath.Join(dir, "l")))
	_, err := unix.Open(filepath.Join(dir, "l"), unix.O_RDONLY|unix.O_NOFOLLOW, 0)
	wantErrno(t, "O_NOFOLLOW on a link", err, unix.ELOOP)
	_, err = unix.Open(p, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	wantErrno(t, "O_DIRECTORY on a file", err, unix.ENOTDIR)
	must(t, os.Symlink("self", filepath.Join(dir, "self")))
	_, err = os.Open(filepath.Join(dir, "self"))
	wantErrno(t, "a link to itself", err, unix.ELOOP)
}

func testOPath(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, []byte("by handle"), 0o644))
	fd := get(unix.Open(p, unix.O_PATH, 0))(t)
	defer unix.Close(fd)
	must(t, os.Rename(p, filepath.Join(dir, "elsewhere")))
	wantBytes(t, procFD(fd), []byte("by handle"))
	_, err := unix.Read(fd, make([]byte, 1))
	wantErrno(t, "read of O_PATH", err, unix.EBADF)
}

func testHugeOffset(t *testing.T, dir string) {
	f := get(os.Create(filepath.Join(dir, "f")))(t)
	defer f.Close()
	_, err := unix.Pwrite(int(f.Fd()), []byte("x"), 1<<62)
	wantErrno(t, "write at 4 EiB", err, unix.EFBIG, unix.EINVAL)
	wantErrno(t, "truncate to 4 EiB", f.Truncate(1<<62), unix.EFBIG, unix.EINVAL)
	if st := get(f.Stat())(t); st.Size() != 0 {
		t.Errorf("size %d after refused writes", st.Size())
	}
}
