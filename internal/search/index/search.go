package index

import (
	"github.com/rdfs/rdfs/internal/search/query"
)

// Request asks for documents.
type Request struct {
	Query query.Node
	Text  string // of the query, for errors
	// May reports whether permission bits (4 read, 1 search) of a file or directory are
	// those of who asks. Nil: everything may be seen.
	May func(o Owner, bits uint32) bool

	Sort       []Sort // before them all equal, the path; empty: see Search
	Limit      int    // of hits; 0: none
	After      string // the Next of an earlier result: what comes behind it
	Facets     []string
	FacetLimit int  // values of a facet; 0: 20
	Explain    bool // say how the scores came about
	// Any: free words need not all be there; they order what the rest of the query finds.
	Any bool

	Mode Mode
	// Near finds the texts near to a question, among those of some names or, if that is
	// nil, all; the nearest first. Nil: there is no meaning here. It is called within
	// Search, so it should not wait; see Questions.
	Near                      func(text string, among []string) ([]Near, error)
	TextWeight, MeaningWeight float64 // in hybrid mode; both 0: 1
}

// Sort is a field to sort by.
type Sort struct {
	Field string // or "score"
	Desc  bool
}

// Result is what was found.
type Result struct {
	Total  int // all that match
	Hits   []Hit
	Next   string // for Request.After; "": that was all
	Facets []Facet
}

// Hit is a document that was found.
type Hit struct {
	Path     string
	Dir      uint64
	Name     string
	Size     int64
	Modified int64
	Created  int64
	Score    float64 // 0 when nothing but conditions was asked for
	Why      []Reason
	Values   []Value // in order of field; of long values their beginning
}

// Reason is a part of a score.
type Reason struct {
	Term  string  // as it is written in a query
	Field string  // in which it was found
	Value string  // that it was found in
	Score float64 // what it adds
}

// Facet counts the values of a field among all that match.
type Facet struct {
	Field   string
	Values  []Count
	Missing int // files without a value
	Others  int // values that are not told, because of the limit or because they are long
}

// Count is a value with the number of files that have it.
type Count struct {
	Value string
	Files int
}

// Search finds documents. Without Sort they come by score when the query has words to
// look for, and otherwise those that were modified last first. The error is a
// *query.Error, or ErrCursor.
func (x *Index) Search(r *Request) (*Result, error) {
	p := planner{x: x, text: r.Text, near: r.Near}
	tree := r.Query
	var free []query.Node
	meant := r.Mode == Semantic || r.Mode == Hybrid
	if r.Any || meant {
		tree, free = loosen(tree)
	}
	root, err := p.plan(tree)
	if err != nil {
		return nil, err
	}
	var words []node
	if !meant {
		if words, err = p.all(free); err != nil {
			return nil, err
		}
	}
	rows := root.eval(x, x.visible(r.May))
	s := scorer{x: x, root: root}
	s.collect(root)
	switch {
	case len(words) > 0:
		rows = (&orNode{words}).eval(x, rows)
		for _, w := range words {
			s.collect(w)
		}
	case len(free) > 0:
		if rows, err = p.byMeaning(r, free, rows, &s); err != nil {
			return nil, err
		}
	}
	if err := meaningErr(root); err != nil {
		return nil, err
	}
	res := &Result{Total: rows.count()}
	if res.Facets, err = x.facets(r, rows); err != nil {
		return nil, err
	}
	if r.Limit > 0 {
		if err := x.page(r, rows, &s, res); err != nil {
			return nil, err
		}
	}
	return res, nil
}

// loosen takes the free words out of a query: those that every document must match
// now. What is left are conditions.
func loosen(n query.Node) (rest query.Node, free []query.Node) {
	isFree := func(n query.Node) bool {
		t, ok := n.(*query.Term)
		return ok && t.Field == ""
	}
	if isFree(n) {
		return query.All{}, []query.Node{n}
	}
	and, ok := n.(*query.And)
	if !ok {
		return n, nil
	}
	var left []query.Node
	for _, c := range and.Of {
		if within, ok := c.(*query.And); ok {
			rest, more := loosen(within)
			free = append(free, more...)
			if c = rest; rest == (query.All{}) {
				continue
			}
		}
		if isFree(c) {
			free = append(free, c)
		} else {
			left = append(left, c)
		}
	}
	switch len(left) {
	case 0:
		return query.All{}, free
	case 1:
		return left[0], free
	}
	return &query.And{Of: left}, free
}

// visible returns the rows that somebody may see: whose directories can be listed and
// reached, and whose attributes can be read.
func (x *Index) visible(may func(Owner, uint32) bool) set {
	if may == nil {
		return x.live
	}
	const read, search = 4, 1
	reach := make([]int8, len(x.dirs)) // 1: yes, -1: no
	var reachable func(n uint32, depth int) bool
	reachable = func(n uint32, depth int) bool {
		if n == 0 || depth > maxDepth {
			return false
		}
		if reach[n] == 0 {
			d := &x.dirs[n]
			reach[n] = -1
			if may(d.Owner, search) && (d.Parent == 0 || reachable(x.dirAt[d.Parent], depth+1)) {
				reach[n] = 1
			}
		}
		return reach[n] == 1
	}
	dirs, owners := newSet(len(x.dirs)), newSet(len(x.owners))
	for n := uint32(1); n < uint32(len(x.dirs)); n++ {
		if x.dirs[n].files > 0 && may(x.dirs[n].Owner, read) && reachable(n, 0) {
			dirs.add(n)
		}
	}
	for n := uint32(1); n < uint32(len(x.owners)); n++ {
		if may(x.owners[n], read) {
			owners.add(n)
		}
	}
	seen, out := newSet(x.rows), newSet(x.rows)
	x.dir.match(dirs, x.live, seen)
	x.own.match(owners, seen, out)
	return out
}

// maxDepth bounds how deep directories stand in each other.
const maxDepth = 4096
