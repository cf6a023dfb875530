package catalog

import (
	"fmt"

	"github.com/rdfs/rdfs/internal/blob"
)

// Copy is a pack in a tier.
type Copy struct {
	Tier     string // its name
	Verified Time   // when all of it was read and found right; 0: not since it was stored
}

// In returns the names of the tiers that hold the pack; none: it was stored before that
// was recorded.
func (p *Pack) In() []string {
	names := make([]string, len(p.Where))
	for i, c := range p.Where {
		names[i] = c.Tier
	}
	return names
}

// Move is what is still to be done about the places of a pack. It waits, from run to
// run, until the tiers that it needs are there.
type Move struct {
	Pack  blob.PackID
	Want  []string // the tiers in which the pack belongs, and in no other
	Why   string   // for people
	Asked Time
}

func keyMove(id blob.PackID) []byte { return append([]byte{byte(tableMove)}, id[:]...) }

// Move returns what is to be done about a pack.
func (t *Tx) Move(id blob.PackID) (m Move, err error) {
	row := t.kv.Get(keyMove(id))
	if row == nil {
		return m, ErrNotExist
	}
	m.Pack = id
	return m, m.decode(row)
}

// PutMove writes what is to be done about a pack, instead of what was before.
func (t *Tx) PutMove(m *Move) {
	w := make(writer, 0, 64)
	w.uint(uint64(len(m.Want)))
	for _, name := range m.Want {
		w.str(name)
	}
	w.str(m.Why)
	w.int(int64(m.Asked))
	t.store(keyMove(m.Pack), w)
}

// DeleteMove tells that nothing is to be done about a pack any more.
func (t *Tx) DeleteMove(id blob.PackID) {
	if key := keyMove(id); t.kv.Get(key) != nil {
		t.remove(key)
	}
}

// Moves yields the moves of all packs after the given one, oldest pack first.
func (t *Tx) Moves(after blob.PackID, yield func(*Move) bool) error {
	var err error
	t.kv.Ascend(append(keyMove(after), 0), nil, func(k, row []byte) bool {
		wantKey(k, 1+len(after), "key of a move")
		m := Move{Pack: blob.PackID(k[1:])}
		if err = m.decode(row); err != nil {
			return false
		}
		return yield(&m)
	})
	return err
}

func (m *Move) decode(b []byte) error {
	r := reader{b: b}
	for range r.upTo(uint64(len(r.b))) {
		m.Want = append(m.Want, r.str())
	}
	m.Why = r.str()
	m.Asked = Time(r.int())
	if err := r.done(); err != nil {
		return fmt.Errorf("catalog: move of pack %s: %w", m.Pack, err)
	}
	return nil
}
