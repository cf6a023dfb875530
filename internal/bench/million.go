package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const perDirectory = 1000

// Million builds a tree of n small files in the drive, mounts it again, and measures how long mounting takes, what memory the idle
// daemon has, and how long a name takes that the kernel does not know.
func (b *Bed) Million(ctx context.Context, n int) ([]Figure, error) {
	root := filepath.Join(b.drive.mnt, "million")
	b.log.Info("creating", "files", n)
	begin := time.Now()
	if err := createTree(ctx, root, n); err != nil {
		return nil, fmt.Errorf("bench: make %d files: %w", n, err)
	}
	created := time.Since(begin)
	b.log.Info("created, sealing", "took", created)
	begin = time.Now()
	if err := b.drive.sync(); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	sealed := time.Since(begin)
	busy, _ := b.drive.rss()
	begin = time.Now()
	if err := b.drive.stop(); err != nil {
		return nil, fmt.Errorf("bench: unmount: %w", err)
	}
	unmounted := time.Since(begin)
	if b.coldness() {
		if err := dropCaches(); err != nil {
			return nil, err
		}
	}
	if err := b.drive.start(ctx); err != nil {
		return nil, fmt.Errorf("bench: mount again: %w", err)
	}
	b.replaceDaemon()
	figures := []Figure{
		{Name: "create, 8 threads", Value: float64(n) / created.Seconds(), Unit: "files/s"},
		{Name: "seal what was left", Value: sealed.Seconds(), Unit: "s"},
		{Name: "memory after creating (RSS)", Value: float64(busy) / 1e6, Unit: "MB"},
		{Name: "unmount", Value: unmounted.Seconds(), Unit: "s"},
		{Name: "mount, cold", Value: b.drive.mountTime.Seconds(), Unit: "s", AtMost: 2},
	}
	time.Sleep(5 * time.Second) // idle is what is left when mounting has calmed down
	idle, anonymous := b.drive.rss()
	figures = append(figures,
		Figure{Name: "memory idle (RSS)", Value: float64(idle) / 1e6, Unit: "MB", AtMost: 300},
		Figure{Name: "of it anonymous", Value: float64(anonymous) / 1e6, Unit: "MB"})

	lookups, err := lookupTimes(root, n, 10_000)
	if err != nil {
		return figures, fmt.Errorf("bench: look names up: %w", err)
	}
	begin = time.Now()
	listed, err := listTree(root)
	if err != nil {
		return figures, fmt.Errorf("bench: list: %w", err)
	}
	list := time.Since(begin)
	if want := n + (n+perDirectory-1)/perDirectory; listed != want {
		return figures, fmt.Errorf("bench: the drive lists %d entries, want %d", listed, want)
	}
	walked, _ := b.drive.rss()
	if b.coldness() {
		if err := dropCaches(); err != nil {
			return figures, err
		}
	}
	again, err := lookupTimes(root, n, 10_000)
	if err != nil {
		return figures, fmt.Errorf("bench: look names up: %w", err)
	}
	st, err := b.drive.status()
	if err != nil {
		return figures, err
	}
	moments, err := b.moments(ctx, root, n)
	if err != nil {
		return figures, fmt.Errorf("bench: snapshots: %w", err)
	}
	figures = append(figures, moments...)
	return append(figures,
		Figure{Name: "lookup of a cold name, p50", Value: percentile(lookups, 0.5), Unit: "ms", AtMost: 1},
		Figure{Name: "lookup of a cold name, p99", Value: percentile(lookups, 0.99), Unit: "ms"},
		Figure{Name: "lookup of a cold name, slowest", Value: percentile(lookups, 1), Unit: "ms"},
		Figure{Name: "lookup, kernel cold and daemon warm, p50", Value: percentile(again, 0.5), Unit: "ms", AtMost: 1},
		Figure{Name: "lookup, kernel cold and daemon warm, p99", Value: percentile(again, 0.99), Unit: "ms", AtMost: 1},
		Figure{Name: "list everything", Value: float64(listed) / list.Seconds(), Unit: "files/s"},
		Figure{Name: "memory after listing (RSS)", Value: float64(walked) / 1e6, Unit: "MB"},
		Figure{Name: "catalog", Value: float64(st.CatalogBytes) / 1e6, Unit: "MB"},
	), nil
}

// replaceDaemon makes the bed measure and stop the daemon that was started last.
func (b *Bed) replaceDaemon() {
	for _, d := range b.dirs {
		if d.drive != nil {
			d.daemon = d.drive.daemon
		}
	}
}

func treeName(root string, i int) string {
	return fmt.Sprintf("%s/dir-%04d/file-%07d.csv", root, i/perDirectory, i)
}

// createTree creates n files of a few hundred bytes, from eight threads.
func createTree(ctx context.Context, root string, n int) error {
	dirs := make(chan int)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for t := range errs {
		wg.Go(func() {
			for first := range dirs {
				if errs[t] == nil {
					errs[t] = createDirectory(root, first, min(n, first+perDirectory))
				}
			}
		})
	}
	for first := 0; first < n && ctx.Err() == nil; first += perDirectory {
		dirs <- first
	}
	close(dirs)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func createDirectory(root string, first, end int) error {
	if err := os.MkdirAll(filepath.Dir(treeName(root, first)), 0o755); err != nil {
		return err
	}
	for i := first; i < end; i++ {
		fd, err := unix.Open(treeName(root, i), unix.O_CREAT|unix.O_WRONLY, 0o644)
		for err == unix.EINTR { // a signal of the runtime came while the drive let us wait
			fd, err = unix.Open(treeName(root, i), unix.O_CREAT|unix.O_WRONLY, 0o644)
		}
		if err != nil {
			return fmt.Errorf("create %s: %w", treeName(root, i), err)
		}
		err = writeAll(fd, fmt.Appendf(nil, "sample,value\n%d,%d.5\n", i, i*7), 0)
		if errClose := unix.Close(fd); err == nil {
			err = errClose
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", treeName(root, i), err)
		}
	}
	return nil
}

// lookupTimes stats files at random and returns how long each took.
func lookupTimes(root string, n, count int) ([]time.Duration, error) {
	rng := rand.New(rand.NewPCG(9, uint64(time.Now().UnixNano())))
	all := make([]time.Duration, count)
	for i := range all {
		name := treeName(root, rng.IntN(n))
		var st unix.Stat_t
		begin := time.Now()
		if err := unix.Lstat(name, &st); err != nil {
			return nil, fmt.Errorf("stat %s: %w", name, err)
		}
		all[i] = time.Since(begin)
	}
	return all, nil
}
