package volume

import (
	"slices"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers/pack"
)

// sweepContents removes the chunk lists of contents that are not needed, and finds the
// chunks of the others.
func (g *collector) sweepContents() error {
	done := int64(0)
	for after, more := (blob.ID{}), true; more; {
		var dead []blob.ID
		n := 0
		err := g.v.cat.View(func(tx *catalog.Tx) (err error) {
			tx.Contents(after, func(id blob.ID) bool {
				after = id
				if live, ok := g.needed(id); !ok {
					dead = append(dead, id)
				} else if err = g.chunksOf(tx, id, live); err != nil {
					return false
				}
				n++
				return n < forgetRemove
			})
			return err
		})
		if err != nil {
			return err
		}
		more = n == forgetRemove
		done += int64(n)
		g.progress(Progress{Phase: "sweeping contents", Done: done, Unit: "contents"})
		gone := int64(0)
		if g.dry {
			gone = int64(len(dead))
		} else if len(dead) > 0 {
			err := g.v.cat.Update(func(tx *catalog.Tx) error {
				gone = 0
				for _, id := range dead {
					if live, ok := g.needed(id); ok {
						if err := g.chunksOf(tx, id, live); err != nil {
							return err
						}
						continue
					}
					tx.DeleteContent(id)
					g.v.swept.Add(1)
					gone++
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		g.r.ContentsGone += gone
		if err := g.pause(); err != nil {
			return err
		}
	}
	g.chunks.sort()
	return nil
}

// chunksOf marks the chunks of a content. A list that cannot be read ends the
// collection: its chunks would be taken for garbage.
func (g *collector) chunksOf(tx *catalog.Tx, id blob.ID, live bool) error {
	m, err := tx.Content(id)
	if err != nil {
		return err
	}
	for _, c := range m.Chunks {
		g.chunks.add(key(c.ID, live))
	}
	return nil
}

// packUse is what is needed of a pack.
type packUse struct {
	id     blob.PackID
	size   int64 // bytes
	data   int64 // bytes of records
	needed int64 // of these
	live   int64 // of these, by the live tree
	gone   bool
}

func (p *packUse) dead() int64 { return max(0, p.data-p.needed) }

// listPacks finds the packs whose chunks are all recorded. It comes before the chunks
// are looked at: no chunk moves into a pack of the list afterwards.
func (g *collector) listPacks() error {
	for after := (blob.PackID{}); ; {
		n := 0
		err := g.v.cat.View(func(tx *catalog.Tx) error {
			return tx.Packs(after, func(p *catalog.Pack) bool {
				after = p.ID
				data := p.Size - pack.Overhead - int64(p.Chunks)*pack.EntrySize
				g.packs = append(g.packs, packUse{id: p.ID, size: p.Size, data: max(0, data)})
				n++
				return n < forgetLook
			})
		})
		if err != nil {
			return err
		}
		if n < forgetLook {
			break
		}
	}
	g.packs = slices.DeleteFunc(g.packs, func(p packUse) bool { return g.v.packing.has(p.id) })
	return nil
}

// use returns what is known of a pack, nil when it is not in the list.
func (g *collector) use(id blob.PackID) *packUse {
	at, ok := slices.BinarySearchFunc(g.packs, id, func(p packUse, id blob.PackID) int { return slices.Compare(p.id[:], id[:]) })
	if !ok {
		return nil
	}
	return &g.packs[at]
}

type deadChunk struct {
	id blob.ID
	at blob.Location
}

// sweepChunks removes the rows of chunks that are not needed, and counts the others for
// their packs.
func (g *collector) sweepChunks() error {
	if err := g.listPacks(); err != nil {
		return err
	}
	share := int64(0)
	if g.v.ring != nil {
		// Small contents have lists there, which are no garbage and longer than some of the
		// contents. How many a pack has is not recorded: each chunk stands for one.
		share = pack.ListSize
	}
	count := func(l blob.Location, live bool) {
		if p := g.use(l.Pack); p != nil {
			n := int64(l.Stored) + share
			p.needed += n
			if live {
				p.live += n
			}
		}
	}
	done := int64(0)
	for after, more := (blob.ID{}), true; more; {
		var dead []deadChunk
		n := 0
		err := g.v.cat.View(func(tx *catalog.Tx) error {
			return tx.Chunks(after, func(id blob.ID, l blob.Location) bool {
				after = id
				if live, ok := g.needed(id); ok {
					count(l, live)
				} else {
					dead = append(dead, deadChunk{id, l})
				}
				n++
				return n < forgetLook
			})
		})
		if err != nil {
			return err
		}
		more = n == forgetLook
		done += int64(n)
		g.progress(Progress{Phase: "sweeping chunks", Done: done, Unit: "chunks"})
		if g.dry {
			g.r.ChunksGone += int64(len(dead))
			dead = nil
		}
		for len(dead) > 0 {
			part := dead[:min(len(dead), forgetRemove)]
			dead = dead[len(part):]
			gone := int64(0)
			err := g.v.cat.Update(func(tx *catalog.Tx) error {
				for _, c := range part {
					if live, ok := g.needed(c.id); ok {
						count(c.at, live)
						continue
					}
					tx.DeleteChunk(c.id)
					g.v.swept.Add(1)
					gone++
				}
				return nil
			})
			if err != nil {
				return err
			}
			g.r.ChunksGone += gone
			if err := g.pause(); err != nil {
				return err
			}
		}
		if err := g.pause(); err != nil {
			return err
		}
	}
	return nil
}
