package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// nameRounds is how often each of two drives makes its files.
const nameRounds = 15

// Names compares making n small files on a drive that enforces a naming scheme with making
// them on one that does not look at names. Both are mounted at the same time, and take turns.
func (b *Bed) Names(ctx context.Context, n int) (figures []Figure, err error) {
	named := &drive{bin: b.drive.bin, repo: filepath.Join(b.base, "disk", "named"), mnt: filepath.Join(b.base, "named"), log: filepath.Join(b.base, "named.log")}
	if err := run(named.bin, "init", "--scheme", "hierarchical", named.repo); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	config, err := os.ReadFile(filepath.Join(named.repo, "rdfs.yaml"))
	if err != nil || !bytes.Contains(config, []byte("\n  mode: enforce\n")) {
		return nil, errors.Join(errors.New("bench: names are not enforced by default"), err)
	}
	if err := named.start(ctx); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer func() { err = errors.Join(err, named.stop()) }()
	var ratios, cpu []float64
	var perFile []time.Duration
	for round := range nameRounds {
		if err := ctx.Err(); err != nil {
			return figures, err
		}
		drives := []*drive{b.drive, named}
		if round%2 == 1 {
			drives[0], drives[1] = drives[1], drives[0]
		}
		took, used := map[*drive]time.Duration{}, map[*drive]time.Duration{}
		for _, d := range drives {
			dir := filepath.Join(d.mnt, "EXP0042", "sub-01", fmt.Sprintf("ses-%02d", round))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return figures, err
			}
			if err := d.sync(); err != nil {
				return figures, fmt.Errorf("bench: %w", err)
			}
			before, begin := d.cpu(), time.Now()
			for i := range n {
				if err := os.WriteFile(fmt.Sprintf("%s/kind%d.csv", dir, i), []byte("x"), 0o644); err != nil {
					return figures, err
				}
			}
			took[d], used[d] = time.Since(begin), d.cpu()-before
		}
		ratios = append(ratios, took[b.drive].Seconds()/took[named].Seconds())
		cpu = append(cpu, used[b.drive].Seconds()/used[named].Seconds())
		perFile = append(perFile, took[named]/time.Duration(n))
	}
	return []Figure{
		{Name: "files made with names enforced: rate beside mode off", Value: median(ratios), Unit: "times", AtLeast: 0.97},
		{Name: "... by the daemon's processor time", Value: median(cpu), Unit: "times"},
		{Name: "... time for each file", Value: percentile(perFile, 0.5) * 1000, Unit: "µs"},
	}, nil
}
