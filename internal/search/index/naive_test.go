package index

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/rdfs/rdfs/internal/schema"
	"github.com/rdfs/rdfs/internal/search/query"
)

// naive decides about one document at a time, from its values as they are. It shares
// with the index how a text is folded and cut into words, how a pattern matches, and how
// a bound is read; nothing of columns, dictionaries and lists.
type naive struct{ x *Index }

// valuesOf returns the values of a field of a document.
func valuesOf(d *Doc, field string) (out []string) {
	switch field {
	case Name:
		return []string{d.Name}
	case Folder:
		return []string{d.Folder}
	case Ext:
		if i := strings.LastIndexByte(d.Name, '.'); i > 0 {
			return []string{fold(d.Name[i+1:])}
		}
		return nil
	}
	for _, v := range d.Values {
		if v.Field == field && !slices.Contains(out, v.Text) {
			out = append(out, v.Text)
		}
	}
	return out
}

func fieldsOf(d *Doc) []string {
	out := []string{Name, Folder, Ext}
	for _, v := range d.Values {
		out = append(out, v.Field)
	}
	return out
}

func (n naive) number(d *Doc, field string) (float64, uint8, bool) {
	switch field {
	case Size:
		return float64(d.Size), plainNumber, true
	case Modified:
		return float64(d.Modified) / 1e9, moment, true
	case Created:
		return float64(d.Created) / 1e9, moment, true
	}
	return 0, 0, false
}

func (n naive) matches(d *Doc, q query.Node) bool {
	switch q := q.(type) {
	case *query.And:
		return !slices.ContainsFunc(q.Of, func(c query.Node) bool { return !n.matches(d, c) })
	case *query.Or:
		return slices.ContainsFunc(q.Of, func(c query.Node) bool { return n.matches(d, c) })
	case *query.Not:
		return !n.matches(d, q.Of)
	case *query.Has:
		if _, _, ok := n.number(d, q.Field); ok {
			return true
		}
		return len(valuesOf(d, q.Field)) > 0
	case *query.Path:
		return naivePath(q.Glob, d.Path())
	case *query.Term:
		return n.term(d, q)
	case *query.Range:
		return n.between(d, q)
	}
	return true
}

func (n naive) term(d *Doc, t *query.Term) bool {
	if t.Field == "" {
		return slices.ContainsFunc(fieldsOf(d), func(f string) bool { return n.anyValue(d, f, t) })
	}
	if num, dim, ok := n.number(d, t.Field); ok {
		b, err := n.x.boundOf(t.Field, t.Text)
		return err == nil && b.is(num, dim)
	}
	return n.anyValue(d, t.Field, t)
}

func (n naive) anyValue(d *Doc, field string, t *query.Term) bool {
	for _, v := range valuesOf(d, field) {
		if n.value(field, v, t) {
			return true
		}
	}
	return false
}

func (n naive) value(field, v string, t *query.Term) bool {
	isText := slices.Contains(textFields, field)
	kept := field == Name || field == Folder
	plain := (len(v) <= maxKept || kept) && !strings.ContainsFunc(v, unicode.IsSpace)
	wordly := t.Field == "" || isText || !plain
	has, word := tokensOf(v), fold(t.Text)
	any := func(is func(string) bool) bool { return slices.ContainsFunc(has, is) }
	switch t.Kind {
	case query.Exact:
		return v == t.Text
	case query.Prefix:
		if plain && strings.HasPrefix(fold(v), word) {
			return true
		}
		return wordly && run(has, tokensOf(t.Text), strings.HasPrefix)
	case query.Glob:
		return plain && glob(word, fold(v)) || wordly && any(func(w string) bool { return glob(word, w) })
	case query.Fuzzy:
		near := func(w string) bool { return w != "" && within(w, word, t.Distance) }
		return plain && near(fold(v)) || wordly && any(near)
	}
	if t.Field != "" && !isText && len(v) <= maxKept {
		if b, err := n.x.boundOf(t.Field, t.Text); err == nil {
			if num, dim, ok := n.x.number(t.Field, v); ok && b.is(num, dim) {
				return true
			}
		}
	}
	toks := tokensOf(t.Text)
	if len(toks) == 0 {
		return plain && fold(v) == word
	}
	if !wordly {
		return fold(v) == word
	}
	if len(toks) == 1 && t.Kind == query.Word {
		return any(func(w string) bool { return slices.Contains(variants(toks[0]), w) })
	}
	return run(has, toks, func(w, want string) bool { return w == want })
}

// run reports whether words stand behind each other.
func run(has, want []string, last func(w, want string) bool) bool {
	for i := range has {
		ok := len(want) > 0 && i+len(want) <= len(has)
		for k := 0; ok && k < len(want); k++ {
			if k == len(want)-1 {
				ok = last(has[i+k], want[k])
			} else {
				ok = has[i+k] == want[k]
			}
		}
		if ok {
			return true
		}
	}
	return false
}

func (n naive) between(d *Doc, r *query.Range) bool {
	var e ends
	for _, end := range []struct {
		from *query.Bound
		to   **bound
		incl *bool
	}{{r.Low, &e.low, &e.lowIncl}, {r.High, &e.high, &e.highIncl}} {
		if end.from != nil {
			b, err := n.x.boundOf(r.Field, end.from.Text)
			if err != nil {
				panic(err)
			}
			*end.to, *end.incl = &b, end.from.Incl
		}
	}
	if num, dim, ok := n.number(d, r.Field); ok {
		return e.numberIn(num, dim)
	}
	text := e.low != nil && e.low.text || e.high != nil && e.high.text
	for _, v := range valuesOf(d, r.Field) {
		if text {
			if len(v) > maxKept && r.Field != Name && r.Field != Folder {
				v = strings.TrimRight(v[:longPrefix], "\x00")
			}
			if e.textIn(fold(v)) {
				return true
			}
			continue
		}
		if len(v) > maxKept || slices.Contains(textFields, r.Field) {
			continue
		}
		if num, dim, ok := n.x.number(r.Field, v); ok && e.numberIn(num, dim) {
			return true
		}
	}
	return false
}

// naivePath is pathGlob by trying every way.
func naivePath(pattern, path string) bool {
	comps := strings.Split(path, "/")
	parts := strings.Split(strings.Trim(pattern, "/"), "/")
	if len(parts) == 1 {
		return slices.ContainsFunc(comps, func(c string) bool { return parts[0] == "**" || glob(parts[0], c) })
	}
	var try func(p, c []string) bool
	try = func(p, c []string) bool {
		if len(p) == 0 {
			return len(c) == 0
		}
		if p[0] == "**" {
			return try(p[1:], c) || len(c) > 0 && try(p, c[1:])
		}
		return len(c) > 0 && glob(p[0], c[0]) && try(p[1:], c[1:])
	}
	for n := 1; n <= len(comps); n++ {
		if try(parts, comps[:n]) {
			return true
		}
	}
	return false
}

// fixedNow is the moment at which tests ask.
var fixedNow = time.Date(2025, 6, 15, 12, 0, 0, 0, time.FixedZone("", 2*3600))

func testSchema() *schema.Schema {
	s, err := schema.Compile([]schema.Field{
		{Name: "quality_score", Type: schema.Float, Min: "0", Max: "1"},
		{Name: "temperature", Type: schema.Quantity, Unit: "degC"},
		{Name: "acquired", Type: schema.Date},
		{Name: "side", Type: schema.Enum, Values: []string{"left", "right"}},
		{Name: "subject_id"},
		{Name: "counts", Type: schema.List, Of: schema.Int},
	})
	if err != nil {
		panic(err)
	}
	return s
}
