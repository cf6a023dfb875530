package naming

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Match is a path taken apart.
type Match struct {
	Rule   *Rule
	Values map[string]string // by field; alternatives and * are "1", "2", ... in the order of the path

	variant int // 1 + the index of the template
}

// ErrNoMatch: no rule matches the path.
var ErrNoMatch = errors.New("no rule matches")

// Parse takes the path of a file apart by the first rule that matches it; that of a
// directory when it ends in a slash. What is within a free subtree or a bundle has no
// form, and no match.
func (s *Scheme) Parse(path string) (Match, error) {
	kind := File
	if rest, ok := strings.CutSuffix(path, "/"); ok {
		path, kind = rest, Folder
	}
	d := s.Root()
	names := strings.Split(path, "/")
	for i, name := range names {
		if !s.fits(name) {
			return Match{}, ErrNoMatch
		}
		last := i == len(names)-1
		if !last || kind == Folder {
			sub := &Dir{s: s, depth: d.depth + 1}
			d.follow(sub, name)
			if last {
				return sub.match()
			}
			sub.prepare()
			if len(sub.live) == 0 {
				return Match{}, ErrNoMatch
			}
			d = sub
			continue
		}
		var states [2]*state
		for k := range d.live {
			l := &d.live[k]
			if d.depth >= len(l.v.segs) || !l.v.suits(d.depth+1, File) || !d.accepts(l, name, &states) {
				continue
			}
			seg := l.v.segs[d.depth]
			if values, ok := l.next(seg, seg.re.FindStringSubmatchIndex(name), name); ok {
				return newMatch(l.v, values), nil
			}
		}
	}
	return Match{}, ErrNoMatch
}

// HasField reports whether any path can have a value of a field.
func (s *Scheme) HasField(name string) bool {
	return slices.ContainsFunc(s.variants, func(v *variant) bool { return v.has(name) })
}

// Values returns the values that the fields have in a path: of a file's, or when it has no form of
// its own (in a free subtree, a bundle, a directory) those of the way to it.
func (s *Scheme) Values(path string, kind Kind) map[string]string {
	if kind != Folder {
		if m, err := s.Parse(path); err == nil {
			return m.Values
		}
		i := strings.LastIndexByte(path, '/')
		if i < 0 {
			return nil
		}
		path = path[:i]
	}
	d := s.Root()
	for _, name := range strings.Split(path, "/") {
		d = d.Enter(name)
	}
	return d.Values()
}

// match returns the rule whose last segment is the directory itself.
func (d *Dir) match() (Match, error) {
	for _, l := range d.live {
		if len(l.v.segs) == d.depth && (l.v.rule.Bundle || l.v.free) {
			return newMatch(l.v, l.values), nil
		}
	}
	return Match{}, ErrNoMatch
}

// Values returns the values of the fields that all rules which a path through the
// directory can match agree upon.
func (d *Dir) Values() map[string]string {
	out := map[string]string{}
	for k, l := range d.live {
		values := newMatch(l.v, l.values).Values
		if k == 0 {
			out = values
			continue
		}
		for f, text := range out {
			if values[f] != text {
				delete(out, f)
			}
		}
	}
	return out
}

func newMatch(v *variant, values []binding) Match {
	m := Match{Rule: v.rule, Values: make(map[string]string, len(values)), variant: v.index + 1}
	n := 0
	for _, b := range values {
		switch {
		case b.v.field == "":
			n++
			m.Values[strconv.Itoa(n)] = b.text
		case b.text != "":
			m.Values[b.v.field] = b.text
		}
	}
	return m
}

// Format makes the path of a rule from values; the inverse of Parse. An optional part
// is there when all its fields have values.
func (s *Scheme) Format(m Match) (string, error) {
	err := fmt.Errorf("rule %s: no template", m.Rule.ID)
	for _, v := range s.variants {
		if v.rule.ID != m.Rule.ID || m.variant != 0 && m.variant != v.index+1 {
			continue
		}
		f := formatter{s: s, values: m.Values}
		for _, name := range v.absent {
			if m.Values[name] != "" && !v.has(name) {
				f.err = fmt.Errorf("rule %s: %s has no place in %s", v.rule.ID, name, v.path)
			}
		}
		for i, seg := range v.segs {
			if i > 0 {
				f.b.WriteByte('/')
			}
			f.write(seg.elems)
		}
		if f.err == nil {
			if v.free || v.rule.Bundle {
				f.b.WriteByte('/')
			}
			return f.b.String(), nil
		}
		err = f.err
	}
	return "", err
}

// has reports whether a template has a field.
func (v *variant) has(name string) bool {
	for _, seg := range v.segs {
		if holds(seg.elems, func(e *elem) bool { return e.field != nil && e.field.name == name }) {
			return true
		}
	}
	return false
}

// formatter writes elements with the values of their fields.
type formatter struct {
	s      *Scheme
	values map[string]string
	b      strings.Builder
	n      int // anonymous groups so far
	err    error
}

func (f *formatter) write(elems []elem) {
	for i := range elems {
		e := &elems[i]
		switch {
		case e.field != nil:
			text := f.values[e.field.name]
			v, err := f.s.value(e.field)
			if err == nil && !v.ok(text) {
				err = fmt.Errorf("%s", Problem{Field: v.field, Value: text, Expected: v.words, Example: v.example})
			}
			if err != nil && f.err == nil {
				f.err = err
			}
			f.b.WriteString(text)
		case e.alts != nil, e.any:
			f.n++
			text, ok := f.values[strconv.Itoa(f.n)]
			if !ok && e.any {
				f.err = fmt.Errorf("a * has no value")
			} else if !ok {
				text = e.alts[0]
			}
			f.b.WriteString(text)
		case e.opt != nil:
			if f.present(e.opt) {
				f.write(e.opt)
			}
		default:
			f.b.WriteString(e.lit)
		}
	}
}

// present reports whether an optional part is there: its own fields have values.
func (f *formatter) present(opt []elem) bool {
	some := false
	for _, e := range opt {
		if e.field != nil {
			if f.values[e.field.name] == "" {
				return false
			}
			some = true
		}
	}
	if some {
		return true
	}
	for _, e := range opt { // it has only optional parts in it
		if e.opt != nil && f.present(e.opt) {
			return true
		}
	}
	return false
}

// format writes a segment with what its groups hold. Optional parts are there when
// one of their groups is.
func (seg *segment) format(groups []alignedGroup) string {
	var b strings.Builder
	g := 0
	var write func(elems []elem, there bool)
	write = func(elems []elem, there bool) {
		for i := range elems {
			e := &elems[i]
			switch {
			case e.field != nil, e.alts != nil, e.any:
				if there {
					b.WriteString(groups[g].is)
				}
				g++
			case e.opt != nil:
				n := countGroups(e.opt)
				used := false
				for _, x := range groups[g : g+n] {
					used = used || x.used
				}
				write(e.opt, there && used)
			default:
				if there {
					b.WriteString(e.lit)
				}
			}
		}
	}
	write(seg.elems, true)
	return b.String()
}

func countGroups(elems []elem) (n int) {
	holds(elems, func(e *elem) bool {
		if e.field != nil || e.alts != nil || e.any {
			n++
		}
		return false
	})
	return n
}

// example returns a name that the segment matches, without its optional parts.
func (seg *segment) example() string { return exampleOf(seg.elems, seg.groups, map[string]string{}) }

// example returns a path that the template matches, without optional parts unless a
// field of theirs has its value already.
func (v *variant) example() string {
	values := make(map[string]string)
	for _, f := range v.absent {
		values[f] = ""
	}
	names := make([]string, len(v.segs))
	for i, seg := range v.segs {
		names[i] = exampleOf(seg.elems, seg.groups, values)
	}
	path := strings.Join(names, "/")
	if v.free || v.rule.Bundle {
		path += "/"
	}
	return path
}

// exampleOf writes elements with the examples of their groups, which it adds to values.
func exampleOf(elems []elem, groups []*value, values map[string]string) string {
	var b strings.Builder
	g := 0
	var write func(elems []elem, there bool)
	write = func(elems []elem, there bool) {
		for i := range elems {
			e := &elems[i]
			switch {
			case e.field != nil, e.alts != nil, e.any:
				v := groups[g]
				g++
				if !there {
					continue
				}
				text, known := values[v.field]
				if !known || v.field == "" {
					text = v.example
					values[v.field] = text
				}
				b.WriteString(text)
			case e.opt != nil:
				known := ""
				for _, f := range fieldNames(e.opt) {
					known += values[f]
				}
				write(e.opt, there && known != "")
			case there:
				b.WriteString(e.lit)
			}
		}
	}
	write(elems, true)
	return b.String()
}
