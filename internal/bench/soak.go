package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// Soak saves files without pause for a time, as fast as the drive takes them, and watches the daemon's memory and what waits to be
// sealed. What is new takes a third of the free space, and the rest repeats, so that an hour of saving fits on the disk while
// everything is still cut and hashed.
func (b *Bed) Soak(ctx context.Context, length time.Duration) ([]Figure, error) {
	dir := filepath.Join(b.drive.mnt, "soak")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	st, err := b.drive.status()
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	fresh := min(1, float64(st.FreeBytes)/3/(600*mib*length.Seconds()))
	saving, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var saved atomic.Int64
	var slowest atomic.Int64 // nanoseconds of one MiB
	failed := make(chan error, 1)
	go func() { failed <- saveUntil(saving, dir, fresh, &saved, &slowest) }()

	var samples []soakSample
	begin := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for saving.Err() == nil {
		select {
		case <-tick.C:
		case <-saving.Done():
		}
		st, err := b.drive.status()
		if err != nil {
			cancel()
			return nil, errors.Join(err, <-failed)
		}
		if len(st.SealErrors) > 0 {
			cancel()
			<-failed
			return nil, fmt.Errorf("bench: the drive reports %q", st.SealErrors)
		}
		rss, _ := b.drive.rss()
		samples = append(samples, soakSample{rss, st.Unsealed, st.UnsealedBytes})
		if len(samples)%10 == 0 {
			b.log.Info("soaking", "after", time.Since(begin).Round(time.Second), "saved_mib", saved.Load()/mib, "rss_mb", rss/1e6,
				"unsealed", st.Unsealed, "unsealed_mib", st.UnsealedBytes/mib, "packs_mib", st.PackBytes/mib, "free_mib", st.FreeBytes/mib)
		}
	}
	elapsed := time.Since(begin)
	if err := <-failed; err != nil {
		return nil, fmt.Errorf("bench: save: %w", err)
	}
	drain := time.Now()
	if err := b.drive.sync(); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	if len(samples) < 4 {
		return nil, errors.New("bench: too short a soak to say anything")
	}
	// Memory and queue are bounded if the second half of the time needs no more than the first did; 64 MB are noise.
	first, second := soakMost(samples[:len(samples)/2]), soakMost(samples[len(samples)/2:])
	return []Figure{
		{Name: "part of it never saved before", Value: fresh, Unit: ""},
		{Name: "saved", Value: float64(saved.Load()) / mib / elapsed.Seconds(), Unit: "MiB/s"},
		{Name: "longest wait for one MiB", Value: float64(slowest.Load()) / 1e6, Unit: "ms"},
		{Name: "memory (RSS), most", Value: float64(max(first.rss, second.rss)) / 1e6, Unit: "MB", AtMost: 400},
		{Name: "memory, second half beside first", Value: float64(second.rss+64e6) / float64(first.rss+64e6), Unit: "times", AtMost: 1.3},
		{Name: "waiting to be sealed, most", Value: float64(max(first.unsealedBytes, second.unsealedBytes)) / mib, Unit: "MiB"},
		{Name: "waiting, files, most", Value: float64(max(first.unsealed, second.unsealed)), Unit: "files"},
		{Name: "waiting, second half beside first", Value: float64(second.unsealedBytes+64<<20) / float64(first.unsealedBytes+64<<20), Unit: "times", AtMost: 1.3},
		{Name: "sealing the rest", Value: time.Since(drain).Seconds(), Unit: "s"},
	}, nil
}

type soakSample struct {
	rss           int64
	unsealed      int
	unsealedBytes int64
}

// soakMost is the largest of each.
func soakMost(samples []soakSample) soakSample {
	var m soakSample
	for _, s := range samples {
		m.rss, m.unsealed, m.unsealedBytes = max(m.rss, s.rss), max(m.unsealed, s.unsealed), max(m.unsealedBytes, s.unsealedBytes)
	}
	return m
}

// saveUntil saves files of 1 KiB to 64 MiB over one another until the context ends. Of their pieces, the part fresh was never
// saved before.
func saveUntil(ctx context.Context, dir string, fresh float64, saved, slowest *atomic.Int64) error {
	const names = 200
	rng := rand.New(rand.NewPCG(21, 21))
	pool := append(smoothFloats(96<<20, 22), csvText(32<<20, 23)...)
	for n := uint64(0); ctx.Err() == nil; n++ {
		// Most files are small, most bytes are in large ones.
		size := 1 << (10 + rng.IntN(17))
		name := filepath.Join(dir, fmt.Sprintf("recording-%03d.dat", rng.IntN(names)))
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		start := rng.IntN(8) * (len(pool) - size) / 8 &^ 4095
		for off := 0; off < size; off += mib {
			piece := pool[start+off : start+min(off+mib, size)]
			if rng.Float64() < fresh {
				piece = append([]byte(nil), piece...)
				for i := 0; i+8 <= len(piece); i += 512 {
					binary.LittleEndian.PutUint64(piece[i:], n<<32+uint64(off+i))
				}
			}
			begin := time.Now()
			if _, err := f.Write(piece); err != nil {
				return errors.Join(err, f.Close())
			}
			if d := int64(time.Since(begin)); d > slowest.Load() {
				slowest.Store(d)
			}
			saved.Add(int64(len(piece)))
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}
