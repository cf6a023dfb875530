package volume

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/pack"
)

// RunCopies keeps the packs where they belong, until ctx ends: it makes the copies that
// are asked for, repairs what reads have found damaged, and compares each tier once with
// what the catalog says. A tier that is away is tried again and again.
func (v *Volume) RunCopies(ctx context.Context) {
	if len(v.o.Tiers) < 2 {
		return
	}
	if err := v.askAll(ctx); err != nil && ctx.Err() == nil {
		v.log.Error("which packs need copies is not known", "err", err)
	}
	unseen := v.store.Tiers()
	var last string
	for pause := minRetry; ; {
		unseen = slices.DeleteFunc(slices.Clone(unseen), func(t tiers.Tier) bool {
			return v.takeStock(ctx, t) == nil
		})
		for _, id := range v.copies.takeSuspects() {
			v.heal(ctx, id)
		}
		left, err := v.carry(ctx, nil)
		if ctx.Err() != nil {
			return
		}
		if err != nil && err.Error() != last {
			v.log.Warn("copies wait", "packs", left, "err", err)
			last = err.Error()
		}
		var again <-chan time.Time
		if err != nil || len(unseen) > 0 {
			t := time.NewTimer(pause)
			again = t.C
			pause = min(2*pause, maxRetry)
		} else {
			if last != "" {
				v.log.Info("all copies are made")
			}
			pause, last = minRetry, ""
		}
		select {
		case <-v.copies.kick:
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

// The pauses between two tries to make the copies that wait.
const (
	minRetry = 2 * time.Second
	maxRetry = time.Minute
)

// askAll asks for the copies that packs need by the configuration of today.
func (v *Volume) askAll(ctx context.Context) error {
	want, why := v.usualPlaces(), v.usualWhy()
	var errs []error
	err := v.eachPack(ctx, func(p *catalog.Pack) {
		missing, extra := v.compare(p, want)
		if len(p.Where) == 0 || len(missing)+len(extra) == 0 {
			return // of one whose place is not known it is found out first
		}
		errs = append(errs, v.cat.Update(func(tx *catalog.Tx) error {
			if p, err := tx.Pack(p.ID); err == nil {
				v.askFor(tx, &p, want, why)
			}
			return nil
		}))
	})
	return errors.Join(append(errs, err)...)
}

// takeStock compares what a tier holds with what the catalog says. A pack that is there
// and is not known to be is written down; one that should be there and is not is looked
// at.
func (v *Volume) takeStock(ctx context.Context, t tiers.Tier) error {
	rows := make(map[blob.PackID]int64) // size of those the tier should have, before it is asked
	err := v.eachPack(ctx, func(p *catalog.Pack) {
		if inTier(p, t.Name) {
			rows[p.ID] = p.Size
		}
	})
	there := make(map[blob.PackID]int64)
	for info, listErr := range t.Store.List(ctx, pack.Prefix) {
		if listErr != nil {
			err = errors.Join(err, listErr)
			break
		}
		if id, ok := pack.ParseKey(info.Key); ok {
			there[id] = info.Size
		}
	}
	v.store.Note(t.Name, err)
	if err != nil {
		return err
	}
	for id, size := range rows {
		if there[id] != size {
			v.suspectPack(pack.Key(id), t.Name)
		}
	}
	return v.eachPack(ctx, func(p *catalog.Pack) {
		if size, ok := there[p.ID]; !ok || size != p.Size || inTier(p, t.Name) {
			return
		}
		v.adopt(p.ID, t.Name)
	})
}

// adopt writes down that a pack was found in a tier where it is not known to be: before
// there were several tiers that was not recorded, a tier may have got another name, or
// a copy could not be deleted when it should.
func (v *Volume) adopt(id blob.PackID, tier string) {
	defer v.copies.lock(id)()
	err := v.changePack(id, func(tx *catalog.Tx, p *catalog.Pack) error {
		m, err := tx.Move(id)
		if err == nil && slices.Contains(m.Want, tier) {
			return nil // it will be looked at there
		}
		setCopy(p, catalog.Copy{Tier: tier})
		if err != nil {
			v.askFor(tx, p, v.usualPlaces(), v.usualWhy())
		}
		return nil
	})
	if err != nil && !errors.Is(err, errGone) {
		v.log.Warn("a copy that was found could not be recorded", "pack", pack.Key(id), "tier", tier, "err", err)
	}
}

// eachPack calls fn, outside of a transaction, for each pack that is not being stored.
func (v *Volume) eachPack(ctx context.Context, fn func(*catalog.Pack)) error {
	for after := (blob.PackID{}); ; {
		var list []catalog.Pack
		err := v.cat.View(func(tx *catalog.Tx) error {
			return tx.Packs(after, func(p *catalog.Pack) bool {
				list = append(list, *p)
				return len(list) < page
			})
		})
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		for i := range list {
			after = list[i].ID
			if !v.packing.has(after) {
				fn(&list[i])
			}
		}
		if len(list) < page {
			return nil
		}
	}
}
