package vectors

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Hit is a text near to what was asked for.
type Hit struct {
	Slot   Slot
	Cosine float32 // with the nearest vector of the query, -1 to 1
	Of     int     // which of them that is
}

// Query asks for the texts nearest to any of some vectors.
type Query struct {
	Vectors   [][]float32
	Limit     int      // most hits
	Threshold float32  // least cosine
	Allowed   []uint64 // a bit for each slot that may be found, slot 0 first; nil: all
}

// How many vectors are read for a Query: enough that the ten nearest are among them,
// and a few times what is asked for.
const (
	readAtLeast = 500
	readTimes   = 4
)

// Search returns the nearest texts, the nearest first; of equally near ones that with
// the lower slot.
func (s *Store) Search(q Query) ([]Hit, error) {
	vs := make([][]float32, len(q.Vectors))
	for i, v := range q.Vectors {
		if len(v) != s.o.Dim {
			return nil, fmt.Errorf("%w: %d elements, the store has %d", ErrDimension, len(v), s.o.Dim)
		}
		var err error
		if vs[i], err = unit(v); err != nil {
			return nil, err
		}
	}
	if len(vs) == 0 || q.Limit <= 0 {
		return nil, nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var hits []Hit
	buf := make([]byte, s.size)
	for _, slot := range s.candidates(vs, max(readAtLeast, readTimes*q.Limit), q.Allowed) {
		if _, err := s.file.ReadAt(buf, s.recordAt(s.place[slot]-1)); err != nil {
			return nil, fmt.Errorf("%s: %w", s.o.Path, err)
		}
		if !whole(buf) || ID(binary.LittleEndian.Uint64(buf)) != s.ids[slot] {
			continue // damaged since it was read first
		}
		if h := nearestOf(vs, buf); h.Cosine >= q.Threshold {
			h.Slot = slot
			hits = append(hits, h)
		}
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Cosine, a.Cosine), cmp.Compare(a.Slot, b.Slot))
	})
	return hits[:min(len(hits), q.Limit)], nil
}

// nearestOf compares vectors of length 1 with a record.
func nearestOf(vs [][]float32, record []byte) (h Hit) {
	for i, v := range vs {
		if c := cosine(v, record); i == 0 || c > h.Cosine {
			h = Hit{Cosine: c, Of: i}
		}
	}
	return h
}

// cosine of a vector of length 1 and a record.
func cosine(v []float32, record []byte) float32 {
	scale := math.Float32frombits(binary.LittleEndian.Uint32(record[8:]))
	levels := record[headLen : headLen+len(v)]
	var sum float32
	for i, f := range v {
		sum += f * float32(int8(levels[i]))
	}
	return sum * scale
}

// candidates returns about n slots whose signs differ least from those of any of vs: all
// of the distance at which the n-th lies are among them, so that it may be more.
func (s *Store) candidates(vs [][]float32, n int, allowed []uint64) []Slot {
	wanted := make([]uint64, 0, len(vs)*s.words)
	for _, v := range vs {
		wanted = append(wanted, signs(v)...)
	}
	const nothing = math.MaxUint16
	distance := make([]uint16, len(s.ids))
	count := make([]int, s.o.Dim+1)
	for slot := range distance {
		distance[slot] = nothing
		if s.place[slot] == 0 || allowed != nil && (slot/64 >= len(allowed) || allowed[slot/64]>>(slot%64)&1 == 0) {
			continue
		}
		least := s.o.Dim
		at := s.bits[slot*s.words:][:s.words]
		for v := wanted; len(v) > 0; v = v[len(at):] {
			least = min(least, differ(v[:len(at)], at))
		}
		distance[slot] = uint16(least)
		count[least]++
	}
	limit, found := 0, count[0]
	for limit < s.o.Dim && found < n {
		limit++
		found += count[limit]
	}
	out := make([]Slot, 0, found)
	for slot, d := range distance {
		if int(d) <= limit {
			out = append(out, Slot(slot))
		}
	}
	return out
}

// signs returns a bit for each element, set where it is above 0.
func signs(v []float32) []uint64 {
	out := make([]uint64, (len(v)+63)/64)
	for i, f := range v {
		if f > 0 {
			out[i/64] |= 1 << (i % 64)
		}
	}
	return out
}

// differ counts the bits that differ. Eight words at once, because it is most of the
// time of a search.
func differ(a, b []uint64) (n int) {
	for ; len(a) >= 8 && len(b) >= 8; a, b = a[8:], b[8:] {
		x, y := (*[8]uint64)(a), (*[8]uint64)(b)
		n += bits.OnesCount64(x[0]^y[0]) + bits.OnesCount64(x[1]^y[1]) +
			bits.OnesCount64(x[2]^y[2]) + bits.OnesCount64(x[3]^y[3]) +
			bits.OnesCount64(x[4]^y[4]) + bits.OnesCount64(x[5]^y[5]) +
			bits.OnesCount64(x[6]^y[6]) + bits.OnesCount64(x[7]^y[7])
	}
	for i := range min(len(a), len(b)) {
		n += bits.OnesCount64(a[i] ^ b[i])
	}
	return n
}
