package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	snapFiles    = 1000 // of 8 KiB, in snapDirs directories
	snapDirs     = 10
	snapLarge    = 16 // of 4 MiB
	snapVersions = 100
)

// Snapshots gives every file of a tree 100 versions, and the drive n snapshots meanwhile. It compares the tree of a snapshot
// from the middle with the live one, the kernel's caches empty, and what programs do in the drive with the same in another one
// that has the same files and versions and no snapshots.
func (b *Bed) Snapshots(ctx context.Context, n int) ([]Figure, error) {
	bare := &drive{bin: b.drive.bin, repo: b.drive.repo + "-bare", mnt: filepath.Join(b.base, "bare"), log: filepath.Join(b.base, "bare.log")}
	if err := bare.start(ctx); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	if err := b.add(&directory{kind: "bare", path: bare.mnt, daemon: bare.daemon, drive: bare}); err != nil {
		return nil, err
	}
	files := int(snapFiles * b.opts.Scale)
	var took time.Duration
	middle := ""
	for round := range snapVersions {
		for _, d := range []*drive{b.drive, bare} {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := saveSnapTree(filepath.Join(d.mnt, "tree"), files, round); err != nil {
				return nil, fmt.Errorf("bench: %w", err)
			}
			if err := d.sync(); err != nil {
				return nil, fmt.Errorf("bench: %w", err)
			}
		}
		for k := n * round / snapVersions; k < n*(round+1)/snapVersions; k++ {
			name := fmt.Sprintf("snap-%06d", k)
			begin := time.Now()
			if err := os.Mkdir(filepath.Join(b.drive.mnt, ".snapshots", name), 0o755); err != nil {
				return nil, fmt.Errorf("bench: take a snapshot: %w", err)
			}
			took += time.Since(begin)
			if round <= snapVersions/2 {
				middle = name
			}
		}
		b.log.Debug("saved", "round", round)
	}
	figures := []Figure{{Name: "take a snapshot, by mkdir", Value: took.Seconds() * 1000 / float64(n), Unit: "ms", AtMost: 10}}
	live := filepath.Join(b.drive.mnt, "tree")
	past, err := b.besideLive(ctx, live, filepath.Join(b.drive.mnt, ".snapshots", middle, "tree"), files)
	figures = append(figures, past...)
	if err != nil {
		return figures, err
	}
	list, err := listSnapshots(filepath.Join(b.drive.mnt, ".snapshots"), n)
	if err != nil {
		return figures, fmt.Errorf("bench: list the snapshots: %w", err)
	}
	figures = append(figures, Figure{Name: "list the snapshots", Value: float64(n) / list.Seconds(), Unit: "1/s"})
	beside, err := b.besideBare(ctx, bare, files)
	return append(figures, beside...), err
}

func snapName(tree string, i int) string {
	return fmt.Sprintf("%s/dir-%d/file-%05d.csv", tree, i%snapDirs, i)
}

// saveSnapTree saves all files anew; the large ones only three times in all.
func saveSnapTree(tree string, files, round int) error {
	for k := range snapDirs {
		if err := os.MkdirAll(fmt.Sprintf("%s/dir-%d", tree, k), 0o755); err != nil {
			return err
		}
	}
	content := csvText(8<<10, uint64(round))
	for i := range files {
		copy(content, fmt.Sprintf("%d,%d\n", round, i))
		if err := os.WriteFile(snapName(tree, i), content, 0o644); err != nil {
			return err
		}
	}
	for i := 0; i < snapLarge && round%(snapVersions/3) == 0; i++ {
		if err := os.WriteFile(fmt.Sprintf("%s/large-%d.bin", tree, i), noise(4*mib, uint64(1000*round+i)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// treeOps are what is compared; each returns how many units it did.
func treeOps(files int) []treeOp {
	return []treeOp{
		{"lookup and getattr", func(tree string) (int, error) {
			for i := range files {
				var st unix.Stat_t
				if err := unix.Stat(snapName(tree, i), &st); err != nil {
					return i, &os.PathError{Op: "stat", Path: snapName(tree, i), Err: err}
				}
			}
			return files, nil
		}},
		{"readdir and getattr", listTree},
		{"read small files", func(tree string) (int, error) {
			for i := range files {
				if _, err := os.ReadFile(snapName(tree, i)); err != nil {
					return i, err
				}
			}
			return files, nil
		}},
		{"read large files", func(tree string) (int, error) {
			for i := range snapLarge {
				if _, err := os.ReadFile(fmt.Sprintf("%s/large-%d.bin", tree, i)); err != nil {
					return i, err
				}
			}
			return snapLarge, nil
		}},
	}
}

type treeOp struct {
	name string
	do   func(tree string) (int, error)
}

// effort is what a unit of an operation takes.
type effort struct{ wall, cpu float64 } // seconds; cpu of this process, where the kernel's work is counted, and of the daemon

// cold measures an operation when the kernel knows nothing of the mount. What lies on the disk beneath is in memory.
func (b *Bed) cold(op treeOp, d *drive, tree string) (effort, error) {
	if b.coldness() {
		if err := dropCaches(); err != nil {
			return effort{}, err
		}
	}
	for _, dir := range []string{"catalog", "cache"} {
		if err := readAll(filepath.Join(d.repo, dir)); err != nil {
			return effort{}, err
		}
	}
	if _, err := os.Stat(tree); err != nil { // the way there is not what is measured
		return effort{}, err
	}
	runtime.GC()
	begin, cpu := time.Now(), ownCPU()+d.cpu()
	n, err := op.do(tree)
	return effort{time.Since(begin).Seconds() / float64(n), (ownCPU() + d.cpu() - cpu).Seconds() / float64(n)}, err
}

// readAll reads every file below a directory. Files may go away meanwhile.
func readAll(dir string) error {
	return filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			_, err = readThrough(name)
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	})
}

// beside compares an operation in two trees, in interleaved rounds: how many times as fast, and as much for one second of
// CPU, it is in the first. first is that of the first time.
func (b *Bed) beside(ctx context.Context, op treeOp, drives [2]*drive, trees [2]string) (wall, cpu, first float64, err error) {
	var walls, cpus []float64
	for round := range 2*b.opts.Rounds + 1 {
		var e [2]effort
		for k := range trees {
			if err := ctx.Err(); err != nil {
				return 0, 0, 0, err
			}
			k = (k + round) % 2
			if err := b.settle(); err != nil {
				return 0, 0, 0, fmt.Errorf("bench: %w", err)
			}
			if e[k], err = b.cold(op, drives[k], trees[k]); err != nil {
				return 0, 0, 0, fmt.Errorf("bench: %s: %w", op.name, err)
			}
		}
		b.log.Debug("beside", "op", op.name, "round", round, "us", e[0].wall*1e6, "other_us", e[1].wall*1e6, "cpu_us", e[0].cpu*1e6, "other_cpu_us", e[1].cpu*1e6)
		if round == 0 {
			first = e[1].wall / e[0].wall
			continue
		}
		walls, cpus = append(walls, e[1].wall/e[0].wall), append(cpus, e[1].cpu/e[0].cpu)
	}
	return median(walls), median(cpus), first, nil
}

// besideLive compares a tree of the past with the live one. What is read for the first time comes from the tier, as what was
// evicted does.
func (b *Bed) besideLive(ctx context.Context, live, past string, files int) (figures []Figure, err error) {
	for _, op := range treeOps(files) {
		wall, cpu, first, err := b.beside(ctx, op, [2]*drive{b.drive, b.drive}, [2]string{past, live})
		if err != nil {
			return figures, err
		}
		figures = append(figures,
			Figure{Name: op.name + " in a snapshot, beside the live tree", Value: wall, Unit: "times", AtLeast: 0.7},
			Figure{Name: "  for a second of CPU", Value: cpu, Unit: "times"},
			Figure{Name: "  the first time", Value: first, Unit: "times"})
	}
	return figures, nil
}

// besideBare compares what programs do in the live tree with the same in a drive without snapshots.
func (b *Bed) besideBare(ctx context.Context, bare *drive, files int) (figures []Figure, err error) {
	ops := append(treeOps(files)[:3],
		treeOp{"save small files", func(tree string) (int, error) { return files, saveAgain(tree, files) }},
		treeOp{"rename there and back", func(tree string) (int, error) {
			for i := range files {
				name := snapName(tree, i)
				if err := os.Rename(name, name+".aside"); err != nil {
					return i, err
				}
				if err := os.Rename(name+".aside", name); err != nil {
					return i, err
				}
			}
			return files, nil
		}})
	for _, op := range ops {
		wall, cpu, _, err := b.beside(ctx, op, [2]*drive{b.drive, bare}, [2]string{filepath.Join(b.drive.mnt, "tree"), filepath.Join(bare.mnt, "tree")})
		if err != nil {
			return figures, err
		}
		figures = append(figures,
			Figure{Name: op.name + " in the live tree, beside no snapshots", Value: wall, Unit: "times", AtLeast: 0.95},
			Figure{Name: "  for a second of CPU", Value: cpu, Unit: "times"})
	}
	return figures, nil
}

func ownCPU() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func saveAgain(tree string, files int) error {
	content := csvText(8<<10, uint64(time.Now().UnixNano()))
	for i := range files {
		if err := os.WriteFile(snapName(tree, i), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// listSnapshots reads the names of the snapshots, which are n.
func listSnapshots(dir string, n int) (time.Duration, error) {
	begin := time.Now()
	f, err := os.Open(dir)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err == nil && len(names) != n {
		err = fmt.Errorf("%d are listed, %d were taken", len(names), n)
	}
	return time.Since(begin), err
}
