package volume

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/pack"
)

// old reports whether a pack is older than the grace period.
func (g *collector) old(id blob.PackID) bool {
	return ulid.ULID(id).Time() <= uint64(max(0, g.start.Time().Add(-g.v.o.GC.Grace).UnixMilli()))
}

// sweepPacks removes the packs of which nothing is needed, and moves what is needed of
// those that are mostly garbage. A row goes first; the object goes when that is durable.
// What a crash leaves between the two is an orphan. Moving needs room, so that what
// gives room goes before: a full disk is not full for ever.
func (g *collector) sweepPacks() error {
	var dead, mixed []*packUse
	for k := range g.packs {
		switch p := &g.packs[k]; {
		case !g.old(p.id):
		case p.needed == 0:
			dead = append(dead, p)
		case p.dead() > 0 && p.dead()*100 >= int64(g.v.o.GC.Repack)*p.data:
			mixed = append(mixed, p)
		}
	}
	if err := g.sweepThese(dead, "removing packs"); err != nil {
		return err
	}
	return g.sweepThese(mixed, "repacking")
}

func (g *collector) sweepThese(packs []*packUse, phase string) error {
	m := &g.moving
	for k, p := range packs {
		g.progress(Progress{Phase: phase, Done: int64(k), Total: int64(len(packs)), Unit: "packs"})
		if g.dry {
			g.r.PacksGone++
			g.r.FreedBytes += p.size - p.needed
			if p.needed > 0 {
				g.r.Repacked++
			}
			continue
		}
		switch err := g.empty(p); {
		case err == nil:
			m.emptied = append(m.emptied, p)
		case errors.Is(err, blob.ErrCorrupt) || isNotFound(err):
			g.v.log.Error("a pack that should be moved cannot be read: run `rdfs check --data`", "pack", pack.Key(p.id), "err", err)
		default:
			return err
		}
		if m.w == nil && len(m.emptied) >= 64 {
			if err := g.flush(); err != nil {
				return err
			}
		}
		if err := g.pause(); err != nil {
			return err
		}
	}
	return g.flush()
}

// mover collects what is needed of several packs in a new one.
type mover struct {
	w       *pack.Writer // nil: nothing is collected
	moved   []movedChunk
	emptied []*packUse // all that is needed of them is in w, or in packs before it
	raw     []byte
}

type movedChunk struct {
	id       blob.ID
	from, to blob.Location
}

// empty moves all that is needed of a pack into the pack that is being filled.
func (g *collector) empty(p *packUse) error {
	key := pack.Key(p.id)
	d, err := pack.Load(g.ctx, g.v.store, g.v.ring, key, p.size)
	if err != nil {
		if p.needed == 0 && (errors.Is(err, blob.ErrCorrupt) || isNotFound(err)) {
			return nil // no chunk is in it that anybody could miss
		}
		return err
	}
	for _, e := range d.Entries {
		needed := false
		err := g.v.cat.View(func(tx *catalog.Tx) error {
			if e.Type == pack.ManifestEntry {
				needed = tx.HasContent(e.ID)
				return nil
			}
			l, err := tx.Chunk(e.ID)
			needed = err == nil && l == e.Location
			if errors.Is(err, catalog.ErrNotExist) {
				err = nil
			}
			return err
		})
		if err == nil && needed {
			err = g.move(key, &e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// move copies one record, verified.
func (g *collector) move(key string, e *pack.Entry) error {
	m := &g.moving
	buf := make([]byte, e.Stored)
	if err := g.v.store.ReadAt(g.ctx, key, buf, int64(e.Offset)); err != nil {
		return err
	}
	payload, err := pack.Open(g.v.ring, e, slices.Clone(buf))
	if err != nil {
		return fmt.Errorf("%s at %d: %w", key, e.Offset, err)
	}
	if e.Type == pack.ManifestEntry {
		_, err = pack.ParseManifest(g.v.ring, *e, buf)
	} else {
		m.raw, err = pack.Decode(g.v.ring, m.raw, e.Location, e.ID, buf)
	}
	if err != nil {
		return err
	}
	if m.w != nil && m.w.Records() > 0 && m.w.Len()+m.w.Cost(len(payload)) > pack.TargetSize {
		if err := g.flush(); err != nil {
			return err
		}
	}
	if m.w == nil {
		m.w = pack.NewWriter(g.v.newPackID(), g.v.ring)
	}
	if e.Type == pack.ManifestEntry {
		m.w.AddManifest(e.ID, e.Key, payload)
		return nil
	}
	to := m.w.Add(e.ID, e.Kind, e.Size, payload)
	m.moved = append(m.moved, movedChunk{e.ID, e.Location, to})
	return nil
}

// flush stores the pack that is being filled, lets the chunks be found in it, and
// removes the packs that were emptied.
func (g *collector) flush() error {
	m := &g.moving
	v := g.v
	if m.w != nil {
		id := m.w.ID()
		defer v.packing.drop(id)
		data := m.w.Finish()
		if err := v.store.Put(g.ctx, pack.Key(id), bytes.NewReader(data), int64(len(data))); err != nil {
			return fmt.Errorf("store pack %s: %w", id, err)
		}
		err := v.cat.Update(func(tx *catalog.Tx) error {
			v.newPack(tx, catalog.Pack{ID: id, Size: int64(len(data)), Chunks: m.w.Chunks(), Sum: m.w.Sum()})
			return nil
		})
		for rest := m.moved; err == nil && len(rest) > 0; {
			part := rest[:min(len(rest), forgetRemove)]
			rest = rest[len(part):]
			err = v.cat.Update(func(tx *catalog.Tx) error {
				for _, c := range part {
					if l, err := tx.Chunk(c.id); err == nil && l == c.from {
						tx.PutChunk(c.id, c.to)
					}
				}
				return nil
			})
		}
		if err != nil {
			return err
		}
		g.r.FreedBytes -= int64(len(data))
		m.w, m.moved = nil, m.moved[:0]
	}
	if len(m.emptied) == 0 {
		return nil
	}
	err := v.cat.Update(func(tx *catalog.Tx) error {
		for _, p := range m.emptied {
			if err := tx.DeletePack(p.id); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		// What was moved is durable before its old place goes.
		err = v.cat.Sync(context.WithoutCancel(g.ctx))
	}
	if err != nil {
		return err
	}
	g.publish()
	for _, p := range m.emptied {
		p.gone = true
		g.r.PacksGone++
		if p.needed > 0 {
			g.r.Repacked++
		}
		if g.hold != nil {
			continue
		}
		g.r.FreedBytes += p.size
		if err := v.store.Delete(g.ctx, pack.Key(p.id)); err != nil {
			return err // an orphan, which the next run finds
		}
	}
	m.emptied = m.emptied[:0]
	return nil
}

// publish brings copies of the catalog up to date, before objects go.
func (g *collector) publish() {
	if p := g.v.o.GC.Publish; p != nil && g.hold == nil {
		if g.hold = p(g.ctx); g.hold != nil {
			g.v.log.Warn("objects that nothing refers to stay in the tier until the copy of the catalog there is up to date", "err", g.hold)
		}
	}
}

// orphans removes packs from the tier that no row names and nobody is storing: what a
// crash has left. One that was written while the drive was not in use stays: it
// belongs to a later state of a catalog that was put back from a backup.
func (g *collector) orphans() error {
	if !g.dry {
		g.publish() // the rows of some may have gone lately
	}
	n := int64(0)
	var errs []error
	for _, t := range g.v.store.Tiers() { // what one does not tell, the others may
		errs = append(errs, g.orphansIn(t.Store, &n))
	}
	if g.r.Unexplained > 0 {
		g.v.log.Warn("the tier holds packs from a time when the drive was not in use; they are kept. Was the catalog put back from a backup?", "packs", g.r.Unexplained)
	}
	return errors.Join(errs...)
}

// orphansIn does so in one tier; n counts the objects of all.
func (g *collector) orphansIn(store tiers.Store, n *int64) error {
	for info, err := range store.List(g.ctx, pack.Prefix) {
		if err != nil {
			return err
		}
		*n++
		g.progress(Progress{Phase: "looking for orphans", Done: *n, Unit: "objects"})
		id, ok := pack.ParseKey(info.Key)
		// First who stores one, then the row: it is there before the other ends.
		if !ok || !g.old(id) || g.v.packing.has(id) {
			continue
		}
		known, explained := false, false
		err := g.v.cat.View(func(tx *catalog.Tx) error {
			_, err := tx.Pack(id)
			known = !errors.Is(err, catalog.ErrNotExist)
			explained = tx.Running(catalog.TimeOf(ulid.Time(ulid.ULID(id).Time() + 1))) // it is rounded down
			return nil
		})
		switch {
		case err != nil:
			return err
		case known:
			continue
		case !explained:
			g.r.Unexplained++
			continue
		case g.hold != nil:
			continue
		case !g.dry:
			if err := store.Delete(g.ctx, info.Key); err != nil {
				return err
			}
		}
		g.r.OrphansGone++
		g.r.FreedBytes += info.Size
	}
	return nil
}

// costs records what was found.
func (g *collector) costs() error {
	c := catalog.Costs{Time: g.start, Contents: int64(len(g.contents.ids)), Forgotten: g.r.PastForgotten}
	for k := range g.packs {
		p := &g.packs[k]
		c.Live += p.live
		c.History += p.needed - p.live
		if !p.gone {
			c.Dead += p.dead()
		}
	}
	g.r.LiveBytes, g.r.HistoryBytes, g.r.Reclaimable = c.Live, c.History, c.Dead
	return g.v.cat.Update(func(tx *catalog.Tx) error {
		c.Packs = int64(tx.Counters().PackBytes)
		if !g.dry {
			tx.PutCosts(&c)
		}
		return nil
	})
}
