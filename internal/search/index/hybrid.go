package index

import (
	"cmp"
	"slices"

	"github.com/rdfs/rdfs/internal/search/fuse"
	"github.com/rdfs/rdfs/internal/search/query"
)

// fuseMost is how many files of each list are fused; those behind have no score.
const fuseMost = 10_000

// hybrid ranks what free words find by their letters, and by what they mean.
type hybrid struct {
	text    *scorer
	meaning *meaningNode
	fused   map[uint32]fuse.Fused[uint32]
}

// byMeaning finds, among rows, what the free words of a request mean, and in hybrid mode
// also what has them.
func (p *planner) byMeaning(r *Request, free []query.Node, rows set, s *scorer) (set, error) {
	asked, err := p.meaning(free[0].(*query.Term).At, questionOf(free), 1)
	if err != nil {
		return nil, err
	}
	m := asked.(*meaningNode)
	found := m.eval(p.x, rows)
	if r.Mode == Semantic {
		s.meanings = append(s.meanings, m)
		return found, m.err
	}
	words, err := p.all(free)
	if err != nil {
		return nil, err
	}
	text := &scorer{x: p.x}
	for _, w := range words {
		text.collect(w)
	}
	said := (&orNode{words}).eval(p.x, rows)
	h := &hybrid{text: text, meaning: m, fused: map[uint32]fuse.Fused[uint32]{}}
	textWeight, meaningWeight := r.TextWeight, r.MeaningWeight
	if textWeight == 0 && meaningWeight == 0 {
		textWeight, meaningWeight = 1, 1
	}
	near := make([]float32, p.x.rows)
	found.each(func(row uint32) {
		n, _ := m.of(p.x, row)
		near[row] = float32(n.Cosine)
	})
	for _, f := range fuse.Ranks(
		ranking("text", textWeight, said, text.scores(said)),
		ranking("meaning", meaningWeight, found, near),
	) {
		h.fused[f.Key] = f
	}
	s.hybrid = h
	found.or(said)
	return found, m.err
}

// ranking orders rows by score.
func ranking(name string, weight float64, rows set, scores []float32) fuse.List[uint32] {
	l := fuse.List[uint32]{Name: name, Weight: weight}
	rows.each(func(row uint32) { l.Keys = append(l.Keys, row) })
	slices.SortStableFunc(l.Keys, func(a, b uint32) int { return cmp.Compare(scores[b], scores[a]) })
	l.Keys = l.Keys[:min(len(l.Keys), fuseMost)]
	for _, row := range l.Keys {
		l.Scores = append(l.Scores, scores[row])
	}
	return l
}

// explain says what the two rankings give a row, and why it stands there in them.
func (h *hybrid) explain(x *Index, row uint32) (out []Reason) {
	for _, p := range h.fused[row].Parts {
		out = append(out, Reason{Term: p.List, Value: p.String(), Score: p.Score})
		switch p.List {
		case "text":
			for _, r := range h.text.explain(row) {
				r.Score = 0 // it is in the rank
				out = append(out, r)
			}
		default:
			if r, ok := h.meaning.explain(x, row); ok {
				r.Score = 0
				out = append(out, r)
			}
		}
	}
	return out
}
