package index

import (
	"slices"
	"strings"

	"github.com/rdfs/rdfs/internal/search/query"
)

// node is a part of a query that was understood. eval returns the rows of within that
// match; it does not change within.
type node interface {
	eval(x *Index, within set) set
}

type allNode struct{}

type andNode struct{ of []node }

type orNode struct{ of []node }

type notNode struct{ of node }

type termNode struct {
	term   *query.Term
	number *builtin // of a field that is a number of each file; nil: others
	same   bound
	fields []*field
	hits   []hits // by field; nil: not looked up yet
}

// hits are the values of a field that a term matches.
type hits struct {
	field   *field
	vals    set
	cells   set
	weights map[uint32]float32
	files   int // that have one of them, about
}

type rangeNode struct {
	number *builtin
	field  *field // nil: nobody has it
	ends   ends
}

type hasNode struct {
	number *builtin
	field  *field
}

type pathNode struct{ glob pathGlob }

// builtin is a field that is a number of each file.
type builtin struct {
	of     func(x *Index) []int64
	dim    uint8
	factor float64 // from the unit of the column to that of bounds
}

var builtins = map[string]*builtin{
	Size:     {func(x *Index) []int64 { return x.size }, plainNumber, 1},
	Modified: {func(x *Index) []int64 { return x.modified }, moment, 1e9},
	Created:  {func(x *Index) []int64 { return x.created }, moment, 1e9},
}

func (allNode) eval(_ *Index, within set) set { return within.clone() }

func (n *andNode) eval(x *Index, within set) set {
	out := n.of[0].eval(x, within)
	for _, c := range n.of[1:] {
		if out.empty() {
			break
		}
		out = c.eval(x, out)
	}
	return out
}

func (n *orNode) eval(x *Index, within set) set {
	out, rest := newSet(x.rows), within.clone()
	for _, c := range n.of {
		found := c.eval(x, rest)
		out.or(found)
		rest.without(found)
	}
	return out
}

func (n *notNode) eval(x *Index, within set) set {
	out := within.clone()
	out.without(n.of.eval(x, within))
	return out
}

func (n *termNode) eval(x *Index, within set) set {
	out := newSet(x.rows)
	if n.number != nil {
		n.number.each(x, within, func(row uint32, v float64) {
			if n.same.is(v, n.number.dim) {
				out.add(row)
			}
		})
		return out
	}
	n.lookUp()
	for _, h := range n.hits {
		h.field.column.match(h.cells, within, out)
	}
	return out
}

// lookUp finds the values that match, once.
func (n *termNode) lookUp() {
	if n.hits != nil {
		return
	}
	n.hits = []hits{}
	m := newMatcher(n.term)
	if n.term.Field != "" && (n.term.Kind == query.Word || n.term.Kind == query.Phrase) && !n.same.text {
		m.same = &n.same
	}
	for _, f := range n.fields {
		if f.column.filled == 0 {
			continue
		}
		vals, weights := m.matches(f)
		if vals.empty() {
			continue
		}
		h := hits{field: f, vals: vals, cells: f.cellsOf(vals), weights: weights}
		h.cells.each(func(c uint32) { h.files += int(f.refs[c]) })
		if h.files > 0 {
			n.hits = append(n.hits, h)
		}
	}
}

func (n *rangeNode) eval(x *Index, within set) set {
	out := newSet(x.rows)
	if n.number != nil {
		n.number.each(x, within, func(row uint32, v float64) {
			if n.ends.numberIn(v, n.number.dim) {
				out.add(row)
			}
		})
		return out
	}
	f := n.field
	if f == nil || f.column.filled == 0 {
		return out
	}
	vals := newSet(f.vals.count() + 1)
	var buf []byte
	text := n.ends.low != nil && n.ends.low.text || n.ends.high != nil && n.ends.high.text
	for v := uint32(1); v <= uint32(f.vals.count()); v++ {
		if !text {
			if num, dim, ok := f.num(v); ok && n.ends.numberIn(num, dim) {
				vals.add(v)
			}
			continue
		}
		if buf = foldInto(buf, f.sortable(v)); n.ends.textIn(string(buf)) {
			vals.add(v)
		}
	}
	f.column.match(f.cellsOf(vals), within, out)
	return out
}

func (n *hasNode) eval(x *Index, within set) set {
	if n.number != nil {
		return within.clone()
	}
	out := newSet(x.rows)
	if n.field != nil {
		n.field.column.present(within, out)
	}
	return out
}

func (n *pathNode) eval(x *Index, within set) set {
	folder, name := x.fields[Folder], x.fields[Name]
	inside, holding := newSet(folder.vals.count()+1), newSet(folder.vals.count()+1)
	for v := uint32(1); v <= uint32(folder.vals.count()); v++ {
		dir := string(folder.vals.at(v))
		switch {
		case n.glob.folder(dir):
			inside.add(v)
		case n.glob.holds(dir):
			holding.add(v)
		}
	}
	out, maybe := newSet(x.rows), newSet(x.rows)
	folder.column.match(inside, within, out)
	folder.column.match(holding, within, maybe)
	maybe.each(func(row uint32) {
		if n.glob.last(string(name.vals.at(name.column.get(row)))) {
			out.add(row)
		}
	})
	return out
}

// each yields the rows of within with their numbers.
func (b *builtin) each(x *Index, within set, yield func(row uint32, n float64)) {
	list := b.of(x)
	within.each(func(row uint32) { yield(row, float64(list[row])/b.factor) })
}

// cost says in which order parts are tried: what leaves little and costs little first.
func cost(n node) int {
	switch n := n.(type) {
	case *termNode:
		if n.number != nil {
			return 3
		}
		return 1
	case *rangeNode:
		if n.number != nil {
			return 3
		}
		return 2
	case *hasNode:
		return 2
	case *andNode, *orNode:
		return 4
	case *pathNode:
		return 5
	case *notNode:
		return 6
	case *meaningNode: // last: it looks only among what is left
		return 7
	}
	return 0
}

func orderByCost(of []node) {
	slices.SortStableFunc(of, func(a, b node) int { return cost(a) - cost(b) })
}

// nearestField returns the field that was probably meant, or "".
func nearestField(name string, known []string) string {
	name = strings.ToLower(name)
	for _, k := range known {
		if strings.ToLower(k) == name {
			return k
		}
	}
	for d := 1; d <= 2 && d*3 <= len(name); d++ {
		for _, k := range known {
			if within(strings.ToLower(k), name, d) {
				return k
			}
		}
	}
	for _, k := range known {
		if len(name) > 2 && (strings.HasPrefix(strings.ToLower(k), name) || strings.HasSuffix(strings.ToLower(k), "_"+name)) {
			return k
		}
	}
	return ""
}
