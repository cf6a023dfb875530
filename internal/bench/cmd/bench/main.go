// Command bench compares the drive with a plain directory and with a tuned FUSE loopback, and measures what takes longer: a
// million files, a thousand versions, an hour of saving, what versions cost in bytes.
// The directories are on one filesystem, and the rounds are interleaved, so that ratios hold on a noisy machine.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"

	"github.com/rdfs/rdfs/internal/bench"
	"github.com/rdfs/rdfs/internal/bench/loopback"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if len(os.Args) == 4 && os.Args[1] == "loopback" {
		exit(serveLoopback(ctx, os.Args[2], os.Args[3]))
	}
	exit(compare(ctx))
}

func exit(err error) {
	if err == nil {
		os.Exit(0)
	}
	if !errors.Is(err, errMissed) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	os.Exit(1)
}

var errMissed = errors.New("a target was missed")

// serveLoopback mounts the loopback until it is told to end.
func serveLoopback(ctx context.Context, dir, mnt string) error {
	syscall.Umask(0) // the kernel has applied the caller's
	server, err := loopback.Mount(dir, mnt)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return server.Unmount()
}

func compare(ctx context.Context) (err error) {
	root := os.Geteuid() == 0
	var (
		only     = flag.String("only", "", "run only workloads whose name matches this `regexp`")
		rounds   = flag.Int("rounds", 5, "rounds")
		list     = flag.Bool("list", false, "list the workloads and end")
		jsonFile = flag.String("json", "", "also write the report as JSON to this `file`")
		drive    = flag.String("drive", "", "rdfs `binary`; default: build ./cmd/rdfs, if there is one; \"none\": measure without it")
		dir      = flag.String("dir", "", "`directory` in which the test bed is made; default: that for temporary files")
		image    = flag.Bool("image", root, "lie in a fresh ext4 in a loop image")
		size     = flag.Int64("image-size", 24<<10, "`MiB` of the image; the file is sparse")
		scale    = flag.Float64("scale", 1, "`factor` for sizes and counts; targets are meant for 1")
		requests = flag.Bool("requests", false, "count FUSE requests instead of comparing speed (needs root)")
		keep     = flag.Bool("keep", false, "leave the test bed mounted")
		verbose  = flag.Bool("v", false, "show every sample")
		million  = flag.Bool("million", false, "instead: mount time, memory and lookups of a tree of many small files")
		files    = flag.Int("files", 1_000_000, "`number` of files for -million")
		versions = flag.Int("versions", 0, "instead: what a file with this `number` of versions costs the live path")
		snaps    = flag.Int("snapshots", 0, "instead: what is read through one of this `number` of snapshots, and what they cost the live path")
		soak     = flag.Duration("soak", 0, "instead: save without pause for this long, and watch memory and queue")
		names    = flag.Int("names", 0, "instead: make this `number` of files in each round, with and without a naming scheme")
		store    = flag.Bool("store", false, "instead: bytes stored per version, and the speed of sealing")
	)
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	match, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	workloads := slices.DeleteFunc(bench.Workloads(), func(w bench.Workload) bool { return !match.MatchString(w.Name) })
	if *list {
		for _, w := range workloads {
			fmt.Println(w)
		}
		return nil
	}
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	opts := bench.Options{
		Dir: *dir, Image: *image, ImageSize: *size << 20, Rounds: *rounds, Scale: *scale, Requests: *requests, Keep: *keep,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	}
	build, err := os.MkdirTemp("", "rdfs-bench-bin-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(build)
	if opts.Rdfs, err = findDrive(ctx, *drive, build); err != nil {
		return err
	}
	long := *million || *versions > 0 || *soak > 0 || *store || *names > 0 || *snaps > 0
	if long {
		if opts.Rdfs == "" {
			return errors.New("this measures the drive, and there is none: see -drive")
		}
		opts.NoPlain = true
		if *million {
			opts.Inodes = 3**files + 100_000
		}
	} else if opts.Self, err = os.Executable(); err != nil {
		return err
	}
	if *requests {
		opts.Rounds = 1
	}
	bed, err := bench.NewBed(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bed.Close()) }()

	var report any
	var missed bool
	switch {
	case long:
		var figures []bench.Figure
		for _, m := range []struct {
			wanted bool
			run    func() ([]bench.Figure, error)
		}{
			{*store, func() ([]bench.Figure, error) { return bed.Store(ctx) }},
			{*versions > 0, func() ([]bench.Figure, error) { return bed.Versions(ctx, *versions) }},
			{*names > 0, func() ([]bench.Figure, error) { return bed.Names(ctx, *names) }},
			{*snaps > 0, func() ([]bench.Figure, error) { return bed.Snapshots(ctx, *snaps) }},
			{*million, func() ([]bench.Figure, error) { return bed.Million(ctx, *files) }},
			{*soak > 0, func() ([]bench.Figure, error) { return bed.Soak(ctx, *soak) }},
		} {
			if !m.wanted {
				continue
			}
			more, err := m.run()
			figures = append(figures, more...)
			if err != nil {
				bench.WriteFigures(os.Stdout, figures)
				return err
			}
		}
		bench.WriteFigures(os.Stdout, figures)
		missed = slices.ContainsFunc(figures, bench.Figure.Missed)
		report = figures
	default:
		rep, err := bed.Compare(ctx, workloads)
		if *requests {
			rep.WriteRequests(os.Stdout)
		} else if errTable := rep.WriteTable(os.Stdout); errTable != nil {
			return errTable
		}
		if err != nil {
			return err
		}
		missed = rep.Missed() && !*requests
		report = rep
	}
	if *jsonFile != "" {
		b, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(*jsonFile, append(b, '\n'), 0o644); err != nil {
			return err
		}
	}
	if missed {
		return errMissed
	}
	return nil
}

// findDrive returns the binary to measure, building it if none is named; "" if there is no drive.
func findDrive(ctx context.Context, named, build string) (string, error) {
	switch named {
	case "none":
		return "", nil
	case "":
		if sources, _ := filepath.Glob("cmd/rdfs/*.go"); len(sources) == 0 {
			return "", nil
		}
		bin := filepath.Join(build, "rdfs")
		cmd := exec.CommandContext(ctx, "go", "build", "-o", bin, "./cmd/rdfs")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build the drive: %w: %s", err, out)
		}
		return bin, nil
	}
	bin, err := exec.LookPath(named)
	if err != nil {
		return "", fmt.Errorf("find the drive: %w", err)
	}
	return filepath.Abs(bin)
}
