package volume

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/pack"
)

// copies is what the volume knows, beside the catalog, of the copies of its packs.
type copies struct {
	pass chan struct{} // holds a token while moves are carried out
	kick chan struct{} // wakes RunCopies

	// locks, each for some packs: who changes in which tiers a pack is holds one, also
	// while it waits for the tiers. It is taken before all other locks.
	locks [64]sync.Mutex

	mu       sync.Mutex
	suspects map[blob.PackID]struct{} // of which a tier could not give what it should have
}

func (c *copies) init() {
	c.pass, c.kick = make(chan struct{}, 1), make(chan struct{}, 1)
	c.suspects = make(map[blob.PackID]struct{})
}

// lock locks a pack and returns its unlock.
func (c *copies) lock(id blob.PackID) func() {
	m := &c.locks[int(id[len(id)-1])%len(c.locks)]
	m.Lock()
	return m.Unlock
}

// wake lets RunCopies look for work.
func (c *copies) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// whereIs tells the tiers which of them hold an object.
func (v *Volume) whereIs(key string) (names []string) {
	id, ok := pack.ParseKey(key)
	if !ok {
		return nil
	}
	v.cat.View(func(tx *catalog.Tx) error {
		if p, err := tx.Pack(id); err == nil {
			names = p.In()
		}
		return nil
	})
	return names
}

// packStored notes which tier has taken a pack.
func (v *Volume) packStored(key, tier string) {
	if id, ok := pack.ParseKey(key); ok {
		v.packing.stored(id, tier)
	}
}

// suspectPack notes that a tier could not give what it should have.
func (v *Volume) suspectPack(key, _ string) {
	id, ok := pack.ParseKey(key)
	if !ok {
		return
	}
	v.copies.mu.Lock()
	v.copies.suspects[id] = struct{}{}
	v.copies.mu.Unlock()
	v.copies.wake()
}

// takeSuspects returns the packs that are suspect, and forgets them.
func (c *copies) takeSuspects() (ids []blob.PackID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id := range c.suspects {
		ids = append(ids, id)
	}
	clear(c.suspects)
	return ids
}

// newPack records a pack that was stored just now, and what copies it still needs.
func (v *Volume) newPack(tx *catalog.Tx, p catalog.Pack) {
	p.State = catalog.PackStored
	if tier := v.packing.tier(p.ID); tier != "" {
		p.Where = []catalog.Copy{{Tier: tier}}
	}
	tx.PutPack(&p)
	v.askFor(tx, &p, v.usualPlaces(), v.usualWhy())
}

// usualPlaces returns in which tiers a pack belongs of which no rule says anything.
func (v *Volume) usualPlaces() []string {
	return tiers.Choose(v.o.Tiers, nil, max(v.o.Copies, 1))
}

func (v *Volume) usualWhy() string {
	if v.o.Copies > 1 {
		return fmt.Sprintf("%d copies", v.o.Copies)
	}
	return "the first tier takes what is new"
}

// askFor writes that a pack belongs in the tiers want, or that it is where it belongs.
func (v *Volume) askFor(tx *catalog.Tx, p *catalog.Pack, want []string, why string) {
	if len(p.Where) == 0 && len(v.o.Tiers) == 1 || len(want) == 0 {
		return // it can only be there
	}
	if missing, extra := v.compare(p, want); len(missing)+len(extra) == 0 {
		tx.DeleteMove(p.ID)
		return
	}
	if m, err := tx.Move(p.ID); err == nil && slices.Equal(m.Want, want) {
		return
	}
	tx.PutMove(&catalog.Move{Pack: p.ID, Want: want, Why: why, Asked: v.timeNow()})
}

// compare says in which of the tiers want a pack is missing, and in which others it is.
// Copies in tiers that are no longer configured do not count.
func (v *Volume) compare(p *catalog.Pack, want []string) (missing, extra []string) {
	in := p.In()
	for _, name := range want {
		if !slices.Contains(in, name) {
			missing = append(missing, name)
		}
	}
	for _, name := range in {
		if _, ok := v.store.Tier(name); ok && !slices.Contains(want, name) {
			extra = append(extra, name)
		}
	}
	return missing, extra
}

// errGone: the pack was collected as garbage meanwhile.
var errGone = errors.New("the pack is gone")

// changePack changes the row of a pack.
func (v *Volume) changePack(id blob.PackID, change func(tx *catalog.Tx, p *catalog.Pack) error) error {
	return v.cat.Update(func(tx *catalog.Tx) error {
		p, err := tx.Pack(id)
		if errors.Is(err, catalog.ErrNotExist) {
			return errGone
		}
		if err == nil {
			err = change(tx, &p)
		}
		if err != nil {
			return err
		}
		tx.PutPack(&p)
		return nil
	})
}

// setCopy adds a copy to the row of a pack, or changes it.
func setCopy(p *catalog.Pack, c catalog.Copy) {
	i := slices.IndexFunc(p.Where, func(o catalog.Copy) bool { return o.Tier == c.Tier })
	if i < 0 {
		p.Where = append(p.Where, c)
		return
	}
	p.Where[i] = c
}

// dropCopies takes copies off the row of a pack.
func dropCopies(p *catalog.Pack, tiers []string) {
	p.Where = slices.DeleteFunc(p.Where, func(c catalog.Copy) bool { return slices.Contains(tiers, c.Tier) })
}
