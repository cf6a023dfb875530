package drivetest

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

var listingClaims = []claim{
	{"a listing is stable while the directory changes", false, testListingStable},
	{"a listing has dot, dot-dot and the right types", false, testListingTypes},
	{"rewinding shows what came in between", false, testListingRewind},
	{"removing while listing removes everything", false, testListingRemove},
	{"offsets of a listing can be gone back to", false, testListingSeek},
}

type dirent struct {
	name string
	ino  uint64
	off  int64
	kind byte
}

// readDirents reads a directory from where it stands to its end.
func readDirents(t *testing.T, fd int) []dirent {
	t.Helper()
	var all []dirent
	buf := make([]byte, 4096) // small: a large directory takes many calls
	for {
		n := get(unix.Getdents(fd, buf))(t)
		if n == 0 {
			return all
		}
		all = append(all, parseDirents(buf[:n])...)
	}
}

// parseDirents takes linux_dirent64 records apart: ino, off, length, type, name.
func parseDirents(buf []byte) []dirent {
	var all []dirent
	for len(buf) > 0 {
		size := binary.NativeEndian.Uint16(buf[16:])
		name, _, _ := strings.Cut(string(buf[19:size]), "\x00")
		all = append(all, dirent{
			name: name, ino: binary.NativeEndian.Uint64(buf), off: int64(binary.NativeEndian.Uint64(buf[8:])), kind: buf[18],
		})
		buf = buf[size:]
	}
	return all
}

func openDir(t *testing.T, dir string) int {
	t.Helper()
	fd := get(unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0))(t)
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// Every name that existed throughout is seen exactly once, and no name is seen twice.
func testListingStable(t *testing.T, dir string) {
	const names = 10_000
	stays := func(i int) string { return fmt.Sprintf("stays-%05d", i) }
	for i := range names {
		fd := get(unix.Open(filepath.Join(dir, stays(i)), unix.O_CREAT|unix.O_WRONLY, 0o644))(t)
		unix.Close(fd)
	}
	stop := make(chan struct{})
	var changing sync.WaitGroup
	for g := range 2 {
		changing.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				p := filepath.Join(dir, fmt.Sprintf("%c-comes-and-goes-%d-%d", "az"[i%2], g, i%500))
				if fd, err := unix.Open(p, unix.O_CREAT|unix.O_WRONLY, 0o644); err == nil {
					unix.Close(fd)
				}
				if i%3 == 0 {
					unix.Rename(p, p+"-moved")
					unix.Unlink(p + "-moved")
				} else {
					unix.Unlink(p)
				}
			}
		})
	}
	defer changing.Wait()
	defer close(stop)
	for range 5 {
		seen := map[string]int{}
		for _, e := range readDirents(t, openDir(t, dir)) {
			seen[e.name]++
		}
		missing := 0
		for i := range names {
			if seen[stays(i)] == 0 {
				missing++
			}
		}
		if missing > 0 {
			t.Errorf("%d of %d names were not seen", missing, names)
		}
		for name, n := range seen {
			if n > 1 {
				t.Errorf("%s was seen %d times", name, n)
			}
		}
	}
}

func testListingTypes(t *testing.T, dir string) {
	p := func(s string) string { return filepath.Join(dir, s) }
	must(t, os.WriteFile(p("file"), nil, 0o644))
	must(t, os.Mkdir(p("dir"), 0o755))
	must(t, os.Symlink("x", p("link")))
	must(t, unix.Mkfifo(p("fifo"), 0o644))
	want := map[string]byte{".": unix.DT_DIR, "..": unix.DT_DIR, "file": unix.DT_REG, "dir": unix.DT_DIR, "link": unix.DT_LNK, "fifo": unix.DT_FIFO}
	got := readDirents(t, openDir(t, dir))
	for _, e := range got {
		if want[e.name] != e.kind {
			t.Errorf("%s has type %d, want %d", e.name, e.kind, want[e.name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("listed: %+v", got)
	}
}

func testListingRewind(t *testing.T, dir string) {
	fd := openDir(t, dir)
	if n := len(readDirents(t, fd)); n != 2 {
		t.Errorf("an empty directory lists %d entries", n)
	}
	for i := range 50 {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o644))
		get(unix.Seek(fd, 0, unix.SEEK_SET))(t)
		if n := len(readDirents(t, fd)); n != i+3 {
			t.Fatalf("after %d files, a rewound listing has %d entries", i+1, n)
		}
		if n := len(get(os.ReadDir(dir))(t)); n != i+1 {
			t.Fatalf("after %d files, a new listing has %d entries", i+1, n)
		}
	}
}

func testListingRemove(t *testing.T, dir string) {
	for i := range 2000 {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("file-%d", i)), nil, 0o644))
	}
	fd := openDir(t, dir)
	buf := make([]byte, 2048)
	for {
		n := get(unix.Getdents(fd, buf))(t)
		if n == 0 {
			break
		}
		for _, e := range parseDirents(buf[:n]) {
			if e.name != "." && e.name != ".." {
				must(t, unix.Unlinkat(fd, e.name, 0))
			}
		}
	}
	if left := get(os.ReadDir(dir))(t); len(left) != 0 {
		t.Errorf("%d files were left behind", len(left))
	}
}

func testListingSeek(t *testing.T, dir string) {
	for i := range 500 {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprint("f", i)), nil, 0o644))
	}
	fd := openDir(t, dir)
	all := readDirents(t, fd)
	for _, i := range []int{0, 1, 7, 250, 499, 500} {
		get(unix.Seek(fd, all[i].off, unix.SEEK_SET))(t)
		rest := readDirents(t, fd)
		if len(rest) != len(all)-i-1 || (len(rest) > 0 && rest[0].name != all[i+1].name) {
			t.Errorf("from the offset of entry %d: %d entries follow, want %d", i, len(rest), len(all)-i-1)
		}
	}
}
