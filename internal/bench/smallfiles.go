package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	smallFiles = 5000 // of 4 KiB
	// shortPasses makes sections of the fastest operations long enough to be compared:
	// half a second, not a tenth.
	shortPasses = 4
)

func passes(n int, names []string, do func(names []string) error) error {
	for range n {
		if err := do(names); err != nil {
			return err
		}
	}
	return nil
}

func smallFileWorkloads() []Workload {
	const attr = "user.bench"
	return []Workload{
		{
			Name: "create-4k-1", Unit: "files/s", Beside: Loopback, Target: 1,
			Prepare: func(w *Work) error { return os.Mkdir(w.path("created"), 0o755) },
			Run:     func(w *Work) (float64, error) { return timeCreate(w, 1) },
			After:   removeCreated,
		},
		{
			Name: "create-4k-8", Unit: "files/s", Beside: Loopback, Target: 1,
			Prepare: func(w *Work) error { return os.Mkdir(w.path("created"), 0o755) },
			Run:     func(w *Work) (float64, error) { return timeCreate(w, 8) },
			After:   removeCreated,
		},
		{
			Name: "open-read-close", Unit: "files/s", Beside: Loopback, Target: 1,
			Prepare: func(w *Work) error {
				if err := smallTree(w); err != nil {
					return err
				}
				return readEach(smallNames(w.path("small"), w.count(smallFiles)))
			},
			Run: func(w *Work) (float64, error) {
				names := smallNames(w.path("small"), w.count(smallFiles))
				return float64(shortPasses * len(names)), w.Time(func() error { return passes(shortPasses, names, readEach) })
			},
		},
		{
			Name: "stat-warm", Unit: "files/s", Beside: Loopback, Target: 1,
			Prepare: func(w *Work) error {
				if err := smallTree(w); err != nil {
					return err
				}
				return statEach(smallNames(w.path("small"), w.count(smallFiles)))
			},
			Run: func(w *Work) (float64, error) {
				names := smallNames(w.path("small"), w.count(smallFiles))
				return float64(10 * len(names)), w.Time(func() error { return passes(10, names, statEach) })
			},
		},
		{
			Name: "stat-cold", Unit: "files/s", Beside: Loopback, Target: 1, Cold: true,
			Prepare: smallTree,
			Run: func(w *Work) (float64, error) {
				names := smallNames(w.path("small"), w.count(smallFiles))
				return float64(len(names)), w.Time(func() error { return statEach(names) })
			},
		},
		{
			Name: "setxattr", Unit: "files/s", Beside: Loopback, Target: 1,
			Prepare: smallTree,
			Run: func(w *Work) (float64, error) {
				n := w.count(smallFiles)
				names, pass := smallNames(w.path("small"), n), 0
				return float64(shortPasses * n), w.Time(func() error {
					return passes(shortPasses, names, func(names []string) error {
						value := fmt.Appendf(nil, "value %d of round %06d, as tags are", pass, w.Round)
						pass++
						for _, name := range names {
							if err := unix.Lsetxattr(name, attr, value, 0); err != nil {
								return fmt.Errorf("setxattr %s: %w", name, err)
							}
						}
						return nil
					})
				})
			},
		},
		{
			Name: "getxattr", Unit: "files/s", Beside: Loopback, Target: 1,
			Prepare: func(w *Work) error {
				if err := smallTree(w); err != nil {
					return err
				}
				for _, name := range smallNames(w.path("small"), w.count(smallFiles)) {
					if _, err := unix.Lgetxattr(name, attr, nil); err == nil {
						continue
					}
					if err := unix.Lsetxattr(name, attr, []byte("value"), 0); err != nil {
						return fmt.Errorf("setxattr %s: %w", name, err)
					}
				}
				return nil
			},
			Run: func(w *Work) (float64, error) {
				n := w.count(smallFiles)
				names := smallNames(w.path("small"), n)
				buf := make([]byte, 256)
				return float64(shortPasses * n), w.Time(func() error {
					return passes(shortPasses, names, func(names []string) error {
						for _, name := range names {
							if _, err := unix.Lgetxattr(name, attr, buf); err != nil {
								return fmt.Errorf("getxattr %s: %w", name, err)
							}
						}
						return nil
					})
				})
			},
		},
		{
			Name: "rename", Unit: "files/s", Beside: Loopback, Target: 1,
			Prepare: smallTree,
			Run: func(w *Work) (float64, error) {
				n := w.count(smallFiles)
				names := smallNames(w.path("small"), n)
				err := w.Time(func() error {
					for _, name := range names {
						if err := unix.Rename(name, name+".renamed"); err != nil {
							return fmt.Errorf("rename %s: %w", name, err)
						}
					}
					return nil
				})
				return float64(n), err
			},
			After: func(w *Work) error {
				for _, name := range smallNames(w.path("small"), w.count(smallFiles)) {
					if err := unix.Rename(name+".renamed", name); err != nil {
						return fmt.Errorf("rename %s back: %w", name, err)
					}
				}
				return nil
			},
		},
	}
}

func smallNames(dir string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s/file-%05d.dat", dir, i)
	}
	return names
}

// smallTree makes the directory of small files that many workloads share.
func smallTree(w *Work) error {
	n := w.count(smallFiles)
	names := smallNames(w.path("small"), n)
	if _, err := os.Stat(names[n-1]); err == nil {
		return nil
	}
	if err := os.MkdirAll(w.path("small"), 0o755); err != nil {
		return err
	}
	if err := createEach(names, 5); err != nil {
		return err
	}
	return w.settle()
}

func createEach(names []string, seed uint64) error {
	p := noise(page, seed)
	for i, name := range names {
		stamp(p, seed<<32+uint64(i))
		fd, err := unix.Open(name, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY, 0o644)
		if err != nil {
			return fmt.Errorf("create %s: %w", name, err)
		}
		if err := writeAll(fd, p, 0); err != nil {
			unix.Close(fd)
			return fmt.Errorf("write %s: %w", name, err)
		}
		if err := unix.Close(fd); err != nil {
			return fmt.Errorf("close %s: %w", name, err)
		}
	}
	return nil
}

// timeCreate creates the small files, each thread in a directory of its own.
func timeCreate(w *Work, threads int) (float64, error) {
	each := w.count(smallFiles) / threads
	lists := make([][]string, threads)
	for i := range lists {
		dir := filepath.Join(w.path("created"), fmt.Sprintf("thread-%d", i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return 0, err
		}
		lists[i] = smallNames(dir, each)
	}
	err := w.Time(func() error {
		if threads == 1 {
			return createEach(lists[0], uint64(100+w.Round))
		}
		var wg sync.WaitGroup
		errs := make([]error, threads)
		for i, names := range lists {
			wg.Go(func() { errs[i] = createEach(names, uint64(1000+100*w.Round+i)) })
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	})
	return float64(each * threads), err
}

func removeCreated(w *Work) error { return os.RemoveAll(w.path("created")) }

func readEach(names []string) error {
	buf := make([]byte, page)
	for _, name := range names {
		fd, err := unix.Open(name, unix.O_RDONLY, 0)
		if err != nil {
			return fmt.Errorf("open %s: %w", name, err)
		}
		m, err := unix.Read(fd, buf)
		unix.Close(fd)
		if err != nil || m != page {
			return fmt.Errorf("read %s: %d bytes: %w", name, m, err)
		}
	}
	return nil
}

func statEach(names []string) error {
	var st unix.Stat_t
	for _, name := range names {
		if err := unix.Lstat(name, &st); err != nil {
			return fmt.Errorf("stat %s: %w", name, err)
		}
	}
	return nil
}
