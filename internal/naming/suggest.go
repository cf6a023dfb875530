package naming

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Suggestion is a path that has some values in it.
type Suggestion struct {
	Rule     *Rule
	Path     string    // with {field} where a value is missing
	Problems []Problem // values that were mended, and fields that are missing
	Missing  []string  // of these, the fields without a value
}

// Suggest returns the paths that have the given values, one for each rule that has a place
// for all of them, those with the fewest fields left open first. Wrong values are mended where
// something is near. The error names a field that no rule has.
func (s *Scheme) Suggest(values map[string]string) ([]Suggestion, error) {
	var out []Suggestion
	for _, v := range s.variants {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(values)), func(f string) bool { return !v.has(f) }) {
			if sg, ok := s.fill(v, values); ok {
				out = append(out, sg)
			}
		}
	}
	if len(out) == 0 {
		var known []string
		for _, v := range s.variants {
			for _, seg := range v.segs {
				known = append(known, fieldNames(seg.elems)...)
			}
		}
		slices.Sort(known)
		known = slices.Compact(known)
		for _, f := range slices.Sorted(maps.Keys(values)) {
			if !slices.Contains(known, f) {
				return nil, fmt.Errorf("the scheme has no field %q: it has %s", f, strings.Join(known, ", "))
			}
		}
		return nil, fmt.Errorf("no rule has a place for all of %s together", strings.Join(slices.Sorted(maps.Keys(values)), ", "))
	}
	slices.SortStableFunc(out, func(a, b Suggestion) int { return len(a.Missing) - len(b.Missing) })
	return out, nil
}

// fill puts values into one template.
func (s *Scheme) fill(v *variant, values map[string]string) (sg Suggestion, ok bool) {
	sg.Rule = v.rule
	good := maps.Clone(values)
	seen := map[string]bool{}
	for _, seg := range v.segs {
		for _, val := range seg.groups {
			text, given := values[val.field]
			if val.field == "" || !given || seen[val.field] || val.ok(text) {
				continue
			}
			seen[val.field] = true
			p := Problem{Field: val.field, Value: text, Expected: val.words, Example: val.example, Suggest: val.nearest(text)}
			good[val.field] = p.Suggest
			sg.Problems = append(sg.Problems, p)
			if p.Suggest == "" {
				return sg, false
			}
		}
	}
	var path strings.Builder
	f := formatter{s: s, values: good}
	for i, seg := range v.segs {
		if i > 0 {
			path.WriteByte('/')
		}
		f.open(seg, &path, &sg)
	}
	sg.Path = path.String()
	if v.free || v.rule.Bundle {
		sg.Path += "/"
	}
	return sg, true
}

// open writes a segment with the values that there are and {field} for the others.
func (f *formatter) open(seg *segment, out *strings.Builder, sg *Suggestion) {
	var write func(elems []elem)
	write = func(elems []elem) {
		for i := range elems {
			e := &elems[i]
			switch {
			case e.field != nil:
				text := f.values[e.field.name]
				if text == "" {
					text = "{" + e.field.name + "}"
					if !slices.Contains(sg.Missing, e.field.name) {
						v, _ := f.s.value(e.field)
						sg.Missing = append(sg.Missing, e.field.name)
						sg.Problems = append(sg.Problems, Problem{Field: v.field, Expected: v.words, Example: v.example})
					}
				}
				out.WriteString(text)
			case e.alts != nil:
				f.n++
				out.WriteString(or(f.values[strconv.Itoa(f.n)], e.alts[0]))
			case e.any:
				out.WriteString("*")
			case e.opt != nil:
				if f.present(e.opt) {
					write(e.opt)
				}
			default:
				out.WriteString(e.lit)
			}
		}
	}
	write(seg.elems)
}

// nearest returns the value that a wrong one comes closest to, or "".
func (v *value) nearest(text string) string {
	expr := v.expr
	if v.listed != nil && len(v.enum) > 0 {
		expr = altExpr(v.enum)
	}
	a, ok := alignTo(expr, text)
	if !ok || !v.ok(a.text) || !a.near(text) {
		return ""
	}
	return a.text
}
