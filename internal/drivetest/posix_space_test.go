package drivetest

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var spaceClaims = []claim{
	{"truncate shrinks, grows with zeros, and needs no handle", false, testTruncate},
	{"fallocate grows, KEEP_SIZE does not", false, testFallocate},
	{"a punched hole reads as zeros", false, testPunchHole},
	{"SEEK_HOLE and SEEK_DATA find every byte of data", false, testSeekHole},
	{"a sparse file of 1 TiB", false, testSparse},
	{"utimens keeps nanoseconds, UTIME_OMIT and UTIME_NOW", false, testUtimens},
	{"writing, truncating and renaming move the right times", false, testTimes},
	{"statfs tells sizes that make sense", false, testStatfs},
	{"copy_file_range copies and clones whole files", false, testCopyFileRange},
	{"blocks are counted", false, testBlocks},
}

func testTruncate(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, bytes.Repeat([]byte("x"), 10_000), 0o644))
	must(t, os.Truncate(p, 5000))
	must(t, os.Truncate(p, 9000))
	want := append(bytes.Repeat([]byte("x"), 5000), make([]byte, 4000)...)
	wantBytes(t, p, want)
	f := get(os.OpenFile(p, os.O_RDWR, 0))(t)
	defer f.Close()
	must(t, f.Truncate(4097))
	must(t, f.Truncate(4098))
	wantBytes(t, p, append(bytes.Clone(want[:4097]), 0))
}

func testFallocate(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	f := get(os.Create(p))(t)
	defer f.Close()
	get(f.WriteString("data"))(t)
	must(t, unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, 1<<20))
	if st := get(f.Stat())(t); st.Size() != 4 {
		t.Errorf("KEEP_SIZE: size %d", st.Size())
	}
	must(t, unix.Fallocate(int(f.Fd()), 0, 100, 9900))
	if st := get(f.Stat())(t); st.Size() != 10_000 {
		t.Errorf("size %d, want 10000", st.Size())
	}
	wantBytes(t, p, append([]byte("data"), make([]byte, 9996)...))
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_COLLAPSE_RANGE, 0, 4096)
	if err != nil {
		wantErrno(t, "COLLAPSE_RANGE", err, unix.EOPNOTSUPP, unix.EINVAL)
	}
}

func testPunchHole(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	want := bytes.Repeat([]byte("y"), 100_000)
	must(t, os.WriteFile(p, want, 0o644))
	f := get(os.OpenFile(p, os.O_RDWR, 0))(t)
	defer f.Close()
	must(t, unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 10_001, 50_003))
	clear(want[10_001 : 10_001+50_003])
	wantBytes(t, p, want)
	must(t, unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 90_000, 50_000))
	clear(want[90_000:])
	wantBytes(t, p, want)
}

func testSeekHole(t *testing.T, dir string) {
	f := get(os.Create(filepath.Join(dir, "f")))(t)
	defer f.Close()
	must(t, f.Truncate(10<<20))
	get(f.WriteAt([]byte("island one"), 2<<20))(t)
	get(f.WriteAt([]byte("island two"), 7<<20))(t)
	wantIslands := func(when string) {
		t.Helper()
		var found []int64
		for at := int64(0); ; {
			data, err := unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
			if err == unix.ENXIO {
				break
			}
			must(t, err)
			hole := get(unix.Seek(int(f.Fd()), data, unix.SEEK_HOLE))(t)
			if data < at || hole <= data {
				t.Fatalf("%s: data at %d, hole at %d, from %d", when, data, hole, at)
			}
			for _, island := range []int64{2 << 20, 7 << 20} {
				if data <= island && island+10 <= hole {
					found = append(found, island)
				}
			}
			at = hole
		}
		if len(found) != 2 {
			t.Errorf("%s: islands found: %v", when, found)
		}
	}
	wantIslands("at once")
	must(t, f.Sync())
	wantIslands("after fsync")
	_, err := unix.Seek(int(f.Fd()), 10<<20, unix.SEEK_DATA)
	wantErrno(t, "SEEK_DATA at the end", err, unix.ENXIO)
	if end := get(f.Seek(0, io.SeekEnd))(t); end != 10<<20 {
		t.Errorf("the end is at %d", end)
	}
}

// The file is never closed while it is large: nobody wants a hash of 1 TiB of zeros in a test.
func testSparse(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	f := get(os.Create(p))(t)
	defer f.Close()
	defer f.Truncate(0)
	must(t, f.Truncate(1<<40))
	get(f.WriteAt([]byte("far out"), 1<<40-7))(t)
	get(f.WriteAt([]byte("half way"), 1<<39))(t)
	if st := get(os.Stat(p))(t); st.Size() != 1<<40 {
		t.Errorf("size %d", st.Size())
	}
	buf := make([]byte, 8)
	get(f.ReadAt(buf, 1<<39))(t)
	if string(buf) != "half way" {
		t.Errorf("read %q", buf)
	}
	get(f.ReadAt(buf, 1<<38))(t)
	if !bytes.Equal(buf, make([]byte, 8)) {
		t.Errorf("a hole reads %q", buf)
	}
	if data := get(unix.Seek(int(f.Fd()), 0, unix.SEEK_DATA))(t); data > 1<<39 || data < 1<<38 {
		t.Errorf("the first data is at %d", data)
	}
	var st unix.Stat_t
	must(t, unix.Fstat(int(f.Fd()), &st))
	if st.Blocks > 10_000 {
		t.Errorf("%d blocks for two words", st.Blocks)
	}
}

func testUtimens(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, nil, 0o644))
	must(t, os.Mkdir(filepath.Join(dir, "d"), 0o755))
	must(t, os.Symlink("f", filepath.Join(dir, "l")))
	for _, name := range []string{"f", "d", "l"} {
		p := filepath.Join(dir, name)
		for _, when := range []time.Time{
			time.Unix(1_111_111_111, 222_222_222), time.Unix(-86_400, 1), time.Unix(0, 0), time.Unix(1<<33, 999_999_999),
		} {
			ts := []unix.Timespec{{Sec: 77, Nsec: 88}, unix.NsecToTimespec(when.UnixNano())}
			must(t, unix.UtimesNanoAt(unix.AT_FDCWD, p, ts, unix.AT_SYMLINK_NOFOLLOW))
			var st unix.Stat_t
			must(t, unix.Lstat(p, &st))
			if st.Mtim.Nano() != when.UnixNano() {
				t.Errorf("%s: mtime %d, want %d", name, st.Mtim.Nano(), when.UnixNano())
			}
			if name == "f" && (st.Atim.Sec != 77 || st.Atim.Nsec != 88) {
				t.Errorf("atime %v, want 77.000000088", st.Atim)
			}
		}
	}
	ts := []unix.Timespec{{Sec: 5}, {Nsec: unix.UTIME_OMIT}}
	must(t, unix.UtimesNanoAt(unix.AT_FDCWD, p, ts, 0))
	var st unix.Stat_t
	must(t, unix.Stat(p, &st))
	if st.Mtim.Sec != 1<<33 || st.Atim.Sec != 5 {
		t.Errorf("UTIME_OMIT: %v, %v", st.Atim, st.Mtim)
	}
	must(t, unix.UtimesNanoAt(unix.AT_FDCWD, p, []unix.Timespec{{Nsec: unix.UTIME_OMIT}, {Nsec: unix.UTIME_NOW}}, 0))
	must(t, unix.Stat(p, &st))
	if time.Since(time.Unix(st.Mtim.Unix())).Abs() > time.Minute {
		t.Errorf("UTIME_NOW: %v", st.Mtim)
	}
	f := get(os.OpenFile(p, os.O_RDWR, 0))(t)
	get(f.WriteString("x"))(t)
	must(t, unix.UtimesNanoAt(unix.AT_FDCWD, procFD(int(f.Fd())), []unix.Timespec{{Sec: 1}, {Sec: 2}}, 0))
	must(t, f.Close())
	must(t, unix.Stat(p, &st))
	if st.Mtim.Nano() != 2e9 {
		t.Errorf("set on an open file and closed: mtime %v, want 2", st.Mtim)
	}
}

func testTimes(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	old := time.Unix(1_000_000_000, 0)
	moved := func(what string, want bool, change func() error) {
		t.Helper()
		must(t, os.Chtimes(p, old, old))
		must(t, change())
		st := get(os.Stat(p))(t)
		if got := !st.ModTime().Equal(old); got != want {
			t.Errorf("%s: mtime moved %v, want %v", what, got, want)
		}
		var s unix.Stat_t
		must(t, unix.Stat(p, &s))
		if time.Since(time.Unix(s.Ctim.Unix())).Abs() > time.Minute {
			t.Errorf("%s: ctime %v", what, s.Ctim)
		}
	}
	f := get(os.Create(p))(t)
	defer f.Close()
	moved("write", true, func() error { _, err := f.WriteString("x"); return err })
	moved("truncate", true, func() error { return f.Truncate(10) })
	moved("truncate by name", true, func() error { return os.Truncate(p, 20) })
	moved("chmod", false, func() error { return os.Chmod(p, 0o600) })
	moved("setxattr", false, func() error { return setAttr(p, "user.a", "b", 0) })
	moved("link", false, func() error { return os.Link(p, p+"2") })
	moved("read", false, func() error { _, err := f.ReadAt(make([]byte, 1), 0); return err })
	moved("open and close", false, func() error {
		g, err := os.OpenFile(p, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return g.Close()
	})
	m := get(unix.Mmap(int(f.Fd()), 0, 10, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED))(t)
	defer unix.Munmap(m)
	moved("a store into a mapping, and msync", true, func() error {
		m[0] = 'm'
		return unix.Msync(m, unix.MS_SYNC)
	})
}

func testStatfs(t *testing.T, dir string) {
	var st unix.Statfs_t
	must(t, unix.Statfs(dir, &st))
	if st.Bsize <= 0 || st.Blocks == 0 || st.Bfree > st.Blocks || st.Bavail > st.Bfree || st.Namelen != 255 {
		t.Errorf("%+v", st)
	}
}

func testCopyFileRange(t *testing.T, dir string) {
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	want := bytes.Repeat([]byte("0123456789"), 300_000)
	must(t, os.WriteFile(a, want, 0o644))
	copyRange := func(dst, src *os.File, at, to int64, n int) {
		t.Helper()
		for n > 0 {
			m := get(unix.CopyFileRange(int(src.Fd()), &at, int(dst.Fd()), &to, n, 0))(t)
			if m == 0 {
				t.Fatalf("nothing copied with %d bytes to go", n)
			}
			n -= m
		}
	}
	src := get(os.Open(a))(t)
	defer src.Close()
	dst := get(os.Create(b))(t)
	defer dst.Close()
	copyRange(dst, src, 0, 0, len(want))
	wantBytes(t, b, want)
	copyRange(dst, src, 12_345, 100_001, 1_000_003)
	copied := bytes.Clone(want)
	copy(copied[100_001:], want[12_345:12_345+1_000_003])
	wantBytes(t, b, copied)
	wantBytes(t, a, want)
	get(dst.WriteAt([]byte("mine"), 7))(t) // a clone is written without its origin
	wantBytes(t, a, want)
	at, to := int64(len(want)), int64(0)
	if n, err := unix.CopyFileRange(int(src.Fd()), &at, int(dst.Fd()), &to, 10, 0); n != 0 || err != nil {
		t.Errorf("beyond the end: %d, %v", n, err)
	}
}

func testBlocks(t *testing.T, dir string) {
	p := filepath.Join(dir, "f")
	must(t, os.WriteFile(p, bytes.Repeat([]byte("full"), 100_000), 0o644))
	f := get(os.OpenFile(p, os.O_RDWR, 0))(t)
	defer f.Close()
	must(t, f.Sync())
	var st unix.Stat_t
	must(t, unix.Stat(p, &st))
	if st.Blocks*512 < 400_000 || st.Blocks*512 > 2<<20 {
		t.Errorf("%d blocks of 512 bytes for 400,000 bytes: du would lie", st.Blocks)
	}
}
