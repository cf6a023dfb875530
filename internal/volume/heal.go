package volume

import (
	"context"
	"errors"
	"slices"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers/pack"
)

// PackCopies says what was found of the copies of one pack.
type PackCopies struct {
	Pack    blob.PackID
	Good    []string // tiers: all bytes were read and are right
	Bad     []string // tiers: missing, cut off, or other bytes
	Unknown []string // tiers that could not be asked
	Err     error    // what was wrong
	Bytes   int64    // read
}

// heal looks at all copies of a pack of which something could not be read, and repairs
// the bad ones from a good one. It reports whether there is a good one.
func (v *Volume) heal(ctx context.Context, id blob.PackID) bool {
	if len(v.o.Tiers) < 2 {
		return false
	}
	r, err := v.examine(ctx, id)
	if err != nil && ctx.Err() == nil {
		v.log.Error("a damaged pack could not be looked at", "pack", pack.Key(id), "err", err)
	}
	return len(r.Good) > 0
}

// examine reads all copies of a pack. A bad copy is taken off the books and asked for
// again, and made anew at once where that is possible: a good one is never touched.
func (v *Volume) examine(ctx context.Context, id blob.PackID) (PackCopies, error) {
	r, err := v.lookAt(ctx, id)
	if err != nil || len(r.Bad) == 0 {
		return r, err
	}
	key := pack.Key(id)
	if len(r.Good) == 0 {
		v.log.Error("a pack is damaged, and there is no good copy of it", "pack", key, "bad", r.Bad, "not asked", r.Unknown, "err", r.Err)
		return r, nil
	}
	v.log.Warn("a copy of a pack is damaged; it is made anew", "pack", key, "bad", r.Bad, "good", r.Good, "err", r.Err)
	if err := v.carryOne(ctx, id); err != nil {
		v.copies.wake()
		v.log.Warn("the copy could not be made anew yet", "pack", key, "err", err)
	}
	return r, ctx.Err()
}

// lookAt reads all copies of a pack and records what they are.
func (v *Volume) lookAt(ctx context.Context, id blob.PackID) (r PackCopies, err error) {
	defer v.copies.lock(id)()
	r.Pack = id
	var p catalog.Pack
	err = v.cat.View(func(tx *catalog.Tx) (err error) { p, err = tx.Pack(id); return err })
	if err != nil {
		if errors.Is(err, catalog.ErrNotExist) {
			err = nil // it was collected
		}
		return r, err
	}
	for _, t := range v.store.Tiers() {
		if len(p.Where) > 0 && !inTier(&p, t.Name) {
			continue
		}
		_, err := v.readCopy(ctx, t, &p)
		switch {
		case err == nil:
			r.Good = append(r.Good, t.Name)
			r.Bytes += p.Size
		case ctx.Err() != nil:
			return r, ctx.Err()
		case damaged(err):
			if len(p.Where) > 0 || !isNotFound(err) {
				r.Bad = append(r.Bad, t.Name)
			}
			r.Err = errors.Join(r.Err, err)
		default:
			r.Unknown = append(r.Unknown, t.Name)
			r.Err = errors.Join(r.Err, err)
		}
	}
	if len(r.Good) == 0 {
		return r, nil // nothing better is known than what the catalog says
	}
	now := v.timeNow()
	err = v.changePack(id, func(tx *catalog.Tx, row *catalog.Pack) error {
		want := row.In()
		dropCopies(row, r.Bad)
		for _, name := range r.Good {
			setCopy(row, catalog.Copy{Tier: name, Verified: now})
		}
		if len(r.Bad) == 0 {
			return nil
		}
		if m, err := tx.Move(id); err == nil {
			want = m.Want
		} else if len(want) == 0 {
			want = slices.Concat(r.Good, r.Bad)
		}
		tx.PutMove(&catalog.Move{Pack: id, Want: want, Why: "a copy was damaged", Asked: now})
		return nil
	})
	if errors.Is(err, errGone) {
		return r, nil
	}
	if err == nil && len(r.Bad) > 0 {
		err = v.cat.Sync(ctx)
	}
	return r, err
}
