package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Store measures what versions of a 512 MiB file cost in bytes, how small float arrays and text become, and how fast they are
// sealed per CPU.
func (b *Bed) Store(ctx context.Context) ([]Figure, error) {
	const size = 512 << 20
	m := storeMeter{b: b}
	file := filepath.Join(b.drive.mnt, "large.bin")
	content := noise(size, 11)
	first, err := m.save(file, content)
	if err != nil {
		return nil, err
	}
	figures := []Figure{{Name: "512 MiB of noise: stored", Value: float64(first.stored) / mib, Unit: "MiB", AtLeast: 512}}

	// Five extents of 1 MiB, not aligned to anything.
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return figures, err
	}
	for i := range 5 {
		off := int64(i)*100<<20 + 12_345
		if _, err := f.WriteAt(noise(mib, uint64(100+i)), off); err != nil {
			f.Close()
			return figures, err
		}
		copy(content[off:], noise(mib, uint64(100+i)))
	}
	extents, err := m.closed(f.Close())
	if err != nil {
		return figures, err
	}
	figures = append(figures, Figure{Name: "5 extents of 1 MiB rewritten: stored", Value: float64(extents.stored) / mib, Unit: "MiB", AtMost: 8})
	if err := ctx.Err(); err != nil {
		return figures, err
	}

	content = slices.Insert(content, 20_000, noise(4096, 200)...)
	inserted, err := m.save(file, content)
	if err != nil {
		return figures, err
	}
	figures = append(figures, Figure{Name: "4 KiB inserted near the start: stored", Value: float64(inserted.stored) / mib, Unit: "MiB", AtMost: 1})

	for _, c := range []struct {
		name, file    string
		content       []byte
		ratio, perCPU float64
	}{
		{"smooth float32", "signal.f32", smoothFloats(256<<20, 12), 0.55, 400},
		{"CSV text", "table.csv", csvText(128<<20, 13), 0.33, 150},
	} {
		if err := ctx.Err(); err != nil {
			return figures, err
		}
		s, err := m.save(filepath.Join(b.drive.mnt, c.file), c.content)
		if err != nil {
			return figures, err
		}
		n := float64(len(c.content))
		figures = append(figures,
			Figure{Name: c.name + ": stored of its size", Value: float64(s.stored) / n, AtMost: c.ratio},
			Figure{Name: c.name + ": sealed, per second of CPU", Value: n / mib / s.cpu.Seconds(), Unit: "MiB/s", AtLeast: c.perCPU},
			Figure{Name: c.name + ": sealed, from close to `rdfs sync`", Value: n / mib / s.took.Seconds(), Unit: "MiB/s"})
	}
	return figures, nil
}

// storeMeter sees what a save costs.
type storeMeter struct{ b *Bed }

type storeCost struct {
	stored int64         // bytes that the tier grew by
	took   time.Duration // from close to sealed
	cpu    time.Duration // of the daemon, from close to sealed
}

func (m storeMeter) save(name string, content []byte) (storeCost, error) {
	return m.closed(os.WriteFile(name, content, 0o644))
}

// closed measures the sealing of what has just been closed, with that error.
func (m storeMeter) closed(err error) (storeCost, error) {
	if err != nil {
		return storeCost{}, err
	}
	// Sealing begins after a quiet time, so the tier has not grown yet.
	before, err := m.b.drive.stored()
	if err != nil {
		return storeCost{}, err
	}
	cpu, begin := m.b.drive.cpu(), time.Now()
	if err := m.b.drive.sync(); err != nil {
		return storeCost{}, fmt.Errorf("bench: %w", err)
	}
	c := storeCost{took: time.Since(begin), cpu: m.b.drive.cpu() - cpu}
	after, err := m.b.drive.stored()
	c.stored = after - before
	return c, err
}
