package catalog

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// ErrForgotten: what was asked for is older than what is kept.
var ErrForgotten = errors.New("is no longer kept")

// Horizon returns the epoch from which on every epoch can be read. Of those before
// it only the ones that a snapshot names can.
func (t *Tx) Horizon() Epoch { return t.c.horizon }

// RaiseHorizon makes e the horizon, if it is later than the one before. What the past
// holds of the epochs before e may be removed from then on (Forget).
func (t *Tx) RaiseHorizon(e Epoch) {
	if e <= t.c.horizon {
		return
	}
	if e >= t.c.epoch {
		t.refuse(fmt.Errorf("catalog: horizon %d: the open epoch is %d", e, t.c.epoch))
		return
	}
	t.c.horizon = e
	w := make(writer, 0, 10)
	w.uint(uint64(e))
	t.store(keyMeta("horizon"), w)
}

// Readable reports whether the state at the end of epoch e is kept as it was. At of
// any other epoch may show rows of several moments.
func (t *Tx) Readable(e Epoch) bool {
	if e >= t.c.horizon {
		return true
	}
	_, named := slices.BinarySearch(t.Named(), e)
	return named
}

// Named returns the epochs that snapshots name, rising, each once. The slice must
// not be modified.
func (t *Tx) Named() []Epoch {
	n := &t.c.named
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known {
		return n.epochs
	}
	all := []Epoch{}
	if err := t.Snapshots("", func(s *Snapshot) bool { all = append(all, s.Epoch); return true }); err != nil {
		damaged(err.Error())
	}
	slices.Sort(all)
	n.epochs, n.known = slices.Compact(all), true
	return n.epochs
}

// namedEpochs remembers what Named found, until a snapshot is written or removed.
type namedEpochs struct {
	mu     sync.Mutex
	known  bool
	epochs []Epoch // sorted; replaced, never changed
}

func (n *namedEpochs) forget() {
	n.mu.Lock()
	n.known = false
	n.mu.Unlock()
}
