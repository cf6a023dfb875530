package volume

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/rdfs/rdfs/cache"
	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/draft"
)

// source brings sealed bytes back from the tiers, for the cache.
type source Volume

func (s *source) Manifest(_ context.Context, id blob.ID) (m blob.Manifest, err error) {
	err = s.cat.View(func(tx *catalog.Tx) (err error) { m, err = tx.Content(id); return err })
	if errors.Is(err, catalog.ErrNotExist) {
		err = fmt.Errorf("content %s is not in the catalog: %w: run `rdfs check`", id, blob.ErrCorrupt)
	}
	return m, err
}

// Chunks looks for chunks again when the pack is gone in which they were: they may
// have been moved, and the pack removed, since. A pack that turns out to be damaged is
// repaired from another copy, if there is one.
func (s *source) Chunks(ctx context.Context, chunks []blob.Chunk, yield func(i int, p []byte) error) error {
	located, err := s.locate(chunks)
	healed := blob.PackID{} // the last that was damaged
	for done := 0; err == nil; {
		base := done
		err = s.reader.Chunks(ctx, located, func(i int, p []byte) error {
			done = base + i + 1
			return yield(base+i, p)
		})
		if errors.Is(err, blob.ErrCorrupt) && done < len(chunks) && healed != located[done-base].Location.Pack {
			if healed = located[done-base].Location.Pack; (*Volume)(s).heal(ctx, healed) {
				located, err = located[done-base:], nil
				continue
			}
		}
		if err == nil || !isNotFound(err) {
			return err
		}
		again, lookErr := s.locate(chunks[done:])
		if lookErr != nil || slices.Equal(again, located[done-base:]) {
			return errors.Join(err, lookErr)
		}
		located, err = again, nil
	}
	return err
}

func (s *source) locate(chunks []blob.Chunk) ([]draft.Located, error) {
	located := make([]draft.Located, len(chunks))
	err := s.cat.View(func(tx *catalog.Tx) error {
		for i, c := range chunks {
			l, err := tx.Chunk(c.ID)
			if err != nil {
				return err
			}
			located[i] = draft.Located{Chunk: c, Location: l}
		}
		return nil
	})
	return located, err
}

// evictable says what the cache may remove: what the tiers hold. Every chunk of a
// sealed content is in a durable pack before the catalog knows the content.
func (v *Volume) evictable(k cache.Key, id blob.ID) bool {
	if k.Ino == 0 {
		return true
	}
	if n := v.nodes.lookup(catalog.Inode(k.Ino)); n != nil {
		v.nodes.release(n)
		return false // open: removing it frees nothing, and a writer would need it
	}
	ok := false
	v.cat.View(func(tx *catalog.Tx) error {
		row, err := tx.Node(catalog.Inode(k.Ino))
		ok = err != nil || tx.HasContent(row.Content)
		return nil
	})
	return ok
}

// newPackID returns the id of a pack that is about to be stored.
func (v *Volume) newPackID() blob.PackID {
	id := blob.PackID(ulid.MustNew(ulid.Timestamp(v.now()), rand.Reader))
	v.packing.add(id)
	return id
}

// removeLater removes a draft that nothing refers to any more, in the background.
func (v *Volume) removeLater(path string) {
	v.later(func() { v.drafts.remove(path) })
}

// uncacheLater removes the cached file of an inode in the background.
func (v *Volume) uncacheLater(i catalog.Inode) {
	v.later(func() { v.cache.Remove(liveKey(i)) })
}

func isNotFound(err error) bool { return errors.Is(err, blob.ErrNotFound) }
