package naming

import (
	"fmt"
	"regexp/syntax"
	"slices"
)

// Finding is something in a scheme that is allowed and probably not meant.
type Finding struct {
	Rule string `json:"rule,omitempty"`
	Text string `json:"text"`
}

// Lint looks for rules that can never be a path's rule because earlier ones match the same paths, for
// pairs of rules that match some path both, for examples whose paths do not come out
// as they went in, and for fields that no rule has.
func (s *Scheme) Lint() (findings []Finding) {
	add := func(rule, format string, args ...any) {
		findings = append(findings, Finding{rule, fmt.Sprintf(format, args...)})
	}
	reported := map[[2]string]bool{}
	for j, b := range s.variants {
		for _, a := range s.variants[:j] {
			pair := [2]string{a.rule.ID, b.rule.ID}
			if a.rule == b.rule || reported[pair] {
				continue
			}
			overlap, inside := compare(a, b)
			switch {
			case inside && len(b.rule.Paths) == 1:
				reported[pair] = true
				add(b.rule.ID, "can never apply: rule %s comes first and matches every path of %s", a.rule.ID, b.path)
			case overlap:
				reported[pair] = true
				add(b.rule.ID, "shares paths with rule %s, which comes first (%s and %s)", a.rule.ID, a.path, b.path)
			}
		}
	}
	for _, v := range s.variants {
		path := v.example()
		m, err := s.Parse(path)
		if err != nil {
			add(v.rule.ID, "its own example %s does not match: give its fields examples that do (%s)", path, v.path)
			continue
		}
		if again, err := s.Format(m); err != nil || again != path {
			add(v.rule.ID, "the example %s cannot be made again from its values", path)
		}
	}
	var names []string
	for name := range s.c.Fields {
		if !slices.ContainsFunc(s.variants, func(v *variant) bool { return v.has(name) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		add("", "field %s is in no rule", name)
	}
	return findings
}

// compare reports whether two templates match a common path, and whether a matches
// every path of b. Values that must agree are not considered.
func compare(a, b *variant) (overlap, inside bool) {
	if a.rule.Bundle != b.rule.Bundle || a.free != b.free || len(a.segs) != len(b.segs) {
		return false, false
	}
	overlap, inside = true, true
	for i, seg := range a.segs {
		if seg == b.segs[i] {
			continue
		}
		both, all := compareSegments(seg, b.segs[i])
		overlap, inside = overlap && both, inside && all
		if !overlap {
			return false, false
		}
	}
	return overlap, inside
}

// compareSegments walks through all that either of two segments can read.
func compareSegments(a, b *segment) (both, inside bool) {
	auto := newAutomaton([]*syntax.Prog{a.prog, b.prog})
	inside = true
	seen := map[*state]bool{auto.start: true}
	for todo := []*state{auto.start}; len(todo) > 0; {
		st := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		inA, inB := slices.Contains(st.match, 0), slices.Contains(st.match, 1)
		both = both || inA && inB
		inside = inside && (inA || !inB)
		if both && !inside || len(seen) >= maxStates {
			return both, false
		}
		for _, r := range auto.bounds {
			if next := auto.step(st, r); !seen[next] {
				seen[next] = true
				todo = append(todo, next)
			}
		}
	}
	return both, inside
}
