package volume

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
)

// idSet is a set of numbers that stand for ids: their first 63 bits. Of two ids with
// the same bits one is kept that could be removed; that is all. The lowest bit is a
// mark that an id has once it was added with it. The zero value is empty.
type idSet struct {
	ids    []uint64
	sorted int // how many are sorted and distinct
}

// key is the number for an id, with or without the mark.
func key(id blob.ID, mark bool) uint64 {
	k := binary.BigEndian.Uint64(id[:]) &^ 1
	if mark {
		k |= 1
	}
	return k
}

func (s *idSet) add(k uint64) {
	s.ids = append(s.ids, k)
	if len(s.ids) >= 2*s.sorted+(1<<16) {
		s.sort()
	}
}

// sort makes find see all that was added.
func (s *idSet) sort() {
	slices.Sort(s.ids)
	out := s.ids[:0]
	for _, k := range s.ids {
		if n := len(out); n > 0 && out[n-1]&^1 == k&^1 {
			out[n-1] |= k & 1
			continue
		}
		out = append(out, k)
	}
	s.ids, s.sorted = out, len(out)
}

// find reports whether a number is in the set, whatever its mark is, and returns the
// one with the mark that it has there.
func (s *idSet) find(k uint64) (marked uint64, ok bool) {
	at, _ := slices.BinarySearch(s.ids[:s.sorted], k&^1)
	if at < s.sorted && s.ids[at]&^1 == k&^1 {
		return s.ids[at], true
	}
	return 0, false
}

// told holds the ids that were referred to since the mark began.
type told struct {
	mu  sync.Mutex
	ids map[uint64]struct{}
}

func (t *told) add(id blob.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ids == nil {
		t.ids = make(map[uint64]struct{})
	}
	t.ids[key(id, false)] = struct{}{}
}

func (t *told) has(id blob.ID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.ids[key(id, false)]
	return ok
}

// pins counts the handles that read a content by its id: nothing in the catalog has to
// refer to it.
type pins struct {
	mu sync.Mutex
	n  map[blob.ID]int
}

func (p *pins) add(id blob.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n == nil {
		p.n = make(map[blob.ID]int)
	}
	p.n[id]++
}

func (p *pins) drop(id blob.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n[id]--; p.n[id] <= 0 {
		delete(p.n, id)
	}
}

func (p *pins) has(id blob.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n[id] > 0
}

// mark finds the contents that something refers to: the live tree, what is kept of the
// past, the versions, saves that wait to become versions, and open files without a name.
func (g *collector) mark() error {
	kept := &g.keeping
	if !g.dry {
		kept = new(catalog.Keeping) // all that is there now
	}
	err := g.eachNode(kept, func(row *catalog.Node) {
		if !row.Content.IsZero() {
			g.contents.add(key(row.Content, true))
		}
	}, func(_ *catalog.Tx, row *catalog.PastNode) {
		if !row.Content.IsZero() {
			g.contents.add(key(row.Content, false))
		}
	})
	if err != nil {
		return err
	}
	g.doomed.sort()
	done := int64(0)
	for from, seq := catalog.FileID(0), catalog.Seq(0); ; {
		n := 0
		err := g.v.cat.View(func(tx *catalog.Tx) error {
			return tx.AllVersions(from, seq, func(v *catalog.Version) bool {
				from, seq = v.File, v.Seq+1
				if _, doomed := g.doomed.find(versionKey(v.File, v.Seq)); !doomed {
					g.contents.add(key(v.Content, false))
				}
				n++
				return n < forgetLook
			})
		})
		if err == nil {
			err = g.pause()
		}
		if err != nil {
			return err
		}
		done += int64(n)
		g.progress(Progress{Phase: "marking versions", Done: done, Unit: "versions"})
		if n < forgetLook {
			break
		}
	}
	err = g.v.cat.View(func(tx *catalog.Tx) error { // they are few
		return tx.AllSaves(0, func(s *catalog.Save) bool {
			if s.Sealed() {
				g.contents.add(key(s.Version.Content, false))
			}
			return true
		})
	})
	if err != nil {
		return err
	}
	// A file that lost its name before the mark began; later ones are in the past, or in
	// the versions, where nothing is removed before the sweep has ended.
	for _, n := range g.v.nodes.inUse() {
		n.mu.Lock()
		if o := n.orphan; o != nil && !o.row.Content.IsZero() {
			g.contents.add(key(o.row.Content, true))
		}
		n.mu.Unlock()
		g.v.nodes.release(n)
	}
	g.contents.sort()
	return nil
}

// needed reports whether a content or a chunk is referred to, and whether the live tree
// does it. In an Update it is the last word.
func (g *collector) needed(id blob.ID) (live, ok bool) {
	k := key(id, false)
	for _, set := range []*idSet{&g.contents, &g.chunks} {
		if m, in := set.find(k); in {
			ok = true
			live = live || m&1 != 0
		}
	}
	return live, ok || g.told.has(id) || g.v.pins.has(id)
}
