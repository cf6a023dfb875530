package catalog

import "bytes"

// scanPast merges the live rows of [from, end) with the past rows of the same
// keys, as they were at t.at. A key costs at most two searches in the past,
// however many rows it has there.
func (t *Tx) scanPast(from, end []byte, yield func(key, payload []byte) bool) {
	live, past := t.liveRows(from, end), t.pastRows(from, end)
	for {
		l, p := live.head(), past.head()
		// A key that is live at t.at has no past row that is true at t.at.
		switch {
		case l == nil && p == nil:
			return
		case p == nil || l != nil && bytes.Compare(l.key, p.key) < 0:
			live.step()
		default:
			l = p
			past.step()
		}
		if !yield(l.key, l.payload) {
			return
		}
	}
}

// batch is how many keys a rowReader reads ahead: a scan that is stopped early has
// read little, and the function it yields to may write.
const batch = 128

// steps is how many rows of one key are passed over before the next is searched for.
const steps = 8

// rowReader reads rows that are true at one epoch, a batch at a time.
type rowReader struct {
	rows []row       // read and not yet passed; they share mem
	mem  []byte      // keys and payloads
	fill func() bool // reads the next batch, which may be empty; false: there is no more
}

type row struct{ key, payload []byte }

// head returns the current row, nil at the end.
func (r *rowReader) head() *row {
	for len(r.rows) == 0 {
		if r.fill == nil {
			return nil
		}
		r.rows, r.mem = r.rows[:0], r.mem[:0]
		if !r.fill() {
			r.fill = nil
		}
	}
	return &r.rows[0]
}

func (r *rowReader) step() { r.rows = r.rows[1:] }

func (r *rowReader) add(key, payload []byte) {
	n := len(r.mem)
	r.mem = append(append(r.mem, key...), payload...)
	r.rows = append(r.rows, row{r.mem[n : n+len(key)], r.mem[n+len(key):]})
}

// liveRows reads the current rows that were born by t.at.
func (t *Tx) liveRows(from, end []byte) *rowReader {
	var r rowReader
	r.fill = func() (more bool) {
		n := 0
		t.kv.Ascend(from, end, func(k, v []byte) bool {
			if n++; n > batch {
				from, more = bytes.Clone(k), true
				return false
			}
			if born, p := split(v); born <= t.at {
				r.add(k, p)
			}
			return true
		})
		return more
	}
	return &r
}

// pastRows reads the past rows that were true at t.at, of the keys in [from, end).
func (t *Tx) pastRows(from, end []byte) *rowReader {
	var (
		r    rowReader
		pos  = append([]byte{byte(tablePast)}, from...)
		stop = []byte{byte(tablePast) + 1}
		cur  []byte // the key whose rows are being read
	)
	if end != nil {
		stop = append([]byte{byte(tablePast)}, end...)
	}
	r.fill = func() (more bool) {
		keys, passed, found := 0, 0, false
		t.kv.Ascend(pos, stop, func(k, v []byte) bool {
			key, died := splitPast(k)
			if !bytes.Equal(key, cur) {
				if keys == batch {
					pos, more = append(pos[:0], k...), true
					return false
				}
				cur = append(cur[:0], key...)
				keys, passed, found = keys+1, 0, false
			}
			switch {
			case !found && died > t.at:
				// The first that died later than t.at, the only one that may count.
				found = true
				// from may lie behind its key and before its rows.
				if born, p := split(v); born <= t.at && bytes.Compare(key, from) >= 0 {
					r.add(key, p)
				}
			case passed < steps:
				passed++
			case found:
				pos, more = pastEnd(pos[:0], key), true
				return false
			default:
				pos, more = appendPast(pos[:0], key, t.at+1), true
				return false
			}
			return true
		})
		return more
	}
	return &r
}

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
