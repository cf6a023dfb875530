package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Options say where and how to measure.
type Options struct {
	Dir       string // where the test bed is made; empty: the system's directory for temporary files
	Image     bool   // lie in a fresh ext4 in a loop image (needs root)
	ImageSize int64  // bytes; the file is sparse
	Inodes    int    // of the image; 0: ext4's default
	Rdfs      string // binary of the drive; empty: measure without it
	Self      string // program that serves the loopback: `Self loopback DIR MNT`; empty: measure without it
	NoPlain   bool   // for measurements of the drive alone
	Keep      bool   // leave the test bed where it is
	Warm      bool   // never empty the machine's caches: cold sections are warm
	Requests  bool   // count FUSE requests through the kernel's tracepoint (needs root)
	Rounds    int    // 0: five
	Scale     float64
	Logger    *slog.Logger // progress; nil: quiet
}

// directory is one of the directories that are compared.
type directory struct {
	kind   Kind
	path   string  // where workloads run
	daemon *daemon // nil for the plain one
	drive  *drive  // nil unless it is the drive
}

// Bed is what the workloads lie on: three directories of one filesystem. Not safe for concurrent use.
type Bed struct {
	opts    Options
	log     *slog.Logger
	base    string
	tar     string
	dirs    []*directory
	image   *image
	drive   *drive
	counter *requestCounter
}

// NewBed makes a test bed. The caller closes it.
func NewBed(ctx context.Context, opts Options) (_ *Bed, err error) {
	if opts.Rounds == 0 {
		opts.Rounds = 5
	}
	if opts.Scale == 0 {
		opts.Scale = 1
	}
	b := &Bed{opts: opts, log: opts.Logger}
	if b.log == nil {
		b.log = slog.New(slog.DiscardHandler)
	}
	if b.base, err = os.MkdirTemp(opts.Dir, "rdfs-bench-"); err != nil {
		return nil, fmt.Errorf("bench: make a test bed: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	if err := os.Chmod(b.base, 0o755); err != nil {
		return nil, err
	}
	disk := filepath.Join(b.base, "disk")
	if opts.Image {
		if b.image, err = newImage(filepath.Join(b.base, "ext4.img"), disk, opts.ImageSize, opts.Inodes); err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
	}
	if opts.Requests {
		if b.counter, err = newRequestCounter(filepath.Join(b.base, "tracing")); err != nil {
			return nil, fmt.Errorf("bench: count requests: %w", err)
		}
	}
	if !opts.NoPlain {
		if err := b.add(&directory{kind: Plain, path: filepath.Join(disk, "plain")}); err != nil {
			return nil, err
		}
	}
	if opts.Self != "" {
		under, mnt := filepath.Join(disk, "loopback"), filepath.Join(b.base, "loopback")
		if err := os.MkdirAll(under, 0o755); err != nil {
			return nil, err
		}
		d, err := startDaemon(ctx, mnt, filepath.Join(b.base, "loopback.log"), opts.Self, "loopback", under, mnt)
		if err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
		if err := b.add(&directory{kind: Loopback, path: filepath.Join(mnt, "work"), daemon: d}); err != nil {
			return nil, err
		}
	}
	if opts.Rdfs != "" {
		b.drive = &drive{bin: opts.Rdfs, repo: filepath.Join(disk, "repo"), mnt: filepath.Join(b.base, "drive"), log: filepath.Join(b.base, "drive.log")}
		if err := os.MkdirAll(disk, 0o755); err != nil {
			return nil, err
		}
		if err := b.drive.start(ctx); err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
		if err := b.add(&directory{kind: Drive, path: filepath.Join(b.drive.mnt, "work"), daemon: b.drive.daemon, drive: b.drive}); err != nil {
			return nil, err
		}
	}
	b.tar = filepath.Join(b.base, "tree.tar")
	w := Work{Scale: opts.Scale}
	if err := writeTar(b.tar, w.count(treeFiles), w.count(treeDirs)); err != nil {
		return nil, fmt.Errorf("bench: make an archive: %w", err)
	}
	return b, nil
}

func (b *Bed) add(d *directory) error {
	b.dirs = append(b.dirs, d)
	if err := os.MkdirAll(d.path, 0o755); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}

// Close unmounts everything and removes the test bed.
func (b *Bed) Close() error {
	var errs []error
	if b.opts.Keep {
		b.log.Info("test bed kept, still mounted", "dir", b.base)
		return nil
	}
	for _, d := range b.dirs {
		switch {
		case d.drive != nil:
			errs = append(errs, d.drive.stop())
		case d.daemon != nil:
			errs = append(errs, d.daemon.stop(""))
		}
	}
	if b.counter != nil {
		errs = append(errs, b.counter.close())
	}
	if b.image != nil {
		errs = append(errs, b.image.close())
	}
	for _, name := range []string{"disk", "loopback", "drive", "bare", "tracing"} {
		if mounted(filepath.Join(b.base, name)) {
			return errors.Join(append(errs, fmt.Errorf("bench: %s is still mounted in %s, which is left", name, b.base))...)
		}
	}
	return errors.Join(append(errs, os.RemoveAll(b.base))...)
}

// settle finishes on all directories what happened so far, so that nothing of it falls into the next section.
func (b *Bed) settle() error {
	for _, d := range b.dirs {
		if err := d.settle(); err != nil {
			return err
		}
	}
	return nil
}

func (d *directory) settle() error {
	if d.drive != nil {
		if err := d.drive.sync(); err != nil {
			return err
		}
	}
	unix.Sync()
	return nil
}

func (d *directory) cpu() time.Duration { return d.daemon.cpu() }

// dropCaches empties the page, entry and inode caches of the machine.
func dropCaches() error {
	unix.Sync()
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3\n"), 0)
}
