package catalog

import (
	"sort"
	"time"
)

// EpochAt returns the newest epoch that was closed at the moment at or before; 0 when
// that is before the first. If the horizon has passed the moment, and no snapshot was
// taken then, the result is some epoch before the horizon that is not Readable.
func (t *Tx) EpochAt(at Time) Epoch {
	lo, _ := t.lastBy(at)
	if _, err := t.EpochTime(lo + 1); err != nil && lo+1 < t.c.horizon {
		if when, err := t.EpochTime(lo); err != nil || when != at {
			return lo + 1 // one without a row, so no snapshot's
		}
	}
	return lo
}

// lastBy returns the last epoch with a row that was closed at a moment or before, and
// when; 0 when there is none. From the horizon on rows have no gaps; before it few are
// left, and the search goes by the rows there are.
func (t *Tx) lastBy(at Time) (lo Epoch, closed Time) {
	for hi := t.c.epoch - 1; lo < hi; {
		mid := lo + (hi-lo+1)/2
		if e, when := t.epochFrom(mid); e != 0 && when <= at {
			lo, closed = e, when
		} else {
			hi = mid - 1
		}
	}
	return lo, closed
}

// epochFrom returns the first epoch from e on that has a row, and its time; 0 when
// there is none.
func (t *Tx) epochFrom(e Epoch) (first Epoch, when Time) {
	t.kv.Ascend(key1(tableEpoch, uint64(e)), key1(tableEpoch+1, 0), func(k, v []byte) bool {
		wantKey(k, 9, "key of an epoch")
		if len(v) != 8 {
			damaged("row of an epoch")
		}
		first, when = Epoch(be.Uint64(k[1:])), Time(be.Uint64(v))
		return false
	})
	return first, when
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

// epochGap is the time between two commits from which on the drive may not have been
// in use between them. The rows of the two epochs are not forgotten.
const epochGap = Time(time.Hour)

// Running reports whether the drive may have been in use at a moment: a commit was made
// within the hour before it.
func (t *Tx) Running(at Time) bool {
	last, when := t.lastBy(at)
	if next, _ := t.epochFrom(last + 1); next > last+1 {
		return true // epochs without a gap between them were forgotten
	}
	return last > 0 && at-when <= epochGap
}

// besideGap reports whether epoch e, which has a row, was the last before a time in
// which the drive may not have been in use, or the first after it.
func (t *Tx) besideGap(e Epoch) bool {
	when, _ := t.EpochTime(e)
	if before, err := t.EpochTime(e - 1); err == nil && when-before > epochGap {
		return true
	}
	after, err := t.EpochTime(e + 1)
	return err == nil && after-when > epochGap
}
