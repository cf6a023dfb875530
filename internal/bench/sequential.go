package bench

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const (
	mib     = 1 << 20
	bigSize = 1 << 30 // bytes of the sequential files
)

func sequentialWorkloads() []Workload {
	return []Workload{
		{
			Name: "seq-write-fsync", Unit: "MiB/s", Beside: Plain, Target: 0.9,
			Run:   func(w *Work) (float64, error) { return timeWrite(w, true) },
			After: removeWritten,
		},
		{
			Name: "seq-write-close", Unit: "MiB/s", Beside: Plain, Target: 0.9,
			Run:   func(w *Work) (float64, error) { return timeWrite(w, false) },
			After: removeWritten,
		},
		{
			Name: "seq-read-warm", Unit: "MiB/s", Beside: Plain, Target: 0.95,
			Prepare: func(w *Work) error {
				if err := bigFile(w); err != nil {
					return err
				}
				_, err := readThrough(w.path("big"))
				return err
			},
			Run: func(w *Work) (float64, error) { return timeReads(w, 4) },
		},
		{
			Name: "mmap-read-warm", Unit: "MiB/s", Beside: Plain, Target: 0.95,
			Prepare: func(w *Work) error {
				if err := bigFile(w); err != nil {
					return err
				}
				_, err := readMapped(w.path("big"))
				return err
			},
			Run: func(w *Work) (n float64, err error) {
				err = w.Time(func() error {
					for range 2 {
						m, err := readMapped(w.path("big"))
						if err != nil {
							return err
						}
						n += float64(m) / mib
					}
					return nil
				})
				return n, err
			},
		},
		{
			Name: "seq-read-cold", Unit: "MiB/s", Beside: Plain, Target: 1.2, Cold: true,
			Prepare: bigFile,
			Run:     func(w *Work) (float64, error) { return timeReads(w, 1) },
		},
	}
}

// bigFile makes the file that the sequential reads share.
func bigFile(w *Work) error {
	size := w.bytes(bigSize)
	if st, err := os.Stat(w.path("big")); err == nil && st.Size() == size {
		return nil
	}
	if err := writeFile(w.path("big"), size, 1, false); err != nil {
		return err
	}
	return w.settle()
}

func timeWrite(w *Work, sync bool) (float64, error) {
	size := w.bytes(bigSize)
	err := w.Time(func() error { return writeFile(w.path("written"), size, 2, sync) })
	return float64(size) / mib, err
}

func removeWritten(w *Work) error { return os.Remove(w.path("written")) }

func timeReads(w *Work, passes int) (n float64, err error) {
	err = w.Time(func() error {
		for range passes {
			m, err := readThrough(w.path("big"))
			if err != nil {
				return err
			}
			n += float64(m) / mib
		}
		return nil
	})
	return n, err
}

// writeFile creates a file of size bytes in pieces of 1 MiB that differ from page to page, so that nothing is stored once for many.
func writeFile(name string, size int64, seed uint64, sync bool) error {
	fd, err := unix.Open(name, unix.O_CREAT|unix.O_WRONLY|unix.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	buf := noise(mib, seed)
	for off := int64(0); off < size; off += mib {
		stamp(buf, uint64(off)^seed<<56)
		if err := writeAll(fd, buf, off); err != nil {
			unix.Close(fd)
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	if sync {
		if err := unix.Fsync(fd); err != nil {
			unix.Close(fd)
			return fmt.Errorf("fsync %s: %w", name, err)
		}
	}
	if err := unix.Close(fd); err != nil {
		return fmt.Errorf("close %s: %w", name, err)
	}
	return nil
}

func writeAll(fd int, p []byte, off int64) error {
	for len(p) > 0 {
		n, err := unix.Pwrite(fd, p, off)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// readThrough reads a file in pieces of 1 MiB and returns how many bytes it has.
func readThrough(name string) (int64, error) {
	fd, err := unix.Open(name, unix.O_RDONLY, 0)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", name, err)
	}
	defer unix.Close(fd)
	buf := make([]byte, mib)
	var total int64
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return total, fmt.Errorf("read %s: %w", name, err)
		}
		if n == 0 {
			return total, nil
		}
		total += int64(n)
	}
}

// readMapped touches every page of a new mapping and returns how many bytes it covers.
func readMapped(name string) (int64, error) {
	fd, err := unix.Open(name, unix.O_RDONLY, 0)
	if err != nil {
		return 0, fmt.Errorf("open %s: %w", name, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, fmt.Errorf("stat %s: %w", name, err)
	}
	m, err := unix.Mmap(fd, 0, int(st.Size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return 0, fmt.Errorf("mmap %s: %w", name, err)
	}
	var sum byte
	for i := 0; i < len(m); i += 4096 {
		sum += m[i]
	}
	if err := unix.Munmap(m); err != nil {
		return 0, fmt.Errorf("munmap %s: %w", name, err)
	}
	keep = sum
	return st.Size, nil
}

// keep makes reads that nobody looks at count.
var keep byte
