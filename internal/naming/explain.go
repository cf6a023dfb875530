package naming

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a name.
type Problem struct {
	Field    string `json:"field,omitempty"` // of the scheme; "" when it is the name as a whole
	Value    string `json:"value"`           // as it is; "" when it is missing
	Expected string `json:"expected"`        // in words
	Example  string `json:"example,omitempty"`
	Suggest  string `json:"suggestion,omitempty"` // nearest to the value that is right
}

// String returns the problem in one line, for people.
func (p Problem) String() string {
	var b strings.Builder
	switch {
	case p.Field == "":
		fmt.Fprintf(&b, "%q: want %s", p.Value, p.Expected)
	case p.Value == "":
		fmt.Fprintf(&b, "%s is missing: want %s", p.Field, p.Expected)
	default:
		fmt.Fprintf(&b, "%s = %q: want %s", p.Field, p.Value, p.Expected)
	}
	if p.Example != "" && p.Example != p.Suggest {
		fmt.Fprintf(&b, ", for example %s", p.Example)
	}
	if p.Suggest != "" {
		fmt.Fprintf(&b, "; did you mean %s?", p.Suggest)
	}
	return b.String()
}

// Advice is everything that is wrong with a path, and what would be right.
type Advice struct {
	Problems []Problem
	Suggest  string // the nearest right name or path; "" when nothing is near
	Rule     *Rule  // that Suggest, or the name if it is right, comes closest to; nil: none
}

// Explain says what is wrong with a name in a directory. It has no problems when
// Classify does not find the name invalid.
func (d *Dir) Explain(name string, kind Kind, siblings Siblings) Advice {
	v := d.Classify(name, kind, siblings)
	if v.Class == Virtual {
		return Advice{Problems: []Problem{{Value: name, Expected: "another name: this one belongs to the drive"}}}
	}
	if v.Class != Invalid {
		return Advice{Rule: v.Rule}
	}
	tidied, problems := d.s.tidy(name)
	a := Advice{Problems: problems}
	if rule, ok := d.matchRule(tidied, kind); ok && d.s.fits(tidied) {
		a.Rule, a.Suggest = rule, tidied
	} else if !ok {
		d.nearest(tidied, kind, &a)
	}
	if a.Suggest == "" || siblings == nil || d.s.c.CaseSensitive {
		return a
	}
	if other := siblings(a.Suggest); other != "" && other != name {
		a.Problems = append(a.Problems, Problem{Value: name, Suggest: other,
			Expected: fmt.Sprintf("a name that differs by more than upper and lower case from %q, which is here already", other)})
		a.Suggest = ""
	}
	return a
}

// nearest finds the form that a wrong name comes closest to, and tells the differences.
func (d *Dir) nearest(name string, kind Kind, a *Advice) {
	type candidate struct {
		l   *liveRule
		seg *segment
		al  alignment
	}
	var best *candidate
	limit := maxCost(name)
	for k := range d.live {
		l := &d.live[k]
		if d.depth >= len(l.v.segs) || !l.v.suits(d.depth+1, kind) {
			continue
		}
		seg, err := l.bound(d.s, d.depth)
		if err != nil {
			continue
		}
		if al, ok := align(seg.prog, name, len(seg.groups), limit); ok {
			best, limit = &candidate{l, seg, al}, al.cost-1
		}
	}
	place := d.placeOf(name, kind)
	if best == nil || !best.al.near(name) || place != nil && best.al.cost > 2*costWrong {
		if place != nil {
			a.Problems = append(a.Problems, *place)
		} else {
			a.Problems = append(a.Problems, Problem{Value: name, Expected: d.forms(kind)})
		}
		return
	}
	a.Rule = best.l.v.rule
	texts := make([]alignedGroup, len(best.al.groups))
	known, near := len(a.Problems), true
	for g, v := range best.seg.groups {
		got := best.al.groups[g]
		if !got.used {
			continue
		}
		if p, right := d.groupProblem(best.l, v, got); p != nil {
			if known := best.l.value(v.field); got.was != "" && !got.near() && (v.field == "" || known == "") {
				p.Suggest, near = "", false
			}
			a.Problems = append(a.Problems, *p)
			got.is = right
		}
		texts[g] = got
	}
	suggest := best.seg.format(texts)
	if len(a.Problems) == known && suggest != name {
		a.Problems = append(a.Problems, Problem{Value: name, Suggest: suggest,
			Expected: "a name of the form " + best.l.v.segs[d.depth].source})
	}
	if _, ok := d.matchRule(suggest, kind); ok && near && d.s.fits(suggest) {
		a.Suggest = suggest
	}
}

// groupProblem compares what a field holds with what it should hold.
func (d *Dir) groupProblem(l *liveRule, v *value, got alignedGroup) (p *Problem, right string) {
	right = got.is
	if got.was == got.is && (v.field == "" || v.allows(got.is)) {
		return nil, right
	}
	if got.was == "" || v.field != "" && !v.allows(right) {
		right = v.example
	}
	p = &Problem{Field: v.field, Value: got.was, Expected: v.words, Example: v.example}
	for _, b := range l.values {
		if b.v.field == v.field && v.field != "" && b.text != "" {
			p.Expected, p.Example, right = fmt.Sprintf("%s, as in %s/", b.text, d.path), "", b.text
		}
	}
	if right != got.was && got.was != "" && (right != v.example || got.is == right) {
		p.Suggest = right
	}
	return p, right
}

// bound returns the segment at a depth with the values that the path has already.
func (l *liveRule) bound(s *Scheme, depth int) (*segment, error) {
	values := make(map[string]string, len(l.values))
	for _, b := range l.values {
		if b.v.field != "" {
			values[b.v.field] = b.text
		}
	}
	seg := &segment{elems: prune(l.v.segs[depth].elems, values)}
	eb := exprBuilder{s: s, seg: seg, bound: values}
	if err := eb.write(seg.elems); err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(eb.expr.String(), syntax.Perl)
	if err != nil {
		return nil, err
	}
	seg.prog, err = syntax.Compile(tree.Simplify())
	return seg, err
}

// prune decides the optional parts whose fields have a value, or are known to have none.
func prune(elems []elem, values map[string]string) (out []elem) {
	for _, e := range elems {
		if e.opt == nil {
			out = append(out, e)
			continue
		}
		known, text := false, ""
		for _, f := range fieldNames(e.opt) {
			if t, ok := values[f]; ok {
				known, text = true, text+t
			}
		}
		switch {
		case !known:
			out = append(out, elem{opt: prune(e.opt, values)})
		case text != "":
			out = append(out, prune(e.opt, values)...)
		}
	}
	return out
}

// placeOf says where a name belongs that would be right further down.
func (d *Dir) placeOf(name string, kind Kind) *Problem {
	for k := range d.live {
		v := d.live[k].v
		for n := d.depth + 1; n < len(v.segs); n++ {
			if seg := v.segs[n]; v.suits(n+1, kind) && selective(seg.elems) && seg.re.MatchString(name) {
				way, example := d.path, d.path
				for _, s := range v.segs[d.depth:n] {
					way += "/" + s.source
					example += "/" + s.example()
				}
				return &Problem{Value: name, Expected: "another place: it belongs into " + strings.TrimPrefix(way, "/") + "/",
					Example: strings.TrimPrefix(example, "/") + "/" + name}
			}
		}
	}
	return nil
}

// selective reports whether a segment says enough to recognise a name by: a name that
// matches a mere {name} says nothing of where it belongs.
func selective(elems []elem) bool {
	return holds(elems, func(e *elem) bool { return e.lit != "" || e.alts != nil })
}

// Forms says what may be made in the directory, for people.
func (d *Dir) Forms() string {
	switch {
	case d.mode == Off && len(d.trees) == 0, d.free != nil, d.within == Bundle:
		return "every name is right here"
	case d.within != Valid:
		return "every name is right here, and nothing is kept with the data"
	}
	return "files: " + d.forms(File) + "\ndirectories: " + d.forms(Folder)
}

// forms lists what may stand in the directory, for people.
func (d *Dir) forms(kind Kind) string {
	var list []string
	for k := range d.live {
		l := &d.live[k]
		if d.depth >= len(l.v.segs) || !l.v.suits(d.depth+1, kind) {
			continue
		}
		seg := l.v.segs[d.depth]
		form := seg.source
		if strings.ContainsAny(form, "{*") {
			form += " (such as " + seg.example() + ")"
		}
		if !slices.Contains(list, form) {
			list = append(list, form)
		}
	}
	here := "here"
	if d.path == "" {
		here = "at the top of the drive"
	}
	what := map[Kind]string{File: "files", Folder: "directories", Symlink: "links"}[kind]
	switch n := len(list); {
	case n == 0:
		return "another place: " + what + " are not expected " + here
	case n == 1:
		return "a name of the form " + list[0]
	case n > 8:
		return fmt.Sprintf("a name of one of the forms %s and %d more", strings.Join(list[:8], ", "), n-8)
	}
	return "a name of one of the forms " + strings.Join(list, ", ")
}

// Explain says what is wrong with a whole path: of every name in it, each judged below
// what the name before it should have been. A path that ends in a slash is a directory.
func (s *Scheme) Explain(path string, kind Kind) Advice {
	if rest, ok := strings.CutSuffix(path, "/"); ok {
		path, kind = rest, Folder
	}
	d := s.Root()
	var a Advice
	var right []string
	names := strings.Split(path, "/")
	for i, name := range names {
		k := Folder
		if i == len(names)-1 {
			k = kind
		}
		one := d.Explain(name, k, nil)
		a.Problems = append(a.Problems, one.Problems...)
		a.Rule = one.Rule
		fixed := name
		if len(one.Problems) > 0 {
			if fixed = one.Suggest; fixed == "" {
				return a
			}
		}
		right = append(right, fixed)
		if i < len(names)-1 {
			d = d.Enter(fixed)
		}
	}
	if len(a.Problems) > 0 {
		a.Suggest = strings.Join(right, "/")
	}
	return a
}
