package fuse

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// smooth is how little the first ranks differ: the constant of the method's authors.
const smooth = 60

// List is a ranking, the best first.
type List[K comparable] struct {
	Name   string // for people, such as "text"
	Weight float64
	Keys   []K // each at most once
	// Scores of the keys, falling: keys of one score share a rank. Nil: each has its own.
	Scores []float32
}

// Fused is a thing with what it got.
type Fused[K comparable] struct {
	Key   K
	Score float64
	Parts []Part // in the order of the lists
}

// Part is what a list gave.
type Part struct {
	List   string
	Rank   int // from 1
	Weight float64
	Score  float64
}

// String explains a part, e.g. "text: rank 3, weight 0.5: 0.5/(60+3) = 0.0079".
func (p Part) String() string {
	return fmt.Sprintf("%s: rank %d, weight %g: %g/(%d+%d) = %.4f", p.List, p.Rank, p.Weight, p.Weight, smooth, p.Rank, p.Score)
}

// Explain says how the score came about.
func (f Fused[K]) Explain() string {
	parts := make([]string, len(f.Parts))
	for i, p := range f.Parts {
		parts[i] = p.String()
	}
	return strings.Join(parts, "; ")
}

// Ranks fuses lists, the best first. Of equal scores that comes first which stands
// in the earlier list, or before in it.
func Ranks[K comparable](lists ...List[K]) []Fused[K] {
	at := map[K]int{}
	var out []Fused[K]
	for _, l := range lists {
		rank := 0
		for i, k := range l.Keys {
			if l.Scores == nil || i == 0 || l.Scores[i] != l.Scores[i-1] {
				rank++
			}
			n, ok := at[k]
			if !ok {
				n = len(out)
				at[k] = n
				out = append(out, Fused[K]{Key: k})
			}
			p := Part{l.Name, rank, l.Weight, l.Weight / float64(smooth+rank)}
			out[n].Score += p.Score
			out[n].Parts = append(out[n].Parts, p)
		}
	}
	slices.SortStableFunc(out, func(a, b Fused[K]) int { return cmp.Compare(b.Score, a.Score) })
	return out
}
