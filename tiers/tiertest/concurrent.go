package tiertest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
)

// concurrentPutOneKey: of many writers with different bytes one is kept, whole,
// and whoever reads after a Put has returned never sees the bytes change.
func concurrentPutOneKey(t *testing.T, s tiers.Store) {
	const writers, size = 8, 100_000
	seen := make([][]byte, writers)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			<-start
			if err := s.Put(t.Context(), "packs/k", bytes.NewReader(pattern(size, uint64(i))), size); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
			seen[i] = make([]byte, size)
			if err := s.ReadAt(t.Context(), "packs/k", seen[i], 0); err != nil {
				t.Errorf("writer %d: read back: %v", i, err)
			}
		})
	}
	close(start)
	wg.Wait()
	winner := -1
	for i := range writers {
		if bytes.Equal(pattern(size, uint64(i)), seen[0]) {
			winner = i
		}
		if !bytes.Equal(seen[i], seen[0]) {
			t.Errorf("writers 0 and %d read different bytes", i)
		}
	}
	if winner < 0 {
		t.Error("the object holds what no writer wrote")
	}
	wantBytes(t, s, "packs/k", seen[0])
	if got := listed(t, s, ""); !slices.Equal(got, []string{"packs/k"}) {
		t.Errorf("got keys %q, want one", got)
	}
}

// concurrentMixed: goroutines with keys of their own put, read, list and delete;
// each finds its own keys as it left them.
func concurrentMixed(t *testing.T, s tiers.Store) {
	const workers, steps, seed = 6, 60, 1
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(w)))
			mine := map[string][]byte{}
			for step := range steps {
				key := fmt.Sprintf("packs/%02d/w%d", rng.IntN(5), w)
				data, have := mine[key]
				var err error
				switch op := rng.IntN(4); {
				case op == 0 && have:
					err = s.Delete(t.Context(), key)
					delete(mine, key)
				case op == 1:
					for info, listErr := range s.List(t.Context(), "packs/") {
						if err = listErr; err != nil {
							break
						}
						if want, have := mine[info.Key]; have && info.Size != int64(len(want)) {
							err = fmt.Errorf("list: %s has %d bytes, want %d", info.Key, info.Size, len(want))
						}
					}
				case have:
					got := make([]byte, len(data))
					err = s.ReadAt(t.Context(), key, got, 0)
					if err == nil && !bytes.Equal(got, data) {
						err = errors.New("other bytes")
					}
				default:
					if err = s.ReadAt(t.Context(), key, make([]byte, 1), 0); errors.Is(err, blob.ErrNotFound) {
						mine[key] = pattern(1+rng.IntN(20_000), rng.Uint64())
						err = s.Put(t.Context(), key, bytes.NewReader(mine[key]), int64(len(mine[key])))
					} else if err == nil {
						err = errors.New("found a deleted object")
					}
				}
				if err != nil {
					t.Errorf("seed %d, worker %d, step %d, %s: %v", seed, w, step, key, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
