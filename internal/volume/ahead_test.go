package volume

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Every byte behind the start is asked for once, but for one gap in each window, which
// the program fills.
func TestAheadAsksForAllButTheGaps(t *testing.T) {
	for _, size := range []int64{aheadStart - 1, aheadStart, aheadFrom, aheadFrom + 4097, 100 << 20, 1<<30 + 1} {
		a := ahead{size: size}
		at, windows := min(size, aheadStart), 0
		for w := a.next(); w != nil; w = a.next() {
			windows++
			for k, e := range w {
				if k == 1 {
					if p := a.probe(); p != (extent{at, aheadGap}) {
						t.Fatalf("size %d: probe %v, the gap is at %d", size, p, at)
					}
					at += aheadGap
				}
				if e.off != at || e.size <= 0 {
					t.Fatalf("size %d: window %v, want one from %d on", size, w, at)
				}
				at += e.size
			}
			if windows > 64 {
				t.Fatalf("size %d: no end", size)
			}
		}
		if at != size {
			t.Errorf("size %d: asked for up to %d", size, at)
		}
	}
}

func TestStreamIsReadAhead(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 24 << 20
	if _, err := f.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	fd := int(f.Fd())
	if cached(fd, extent{0, size}) == 0 {
		t.Skip("this kernel does not tell what is in the page cache")
	}
	r := newRig(t)
	forget := func() bool {
		unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED)
		return cached(fd, extent{0, size}) == 0
	}
	if !forget() {
		t.Skip("this filesystem keeps all in memory")
	}
	read := make([]byte, aheadStart)
	if _, err := f.ReadAt(read, 0); err != nil {
		t.Fatal(err)
	}
	r.v.stream(f, size)
	for deadline := time.Now().Add(20 * time.Second); cached(fd, extent{aheadFrom, aheadGap}) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing was read ahead")
		}
	}
}
