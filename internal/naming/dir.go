package naming

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"strings"
)

// Dir is what a scheme knows of one directory: which rules a path through it can still
// match, and the values that its fields have. It never changes.
type Dir struct {
	s      *Scheme
	path   string // from the root, for people; "" is the root
	live   []liveRule
	try    []matcher // for the live rules, by what is known of their names
	free   *Rule     // of a free subtree: every name is valid
	within Class     // Bundle, LocalOnly or Staged: so is all below; Valid otherwise
	rule   *Rule     // of the bundle
	mode   Mode
	trees  []int // subtrees whose first names this path matched
	depth  int
}

// liveRule is a template that the path to a directory matches so far.
type liveRule struct {
	v      *variant
	values []binding

	// Of the next name: the matcher that tries it, the segment that the matcher knows,
	// and whether a match of it is enough.
	try   int
	rest  *segment
	exact bool
}

// binding is the value that a field has in a path. Absent optional fields are "".
type binding struct {
	v    *value // that it was read by
	text string
}

// matcher finds the live rules that a name with a prefix matches. The values that a
// path has already make the beginning of many a name known: then only the rest is tried.
type matcher struct {
	prefix string
	segs   []*segment
	a      *automaton
}

// Root returns the root directory.
func (s *Scheme) Root() *Dir {
	d := &Dir{s: s, within: Valid, mode: s.c.Mode}
	for _, v := range s.variants {
		l := liveRule{v: v}
		for _, f := range v.absent {
			l.values = append(l.values, binding{&value{field: f}, ""})
		}
		d.live = append(d.live, l)
	}
	for i := range s.c.Subtrees {
		d.trees = append(d.trees, i)
	}
	d.prepare()
	return d
}

// Path returns the path of the directory from the root.
func (d *Dir) Path() string { return d.path }

// join returns the path of a name in the directory.
func (d *Dir) join(name string) string {
	if d.path == "" {
		return name
	}
	return d.path + "/" + name
}

// prepare chooses what names in the directory are tried against.
func (d *Dir) prepare() {
	var keys [][]byte
	for k := range d.live {
		l := &d.live[k]
		if d.depth >= len(l.v.segs) {
			if l.v.free && d.free == nil {
				d.free = l.v.rule
			}
			continue
		}
		var prefix string
		prefix, l.rest = l.known(d.s, l.v.segs[d.depth])
		l.exact = !l.rest.checks && !l.binds(l.rest)
		l.try = slices.IndexFunc(d.try, func(m matcher) bool { return m.prefix == prefix })
		if l.try < 0 {
			l.try = len(d.try)
			d.try, keys = append(d.try, matcher{prefix: prefix}), append(keys, nil)
		}
		if m := &d.try[l.try]; !slices.Contains(m.segs, l.rest) {
			m.segs = append(m.segs, l.rest)
			keys[l.try] = binary.BigEndian.AppendUint32(keys[l.try], uint32(l.rest.id))
		}
	}
	for i := range d.try {
		d.try[i].a = d.s.automaton(string(keys[i]), d.try[i].segs)
	}
}

// known returns what names of a segment begin with, as far as the values so far tell,
// and the rest of the segment.
func (l *liveRule) known(s *Scheme, seg *segment) (prefix string, rest *segment) {
	var b strings.Builder
	n := 0
	for ; n < len(seg.elems); n++ {
		e := &seg.elems[n]
		switch {
		case e.lit != "":
			b.WriteString(e.lit)
			continue
		case e.field != nil:
			if text := l.value(e.field.name); text != "" {
				b.WriteString(text)
				continue
			}
		case e.opt != nil:
			if text, ok := l.optional(e.opt); ok {
				b.WriteString(text)
				continue
			}
		}
		break
	}
	if n == 0 || len(l.values) == 0 || !slices.ContainsFunc(seg.groups, func(v *value) bool { return v.field != "" && l.value(v.field) != "" }) {
		return "", seg
	}
	return b.String(), s.rest(seg, n)
}

// value returns the value of a field in the path so far; "" when it has none.
func (l *liveRule) value(field string) string {
	for _, b := range l.values {
		if b.v.field == field {
			return b.text
		}
	}
	return ""
}

// optional returns the text of an optional part, if all its fields are known.
func (l *liveRule) optional(elems []elem) (string, bool) {
	var b strings.Builder
	empty, all := 0, 0
	for _, e := range elems {
		switch {
		case e.lit != "":
			b.WriteString(e.lit)
		case e.field != nil:
			all++
			i := slices.IndexFunc(l.values, func(b binding) bool { return b.v.field == e.field.name })
			if i < 0 {
				return "", false
			}
			if l.values[i].text == "" {
				empty++
			}
			b.WriteString(l.values[i].text)
		default:
			return "", false
		}
	}
	switch empty {
	case 0:
		return b.String(), true
	case all:
		return "", true
	}
	return "", false
}

// automaton returns the automaton of some segments, made once.
func (s *Scheme) automaton(key string, segs []*segment) *automaton {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.automata[key]
	if a == nil {
		progs := make([]*syntax.Prog, len(segs))
		for i, seg := range segs {
			progs[i] = seg.prog
		}
		a = newAutomaton(progs)
		s.automata[key] = a
	}
	return a
}

// suits reports whether a kind of file may stand at the end of the first n segments
// of a template.
func (v *variant) suits(n int, kind Kind) bool {
	onward := n < len(v.segs) || v.free || v.rule.Bundle
	ends := n == len(v.segs) && !v.rule.Bundle && !v.free
	return kind == Folder && onward || kind == File && ends || kind == Symlink && (onward || ends)
}

// matchRule reports whether a name matches a rule here. The rule is nil for a directory that is
// on the way to several.
func (d *Dir) matchRule(name string, kind Kind) (*Rule, bool) {
	var states [2]*state // of the first matchers, made when they are needed
	for k := range d.live {
		l := &d.live[k]
		if d.depth >= len(l.v.segs) || !l.v.suits(d.depth+1, kind) || !d.accepts(l, name, &states) {
			continue
		}
		if !l.exact {
			seg := l.v.segs[d.depth]
			if _, ok := l.next(seg, seg.re.FindStringSubmatchIndex(name), name); !ok {
				continue
			}
		}
		if d.depth+1 < len(l.v.segs) {
			return nil, true
		}
		return l.v.rule, true
	}
	return d.free, d.free != nil
}

// accepts reports whether the automaton of a rule's matcher accepts a name.
func (d *Dir) accepts(l *liveRule, name string, states *[2]*state) bool {
	m := &d.try[l.try]
	rest, ok := strings.CutPrefix(name, m.prefix)
	if !ok {
		return false
	}
	var st *state
	if l.try >= len(states) {
		st = m.a.run(rest)
	} else {
		if states[l.try] == nil {
			states[l.try] = m.a.run(rest)
		}
		st = states[l.try]
	}
	for _, i := range st.match {
		if m.segs[i] == l.rest {
			return true
		}
	}
	return false
}

// binds reports whether a segment has a field whose value is known.
func (l *liveRule) binds(seg *segment) bool {
	for _, b := range l.values {
		for _, v := range seg.groups {
			if v.field != "" && v.field == b.v.field {
				return true
			}
		}
	}
	for i, v := range seg.groups {
		for _, w := range seg.groups[:i] {
			if v.field != "" && v.field == w.field {
				return true
			}
		}
	}
	return false
}

// next returns the values after one more segment, which matched a name with the given
// groups; ok is false when it did not, or disagrees with a value.
func (l *liveRule) next(seg *segment, m []int, name string) (values []binding, ok bool) {
	if m == nil {
		return nil, false
	}
	values = l.values[:len(l.values):len(l.values)]
	for g, v := range seg.groups {
		text, used := "", m[2*g+2] >= 0
		if used {
			text = name[m[2*g+2]:m[2*g+3]]
			if !v.allows(text) {
				return nil, false
			}
		}
		if v.field == "" {
			if used {
				values = append(values, binding{v, text})
			}
			continue
		}
		known := false
		for _, b := range values {
			if b.v.field == v.field {
				if b.text != text {
					return nil, false
				}
				known = true
				break
			}
		}
		if !known {
			values = append(values, binding{v, text})
		}
	}
	return values, true
}

// Enter returns what is known of a directory in this one, whatever its name is: below a
// wrong name everything is wrong.
func (d *Dir) Enter(name string) *Dir {
	v := d.Classify(name, Folder, nil)
	sub := &Dir{s: d.s, path: d.join(name), within: Valid, mode: v.Mode, depth: d.depth + 1}
	for _, i := range d.trees {
		if matchGlob(subtreeName(d.s.c.Subtrees[i].Path, d.depth), name) {
			sub.trees = append(sub.trees, i)
		}
	}
	switch v.Class {
	case LocalOnly, Staged:
		sub.within = v.Class
	case Bundle:
		sub.within, sub.rule = Bundle, v.Rule
	case Valid:
		d.follow(sub, name)
		if v.Rule != nil && v.Rule.Bundle && sub.free == nil {
			sub.within, sub.rule = Bundle, v.Rule
		}
	}
	sub.prepare()
	return sub
}

// follow takes the rules along that a directory's name matches.
func (d *Dir) follow(sub *Dir, name string) {
	sub.free = d.free
	var states [2]*state
	groups := make(map[*segment][]int) // many rules share a segment
	for k := range d.live {
		l := &d.live[k]
		if d.depth >= len(l.v.segs) || !l.v.suits(d.depth+1, Folder) || !d.accepts(l, name, &states) {
			continue
		}
		seg := l.v.segs[d.depth]
		m, ok := groups[seg]
		if !ok {
			m = seg.re.FindStringSubmatchIndex(name)
			groups[seg] = m
		}
		if values, ok := l.next(seg, m, name); ok {
			sub.live = append(sub.live, liveRule{v: l.v, values: values})
		}
	}
}

// modeOf returns the mode that holds for a name in the directory.
func (d *Dir) modeOf(name string) Mode {
	mode := d.mode
	for _, i := range d.trees {
		t := &d.s.c.Subtrees[i]
		if strings.Count(t.Path, "/") == d.depth && matchGlob(subtreeName(t.Path, d.depth), name) {
			mode = t.Mode
		}
	}
	return mode
}

// subtreeName returns the name at a depth of a subtree's path, or "".
func subtreeName(path string, depth int) string {
	for ; depth > 0; depth-- {
		_, rest, ok := strings.Cut(path, "/")
		if !ok {
			return ""
		}
		path = rest
	}
	name, _, _ := strings.Cut(path, "/")
	return name
}

// matchGlob matches a name against a pattern with * and ?.
func matchGlob(pattern, name string) bool {
	star, mark := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			p = star + 1
			mark++
			n = mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// Alike reports whether every name is judged the same in two directories.
func (d *Dir) Alike(o *Dir) bool {
	if d.within != o.within || d.mode != o.mode || d.free != o.free || d.rule != o.rule || !slices.Equal(d.trees, o.trees) {
		return false
	}
	if len(d.try)+len(o.try)+len(d.trees) == 0 {
		return true
	}
	return d.depth == o.depth && slices.EqualFunc(d.live, o.live, func(a, b liveRule) bool {
		return a.v == b.v && slices.EqualFunc(a.values, b.values, func(x, y binding) bool {
			return x.v.field == y.v.field && x.text == y.text
		})
	})
}
