package volume

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
)

// places says where the bytes of one content are.
type places struct {
	copies int      // of each of its packs at least; 0: it has no bytes
	whole  []string // tiers that hold all of it, the nearest first
	some   []string // tiers that hold a part of it
	waits  bool     // it has not as many copies as are asked for

	verified catalog.Time // each of its packs was read and found right later; 0: one never was
}

// placesOf finds out where a content is.
func (v *Volume) placesOf(id blob.ID) (p places) {
	v.cat.View(func(tx *catalog.Tx) error {
		m, err := tx.Content(id)
		if err != nil {
			return err
		}
		seen := make(map[blob.PackID]bool)
		in := make(map[string]int) // packs in each tier
		for _, c := range m.Chunks {
			l, err := tx.Chunk(c.ID)
			if err != nil {
				return err
			}
			if seen[l.Pack] {
				continue
			}
			seen[l.Pack] = true
			row, err := tx.Pack(l.Pack)
			if err != nil {
				return err
			}
			copies, verified := v.countCopies(&row, in), catalog.Time(0)
			for _, c := range row.Where {
				verified = max(verified, c.Verified)
			}
			if len(seen) == 1 || copies < p.copies {
				p.copies = copies
			}
			if len(seen) == 1 || verified < p.verified {
				p.verified = verified
			}
			if move, err := tx.Move(l.Pack); err == nil && copies < len(move.Want) {
				p.waits = true
			}
		}
		for _, t := range v.o.Tiers {
			if in[t.Name] > 0 {
				p.some = append(p.some, t.Name)
			}
			if n := in[t.Name]; n > 0 && n == len(seen) {
				p.whole = append(p.whole, t.Name)
			}
		}
		return nil
	})
	return p
}

// countCopies returns how many copies of a pack there are, and counts it for each tier
// that has one.
func (v *Volume) countCopies(row *catalog.Pack, in map[string]int) (copies int) {
	if len(row.Where) == 0 && len(v.o.Tiers) == 1 { // of before that was recorded
		in[v.o.Tiers[0].Name]++
		return 1
	}
	for _, t := range v.o.Tiers {
		if slices.Contains(row.In(), t.Name) {
			in[t.Name]++
			copies++
		}
	}
	return copies
}

// attr returns user.rdfs.copies, user.rdfs.tier or user.rdfs.verified. The tiers that hold all of the file
// stand with commas between them; if none does, those that hold a part of it with +.
func (p *places) attr(name string) string {
	switch {
	case p.copies == 0:
		return ""
	case name == "verified":
		if p.verified == 0 {
			return ""
		}
		return p.verified.Time().UTC().Format(time.RFC3339)
	case name == "copies":
		return strconv.Itoa(p.copies)
	case len(p.whole) > 0:
		return strings.Join(p.whole, ",")
	}
	return strings.Join(p.some, "+")
}
