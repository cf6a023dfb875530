package index

import (
	"cmp"
	"math"
	"slices"

	"github.com/rdfs/rdfs/internal/search/query"
)

// scorer computes what a row is worth: the sum over the words that were looked for of
// how rare the word is (the idf of BM25), times its boost, times the best of the fields
// in which it stands: the field's boost, less the more words the value has.
type scorer struct {
	x     *Index
	root  node
	terms []*termNode // that count: not those within a NOT

	meanings []*meaningNode // that count
	hybrid   *hybrid        // nil: in other modes
}

// collect gathers the terms that count below a node.
func (s *scorer) collect(n node) {
	switch n := n.(type) {
	case *andNode:
		for _, c := range n.of {
			s.collect(c)
		}
	case *orNode:
		for _, c := range n.of {
			s.collect(c)
		}
	case *termNode:
		if n.number == nil && n.term.Kind != query.Exact {
			s.terms = append(s.terms, n)
		}
	case *meaningNode:
		s.meanings = append(s.meanings, n)
	}
}

// ranks reports whether scores differ: only words that are looked up in texts make one.
func (s *scorer) ranks() bool {
	return len(s.meanings) > 0 || s.hybrid != nil || slices.ContainsFunc(s.terms, func(n *termNode) bool {
		return n.term.Field == "" || slices.Contains(textFields, n.term.Field) || n.term.Boost != 1
	})
}

// boosts of fields where the options say nothing.
var boosts = map[string]float64{"title": 2, "tags": 1.5}

func (x *Index) boost(field string) float64 {
	if b, ok := x.o.Boosts[field]; ok {
		return b
	}
	if b, ok := boosts[field]; ok {
		return b
	}
	return 1
}

// The constants of BM25.
const (
	k1 = 1.2
	b  = 0.75
)

// idf of a term: how rare it is.
func (n *termNode) idf(docs int) float64 {
	files := 0
	for _, h := range n.hits {
		files += h.files
	}
	df := float64(min(files, docs))
	return math.Log(1 + (float64(docs)-df+0.5)/(df+0.5))
}

// of a value: its weight, less the longer it is.
func (h *hits) of(v uint32) float64 {
	w := 1.0
	if h.weights != nil {
		if f, ok := h.weights[v]; ok {
			w = float64(f)
		}
	}
	avg := float64(h.field.total) / float64(h.field.vals.count())
	if avg == 0 {
		return w
	}
	return w * (k1 + 1) / (1 + k1*(1-b+b*float64(h.field.lens[v-1])/avg))
}

// scores returns what each row of rows is worth, by row.
func (s *scorer) scores(rows set) []float32 {
	out := make([]float32, s.x.rows)
	best := make([]float32, 0)
	for _, n := range s.terms {
		n.lookUp()
		if len(n.hits) == 0 {
			continue
		}
		if len(n.hits) > 1 && len(best) == 0 {
			best = make([]float32, s.x.rows)
		}
		worth := n.idf(s.x.count) * n.term.Boost
		for i := range n.hits {
			h := &n.hits[i]
			by := worth * s.x.boost(h.field.name)
			each := func(row, cell uint32) {
				score := float32(by * h.cell(cell))
				if len(n.hits) == 1 {
					out[row] += score
				} else {
					best[row] = max(best[row], score)
				}
			}
			h.rows(rows, each)
		}
		if len(n.hits) > 1 {
			rows.each(func(row uint32) {
				out[row] += best[row]
				best[row] = 0
			})
		}
	}
	for _, n := range s.meanings {
		rows.each(func(row uint32) {
			if h, ok := n.of(s.x, row); ok {
				out[row] += float32(n.boost * h.Cosine)
			}
		})
	}
	if s.hybrid != nil {
		for row, f := range s.hybrid.fused {
			out[row] += float32(f.Score)
		}
	}
	return out
}

// rows yields the rows whose cell has a value that matches.
func (h *hits) rows(rows set, yield func(row, cell uint32)) {
	if h.field.column.width == 0 {
		for row, cell := range h.field.column.sparse {
			if h.cells.has(cell) && rows.has(row) {
				yield(row, cell)
			}
		}
		return
	}
	rows.each(func(row uint32) {
		if cell := h.field.column.get(row); cell != 0 && h.cells.has(cell) {
			yield(row, cell)
		}
	})
}

// cell returns the best of the values of a cell.
func (h *hits) cell(cell uint32) (best float64) {
	h.field.eachValue(cell, func(v uint32) {
		if h.vals.has(v) {
			best = max(best, h.of(v))
		}
	})
	return best
}

// explain says how the score of a row came about.
func (s *scorer) explain(row uint32) (out []Reason) {
	for _, n := range s.terms {
		n.lookUp()
		var best Reason
		worth := n.idf(s.x.count) * n.term.Boost
		for i := range n.hits {
			h := &n.hits[i]
			h.field.eachValue(h.field.column.get(row), func(v uint32) {
				if !h.vals.has(v) {
					return
				}
				if score := worth * s.x.boost(h.field.name) * h.of(v); score > best.Score {
					best = Reason{Term: query.String(n.term), Field: h.field.name, Value: h.field.shown(v), Score: score}
				}
			})
		}
		if best.Field != "" {
			out = append(out, best)
		}
	}
	for _, n := range s.meanings {
		if r, ok := n.explain(s.x, row); ok {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b Reason) int { return cmp.Compare(b.Score, a.Score) })
	if s.hybrid != nil {
		out = append(s.hybrid.explain(s.x, row), out...)
	}
	return out
}
