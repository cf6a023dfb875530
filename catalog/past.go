package catalog

import "bytes"

// scanPast merges the live rows of [from, end) with the past rows of the same
// keys, as they were at t.at. Every key costs at most two seeks in the past,
// however many rows it has there (catalog-facts: layout L1).
func (t *Tx) scanPast(from, end []byte, yield func(key, payload []byte) bool) {
	live := t.liveCursor(from, end)
	past := t.pastCursor(from, end)
	for live.key != nil || past.key != nil {
		c := &past
		if past.key == nil || live.key != nil && bytes.Compare(live.key, past.key) <= 0 {
			c = &live
		}
		// A key that is live at t.at has no past row that is true at t.at.
		if !yield(c.key, c.payload) {
			return
		}
		c.next()
	}
}

// cursor steps through rows that are true at one epoch; key is nil at the end.
type cursor struct {
	key, payload []byte
	next         func()
}

// liveCursor steps through the current rows that were born by t.at. It reads them
// in batches, so that a scan that is stopped early has read little.
func (t *Tx) liveCursor(from, end []byte) cursor {
	const batch = 128
	type row struct{ k, p []byte }
	var (
		c    cursor
		rows []row
		more = true
	)
	c.next = func() {
		for len(rows) == 0 && more {
			n := 0
			more = false
			t.kv.Ascend(from, end, func(k, v []byte) bool {
				if n++; n > batch {
					from, more = append([]byte(nil), k...), true
					return false
				}
				if bornOf(v) <= t.at {
					rows = append(rows, row{append([]byte(nil), k...), append([]byte{}, payload(v)...)})
				}
				return true
			})
		}
		if len(rows) == 0 {
			c.key = nil
			return
		}
		c.key, c.payload, rows = rows[0].k, rows[0].p, rows[1:]
	}
	c.next()
	return c
}

// pastCursor steps through the keys that have a past row true at t.at.
func (t *Tx) pastCursor(from, end []byte) cursor {
	var c cursor
	pos := append([]byte{byte(tablePast)}, from...)
	var stop []byte
	if end != nil {
		stop = append([]byte{byte(tablePast)}, end...)
	} else {
		stop = []byte{byte(tablePast) + 1}
	}
	c.next = func() {
		for {
			// The next key that has any past row.
			var key []byte
			t.kv.Ascend(pos, stop, func(k, _ []byte) bool {
				if len(k) >= 10 {
					key = append([]byte(nil), k[1:len(k)-9]...)
				}
				return false
			})
			if key == nil {
				c.key = nil
				return
			}
			pos = pastPrefix(key, 0)
			pos[len(pos)-1] = 1 // after all rows of key: names hold no byte 0
			if p := t.getPast(key); p != nil {
				c.key, c.payload = key, append([]byte{}, p...)
				return
			}
		}
	}
	c.next()
	return c
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
