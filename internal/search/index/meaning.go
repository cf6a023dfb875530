package index

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rdfs/rdfs/internal/search/query"
)

// Meaning is the field with the name of the text that describes a file. Queries do not
// reach it, and hits do not show it.
const Meaning = "\x00meaning"

// Mode says by what free words are looked up.
type Mode string

// The modes. Words with a field, and similar:, mean the same in all.
const (
	Text     Mode = "text"     // by their letters; also the empty Mode
	Semantic Mode = "semantic" // by what they mean together
	Hybrid   Mode = "hybrid"   // by both: what either finds, in an order made of both
)

// Near is a text that is near to a question.
type Near struct {
	Name   string  // a value of Meaning
	Cosine float64 // 0 to 1
	Asked  string  // the question, or what was asked in its place
}

// Questions returns the texts that Request.Near is asked for, so that who has to wait
// for an answer can have it before.
func Questions(n query.Node, mode Mode) (out []string) {
	if mode == Semantic || mode == Hybrid {
		if _, free := loosen(n); len(free) > 0 {
			out = append(out, questionOf(free))
		}
	}
	var walk func(query.Node)
	walk = func(n query.Node) {
		switch n := n.(type) {
		case *query.And:
			for _, c := range n.Of {
				walk(c)
			}
		case *query.Or:
			for _, c := range n.Of {
				walk(c)
			}
		case *query.Not:
			walk(n.Of)
		case *query.Similar:
			if !slices.Contains(out, n.Text) {
				out = append(out, n.Text)
			}
		}
	}
	walk(n)
	return out
}

// questionOf returns free words as one text.
func questionOf(free []query.Node) string {
	var words []string
	for _, n := range free {
		words = append(words, n.(*query.Term).Text)
	}
	return strings.Join(words, " ")
}

// meaningNode finds files by the texts that describe them.
type meaningNode struct {
	text  string
	boost float64
	near  func(text string, among []string) ([]Near, error)
	found map[uint32]Near // by value of Meaning, in all that eval was asked for
	err   error           // of near
}

func (p *planner) meaning(at int, text string, boost float64) (node, error) {
	if p.near == nil {
		return nil, p.fail(at, fmt.Errorf("similar: needs search.semantic, which is not switched on here"))
	}
	return &meaningNode{text: text, boost: boost, near: p.near, found: map[uint32]Near{}}, nil
}

func (n *meaningNode) eval(x *Index, within set) set {
	out := newSet(x.rows)
	f := x.fields[Meaning]
	if f == nil || f.column.filled == 0 || n.err != nil {
		return out
	}
	var near []Near
	near, n.err = n.near(n.text, f.among(x, within))
	vals := newSet(f.vals.count() + 1)
	for _, h := range near {
		if v := f.vals.find(f.entry(h.Name)); v != 0 {
			vals.add(v)
			n.found[v] = h
		}
	}
	f.column.match(f.cellsOf(vals), within, out)
	return out
}

// among returns the values that rows have; nil when these are most of all rows, and it
// would not be worth the time.
func (f *field) among(x *Index, rows set) []string {
	if rows.count()*2 > x.count {
		return nil
	}
	vals := newSet(f.vals.count() + 1)
	rows.each(func(row uint32) { f.eachValue(f.column.get(row), vals.add) })
	out := make([]string, 0, vals.count())
	vals.each(func(v uint32) {
		if v != 0 {
			out = append(out, string(f.vals.at(v)))
		}
	})
	return out
}

// of returns how near the text of a row is; false if it was not found.
func (n *meaningNode) of(x *Index, row uint32) (best Near, ok bool) {
	f := x.fields[Meaning]
	if f == nil {
		return best, false
	}
	f.eachValue(f.column.get(row), func(v uint32) {
		if h, found := n.found[v]; found && (!ok || h.Cosine > best.Cosine) {
			best, ok = h, true
		}
	})
	return best, ok
}

// explain says what a node adds to the score of a row.
func (n *meaningNode) explain(x *Index, row uint32) (Reason, bool) {
	h, ok := n.of(x, row)
	if !ok {
		return Reason{}, false
	}
	value := "cosine"
	if h.Asked != n.text {
		value = "cosine, asked as " + h.Asked
	}
	return Reason{Term: "similar:" + n.text, Value: value, Score: n.boost * h.Cosine}, true
}

// Meanings yields the names of the texts that describe the files.
func (x *Index) Meanings(yield func(name string)) {
	f := x.fields[Meaning]
	if f == nil {
		return
	}
	used := newSet(f.vals.count() + 1)
	for cell, refs := range f.refs {
		if refs > 0 && cell > 0 {
			f.eachValue(uint32(cell), used.add)
		}
	}
	used.each(func(v uint32) { yield(string(f.vals.at(v))) })
}

// meaningErr returns the first error of a Near below a node.
func meaningErr(n node) error {
	switch n := n.(type) {
	case *meaningNode:
		return n.err
	case *notNode:
		return meaningErr(n.of)
	case *andNode:
		return firstErr(n.of)
	case *orNode:
		return firstErr(n.of)
	}
	return nil
}

func firstErr(of []node) error {
	for _, n := range of {
		if err := meaningErr(n); err != nil {
			return err
		}
	}
	return nil
}
