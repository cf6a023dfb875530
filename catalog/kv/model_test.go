package kv

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestRandomHistoryEqualsASortedMap runs random Updates, Views, Syncs and
// reopens, and compares every answer with a map.
func TestRandomHistoryEqualsASortedMap(t *testing.T) {
	eachEngine(t, func(t *testing.T, open func() Engine) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		m := &model{t: t, rng: rand.New(rand.NewPCG(seed, 0)), open: open, want: map[string]string{}}
		m.reopen()
		for range 1500 {
			m.step()
		}
		mustClose(t, m.db)
		m.reopen()
		m.view()
		checkClean(t, m.db.engine)
	})
}

type model struct {
	t    *testing.T
	rng  *rand.Rand
	open func() Engine
	db   *DB
	want map[string]string
}

func (m *model) reopen() {
	m.db = mustOpen(m.t, m.open(), Options{Interval: time.Duration(1+m.rng.IntN(20)) * time.Millisecond, MaxRows: 50 + m.rng.IntN(2000)})
}

func (m *model) step() {
	switch p := m.rng.IntN(100); {
	case p < 60:
		m.update()
	case p < 85:
		m.view()
	case p < 98:
		mustSync(m.t, m.db)
	default:
		mustClose(m.t, m.db)
		m.reopen()
	}
}

func (m *model) update() {
	next := maps.Clone(m.want)
	fail := m.rng.IntN(8) == 0
	err := m.db.Update(func(tx *Tx) error {
		n := 1 + m.rng.IntN(8)
		if m.rng.IntN(20) == 0 {
			n = m.rng.IntN(400)
		}
		for i := range n {
			k := m.key()
			switch p := m.rng.IntN(10); {
			case p < 6:
				v := fmt.Sprintf("%x", m.rng.Uint64())[:m.rng.IntN(8)]
				if m.rng.IntN(50) == 0 {
					v = string(make([]byte, m.rng.IntN(20_000)))
				}
				tx.Put([]byte(k), []byte(v))
				next[k] = v
			case p < 9:
				tx.Delete([]byte(k))
				delete(next, k)
			default: // a whole directory
				from, to := m.span()
				var gone []string
				tx.Ascend([]byte(from), []byte(to), func(k, v []byte) bool { gone = append(gone, string(k)); return true })
				for _, k := range gone {
					tx.Delete([]byte(k))
					delete(next, k)
				}
			}
			if i%50 == 0 {
				m.compare(tx, next)
			}
		}
		if fail {
			return context.Canceled
		}
		return nil
	})
	if fail != (err != nil) {
		m.t.Fatalf("Update: %v", err)
	}
	if !fail {
		m.want = next
	}
}

func (m *model) view() {
	if err := m.db.View(func(tx *Tx) error { m.compare(tx, m.want); return nil }); err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) compare(tx *Tx, want map[string]string) {
	from, to := m.span()
	if m.rng.IntN(10) == 0 {
		from, to = from[:1], ""
	}
	var exp, got []string
	for k, v := range want {
		if k >= from && (to == "" && k[0] == from[0] || k < to) {
			exp = append(exp, k+"="+v)
		}
	}
	slices.Sort(exp)
	var bound []byte
	if to != "" {
		bound = []byte(to)
	}
	tx.Ascend([]byte(from), bound, func(k, v []byte) bool { got = append(got, string(k)+"="+string(v)); return true })
	if !slices.Equal(got, exp) {
		m.t.Fatalf("Ascend(%x, %x): %d rows, want %d", from, to, len(got), len(exp))
	}
	for range 5 {
		k := m.key()
		v, ok := want[k]
		if got := tx.Get([]byte(k)); string(got) != v || (got != nil) != ok {
			m.t.Fatalf("Get(%x) = %q, want %q, present %v", k, got, v, ok)
		}
	}
}

// key returns one of some ten thousand keys, spread unevenly.
func (m *model) key() string {
	table := testTables[m.rng.IntN(len(testTables))].ID
	return string(key(table, fmt.Sprintf("%02d/%03d", m.rng.IntN(1+m.rng.IntN(20)), m.rng.IntN(500))))
}

func (m *model) span() (from, to string) {
	from, to = m.key(), m.key()
	to = from[:1] + to[1:]
	if m.rng.IntN(4) > 0 {
		to = from[:4] + "999" // one directory
	}
	return from, to
}
