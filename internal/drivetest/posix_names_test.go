package drivetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var nameClaims = []claim{
	{"rename replaces a file at once", false, testRenameReplace},
	{"RENAME_NOREPLACE refuses what exists", false, testRenameNoReplace},
	{"RENAME_EXCHANGE swaps files, directories and both", false, testRenameExchange},
	{"rename of directories", false, testRenameDirs},
	{"rename to itself and to a hard link of itself does nothing", false, testRenameSelf},
	{"rename updates dot-dot and the times of both directories", false, testRenameDotDot},
	{"names of 255 bytes, not of 256", false, testLongNames},
	{"names that are hard to print", false, testHardNames},
	{"names that are not UTF-8 are kept exactly or refused as such", false, testNotUTF8},
	{"case is kept and matters", false, testCase},
	{"paths longer than PATH_MAX", false, testDeepPaths},
	{"rmdir and unlink want the right kind", false, testRemoveKinds},
	{"a removed working directory answers ENOENT", false, testRemovedDirectory},
	{"mkdir and rmdir count links", false, testDirLinks},
	{"creating and removing moves the times of the directory", false, testDirTimes},
}

func testRenameReplace(t *testing.T, dir string) {
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	must(t, os.WriteFile(b, []byte("0"), 0o644))
	stop := make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		defer close(failed)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if got, err := os.ReadFile(b); err != nil || len(got) == 0 {
				failed <- fmt.Errorf("a reader saw %q, %v: replacing is not atomic", got, err)
				return
			}
		}
	}()
	for i := range 300 {
		must(t, os.WriteFile(a, fmt.Append(nil, i), 0o644))
		must(t, os.Rename(a, b))
	}
	close(stop)
	if err := <-failed; err != nil {
		t.Error(err)
	}
	wantBytes(t, b, []byte("299"))
	wantErrno(t, "rename of nothing", os.Rename(a, b), unix.ENOENT)
}

func testRenameNoReplace(t *testing.T, dir string) {
	a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	must(t, os.WriteFile(a, []byte("a"), 0o644))
	must(t, os.WriteFile(b, []byte("b"), 0o644))
	at := unix.AT_FDCWD
	wantErrno(t, "NOREPLACE onto a file", unix.Renameat2(at, a, at, b, unix.RENAME_NOREPLACE), unix.EEXIST)
	must(t, unix.Renameat2(at, a, at, c, unix.RENAME_NOREPLACE))
	wantBytes(t, b, []byte("b"))
	wantBytes(t, c, []byte("a"))
}

func testRenameExchange(t *testing.T, dir string) {
	at := unix.AT_FDCWD
	p := func(s string) string { return filepath.Join(dir, s) }
	must(t, os.WriteFile(p("f"), []byte("file f"), 0o644))
	must(t, os.WriteFile(p("g"), []byte("file g"), 0o644))
	must(t, os.MkdirAll(p("d/inner"), 0o755))
	must(t, os.MkdirAll(p("e/other"), 0o755))
	must(t, unix.Renameat2(at, p("f"), at, p("g"), unix.RENAME_EXCHANGE))
	wantBytes(t, p("f"), []byte("file g"))
	must(t, unix.Renameat2(at, p("d"), at, p("e"), unix.RENAME_EXCHANGE))
	get(os.Stat(p("e/inner")))(t)
	must(t, unix.Renameat2(at, p("f"), at, p("d/other"), unix.RENAME_EXCHANGE))
	wantBytes(t, p("d/other"), []byte("file g"))
	if st := get(os.Stat(p("f")))(t); !st.IsDir() {
		t.Error("the directory did not come to the file's place")
	}
	wantErrno(t, "exchange with nothing", unix.Renameat2(at, p("f"), at, p("absent"), unix.RENAME_EXCHANGE), unix.ENOENT)
	wantErrno(t, "exchange with its own child", unix.Renameat2(at, p("d"), at, p("d/other"), unix.RENAME_EXCHANGE), unix.EINVAL)
}

func testRenameDirs(t *testing.T, dir string) {
	p := func(s string) string { return filepath.Join(dir, s) }
	must(t, os.MkdirAll(p("a/x"), 0o755))
	must(t, os.MkdirAll(p("empty"), 0o755))
	must(t, os.MkdirAll(p("full/y"), 0o755))
	must(t, os.WriteFile(p("file"), nil, 0o644))
	wantErrno(t, "rename onto a directory that is not empty", unix.Rename(p("a"), p("full")), unix.ENOTEMPTY, unix.EEXIST)
	wantErrno(t, "rename of a directory onto a file", unix.Rename(p("a"), p("file")), unix.ENOTDIR)
	wantErrno(t, "rename of a file onto a directory", unix.Rename(p("file"), p("empty")), unix.EISDIR)
	wantErrno(t, "rename into itself", unix.Rename(p("a"), p("a/x/b")), unix.EINVAL)
	wantErrno(t, "rename onto its parent", unix.Rename(p("full/y"), p("full")), unix.ENOTEMPTY, unix.EEXIST)
	must(t, unix.Rename(p("a"), p("empty")))
	get(os.Stat(p("empty/x")))(t)
	_, err := os.Stat(p("a"))
	wantErrno(t, "the old name", err, unix.ENOENT)
}

func testRenameSelf(t *testing.T, dir string) {
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	must(t, os.WriteFile(a, []byte("same"), 0o644))
	must(t, os.Rename(a, a))
	must(t, os.Link(a, b))
	must(t, unix.Rename(a, b))
	wantBytes(t, a, []byte("same"))
	wantBytes(t, b, []byte("same"))
}

func testRenameDotDot(t *testing.T, dir string) {
	p := func(s string) string { return filepath.Join(dir, s) }
	must(t, os.MkdirAll(p("from/child"), 0o755))
	must(t, os.Mkdir(p("to"), 0o755))
	old := time.Unix(1_000_000_000, 0)
	must(t, os.Chtimes(p("from"), old, old))
	must(t, os.Chtimes(p("to"), old, old))
	must(t, os.Rename(p("from/child"), p("to/child")))
	var up, to unix.Stat_t
	must(t, unix.Stat(p("to/child/.."), &up))
	must(t, unix.Stat(p("to"), &to))
	if up.Ino != to.Ino {
		t.Errorf("dot-dot is inode %d, the new parent %d", up.Ino, to.Ino)
	}
	for _, d := range []string{"from", "to"} {
		if st := get(os.Stat(p(d)))(t); st.ModTime().Equal(old) {
			t.Errorf("the time of %s did not move", d)
		}
	}
}

func testLongNames(t *testing.T, dir string) {
	long := strings.Repeat("n", 255)
	p := filepath.Join(dir, long)
	must(t, os.WriteFile(p, []byte("long"), 0o644))
	wantBytes(t, p, []byte("long"))
	if names := get(os.ReadDir(dir))(t); len(names) != 1 || names[0].Name() != long {
		t.Errorf("listed: %v", names)
	}
	wantErrno(t, "create with 256 bytes", os.WriteFile(p+"n", nil, 0o644), unix.ENAMETOOLONG)
	wantErrno(t, "mkdir with 256 bytes", os.Mkdir(p+"n", 0o755), unix.ENAMETOOLONG)
	wantErrno(t, "rename to 256 bytes", unix.Rename(p, p+"n"), unix.ENAMETOOLONG)
	_, err := os.Stat(p + "n")
	wantErrno(t, "stat with 256 bytes", err, unix.ENAMETOOLONG)
	two := filepath.Join(dir, strings.Repeat("é", 127)) // 254 bytes
	must(t, os.Mkdir(two, 0o755))
	get(os.Stat(two))(t)
}

func testHardNames(t *testing.T, dir string) {
	names := []string{"with space", " leading", "trailing ", "new\nline", "tab\t", "-rf", "~", "*?[", `back\slash`, `"quoted'`, "Δοκιμή", "e\u0301", "\u00e9",
		"🧠", "a:b", "CON", "dot.", "...", "%2F", "\x01\x7f", "#hash#", "@2024", "null\u0000"[:4]}
	for _, n := range names {
		must(t, os.WriteFile(filepath.Join(dir, n), []byte(n), 0o644))
	}
	listed := map[string]bool{}
	for _, e := range get(os.ReadDir(dir))(t) {
		listed[e.Name()] = true
	}
	for _, n := range names {
		if !listed[n] {
			t.Errorf("%q is not listed", n)
		}
		wantBytes(t, filepath.Join(dir, n), []byte(n))
	}
	if len(listed) != len(names) {
		t.Errorf("%d names listed, want %d", len(listed), len(names))
	}
}

func testNotUTF8(t *testing.T, dir string) {
	name := "bad\xff\xfename"
	err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644)
	listed := get(os.ReadDir(dir))(t)
	if err != nil {
		wantErrno(t, "create", err, unix.EILSEQ)
		wantErrno(t, "mkdir", os.Mkdir(filepath.Join(dir, name), 0o755), unix.EILSEQ)
		if len(listed) != 0 {
			t.Errorf("refused, and yet listed: %v", listed)
		}
		return
	}
	if len(listed) != 1 || listed[0].Name() != name {
		t.Errorf("listed: %q", listed)
	}
	wantBytes(t, filepath.Join(dir, name), []byte("x"))
}

func testCase(t *testing.T, dir string) {
	must(t, os.WriteFile(filepath.Join(dir, "Data"), []byte("upper"), 0o644))
	_, err := os.Stat(filepath.Join(dir, "data"))
	wantErrno(t, "the other case", err, unix.ENOENT)
	must(t, os.Rename(filepath.Join(dir, "Data"), filepath.Join(dir, "data")))
	if names := get(os.ReadDir(dir))(t); len(names) != 1 || names[0].Name() != "data" {
		t.Errorf("listed: %v", names)
	}
}

func testDeepPaths(t *testing.T, dir string) {
	fd := get(unix.Open(dir, unix.O_DIRECTORY|unix.O_RDONLY, 0))(t)
	name := strings.Repeat("d", 200)
	const depth = 40 // 8,000 bytes
	for range depth {
		must(t, unix.Mkdirat(fd, name, 0o755))
		next := get(unix.Openat(fd, name, unix.O_DIRECTORY|unix.O_RDONLY, 0))(t)
		unix.Close(fd)
		fd = next
	}
	defer func() { unix.Close(fd) }()
	f := get(unix.Openat(fd, "leaf", unix.O_CREAT|unix.O_RDWR, 0o644))(t)
	get(unix.Write(f, []byte("deep")))(t)
	must(t, unix.Close(f))
	buf := make([]byte, 10)
	f = get(unix.Openat(fd, "leaf", unix.O_RDONLY, 0))(t)
	if n := get(unix.Read(f, buf))(t); string(buf[:n]) != "deep" {
		t.Errorf("read %q", buf[:n])
	}
	unix.Close(f)
	for range depth { // and up again
		next := get(unix.Openat(fd, "..", unix.O_DIRECTORY|unix.O_RDONLY, 0))(t)
		unix.Close(fd)
		fd = next
	}
	var here, want unix.Stat_t
	must(t, unix.Fstat(fd, &here))
	must(t, unix.Stat(dir, &want))
	if here.Ino != want.Ino {
		t.Errorf("dot-dot led to inode %d, want %d", here.Ino, want.Ino)
	}
}

func testRemoveKinds(t *testing.T, dir string) {
	p := func(s string) string { return filepath.Join(dir, s) }
	must(t, os.MkdirAll(p("d/e"), 0o755))
	must(t, os.WriteFile(p("f"), nil, 0o644))
	wantErrno(t, "unlink a directory", unix.Unlink(p("d")), unix.EISDIR, unix.EPERM)
	wantErrno(t, "rmdir a file", unix.Rmdir(p("f")), unix.ENOTDIR)
	wantErrno(t, "rmdir what is not empty", unix.Rmdir(p("d")), unix.ENOTEMPTY, unix.EEXIST)
	wantErrno(t, "mkdir over a file", unix.Mkdir(p("f"), 0o755), unix.EEXIST)
	wantErrno(t, "rmdir dot", unix.Rmdir(p("d")+"/."), unix.EINVAL)
	must(t, unix.Rmdir(p("d/e")))
	must(t, unix.Rmdir(p("d")))
	wantErrno(t, "rmdir twice", unix.Rmdir(p("d")), unix.ENOENT)
}

func testRemovedDirectory(t *testing.T, dir string) {
	p := filepath.Join(dir, "d")
	must(t, os.Mkdir(p, 0o755))
	fd := get(unix.Open(p, unix.O_DIRECTORY|unix.O_RDONLY, 0))(t)
	defer unix.Close(fd)
	must(t, unix.Rmdir(p))
	_, err := unix.Openat(fd, "new", unix.O_CREAT|unix.O_WRONLY, 0o644)
	wantErrno(t, "create in a removed directory", err, unix.ENOENT)
	wantErrno(t, "mkdir in a removed directory", unix.Mkdirat(fd, "new", 0o755), unix.ENOENT)
	var st unix.Stat_t
	must(t, unix.Fstat(fd, &st))
	if st.Nlink != 0 && st.Nlink != 1 {
		t.Errorf("a removed directory has %d links", st.Nlink)
	}
}

func testDirLinks(t *testing.T, dir string) {
	nlink := func() uint64 {
		var st unix.Stat_t
		must(t, unix.Stat(dir, &st))
		return st.Nlink
	}
	if nlink() == 1 {
		return // this filesystem does not count subdirectories, and tools know what 1 means
	}
	for i := range 5 {
		if got, want := nlink(), uint64(2+i); got != want {
			t.Errorf("%d subdirectories: %d links, want %d", i, got, want)
		}
		must(t, os.Mkdir(filepath.Join(dir, fmt.Sprint(i)), 0o755))
	}
	must(t, os.Rename(filepath.Join(dir, "0"), filepath.Join(dir, "1", "0")))
	must(t, os.Remove(filepath.Join(dir, "2")))
	if got := nlink(); got != 5 {
		t.Errorf("after a move and a removal: %d links, want 5", got)
	}
}

func testDirTimes(t *testing.T, dir string) {
	p := func(s string) string { return filepath.Join(dir, s) }
	old := time.Unix(1_000_000_000, 0)
	for name, change := range map[string]func() error{
		"create":  func() error { return os.WriteFile(p("f"), nil, 0o644) },
		"mkdir":   func() error { return os.Mkdir(p("d"), 0o755) },
		"symlink": func() error { return os.Symlink("x", p("l")) },
	} {
		must(t, os.Chtimes(dir, old, old))
		must(t, change())
		if st := get(os.Stat(dir))(t); time.Since(st.ModTime()) > time.Hour {
			t.Errorf("%s: the directory's time stayed %v", name, st.ModTime())
		}
	}
	must(t, os.Chtimes(dir, old, old))
	must(t, os.WriteFile(p("f"), []byte("content"), 0o644))
	if st := get(os.Stat(dir))(t); !st.ModTime().Equal(old) {
		t.Error("writing to a file moved the time of its directory")
	}
}
