package index

import (
	"fmt"
	"slices"

	"github.com/rdfs/rdfs/internal/search/query"
)

// alias are other names of fields.
var alias = map[string]string{"tag": "tags", "column": "columns", "dir": Folder, "mtime": Modified, "btime": Created, "type": "format"}

// known are fields that can be asked for though no file has them.
var known = []string{Name, Folder, Ext, "tags", "format", "rows", "columns", "schema", "version", "state", "author", "program", "title", "description", "comment", "mime_type"}

// planner turns a query into nodes.
type planner struct {
	x    *Index
	text string // of the query, for errors
	near func(text string, among []string) ([]Near, error)
}

func (p *planner) fail(at int, err error) error {
	return &query.Error{Query: p.text, At: at, Text: err.Error()}
}

// fieldOf finds what a name in a query means; both are nil for one that no file has.
func (p *planner) fieldOf(at int, name string) (*builtin, *field, string, error) {
	x := p.x
	if to, ok := alias[name]; ok && (x.fields[name] == nil || x.fields[name].column.filled == 0) && !x.o.Schema.Has(name) {
		name = to
	}
	if b := builtins[name]; b != nil {
		return b, nil, name, nil
	}
	f := x.fields[name]
	if f != nil && f.column.filled > 0 || x.o.Schema.Has(name) || slices.Contains(known, name) {
		return nil, f, name, nil
	}
	all := x.Fields()
	for _, d := range x.o.Schema.Fields() {
		all = append(all, d.Name)
	}
	all = append(all, known...)
	e := &query.Error{Query: p.text, At: at, Text: fmt.Sprintf("no file has a field %q", name)}
	if near := nearestField(name, all); near != "" {
		e.Suggest = fmt.Sprintf("did you mean %q?", near)
	} else {
		e.Suggest = "to look for a colon, put it in quotes"
	}
	return nil, nil, name, e
}

func (p *planner) plan(n query.Node) (node, error) {
	switch n := n.(type) {
	case *query.And:
		of, err := p.all(n.Of)
		orderByCost(of)
		return &andNode{of}, err
	case *query.Or:
		of, err := p.all(n.Of)
		return &orNode{of}, err
	case *query.Not:
		of, err := p.plan(n.Of)
		return &notNode{of}, err
	case *query.Term:
		return p.term(n)
	case *query.Range:
		return p.between(n)
	case *query.Has:
		b, f, _, err := p.fieldOf(n.At, n.Field)
		return &hasNode{b, f}, err
	case *query.Path:
		return &pathNode{newPathGlob(n.Glob)}, nil
	case *query.Similar:
		return p.meaning(n.At, n.Text, n.Boost)
	}
	return allNode{}, nil
}

func (p *planner) all(list []query.Node) (out []node, err error) {
	for _, n := range list {
		c, err := p.plan(n)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func (p *planner) term(t *query.Term) (node, error) {
	if t.Field == "" {
		return &termNode{term: t, fields: p.x.spoken()}, nil
	}
	b, f, name, err := p.fieldOf(t.At, t.Field)
	if err != nil {
		return nil, err
	}
	n := &termNode{term: t, number: b}
	if f != nil {
		n.fields = []*field{f}
	}
	if b != nil && t.Kind != query.Word && t.Kind != query.Phrase && t.Kind != query.Exact {
		return nil, p.fail(t.At, fmt.Errorf("%s is a number; compare it with >, >=, <, <= or [LOW TO HIGH]", name))
	}
	same, err := p.x.boundOf(name, t.Text)
	switch {
	case err == nil:
		n.same = same
	case b != nil:
		return nil, p.fail(t.At, err)
	default: // it can still be the text of a value
		n.same = bound{text: true}
	}
	return n, nil
}

func (p *planner) between(r *query.Range) (node, error) {
	b, f, name, err := p.fieldOf(r.At, r.Field)
	if err != nil {
		return nil, err
	}
	n := &rangeNode{number: b, field: f}
	for _, end := range []struct {
		from *query.Bound
		to   **bound
		incl *bool
	}{{r.Low, &n.ends.low, &n.ends.lowIncl}, {r.High, &n.ends.high, &n.ends.highIncl}} {
		if end.from == nil {
			continue
		}
		v, err := p.x.boundOf(name, end.from.Text)
		if err != nil {
			return nil, p.fail(end.from.At, err)
		}
		*end.to, *end.incl = &v, end.from.Incl
	}
	if l, h := n.ends.low, n.ends.high; l != nil && h != nil && l.text != h.text {
		return nil, p.fail(r.At, fmt.Errorf("%q and %q are not of one kind", r.Low.Text, r.High.Text))
	}
	return n, nil
}
