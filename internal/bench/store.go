package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
)

// Store measures what versions of a 512 MiB file cost in bytes, how small numbers and text become, and how fast they are sealed
// per second of the daemon's CPU: what happens between the close and the end of `rdfs sync`, so neither the saving nor the quiet
// time before.
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

	if err := os.Remove(file); err != nil {
		return figures, err
	}
	more, err := m.sealing(ctx)
	return append(figures, more...), err
}

// sealing saves kinds of data in turn, other data in each round, and returns the medians.
func (m storeMeter) sealing(ctx context.Context) ([]Figure, error) {
	kinds := []struct {
		name    string
		size    int
		content func(n int, seed uint64) []byte
		ratio   float64 // of the size that may be stored; 0: no target
		perCPU  float64 // MiB that a second of CPU should seal; 0: no target
	}{
		{"smooth float32", 128 << 20, smoothFloats, 0.55, 400},
		{"CSV text", 64 << 20, csvText, 0.33, 150},
		{"smooth float64", 64 << 20, smoothDoubles, 0, 0},
		{"smooth int16", 64 << 20, smoothSamples, 0, 0},
		{"noise", 64 << 20, noise, 0, 0},
	}
	var hashed []float64
	ratios, perCPU, rates := make([][]float64, len(kinds)), make([][]float64, len(kinds)), make([][]float64, len(kinds))
	for round := range m.b.opts.Rounds {
		hashed = append(hashed, hashing(noise(64<<20, uint64(round))))
		for i, k := range kinds {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			content := k.content(k.size, uint64(1000*i+round))
			c, err := m.save(filepath.Join(m.b.drive.mnt, fmt.Sprintf("seal-%d.bin", i)), content)
			if err != nil {
				return nil, err
			}
			n := float64(len(content))
			ratios[i] = append(ratios[i], float64(c.stored)/n)
			perCPU[i] = append(perCPU[i], n/mib/c.cpu.Seconds())
			rates[i] = append(rates[i], n/mib/c.took.Seconds())
			m.b.log.Debug("sealed", "kind", k.name, "round", round, "stored", float64(c.stored)/n, "mib_per_cpu_s", n/mib/c.cpu.Seconds())
		}
	}
	figures := []Figure{{Name: "yardstick: BLAKE3 in these rounds, per second of CPU", Value: median(hashed), Unit: "MiB/s"}}
	for i, k := range kinds {
		figures = append(figures,
			Figure{Name: k.name + ": stored of its size", Value: median(ratios[i]), AtMost: k.ratio},
			Figure{Name: k.name + ": sealed, per second of CPU", Value: median(perCPU[i]), Unit: "MiB/s", AtLeast: k.perCPU},
			Figure{Name: k.name + ": sealed, from close to `rdfs sync`", Value: median(rates[i]), Unit: "MiB/s"})
	}
	return figures, nil
}

// hashing is how many MiB of p a second of this process's CPU hashes now. A core of an idle machine of the kind that the targets are
// for hashes about 3,200: a second of CPU is worth less while others use the caches and the host.
func hashing(p []byte) float64 {
	begin := ownCPU()
	blob.Sum(p)
	return float64(len(p)) / mib / (ownCPU() - begin).Seconds()
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
