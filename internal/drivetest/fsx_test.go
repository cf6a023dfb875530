package drivetest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Random reads, writes, mappings, truncations, holes, copies, renames, seals and cache removals on one file
// always give the bytes that a slice in memory gives.
func TestRandomWorkOnOneFile(t *testing.T) {
	steps := envCount(t, "RDFS_TEST_STEPS", 1500)
	for _, most := range []int{60_000, 3_000_000} {
		for _, seed := range seeds(t, 1, 2) {
			t.Run(fmt.Sprintf("%dKB/seed%d", most/1000, seed), func(t *testing.T) {
				d := newDrive(t)
				fsxRun(t, d, seed, most, steps)
				d.check()
			})
		}
	}
}

// fsxRun takes random steps on one file of at most so many bytes, remounts, and looks again.
func fsxRun(t *testing.T, d *drive, seed uint64, most, steps int) {
	x := &fsx{t: t, d: d, rng: newRand(seed), most: most, path: d.path("fsx.dat")}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("RDFS_TEST_SEED=%d, the last steps:\n%v", seed, &x.log)
		}
	})
	x.open()
	for range steps {
		x.step()
		if t.Failed() {
			return
		}
	}
	x.close()
	x.compare("at the end")
	d.remount()
	x.compare("after remount")
	d.umount()
	d.evict()
	d.mount()
	x.compare("without cache")
}

// An fsx is a file, and what it must hold.
type fsx struct {
	t     *testing.T
	d     *drive
	rng   *rand.Rand
	most  int // bytes
	path  string
	f     *os.File
	model []byte
	log   journal
}

func (x *fsx) step() {
	steps := []struct {
		weight int
		do     func()
	}{
		{20, x.read}, {20, x.write}, {6, x.append}, {8, x.mapRead}, {12, x.mapWrite}, {6, x.truncate}, {3, x.truncateByName},
		{5, x.punch}, {4, x.fallocate}, {5, x.copyRange}, {8, x.reopen}, {2, x.reopenTruncating}, {3, x.fsync}, {3, x.rename},
		{1, x.replace}, {2, x.seal}, {1, x.removeCache}, {2, x.wholeRead}, {2, x.secondHandle},
	}
	total := 0
	for _, s := range steps {
		total += s.weight
	}
	n := x.rng.IntN(total)
	for _, s := range steps {
		if n -= s.weight; n < 0 {
			s.do()
			return
		}
	}
}

// span is a range that starts within the file or not far behind its end.
func (x *fsx) span() (off, n int) {
	off = x.rng.IntN(min(len(x.model)+len(x.model)/4+1, x.most))
	if x.rng.IntN(4) == 0 {
		off &^= 4095
	}
	n = 1 + x.rng.IntN(x.most/8)
	if x.rng.IntN(2) == 0 {
		n = 1 + x.rng.IntN(200)
	}
	return off, min(n, x.most-off)
}

// grow makes the model at least n bytes long.
func (x *fsx) grow(n int) {
	if n > len(x.model) {
		x.model = append(x.model, make([]byte, n-len(x.model))...)
	}
}

func (x *fsx) bytes(n int) []byte {
	b := bytes.Repeat([]byte{byte(x.rng.Uint32())}, n) // compressible, and recognisable
	for range 1 + n/1000 {
		b[x.rng.IntN(n)] = byte(x.rng.Uint32())
	}
	return b
}

func (x *fsx) fail(format string, args ...any) {
	x.t.Helper()
	x.t.Fatalf("step %d: %s", x.log.n, fmt.Sprintf(format, args...))
}

// ok fails the test if a step that must work did not.
func (x *fsx) ok(err error) {
	x.t.Helper()
	if err != nil {
		x.fail("%v", err)
	}
}

// match fails the test unless got is what the model has at off.
func (x *fsx) match(what string, got []byte, off int) {
	x.t.Helper()
	want := x.model[off : off+len(got)]
	for i := range got {
		if got[i] != want[i] {
			x.fail("%s at %d+%d of %d: byte %d is %#x, want %#x", what, off, len(got), len(x.model), off+i, got[i], want[i])
		}
	}
}

func (x *fsx) open() {
	f, err := os.OpenFile(x.path, os.O_RDWR|os.O_CREATE, 0o644)
	x.ok(err)
	x.f = f
}

func (x *fsx) close() { x.ok(x.f.Close()) }

func (x *fsx) read() {
	off, n := x.span()
	x.log.add("read %d+%d", off, n)
	buf := make([]byte, n)
	m, err := x.f.ReadAt(buf, int64(off))
	if want := max(0, min(n, len(x.model)-off)); m != want || err != nil && err != io.EOF {
		x.fail("read %d bytes, %v, want %d", m, err, want)
	}
	x.match("read", buf[:m], min(off, len(x.model)))
}

func (x *fsx) write() {
	off, n := x.span()
	x.log.add("write %d+%d of %d", off, n, len(x.model))
	b := x.bytes(n)
	_, err := x.f.WriteAt(b, int64(off))
	x.ok(err)
	x.grow(off + n)
	copy(x.model[off:], b)
}

func (x *fsx) append() {
	n := min(1+x.rng.IntN(5000), x.most-len(x.model))
	if n <= 0 {
		return
	}
	x.log.add("append %d to %d", n, len(x.model))
	f, err := os.OpenFile(x.path, os.O_WRONLY|os.O_APPEND, 0)
	x.ok(err)
	b := x.bytes(n)
	_, err = f.Write(b)
	x.ok(err)
	x.ok(f.Close())
	x.model = append(x.model, b...)
}

// mapped runs fn on a mapping of the whole file.
func (x *fsx) mapped(prot int, fn func(m []byte)) {
	m, err := unix.Mmap(int(x.f.Fd()), 0, len(x.model), prot, unix.MAP_SHARED)
	x.ok(err)
	fn(m)
	x.ok(unix.Munmap(m))
}

func (x *fsx) mapRead() {
	if len(x.model) == 0 {
		return
	}
	off := x.rng.IntN(len(x.model))
	n := 1 + x.rng.IntN(len(x.model)-off)
	x.log.add("map and read %d+%d", off, n)
	x.mapped(unix.PROT_READ, func(m []byte) { x.match("mapping", m[off:off+n], off) })
}

func (x *fsx) mapWrite() {
	if len(x.model) == 0 {
		return
	}
	off := x.rng.IntN(len(x.model))
	n := 1 + x.rng.IntN(min(len(x.model)-off, x.most/8))
	sync := x.rng.IntN(3) == 0
	x.log.add("map and write %d+%d, msync %v", off, n, sync)
	b := x.bytes(n)
	x.mapped(unix.PROT_READ|unix.PROT_WRITE, func(m []byte) {
		copy(m[off:], b)
		if sync {
			x.ok(unix.Msync(m, unix.MS_SYNC))
		}
	})
	copy(x.model[off:], b)
}

func (x *fsx) resize(n int) {
	x.grow(n)
	x.model = x.model[:n:n]
}

func (x *fsx) truncate() {
	n := x.rng.IntN(x.most)
	if x.rng.IntN(2) == 0 {
		n = x.rng.IntN(len(x.model) + 1)
	}
	x.log.add("truncate %d to %d", len(x.model), n)
	x.ok(x.f.Truncate(int64(n)))
	x.resize(n)
}

func (x *fsx) truncateByName() {
	n := x.rng.IntN(len(x.model) + 1)
	x.log.add("truncate %d to %d by name", len(x.model), n)
	x.ok(os.Truncate(x.path, int64(n)))
	x.resize(n)
}

func (x *fsx) punch() {
	off, n := x.span()
	x.log.add("punch %d+%d", off, n)
	x.ok(unix.Fallocate(int(x.f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(off), int64(n)))
	if off < len(x.model) {
		clear(x.model[off:min(off+n, len(x.model))])
	}
}

func (x *fsx) fallocate() {
	off, n := x.span()
	keep := x.rng.IntN(2) == 0
	x.log.add("fallocate %d+%d, keep size %v", off, n, keep)
	mode := uint32(0)
	if keep {
		mode = unix.FALLOC_FL_KEEP_SIZE
	} else {
		x.grow(off + n)
	}
	x.ok(unix.Fallocate(int(x.f.Fd()), mode, int64(off), int64(n)))
}

// copyRange copies within the file, or through another file as cp does.
func (x *fsx) copyRange() {
	if len(x.model) < 10 {
		return
	}
	half := len(x.model) / 2
	from := x.rng.IntN(half)
	n := 1 + x.rng.IntN(half-from)
	to := half + x.rng.IntN(x.most-half-n+1)
	if to+n > x.most {
		return
	}
	x.log.add("copy_file_range %d+%d to %d", from, n, to)
	at, at2 := int64(from), int64(to)
	for left := n; left > 0; {
		m, err := unix.CopyFileRange(int(x.f.Fd()), &at, int(x.f.Fd()), &at2, left, 0)
		x.ok(err)
		if m == 0 {
			x.fail("copy_file_range copied nothing, %d to go", left)
		}
		left -= m
	}
	x.grow(to + n)
	copy(x.model[to:to+n], bytes.Clone(x.model[from:from+n]))
}

func (x *fsx) reopen() {
	x.log.add("close and open")
	x.close()
	if x.rng.IntN(2) == 0 {
		x.compare("while closed")
	}
	x.open()
}

func (x *fsx) reopenTruncating() {
	x.log.add("close and open with O_TRUNC")
	x.close()
	f, err := os.OpenFile(x.path, os.O_RDWR|os.O_TRUNC, 0)
	x.ok(err)
	x.f, x.model = f, nil
}

func (x *fsx) fsync() {
	x.log.add("fsync")
	x.ok(x.f.Sync())
}

func (x *fsx) rename() {
	x.log.add("rename")
	next := x.d.path(fmt.Sprintf("fsx%d.dat", x.rng.IntN(3)))
	x.ok(os.Rename(x.path, next))
	x.path = next
}

// replace saves as editors do: beside, and renamed over the file that is open.
func (x *fsx) replace() {
	n := 1 + x.rng.IntN(x.most)
	x.log.add("replace %d bytes by %d", len(x.model), n)
	b := x.bytes(n)
	x.ok(os.WriteFile(x.path+".tmp", b, 0o644))
	x.ok(os.Rename(x.path+".tmp", x.path))
	x.match("the replaced file", x.readAll(x.f), 0)
	x.close()
	x.open()
	x.model = b
}

// seal closes the file and waits until it is a version.
func (x *fsx) seal() {
	x.log.add("close, sync, open")
	x.close()
	x.d.sync(x.path)
	x.open()
}

func (x *fsx) removeCache() {
	x.log.add("remove the cache")
	x.d.evict()
}

func (x *fsx) wholeRead() {
	x.log.add("read all %d", len(x.model))
	x.match("the whole", x.readAll(x.f), 0)
}

// secondHandle looks through another handle while the first is open.
func (x *fsx) secondHandle() {
	x.log.add("read all %d through a second handle", len(x.model))
	x.compare("second handle")
}

func (x *fsx) readAll(f *os.File) []byte {
	x.t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	x.ok(err)
	if len(b) != len(x.model) {
		x.fail("%d bytes, want %d", len(b), len(x.model))
	}
	return b
}

// compare reads the file by its name.
func (x *fsx) compare(when string) {
	x.t.Helper()
	f, err := os.Open(x.path)
	x.ok(err)
	defer f.Close()
	if st, err := f.Stat(); err != nil || st.Size() != int64(len(x.model)) {
		x.fail("%s: stat says %d bytes, %v, want %d", when, st.Size(), err, len(x.model))
	}
	x.match(when, x.readAll(f), 0)
	if names, err := filepath.Glob(filepath.Join(filepath.Dir(x.path), "*")); err != nil || len(names) < 1 {
		x.fail("%s: listed %v, %v", when, names, err)
	}
}
