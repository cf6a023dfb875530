package volume

import (
	"context"
	"slices"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/snapshot"
)

// DiffRequest asks how the tree differs between two moments.
type DiffRequest struct {
	A     Moment `json:"a"`
	B     Moment `json:"b"`
	Path  string `json:"path,omitempty"`  // at and below it
	Limit int    `json:"limit,omitempty"` // at most so many changes; 0: maxDiff
	Requester
}

// DiffResult is what differs.
type DiffResult struct {
	Changes []snapshot.Change     `json:"changes"` // in order of path, at most Limit
	Count   map[snapshot.What]int `json:"count"`   // of all
}

// maxDiff bounds the changes that Diff returns.
const maxDiff = 100_000

// Diff returns how the tree differs between two moments; see snapshot.Diff. Somebody
// who is not root sees what lies in directories that they could, or can, list.
func (v *Volume) Diff(ctx context.Context, r DiffRequest) (res DiffResult, err error) {
	if r.A.IsLive() || r.B.IsLive() {
		if err := v.cat.Sync(ctx); err != nil {
			return res, err
		}
	}
	var ends [2]catalog.Epoch
	for k, m := range []Moment{r.A, r.B} {
		if ends[k], err = v.Epoch(m); err != nil {
			return res, err
		}
		if ends[k] == catalog.Live {
			v.cat.View(func(tx *catalog.Tx) error { ends[k] = tx.Epoch() - 1; return nil })
		}
	}
	changes, err := snapshot.Diff(ctx, v.cat, ends[0], ends[1], r.Path)
	if err != nil {
		return res, err
	}
	if r.UID != 0 {
		was, is := v.sight(ends[0], r.identity()), v.sight(ends[1], r.identity())
		changes = slices.DeleteFunc(changes, func(c snapshot.Change) bool {
			return c.Was != 0 && !was.lists(c.Was) || c.Is != 0 && !is.lists(c.Is)
		})
	}
	res = DiffResult{Changes: changes, Count: make(map[snapshot.What]int)}
	for k := range changes {
		res.Count[changes[k].What]++
	}
	if r.Limit <= 0 || r.Limit > maxDiff {
		r.Limit = maxDiff
	}
	res.Changes = append([]snapshot.Change{}, changes[:min(len(changes), r.Limit)]...)
	return res, nil
}

// sight knows which directories somebody can list in the tree of an epoch. It is for
// one goroutine.
type sight struct {
	v     *Volume
	epoch catalog.Epoch
	who   Identity
	known map[catalog.Inode]uint32 // what the bits are good for, once the way there is open
}

func (v *Volume) sight(e catalog.Epoch, who Identity) *sight {
	return &sight{v, e, who, make(map[catalog.Inode]uint32)}
}

func (s *sight) lists(dir catalog.Inode) (ok bool) {
	s.v.cat.View(func(tx *catalog.Tx) error { ok = s.bits(tx.At(s.epoch), dir)&4 != 0; return nil })
	return ok
}

// bits returns the permissions that somebody has on a directory; none when a directory
// above it cannot be entered.
func (s *sight) bits(tx *catalog.Tx, dir catalog.Inode) (bits uint32) {
	if bits, ok := s.known[dir]; ok {
		return bits
	}
	if n, err := tx.Node(dir); err == nil && (dir == catalog.Root || s.bits(tx, n.Parent)&1 != 0) {
		for _, bit := range []uint32{4, 2, 1} {
			if May(&n, s.who, bit) {
				bits |= bit
			}
		}
	}
	s.known[dir] = bits
	return bits
}
