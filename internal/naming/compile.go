package naming

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
)

// Mistake is one thing that is wrong with a Config.
type Mistake struct {
	Where string // rules[2].paths[0], fields.run.pattern, subtrees[1].path
	Text  string
}

func (m Mistake) Error() string { return m.Where + ": " + m.Text }

// Mistakes is everything that is wrong with a Config.
type Mistakes []Mistake

func (ms Mistakes) Error() string {
	var lines []string
	for _, m := range ms {
		lines = append(lines, m.Error())
	}
	return strings.Join(lines, "\n")
}

// Scheme is a compiled Config.
type Scheme struct {
	c        Config
	rules    []*Rule
	variants []*variant
	segments map[string]*segment // by what they say
	shapes   *shapes

	mu       sync.Mutex
	automata map[string]*automaton // by the segments they try
	rests    map[restKey]*segment  // what remains of segments whose beginning is known
	values   map[string]*value     // by name and spec
}

// variant is one template of a rule, optional directories decided.
type variant struct {
	rule   *Rule
	path   string // as it was written
	segs   []*segment
	free   bool // ends in **
	absent []string
	index  int
}

// segment is one name of a template.
type segment struct {
	id     int
	source string // for people
	elems  []elem
	expr   string
	groups []*value // of the groups of re, in order
	re     *regexp.Regexp
	prog   *syntax.Prog // of expr without groups
	checks bool         // a group needs more than the expression
}

// maxDepth bounds the segments of a template.
const maxDepth = 64

// Compile checks a configuration and makes it ready for use. The error is Mistakes.
func Compile(c Config) (*Scheme, error) {
	s := &Scheme{c: c, segments: map[string]*segment{}, automata: map[string]*automaton{}, rests: map[restKey]*segment{}, values: map[string]*value{}}
	if s.c.MaxName == 0 {
		s.c.MaxName = DefaultMaxName
	}
	var bad Mistakes
	wrong := func(where, format string, args ...any) {
		bad = append(bad, Mistake{where, fmt.Sprintf(format, args...)})
	}
	for name, f := range c.Fields {
		v, err := newValue(name, "", f)
		if err != nil {
			wrong("fields."+name, "%v", err)
		} else if f.Example != "" && !v.ok(f.Example) {
			wrong("fields."+name+".example", "%q is no %s: want %s", f.Example, name, v.words)
		}
	}
	if len(bad) > 0 {
		slices.SortFunc(bad, func(a, b Mistake) int { return strings.Compare(a.Where, b.Where) })
		return nil, bad // templates would only repeat them
	}
	ids := map[string]bool{}
	for i := range c.Rules {
		r := &c.Rules[i]
		s.rules = append(s.rules, r)
		at := fmt.Sprintf("rules[%d]", i)
		switch {
		case r.ID == "":
			wrong(at, "want an id")
		case ids[r.ID]:
			wrong(at+".id", "a second rule is called %q", r.ID)
		}
		ids[r.ID] = true
		if len(r.Paths) == 0 {
			wrong(at, "want a path")
		}
		if r.Perm&^0o777 != 0 {
			wrong(at+".mode", "want permission bits, like 0644")
		}
		for j, p := range r.Paths {
			if err := s.add(r, p); err != nil {
				wrong(fmt.Sprintf("%s.paths[%d]", at, j), "%v", err)
			}
		}
	}
	for i, t := range c.Subtrees {
		if t.Path == "" || strings.Contains("/"+t.Path+"/", "//") {
			wrong(fmt.Sprintf("subtrees[%d].path", i), "want names joined by single slashes, got %q", t.Path)
		}
	}
	var err error
	if s.shapes, err = newShapes(c.Local, c.Staged); err != nil {
		wrong("globs", "%v", err)
	}
	if len(bad) > 0 {
		return nil, bad
	}
	return s, nil
}

// Config returns what the scheme was compiled from. Do not change what it refers to.
func (s *Scheme) Config() Config { return s.c }

// add compiles one template of a rule.
func (s *Scheme) add(r *Rule, path string) error {
	if path == "" || strings.ContainsRune(path, 0) {
		return fmt.Errorf("want a template")
	}
	elems, err := parseTemplate(path)
	if err != nil {
		return err
	}
	all := fieldNames(elems)
	for _, f := range r.Same {
		if n := count(all, f); n < 2 {
			return fmt.Errorf("same: field %s occurs %d times in %q", f, n, path)
		}
	}
	vs, err := expand(elems)
	if err != nil {
		return err
	}
	for _, ve := range vs {
		v := &variant{rule: r, path: path, absent: ve.absent, index: len(s.variants)}
		parts := split(ve.elems)
		for k, part := range parts {
			if len(part) == 1 && part[0].lit == "**" {
				if v.free = k == len(parts)-1; !v.free || k == 0 {
					return fmt.Errorf("** must be the last name of a template, and not the only one")
				}
				continue
			}
			if holds(part, func(e *elem) bool { return strings.Contains(e.lit, "**") }) {
				return fmt.Errorf("** must stand alone between slashes")
			}
			seg, err := s.segment(part)
			if err != nil {
				return err
			}
			v.segs = append(v.segs, seg)
		}
		if len(v.segs) == 0 || len(v.segs) > maxDepth {
			return fmt.Errorf("want 1 to %d names between slashes", maxDepth)
		}
		s.variants = append(s.variants, v)
	}
	return nil
}

func count(list []string, s string) (n int) {
	for _, x := range list {
		if x == s {
			n++
		}
	}
	return n
}

// value returns the value of a field of a template, made once.
func (s *Scheme) value(f *fieldElem) (*value, error) {
	key := f.name + ":" + f.spec
	if v := s.values[key]; v != nil {
		return v, nil
	}
	v, err := newValue(f.name, f.spec, s.c.Fields[f.name])
	if err != nil {
		return nil, fmt.Errorf("field %s: %w", f.name, err)
	}
	s.values[key] = v
	return v, nil
}

// segment compiles one name of a template, once for all rules that have it.
func (s *Scheme) segment(elems []elem) (*segment, error) {
	if len(elems) == 0 {
		return nil, fmt.Errorf("an empty name between slashes")
	}
	seg := &segment{source: source(elems), elems: elems}
	b := exprBuilder{s: s, seg: seg}
	// The longest extension counts: what stands before it takes as little as it can.
	if last := &elems[len(elems)-1]; last.field != nil || last.alts != nil {
		b.lazyUntil = last
	}
	if err := b.write(elems); err != nil {
		return nil, err
	}
	seg.expr = b.expr.String()
	key := seg.expr + "\x00" + b.names.String()
	if old := s.segments[key]; old != nil {
		return old, nil
	}
	if err := seg.compile(); err != nil {
		return nil, err
	}
	seg.id = len(s.segments)
	s.segments[key] = seg
	return seg, nil
}

// restKey names a segment without its first elements.
type restKey struct {
	seg *segment
	n   int
}

// rest returns a segment without its first n elements. It is made once.
func (s *Scheme) rest(seg *segment, n int) *segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := restKey{seg, n}
	if r := s.rests[key]; r != nil {
		return r
	}
	r := &segment{id: len(s.segments) + len(s.rests), elems: seg.elems[n:]}
	b := exprBuilder{s: s, seg: r}
	if len(r.elems) > 0 {
		b.lazyUntil = &r.elems[len(r.elems)-1]
	}
	err := b.write(r.elems)
	if r.expr = b.expr.String(); err == nil {
		err = r.compile()
	}
	if err != nil { // the whole segment was compiled from the same parts
		panic(fmt.Sprintf("naming: the end of %s does not compile: %v", seg.source, err))
	}
	s.rests[key] = r
	return r
}

func (seg *segment) compile() error {
	tree, err := syntax.Parse(seg.expr, syntax.Perl)
	if err != nil {
		return err
	}
	if seg.prog, err = syntax.Compile(tree.Simplify()); err != nil || len(seg.prog.Inst) > maxInsts {
		return fmt.Errorf("%s: the patterns are too large together", seg.source)
	}
	if seg.re, err = regexp.Compile("^(?:" + seg.expr + ")$"); err != nil {
		return err
	}
	for _, v := range seg.groups {
		seg.checks = seg.checks || v.check != nil || v.listed != nil
	}
	return nil
}

// exprBuilder writes elements as an expression with a group for each field.
type exprBuilder struct {
	s         *Scheme
	seg       *segment
	expr      strings.Builder
	names     strings.Builder // of the values, to tell segments apart
	lazyUntil *elem
	bound     map[string]string // values that fields must have; nil when compiling
}

func (b *exprBuilder) write(elems []elem) error {
	for i := range elems {
		e := &elems[i]
		lazy := ""
		if b.lazyUntil != nil && e != b.lazyUntil {
			lazy = "U"
		}
		switch {
		case e.field != nil:
			v, err := b.s.value(e.field)
			if err != nil {
				return err
			}
			expr := "(?" + lazy + ":" + v.expr + ")"
			if text, ok := b.bound[v.field]; ok && text != "" {
				expr = regexp.QuoteMeta(text)
			} else if b.bound != nil && v.listed != nil && len(v.enum) > 0 {
				expr = altExpr(v.enum) // the nearest name has a value that is listed
			}
			b.group(v, expr)
		case e.alts != nil:
			words := slices.Clone(e.alts)
			if i := slices.Index(words, ""); i >= 0 {
				words[i] = "nothing"
			}
			b.group(&value{enum: e.alts, words: orList(words), example: e.alts[0]}, altExpr(e.alts))
		case e.any:
			b.group(&value{words: "any text", example: "name"}, "(?"+lazy+":.+)")
		case e.opt != nil:
			if text, ok := b.optional(e.opt); ok && text == "" {
				continue // a field of it is known to be empty
			}
			b.expr.WriteString("(?:")
			if err := b.write(e.opt); err != nil {
				return err
			}
			b.expr.WriteString(")?")
		default:
			b.expr.WriteString(regexp.QuoteMeta(e.lit))
		}
	}
	return nil
}

// optional returns the bound value of a field in an optional part.
func (b *exprBuilder) optional(elems []elem) (string, bool) {
	for _, name := range fieldNames(elems) {
		if text, ok := b.bound[name]; ok {
			return text, true
		}
	}
	return "", false
}

func (b *exprBuilder) group(v *value, expr string) {
	b.seg.groups = append(b.seg.groups, v)
	b.expr.WriteString("(" + expr + ")")
	fmt.Fprintf(&b.names, "%s:%s:%s,", v.field, v.registry, v.words)
}

func altExpr(alts []string) string {
	parts := make([]string, len(alts))
	for i, a := range alts {
		parts[i] = regexp.QuoteMeta(a)
	}
	slices.SortStableFunc(parts, func(a, b string) int { return len(b) - len(a) })
	return "(?:" + strings.Join(parts, "|") + ")"
}
