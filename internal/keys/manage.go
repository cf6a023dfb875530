package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rdfs/rdfs/internal/crypt"
)

// SlotInfo describes a slot.
type SlotInfo struct {
	ID      string    `json:"id"`
	Kind    Kind      `json:"kind"`
	Created time.Time `json:"created"`
}

// DataInfo describes a data key.
type DataInfo struct {
	Number  crypt.Number `json:"number"`
	Label   string       `json:"directory,omitempty"` // name that it had when the key was made; "": the repository itself
	Created time.Time    `json:"created"`
	Current bool         `json:"current"` // it seals what is saved now; others open what was saved before
}

// ErrLastSlot: nothing would open the repository any more.
var ErrLastSlot = errors.New("it is the last key slot: add another one first")

// Slots returns the slots, oldest first.
func (k *Keys) Slots() []SlotInfo {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := []SlotInfo{}
	for id, x := range k.slots {
		list = append(list, SlotInfo{id, x.Kind, x.Created})
	}
	slices.SortFunc(list, func(a, b SlotInfo) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list
}

// DataKeys returns the data keys by number.
func (k *Keys) DataKeys() []DataInfo {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := []DataInfo{}
	for n, d := range k.data {
		current := d.Since == k.gen
		if d.Scope == 0 {
			current = n == k.ring.Own()
		}
		list = append(list, DataInfo{n, d.Label, d.Created, current})
	}
	slices.SortFunc(list, func(a, b DataInfo) int { return int(a.Number) - int(b.Number) })
	return list
}

// AddSlot makes a slot for a further secret, in the repository and in the tier.
func (k *Keys) AddSlot(ctx context.Context, s Secret) (SlotInfo, error) {
	if err := s.Check(); err != nil {
		return SlotInfo{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.ready(ctx); err != nil {
		return SlotInfo{}, err
	}
	n, text, err := k.newSlot(s)
	if err != nil {
		return SlotInfo{}, err
	}
	err = k.o.putLocal(n, text)
	if err == nil {
		err = k.keep(ctx, n, copies{local: text})
	}
	if err != nil {
		return SlotInfo{}, fmt.Errorf("add a key slot: %w", err)
	}
	x, _, err := k.openSlot(n, text, s)
	if err != nil {
		return SlotInfo{}, err
	}
	k.slots[n.id] = x
	return SlotInfo{n.id, x.Kind, x.Created}, nil
}

// RemoveSlot removes a slot from the tier and from the repository.
func (k *Keys) RemoveSlot(ctx context.Context, id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.slots[id]; !ok {
		return fmt.Errorf("no key slot %q: `rdfs key list` has them", id)
	}
	if len(k.slots) == 1 {
		return fmt.Errorf("key slot %s: %w", id, ErrLastSlot)
	}
	if err := k.ready(ctx); err != nil {
		return err
	}
	n := name{k.gen, "slot", id}
	// The tier first: what is there after a crash would come back.
	if err := errors.Join(k.tier.Delete(ctx, n.String()), k.o.removeLocal(n)); err != nil {
		return fmt.Errorf("remove key slot %s: %w", id, err)
	}
	delete(k.slots, id)
	delete(k.all, n)
	return nil
}

// Rotate makes a new master key, which only the given secrets open, and new data keys for
// all that is saved from now on. What was saved before stays under its old data keys.
func (k *Keys) Rotate(ctx context.Context, secrets ...Secret) error {
	if len(secrets) == 0 {
		return ErrLastSlot
	}
	for _, s := range secrets {
		if err := s.Check(); err != nil {
			return err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.ready(ctx); err != nil {
		return err
	}
	next := &Keys{o: k.o, tier: k.tier, ring: k.ring, gen: k.gen + 1, master: random(crypt.SecretSize),
		slots: make(map[string]slot), data: make(map[crypt.Number]dataKey), all: make(map[name]copies)}
	last := crypt.Number(0)
	for n, d := range k.data {
		next.data[n] = d
		last = max(last, n)
	}
	next.data[last+1] = dataKey{Since: next.gen, Created: k.o.Now().UTC().Truncate(time.Second), Secret: random(crypt.SecretSize)}
	for number, d := range next.data {
		n := dataName(next.gen, number)
		text := next.sealData(n, d)
		if err := k.o.putLocal(n, text); err != nil {
			return fmt.Errorf("rotate the keys: %w", err)
		}
		next.all[n] = copies{local: text}
	}
	for _, s := range secrets {
		n, text, err := next.newSlot(s)
		if err == nil {
			err = k.o.putLocal(n, text)
		}
		if err != nil {
			return fmt.Errorf("rotate the keys: %w", err)
		}
		next.all[n] = copies{local: text}
		x, _, err := next.openSlot(n, text, s)
		if err != nil {
			return err
		}
		next.slots[n.id] = x
	}
	// From here on the new generation counts. The old one goes when the new one is in the tier.
	for n, c := range k.all {
		if n.gen <= k.gen {
			next.all[n] = c
		}
	}
	k.gen, k.master, k.slots, k.data, k.all, k.synced = next.gen, next.master, next.slots, next.data, next.all, false
	k.ring.Add(next.data[last+1].key(last + 1))
	if err := k.sync(ctx); err != nil {
		return fmt.Errorf("rotate the keys: the new ones hold; the tier gets them with the next mount: %w", err)
	}
	return nil
}
