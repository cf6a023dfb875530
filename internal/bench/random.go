package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	randomSize = 256 << 20 // bytes of the file for random access
	page       = 4096
)

func randomWorkloads() []Workload {
	return []Workload{
		{
			Name: "rand-read-4k-warm", Unit: "IOPS", Beside: Plain, Target: 0.95,
			Prepare: warmRandomFile,
			Run: func(w *Work) (float64, error) {
				return randomAccess(w, unix.O_RDONLY, w.count(200_000), unix.Pread)
			},
		},
		{
			Name: "rand-read-4k-direct-qd16", Unit: "IOPS", Beside: Plain, Target: 0.95,
			Prepare: randomFile,
			Run:     directReads,
		},
		{
			Name: "rand-write-4k", Unit: "IOPS", Beside: Plain, Target: 0.9,
			Prepare: warmRandomFile,
			Run: func(w *Work) (float64, error) {
				return randomAccess(w, unix.O_RDWR, w.count(100_000), unix.Pwrite)
			},
		},
		{
			// Opens a finished file, changes one page and closes it: what a program waits for that edits in place.
			Name: "edit-one-page", Unit: "opens/s",
			Prepare: randomFile,
			Run: func(w *Work) (float64, error) {
				p := noise(page, uint64(w.Round))
				return 1, w.Time(func() error {
					fd, err := unix.Open(w.path("random"), unix.O_RDWR, 0)
					if err != nil {
						return fmt.Errorf("open: %w", err)
					}
					defer unix.Close(fd)
					return writeAll(fd, p, int64(w.Round)*page)
				})
			},
		},
	}
}

func randomFile(w *Work) error {
	size := w.bytes(randomSize)
	if st, err := os.Stat(w.path("random")); err == nil && st.Size() == size {
		return nil
	}
	if err := writeFile(w.path("random"), size, 3, false); err != nil {
		return err
	}
	return w.settle()
}

func warmRandomFile(w *Work) error {
	if err := randomFile(w); err != nil {
		return err
	}
	_, err := readThrough(w.path("random"))
	return err
}

// randomAccess does n page-sized operations at random pages of the open file. Opening is not timed: edit-one-page does that.
func randomAccess(w *Work, flags, n int, op func(fd int, p []byte, off int64) (int, error)) (float64, error) {
	fd, err := unix.Open(w.path("random"), flags, 0)
	if err != nil {
		return 0, fmt.Errorf("open: %w", err)
	}
	defer unix.Close(fd)
	offsets := randomOffsets(w.bytes(randomSize), n, uint64(w.Round))
	p := noise(page, uint64(w.Round))
	if flags == unix.O_RDONLY {
		// Reading through this descriptor fills the page cache even where opening emptied it.
		if _, err := readThrough(w.path("random")); err != nil {
			return 0, err
		}
	}
	return float64(n), w.Time(func() error {
		for _, off := range offsets {
			if m, err := op(fd, p, off); err != nil || m != page {
				return fmt.Errorf("page at %d: %d bytes: %w", off, m, err)
			}
		}
		return nil
	})
}

func randomOffsets(size int64, n int, seed uint64) []int64 {
	rng := rand.New(rand.NewPCG(seed, 4))
	offsets := make([]int64, n)
	for i := range offsets {
		offsets[i] = rng.Int64N(size/page) * page
	}
	return offsets
}

// directReads keeps 16 direct reads in flight.
func directReads(w *Work) (float64, error) {
	const depth = 16
	fd, err := unix.Open(w.path("random"), unix.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		return 0, fmt.Errorf("open: %w", err)
	}
	defer unix.Close(fd)
	each := w.count(24_000) / depth
	return float64(each * depth), w.Time(func() error {
		var wg sync.WaitGroup
		errs := make([]error, depth)
		for i := range depth {
			wg.Go(func() {
				p := alignedPage()
				for _, off := range randomOffsets(w.bytes(randomSize), each, uint64(w.Round*depth+i)) {
					if m, err := unix.Pread(fd, p, off); err != nil || m != page {
						errs[i] = fmt.Errorf("page at %d: %d bytes: %w", off, m, err)
						return
					}
				}
			})
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// alignedPage is a page at an address that direct I/O accepts.
func alignedPage() []byte {
	p := make([]byte, 2*page)
	skip := page - int(uintptr(unsafe.Pointer(&p[0]))%page)
	return p[skip : skip+page]
}
