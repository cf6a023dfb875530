package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Versions gives one file n versions and another one, and compares what a program waits for that uses them.
func (b *Bed) Versions(ctx context.Context, n int) ([]Figure, error) {
	dir := filepath.Join(b.drive.mnt, "versions")
	old, fresh := filepath.Join(dir, "old.csv"), filepath.Join(dir, "fresh.csv")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	begin := time.Now()
	for i := range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := os.WriteFile(old, fmt.Appendf(nil, "version,%d\n", i), 0o644); err != nil {
			return nil, err
		}
		if err := b.drive.sync(); err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
	}
	took := time.Since(begin)
	if err := os.WriteFile(fresh, []byte("version,0\n"), 0o644); err != nil {
		return nil, err
	}
	if err := b.drive.sync(); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	listed, err := os.ReadDir(filepath.Join(dir, ".versions", "old.csv"))
	if err != nil {
		return nil, fmt.Errorf("bench: list versions: %w", err)
	}
	figures := []Figure{
		{Name: "versions made", Value: float64(len(listed)), Unit: "", AtLeast: float64(n)},
		{Name: "save and `rdfs sync`", Value: float64(n) / took.Seconds(), Unit: "1/s"},
	}
	for _, op := range []struct {
		name string
		do   func(name string) error
	}{
		{"open, read, close", func(name string) error { _, err := os.ReadFile(name); return err }},
		{"save", func(name string) error { return os.WriteFile(name, []byte("another version\n"), 0o644) }},
		{"rename and back", func(name string) error {
			if err := os.Rename(name, name+".aside"); err != nil {
				return err
			}
			return os.Rename(name+".aside", name)
		}},
	} {
		// Interleaved, and each of them first in turn, like everything here: ratios within a round.
		var ratios []float64
		for round := range 10 {
			took := map[string]time.Duration{}
			for i := range 2 {
				name := []string{old, fresh}[(round+i)%2]
				d, err := timeEach(name, op.do)
				if err != nil {
					return figures, err
				}
				took[name] = d
			}
			ratios = append(ratios, took[old].Seconds()/took[fresh].Seconds())
			if err := b.drive.sync(); err != nil {
				return figures, fmt.Errorf("bench: %w", err)
			}
		}
		figures = append(figures, Figure{Name: op.name + ": time beside a file with one version", Value: median(ratios), Unit: "times", AtMost: 1.25})
	}
	return figures, nil
}

func timeEach(name string, do func(string) error) (time.Duration, error) {
	begin := time.Now()
	for range 500 {
		if err := do(name); err != nil {
			return 0, err
		}
	}
	return time.Since(begin), nil
}
