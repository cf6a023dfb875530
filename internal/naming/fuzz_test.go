package naming

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzCompile(f *testing.F) {
	for _, p := range Presets {
		c, _ := Preset(p)
		for _, r := range c.Rules {
			f.Add(r.Paths[0], "[a-z]+", "some/path.csv")
		}
	}
	for _, s := range []string{"{", "[[[[{a}]]]]", "{x:/[/]}/}", "a//", "({a}|b)", "{a}{b}{c}", "[{a}/][{b}/][{c}/]x", `\`, "{d:%Y%m}", "**"} {
		f.Add(s, "(x+x+)+y", "x/\xff")
	}
	f.Fuzz(func(t *testing.T, template, pattern, path string) {
		if len(template) > 300 || len(pattern) > 100 || len(path) > 300 {
			return
		}
		s, err := Compile(Config{Mode: Enforce, Fields: map[string]Field{"a": {Pattern: pattern}}, Rules: []Rule{{ID: "r", Paths: []string{template}}}})
		if err != nil {
			return
		}
		judge(t, s, path)
		judge(t, s, s.variants[0].example())
	})
}

func FuzzParse(f *testing.F) {
	for _, file := range []string{"bids-valid.txt", "bids-invalid.txt"} {
		for _, p := range corpus(f, file) {
			f.Add(p)
		}
	}
	for _, p := range []string{"EXP0042/sub-01/ses-01/eeg_run-02.nii.gz", "EXP0042_sub-01_eeg_20260102.csv", "EXP0042/eeg/sub-01_20260102.csv", "/", "a\x00", "é"} {
		f.Add(p)
	}
	var schemes []*Scheme
	for _, p := range Presets {
		schemes = append(schemes, preset(f, p))
	}
	schemes = append(schemes, one(f, "{a}[_{b}][-{c:int}].{e:enum(x|x.y|y)}", "{a}/[{b}/]{a}[_{b}]", "{w:/.+/}{v:/.+/}"))
	f.Fuzz(func(t *testing.T, path string) {
		if len(path) > 500 {
			return
		}
		for _, s := range schemes {
			judge(t, s, path)
		}
	})
}

// judge checks what holds for every scheme and path.
func judge(t *testing.T, s *Scheme, path string) {
	m, err := s.Parse(path)
	a := s.Explain(path, File)
	if err == nil {
		if again, err := s.Format(m); err != nil || again != path {
			t.Errorf("%q -> %v -> %q, %v", path, m.Values, again, err)
		}
		if v := classify(s, path); v.Refused() {
			d := v.Class // a local-only or reserved name may match a rule
			if d != Virtual {
				t.Errorf("%q has a match and is refused", path)
			}
		}
	}
	if v := classify(s, path); v.Refused() && len(a.Problems) == 0 {
		t.Errorf("%q is refused without a reason", path)
	}
	for _, p := range a.Problems {
		if p.Expected == "" || strings.Contains(fmt.Sprint(p), "%!") {
			t.Errorf("%q: the problem %+v says nothing", path, p)
		}
	}
	if a.Suggest != "" {
		if !utf8.ValidString(a.Suggest) {
			t.Errorf("%q: the suggestion %q is not UTF-8", path, a.Suggest)
		}
		// The path is a file's unless it ends in a slash; so is the suggestion.
		suggest := a.Suggest
		if strings.HasSuffix(path, "/") {
			suggest += "/"
		}
		if v := classify(s, suggest); v.Refused() {
			t.Errorf("%q: the suggestion %q is refused", path, a.Suggest)
		}
	}
}
