package catalog

import (
	"sort"
	"time"
)

// EpochAt returns the newest epoch that was closed at t or before; 0 when t is
// before the first. Epochs are numbered without gaps and their times rise, so a
// binary search finds it.
func (t *Tx) EpochAt(at Time) Epoch {
	lo, hi := Epoch(0), t.c.epoch-1 // lo is known to be at or before, hi is a candidate
	for lo < hi {
		mid := lo + (hi-lo+1)/2
		if when, err := t.EpochTime(mid); err == nil && when <= at {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return lo
}

// EpochTime returns when epoch e was closed.
func (t *Tx) EpochTime(e Epoch) (Time, error) {
	v := t.kv.Get(key1(tableEpoch, uint64(e)))
	if len(v) != 8 {
		return 0, ErrNotExist
	}
	return Time(be.Uint64(v)), nil
}

// Since returns an epoch that was closed shortly before at, so that all that
// happened at at or later belongs to it or to a later one. It looks in memory
// only; at must lie within the last minute or so.
func (t *Tx) Since(at Time) Epoch { return t.c.recent.before(at) }

// recentEpochs remembers when the epochs of the last minutes were closed, oldest
// first, at most one each 50 ms. It is guarded by the store's write lock.
type recentEpochs struct {
	epochs []Epoch
	times  []Time
}

const (
	maxRecent  = 4096 // at least 100 s
	recentStep = Time(50 * time.Millisecond)
	recentSpan = Time(2 * time.Minute)
)

func (r *recentEpochs) add(e Epoch, t Time) {
	n := len(r.epochs)
	if n > 0 && t < r.times[n-1]+recentStep {
		return
	}
	if n >= maxRecent {
		r.epochs = append(r.epochs[:0], r.epochs[n/2:]...)
		r.times = append(r.times[:0], r.times[n/2:]...)
	}
	r.epochs = append(r.epochs, e)
	r.times = append(r.times, t)
}

// before returns the last remembered epoch that was closed before t, or the first.
func (r *recentEpochs) before(t Time) Epoch {
	if len(r.epochs) == 0 {
		return 0
	}
	i := sort.Search(len(r.times), func(i int) bool { return r.times[i] >= t })
	return r.epochs[max(i-1, 0)]
}
