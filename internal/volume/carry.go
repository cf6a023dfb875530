package volume

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/pack"
)

// How a pack is moved: it is copied to where it belongs, whole and verified; when the
// catalog durably says that it is there, the catalog says that it is not where it
// does not belong; when that is durable, it is deleted there. What a crash leaves in
// between is a copy too many, never one too few. The move itself stays in the catalog
// until all of that is done.

// carriers is how many packs are moved at the same time.
const carriers = 4

// carry carries out the moves that wait, once each, and returns how many are left and
// why. Moves that need a tier which is known to be away are left.
func (v *Volume) carry(ctx context.Context, progress func(Progress)) (left int64, err error) {
	if progress == nil {
		progress = func(Progress) {}
	}
	select {
	case v.copies.pass <- struct{}{}:
		defer func() { <-v.copies.pass }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	var (
		mu   sync.Mutex
		errs = make(map[string]error) // one of each text
		done int64
		jobs = make(chan blob.PackID)
		wg   sync.WaitGroup
	)
	for range carriers {
		wg.Go(func() {
			for id := range jobs {
				err := v.carryOne(ctx, id)
				mu.Lock()
				if err != nil {
					left++
					if len(errs) < 4 {
						errs[err.Error()] = err
					}
				}
				done++
				progress(Progress{Phase: "making copies", Done: done, Unit: "packs"})
				mu.Unlock()
			}
		})
	}
	err = v.eachMove(func(m *catalog.Move) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		jobs <- m.Pack
		return nil
	})
	close(jobs)
	wg.Wait()
	for _, e := range errs {
		err = errors.Join(err, e)
	}
	return left, err
}

// eachMove calls fn, outside of a transaction, for each move that waits.
func (v *Volume) eachMove(fn func(*catalog.Move) error) error {
	for after := (blob.PackID{}); ; {
		var list []catalog.Move
		err := v.cat.View(func(tx *catalog.Tx) error {
			return tx.Moves(after, func(m *catalog.Move) bool {
				list = append(list, *m)
				return len(list) < page
			})
		})
		for i := range list {
			after = list[i].Pack
			if err == nil {
				err = fn(&list[i])
			}
		}
		if err != nil || len(list) < page {
			return err
		}
	}
}

// carryOne carries out the move of one pack.
func (v *Volume) carryOne(ctx context.Context, id blob.PackID) error {
	defer v.copies.lock(id)()
	var p catalog.Pack
	var m catalog.Move
	err := v.cat.View(func(tx *catalog.Tx) (err error) {
		if m, err = tx.Move(id); err == nil {
			p, err = tx.Pack(id)
		}
		return err
	})
	if errors.Is(err, catalog.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range m.Want {
		if _, ok := v.store.Tier(name); !ok { // it was taken out of the configuration
			m.Want = v.usualPlaces()
			break
		}
	}
	missing, extra := v.compare(&p, m.Want)
	var errs []error
	for _, name := range missing {
		// A copy that another one goes for is read back before that.
		if err := v.copyTo(ctx, &p, name, len(extra) > 0); err != nil {
			errs = append(errs, fmt.Errorf("tier %s: %w", name, err))
		}
	}
	err = errors.Join(errs...)
	if err == nil && len(extra) > 0 {
		err = v.removeFrom(ctx, &p, m.Want, extra)
	}
	switch {
	case errors.Is(err, errGone):
		return nil
	case err != nil:
		return err
	}
	return v.cat.Update(func(tx *catalog.Tx) error {
		p, err := tx.Pack(id)
		if errors.Is(err, catalog.ErrNotExist) {
			return nil
		}
		if now, err := tx.Move(id); err == nil { // it may have been asked for another place meanwhile
			v.askFor(tx, &p, now.Want, now.Why)
		}
		return err
	})
}

// copyTo makes a copy of a pack in a tier, and lets the catalog know when it is
// durable. The pack is locked.
func (v *Volume) copyTo(ctx context.Context, p *catalog.Pack, name string, readBack bool) error {
	to, _ := v.store.Tier(name)
	if v.store.Down(name) {
		return fmt.Errorf("%w", v.whyDown(name))
	}
	data, err := v.wholePack(ctx, p, name)
	if err != nil {
		return err
	}
	verified, err := v.putCopy(ctx, to, p, data, readBack)
	v.store.Note(name, err)
	if err != nil {
		return err
	}
	err = v.changePack(p.ID, func(_ *catalog.Tx, row *catalog.Pack) error {
		c := catalog.Copy{Tier: name}
		if verified {
			c.Verified = v.timeNow()
		}
		setCopy(row, c)
		*p = *row
		return nil
	})
	if errors.Is(err, errGone) {
		return errors.Join(err, to.Store.Delete(ctx, pack.Key(p.ID)))
	}
	if err != nil {
		return err
	}
	return v.cat.Sync(ctx)
}

// whyDown returns why a tier is away.
func (v *Volume) whyDown(name string) error {
	for _, h := range v.store.Health() {
		if h.Name == name && h.Err != nil {
			return h.Err
		}
	}
	return blob.ErrOffline
}

// putCopy stores the bytes of a pack in a tier. What is there already, and with readBack
// all, is read and compared: Put believes an object that has the right size.
func (v *Volume) putCopy(ctx context.Context, to tiers.Tier, p *catalog.Pack, data []byte, readBack bool) (verified bool, err error) {
	key := pack.Key(p.ID)
	switch _, err := to.Store.Stat(ctx, key); {
	case err == nil:
		readBack = true
		if _, err := v.readCopy(ctx, to, p); err == nil {
			return true, nil
		} else if !damaged(err) {
			return false, err
		}
		if err := to.Store.Delete(ctx, key); err != nil {
			return false, err
		}
	case !isNotFound(err):
		return false, err
	}
	if err := to.Store.Put(ctx, key, bytes.NewReader(data), int64(len(data))); err != nil {
		return false, err
	}
	if !readBack {
		return false, nil
	}
	_, err = v.readCopy(ctx, to, p)
	return err == nil, err
}

// damaged reports whether an error says that an object is not what it should be, and
// not only that it cannot be read now.
func damaged(err error) bool {
	return errors.Is(err, blob.ErrCorrupt) || errors.Is(err, io.ErrUnexpectedEOF) || isNotFound(err)
}

// wholePack reads a pack from the nearest tier, other than but, that has a good copy.
func (v *Volume) wholePack(ctx context.Context, p *catalog.Pack, but string) ([]byte, error) {
	key := pack.Key(p.ID)
	var errs []error
	for _, t := range v.store.Nearest(key) {
		if t.Name == but {
			continue
		}
		data, err := v.readCopy(ctx, t, p)
		if err == nil {
			return data, nil
		}
		if damaged(err) && inTier(p, t.Name) {
			v.suspectPack(key, t.Name)
		}
		errs = append(errs, fmt.Errorf("tier %s: %w", t.Name, err))
	}
	return nil, fmt.Errorf("no good copy of pack %s: %w", key, errors.Join(errs...))
}

func inTier(p *catalog.Pack, tier string) bool {
	for _, c := range p.Where {
		if c.Tier == tier {
			return true
		}
	}
	return false
}

// readCopy reads a pack from one tier, and verifies all of it.
func (v *Volume) readCopy(ctx context.Context, t tiers.Tier, p *catalog.Pack) ([]byte, error) {
	key := pack.Key(p.ID)
	data := make([]byte, p.Size)
	err := t.Store.ReadAt(ctx, key, data, 0)
	v.store.Note(t.Name, err)
	if err != nil {
		return nil, err
	}
	d, err := pack.Verify(v.ring, bytes.NewReader(data), p.Size)
	if err == nil && (d.Pack != p.ID || d.Sum != p.Sum) {
		err = fmt.Errorf("%w: it is another pack", blob.ErrCorrupt)
	}
	if err == nil {
		// A pack that goes on after its end has another size; the tier tells that.
		var info tiers.Info
		if info, err = t.Store.Stat(ctx, key); err == nil && info.Size != p.Size {
			err = fmt.Errorf("%w: it has %d bytes, not %d", blob.ErrCorrupt, info.Size, p.Size)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", key, err)
	}
	return data, nil
}

// removeFrom removes a pack from the tiers extra, when it is in all of want. The pack is
// locked.
func (v *Volume) removeFrom(ctx context.Context, p *catalog.Pack, want, extra []string) error {
	key := pack.Key(p.ID)
	for _, name := range want {
		t, _ := v.store.Tier(name)
		info, err := t.Store.Stat(ctx, key)
		v.store.Note(name, err)
		if err == nil && info.Size != p.Size {
			err = fmt.Errorf("%w: it has %d bytes, not %d", blob.ErrCorrupt, info.Size, p.Size)
		}
		if err != nil {
			if damaged(err) {
				v.suspectPack(key, name)
			}
			return fmt.Errorf("tier %s: %w", name, err)
		}
	}
	err := v.changePack(p.ID, func(_ *catalog.Tx, row *catalog.Pack) error {
		dropCopies(row, extra)
		if len(row.Where) == 0 {
			return fmt.Errorf("pack %s would be in no tier", key)
		}
		return nil
	})
	if err == nil {
		err = v.cat.Sync(ctx)
	}
	if err != nil {
		return err
	}
	for _, name := range extra {
		t, _ := v.store.Tier(name)
		if err := t.Store.Delete(ctx, key); err != nil {
			v.log.Warn("a copy that is not needed stays for now", "pack", key, "tier", name, "err", err)
		}
	}
	return nil
}
