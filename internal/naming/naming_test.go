package naming

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// compile compiles a configuration that has to be right.
func compile(t testing.TB, c Config) *Scheme {
	t.Helper()
	s, err := Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func preset(t testing.TB, name string) *Scheme {
	t.Helper()
	c, err := Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	return compile(t, c)
}

// one makes a scheme of templates, enforced.
func one(t testing.TB, paths ...string) *Scheme {
	t.Helper()
	return compile(t, Config{Mode: Enforce, Rules: []Rule{{ID: "r", Paths: paths}}})
}

// classify judges a path name by name, and returns the verdict of the last one, or of
// the first that is refused.
func classify(s *Scheme, path string) Verdict {
	kind := File
	if rest, ok := strings.CutSuffix(path, "/"); ok {
		path, kind = rest, Folder
	}
	d := s.Root()
	names := strings.Split(path, "/")
	for _, name := range names[:len(names)-1] {
		if v := d.Classify(name, Folder, nil); v.Refused() {
			return v
		}
		d = d.Enter(name)
	}
	return d.Classify(names[len(names)-1], kind, nil)
}

func TestTemplatesMatchWhatTheySay(t *testing.T) {
	tests := []struct {
		template string
		valid    []string
		invalid  []string
	}{
		{"{a}", []string{"x", "Müller", "a-b+1"}, []string{"a_b", "a.b", "a b", "x/y"}},
		{"{run:int}.csv", []string{"0.csv", "7.csv", "12.csv"}, []string{"07.csv", "-1.csv", ".csv", "x.csv"}},
		{"{run:int(2)}.csv", []string{"00.csv", "07.csv", "12.csv", "123.csv"}, []string{"7.csv", "012.csv"}},
		{"{date:20060102}.csv", []string{"20260228.csv", "20240229.csv"}, []string{"20260229.csv", "20261301.csv", "2026-01-01.csv", "260101.csv"}},
		{"{date:2006-01-02}.csv", []string{"2026-02-28.csv"}, []string{"20260228.csv", "2026-02-30.csv"}},
		{"{when:%Y%m%d_%H%M%S}.csv", []string{"20260102_235959.csv"}, []string{"20260102_240000.csv", "20260102.csv", "20260102-235959.csv"}},
		{"{kind:enum(raw|processed)}.csv", []string{"raw.csv", "processed.csv"}, []string{"Raw.csv", "rawprocessed.csv", ".csv"}},
		{"{x:/[ab]{2,3}/}.csv", []string{"ab.csv", "aba.csv"}, []string{"a.csv", "abab.csv", "ac.csv"}},
		{"{x:/^a.c$/}", []string{"abc", "a.c"}, []string{"abcd", "xabc"}},
		{"{hash}.bin", []string{"0123456789abcdef.bin"}, []string{"0123.bin", "0123456789ABCDEF.bin", "xyz45678.bin"}},
		{"a[_{b}].csv", []string{"a.csv", "a_x.csv"}, []string{"a_.csv", "ax.csv", "a_x_y.csv"}},
		{"a[_{b}[-{c:int}]].csv", []string{"a.csv", "a_x.csv", "a_x-7.csv"}, []string{"a-7.csv", "a_-7.csv.x"}},
		{"(README|NOTES)(|.md|.txt)", []string{"README", "NOTES.md", "README.txt"}, []string{"readme", "README.pdf", ""}},
		{"*.log", []string{"x.log", "any thing.log"}, []string{".log", "x.logs"}},
		{`\[{a}\].csv`, []string{"[x].csv"}, []string{"x.csv"}},
		{"{a}/{b}/x.csv", []string{"p/q/x.csv", "p/", "p/q/"}, []string{"p/x.csv", "p/q/r/x.csv", "x.csv", "p/q/r/", "p/q/x.csv/"}},
		{"{a}/[{b}/]{a}[_{b}].csv", []string{"p/p.csv", "p/q/p_q.csv"}, []string{"p/q/p.csv", "p/p_q.csv", "p/q/q_q.csv", "p/q/p_r.csv"}},
		{"code/**", []string{"code/x", "code/a/b/.c", "code/"}, []string{"code", "x/", "xcode/y"}},
		{"{name}.{ext:enum(gz|nii|nii.gz)}", []string{"a.nii.gz", "a.gz"}, []string{"a.csv", "a.b.gz"}},
	}
	for _, tt := range tests {
		s := compile(t, Config{Mode: Enforce, Unportable: true, Rules: []Rule{{ID: "r", Paths: []string{tt.template}}}})
		for _, p := range tt.valid {
			if v := classify(s, p); v.Class != Valid {
				t.Errorf("%s: %q is %s: %v", tt.template, p, v.Class, s.Explain(p, File).Problems)
			}
		}
		for _, p := range tt.invalid {
			if v := classify(s, p); v.Class == Valid {
				t.Errorf("%s: %q is valid", tt.template, p)
			}
		}
	}
}

func TestParseReadsTheLongestExtension(t *testing.T) {
	s := compile(t, Config{Mode: Enforce, Fields: map[string]Field{
		"name": {Pattern: ".+"}, "extension": {Enum: []string{"gz", "nii", "nii.gz", "csv"}}},
		Rules: []Rule{{ID: "r", Paths: []string{"{name}.{extension}"}}}})
	for path, want := range map[string][2]string{
		"a.nii.gz":   {"a", "nii.gz"},
		"a.b.nii.gz": {"a.b", "nii.gz"},
		"a.b.gz":     {"a.b", "gz"},
		"a.csv":      {"a", "csv"},
	} {
		m, err := s.Parse(path)
		if err != nil || m.Values["name"] != want[0] || m.Values["extension"] != want[1] {
			t.Errorf("%s: got %v, %v; want %v", path, m.Values, err, want)
		}
	}
}

func TestMistakesInASchemeAreToldAllAtOnce(t *testing.T) {
	_, err := Compile(Config{Rules: []Rule{
		{ID: "a", Paths: []string{"{x"}},
		{ID: "a", Paths: []string{"x}"}},
		{Paths: []string{"{1x}"}},
		{ID: "b"},
		{ID: "c", Paths: []string{"[x]", "{d:date}", "{d:20069}", "{n:int(0)}", "{x:/(/}", `{x:/a\b/}`, "{x:/a*/}", "a//b", "/a", "**", "**/x", "a**",
			"{x:word}", `x\`, "(a", "(a|{b})", "[{x}"}},
		{ID: "d", Paths: []string{"{a}"}, Same: []string{"a"}},
		{ID: "e", Paths: []string{"x"}, Perm: 0o1777},
	}, Subtrees: []Subtree{{Path: "/a"}}, Local: []string{"a/b"}})
	want := strings.TrimSpace(`
rules[0].paths[0]: template "{x", byte 1: the { is not closed
rules[1].id: a second rule is called "a"
rules[1].paths[0]: template "x}", byte 2: } without its opening; write \} for the character itself
rules[2]: want an id
rules[2].paths[0]: template "{1x}", byte 1: field "1x": want a name of letters, digits and _
rules[3]: want a path
rules[4].paths[0]: template "[x]", byte 3: an optional part needs a field, or its name cannot be made again from its values
rules[4].paths[1]: field d: want a layout, as in date(20060102) or %Y%m%d
rules[4].paths[2]: field d: "20069": want 2006 01 02 15 04 05, or %Y %m %d %H %M %S, with - _ . or T between
rules[4].paths[3]: field n: int(0): want a number of digits from 1 to 18
rules[4].paths[4]: field x: pattern "(": error parsing regexp: missing closing ): ` + "`(`" + `
rules[4].paths[5]: field x: pattern "a\\b": \b and \B are not supported
rules[4].paths[6]: field x: pattern "a*": matches nothing at all as well; put the field in [ ] if it may be missing
rules[4].paths[7]: an empty name between slashes
rules[4].paths[8]: an empty name between slashes
rules[4].paths[9]: ** must be the last name of a template, and not the only one
rules[4].paths[10]: ** must be the last name of a template, and not the only one
rules[4].paths[11]: ** must stand alone between slashes
rules[4].paths[12]: field x: "word": want int(2), date(20060102), %Y%m%d, enum(a|b), hash or /pattern/
rules[4].paths[13]: template "x\\", byte 3: nothing follows the \
rules[4].paths[14]: template "(a", byte 1: the ( is not closed
rules[4].paths[15]: template "(a|{b})", byte 1: alternative "{b}": alternatives are plain text
rules[4].paths[16]: template "[{x}", byte 5: the [ is not closed
rules[5].paths[0]: same: field a occurs 1 times in "{a}"
rules[6].mode: want permission bits, like 0644
subtrees[0].path: want names joined by single slashes, got "/a"
globs: glob "a/b": want a name with *, ? or [ ]`)
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func TestExpressionsThatTryToExplodeStayLinear(t *testing.T) {
	s := one(t, "{x:/(a|b)*a(a|b){25}/}", "{y:/((a+)+)+c/}", "{z:/(x+x+)+y/}")
	for _, name := range []string{strings.Repeat("ab", 95), strings.Repeat("a", 190), strings.Repeat("x", 190)} {
		for range 50 {
			classify(s, name)
		}
	}
	if a := s.Root().try[0].a; len(a.states) > maxStates {
		t.Errorf("%d states are kept, want at most %d", len(a.states), maxStates)
	}
	if _, err := Compile(Config{Rules: []Rule{{ID: "r", Paths: []string{"{x:/(((a{100}){100}){100})/}"}}}}); err == nil {
		t.Error("an expression of a million instructions is accepted")
	}
}

func TestPresetsCompileAndHaveNoFindings(t *testing.T) {
	for _, name := range Presets {
		s := preset(t, name)
		for _, f := range s.Lint() {
			if name == "bids" && strings.HasPrefix(f.Text, "shares paths") {
				continue // sub-01/meg/sub-01_acq-calibration_meg and the like
			}
			t.Errorf("%s: %s: %s", name, f.Rule, f.Text)
		}
	}
}

func TestNamingMdOfEachPreset(t *testing.T) {
	for _, name := range Presets {
		got := preset(t, name).Words(name)
		golden := filepath.Join("testdata", "NAMING-"+name+".md")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is not what it was; run with -update and read the difference", golden)
		}
	}
}

// corpus returns the paths in a file of testdata.
func corpus(t testing.TB, file string) (paths []string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && line[0] != '#' {
			paths = append(paths, line)
		}
	}
	return paths
}

func TestBIDSPresetAcceptsWhatTheStandardAccepts(t *testing.T) {
	s := preset(t, "bids")
	for _, p := range corpus(t, "bids-valid.txt") {
		if v := classify(s, p); v.Class != Valid && v.Class != Bundle {
			t.Errorf("%s is %s: %v", p, v.Class, s.Explain(p, File).Problems)
		}
	}
}

func TestBIDSPresetRefusesWhatTheStandardRefuses(t *testing.T) {
	s := preset(t, "bids")
	for _, p := range corpus(t, "bids-invalid.txt") {
		if v := classify(s, p); v.Class != Invalid && v.Class != Staged {
			t.Errorf("%s is %s", p, v.Class)
		}
	}
}

func TestFormatIsTheInverseOfParse(t *testing.T) {
	schemes := map[string][]string{
		"bids":          corpus(t, "bids-valid.txt"),
		"hierarchical":  {"EXP0042/sub-01/ses-01/eeg_run-02.nii.gz", "README.md", "EXP0001/NOTES", "EXP0042/sub-01/ses-01/eeg.zarr/", "EXP0042/code/"},
		"flat":          {"EXP0042_sub-01_eeg.csv", "EXP0042_sub-01_ses-02_eeg_20260102_run-07.csv", "EXP0042_README.txt"},
		"by_experiment": {"EXP0042/eeg/sub-01_20260102.csv", "EXP0042/eeg/sub-01_ses-2_20260102_run-01.zarr/"},
	}
	for name, paths := range schemes {
		s, parsed := preset(t, name), 0
		for _, p := range paths {
			m, err := s.Parse(p)
			if err != nil {
				continue // within a free subtree or a bundle
			}
			parsed++
			if got, err := s.Format(m); err != nil || got != p {
				t.Errorf("%s: %s -> %v -> %s, %v", name, p, m.Values, got, err)
			}
		}
		if parsed < len(paths)*9/10 {
			t.Errorf("%s: only %d of %d paths have a form", name, parsed, len(paths))
		}
	}
}
