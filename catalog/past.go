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
	rows []row       // that were read last; they share mem
	at   int         // how many of them were passed
	mem  []byte      // keys and payloads
	fill func() bool // reads the next batch, which may be empty; false: there is no more
}

type row struct{ key, payload []byte }

// head returns the current row, nil at the end.
func (r *rowReader) head() *row {
	for r.at == len(r.rows) {
		if r.fill == nil {
			return nil
		}
		r.rows, r.at, r.mem = r.rows[:0], 0, r.mem[:0]
		if !r.fill() {
			r.fill = nil
		}
	}
	return &r.rows[r.at]
}

func (r *rowReader) step() { r.at++ }

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
