package index

import (
	"bytes"
	"cmp"
	"container/heap"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rdfs/rdfs/internal/search/query"
)

// ErrCursor: a cursor is not of this query, or was damaged.
var ErrCursor = errors.New("the cursor is not one of this search; begin anew without it")

// Score is the name by which one sorts by score.
const Score = "score"

// key is what a row sorts by in one field: numbers before texts, and last what has none.
type key struct {
	Kind int8    `json:"k"` // 0 number, 1 text, 2 none
	Num  float64 `json:"n,omitempty"`
	Text []byte  `json:"t,omitempty"`
}

func (a *key) compare(b *key) int {
	if a.Kind != b.Kind {
		return cmp.Compare(a.Kind, b.Kind)
	}
	if a.Kind == 0 {
		return cmp.Compare(a.Num, b.Num)
	}
	return bytes.Compare(a.Text, b.Text)
}

// order compares rows.
type order struct {
	x      *Index
	by     []by
	scores []float32
}

type by struct {
	number *builtin
	field  *field // nil: nobody has it
	score  bool
	desc   bool
}

// pathOf is the folder and the name of a row, which order rows that are equal in all else.
func (o *order) pathOf(row uint32) (folder, name []byte) {
	f, n := o.x.fields[Folder], o.x.fields[Name]
	return f.vals.at(f.column.get(row)), n.vals.at(n.column.get(row))
}

func (o *order) key(b *by, row uint32) (k key) {
	switch {
	case b.score:
		k.Num = float64(o.scores[row])
	case b.number != nil:
		k.Num = float64(b.number.of(o.x)[row]) / b.number.factor
	default:
		k.Kind = 2
		if b.field == nil {
			return k
		}
		b.field.eachValue(b.field.column.get(row), func(v uint32) {
			var c key
			if n, _, ok := b.field.num(v); ok {
				c.Num = n
			} else {
				c.Kind, c.Text = 1, b.field.sortable(v)
			}
			if d := c.compare(&k); k.Kind == 2 || d < 0 && !b.desc || d > 0 && b.desc {
				k = c
			}
		})
	}
	return k
}

// keys is the place of a row in an order.
type keys struct {
	Keys   []key  `json:"k"`
	Folder []byte `json:"f"`
	Name   []byte `json:"p"`
}

func (o *order) keys(row uint32) (k keys) {
	for i := range o.by {
		k.Keys = append(k.Keys, o.key(&o.by[i], row))
	}
	k.Folder, k.Name = o.pathOf(row)
	return k
}

// compareTo compares a row with a place.
func (o *order) compareTo(row uint32, to *keys) int {
	for i := range o.by {
		k := o.key(&o.by[i], row)
		if c := o.by[i].compare(&k, &to.Keys[i]); c != 0 {
			return c
		}
	}
	folder, name := o.pathOf(row)
	return cmp.Or(bytes.Compare(folder, to.Folder), bytes.Compare(name, to.Name))
}

func (b *by) compare(x, y *key) int {
	c := x.compare(y)
	if b.desc && x.Kind != 2 && y.Kind != 2 { // what has no value is last either way
		return -c
	}
	return c
}

func (o *order) compare(r, s uint32) int {
	for i := range o.by {
		k, l := o.key(&o.by[i], r), o.key(&o.by[i], s)
		if c := o.by[i].compare(&k, &l); c != 0 {
			return c
		}
	}
	fr, nr := o.pathOf(r)
	fs, ns := o.pathOf(s)
	return cmp.Or(bytes.Compare(fr, fs), bytes.Compare(nr, ns))
}

// orderOf understands what a request sorts by.
func (x *Index) orderOf(r *Request, s *scorer, rows set) (*order, error) {
	sort := r.Sort
	if len(sort) == 0 {
		if sort = []Sort{{Modified, true}}; s.ranks() {
			sort = []Sort{{Score, true}, {Modified, true}}
		}
	}
	o := &order{x: x}
	if s.ranks() {
		o.scores = s.scores(rows)
	}
	for _, by1 := range sort {
		if by1.Field == Score {
			if o.scores == nil {
				o.scores = s.scores(rows)
			}
			o.by = append(o.by, by{score: true, desc: by1.Desc})
			continue
		}
		p := planner{x: x}
		b, f, _, err := p.fieldOf(0, by1.Field)
		if err != nil {
			return nil, wrongField("sort", err)
		}
		o.by = append(o.by, by{number: b, field: f, desc: by1.Desc})
	}
	return o, nil
}

// wrongField says of what request an unknown field was.
func wrongField(what string, err error) error {
	if e := (*query.Error)(nil); errors.As(err, &e) {
		s := what + ": " + e.Text
		if strings.HasPrefix(e.Suggest, "did you mean") {
			s += "; " + e.Suggest
		}
		return &query.Error{Text: s}
	}
	return err
}

// worst is a heap of rows with the one that comes last on top.
type worst struct {
	rows []uint32
	o    *order
}

func (h *worst) Len() int           { return len(h.rows) }
func (h *worst) Less(i, j int) bool { return h.o.compare(h.rows[i], h.rows[j]) > 0 }
func (h *worst) Swap(i, j int)      { h.rows[i], h.rows[j] = h.rows[j], h.rows[i] }
func (h *worst) Push(v any)         { h.rows = append(h.rows, v.(uint32)) }
func (h *worst) Pop() any {
	n := len(h.rows) - 1
	v := h.rows[n]
	h.rows = h.rows[:n]
	return v
}

// page fills in the hits that come first, behind the cursor.
func (x *Index) page(r *Request, rows set, s *scorer, res *Result) error {
	o, err := x.orderOf(r, s, rows)
	if err != nil {
		return err
	}
	var after *keys
	if r.After != "" {
		if after, err = readCursor(r.After, len(o.by)); err != nil {
			return err
		}
	}
	h := worst{o: o}
	more := false
	rows.each(func(row uint32) {
		if after != nil && o.compareTo(row, after) <= 0 {
			return
		}
		switch {
		case len(h.rows) < r.Limit:
			heap.Push(&h, row)
		case o.compare(row, h.rows[0]) < 0:
			h.rows[0] = row
			heap.Fix(&h, 0)
			more = true
		default:
			more = true
		}
	})
	slices.SortFunc(h.rows, o.compare)
	for _, row := range h.rows {
		hit := x.hit(row)
		if o.scores != nil {
			hit.Score = float64(o.scores[row])
		}
		if r.Explain {
			hit.Why = s.explain(row)
		}
		res.Hits = append(res.Hits, hit)
	}
	if more {
		res.Next = writeCursor(o.keys(h.rows[len(h.rows)-1]))
	}
	return nil
}

func writeCursor(k keys) string {
	b, err := json.Marshal(k)
	if err != nil { // numbers of a key are finite
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func readCursor(s string, keysOf int) (*keys, error) {
	var k keys
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(b, &k)
	}
	if err != nil || len(k.Keys) != keysOf {
		return nil, ErrCursor
	}
	return &k, nil
}

func (x *Index) hit(row uint32) Hit {
	h := Hit{Path: x.path(row), Dir: x.dirs[x.dir.get(row)].Ino, Name: x.fields[Name].shown(x.fields[Name].column.get(row)),
		Size: x.size[row], Modified: x.modified[row], Created: x.created[row]}
	for _, f := range x.order {
		if f.name == Name || f.name == Folder || f.name == Meaning {
			continue
		}
		f.eachValue(f.column.get(row), func(v uint32) { h.Values = append(h.Values, Value{f.name, f.shown(v)}) })
	}
	slices.SortStableFunc(h.Values, func(a, b Value) int { return cmp.Compare(a.Field, b.Field) })
	return h
}

// facets counts the values of the fields that a request names.
func (x *Index) facets(r *Request, rows set) (out []Facet, err error) {
	limit := r.FacetLimit
	if limit <= 0 {
		limit = 20
	}
	for _, name := range r.Facets {
		p := planner{x: x}
		b, f, _, err := p.fieldOf(0, name)
		if err != nil {
			return nil, wrongField("facet", err)
		}
		if b != nil {
			return nil, &query.Error{Text: fmt.Sprintf("facet: %s has a value of its own for each file; count another field", name)}
		}
		out = append(out, x.facet(name, f, rows, limit))
	}
	return out, nil
}

func (x *Index) facet(name string, f *field, rows set, limit int) Facet {
	out := Facet{Field: name, Missing: rows.count()}
	if f == nil {
		return out
	}
	cells := make([]uint32, len(f.refs))
	if f.column.width == 0 {
		for row, cell := range f.column.sparse {
			if rows.has(row) {
				cells[cell]++
				out.Missing--
			}
		}
	} else {
		rows.each(func(row uint32) {
			if cell := f.column.get(row); cell != 0 {
				cells[cell]++
				out.Missing--
			}
		})
	}
	count := cells
	if f.cells != nil {
		count = make([]uint32, f.vals.count()+1)
		for cell, n := range cells {
			if n > 0 {
				f.eachValue(uint32(cell), func(v uint32) { count[v] += n })
			}
		}
	}
	var vals []uint32
	for v, n := range count {
		switch {
		case n == 0:
		case f.long(uint32(v)):
			out.Others++
		default:
			vals = append(vals, uint32(v))
		}
	}
	slices.SortFunc(vals, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), bytes.Compare(f.vals.at(a), f.vals.at(b)))
	})
	if len(vals) > limit {
		out.Others += len(vals) - limit
		vals = vals[:limit]
	}
	for _, v := range vals {
		out.Values = append(out.Values, Count{string(f.vals.at(v)), int(count[v])})
	}
	return out
}
