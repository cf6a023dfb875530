package naming

import (
	"strings"
	"testing"
)

func TestClassesAreDecidedInOrder(t *testing.T) {
	s := preset(t, "hierarchical")
	const in = "EXP0042/sub-01/ses-01/"
	tests := []struct {
		path string
		want Class
	}{
		{".rdfs", Virtual}, {".snapshots/", Virtual}, {in + ".versions", Virtual},

		{in + ".~lock.eeg.ods#", LocalOnly}, {in + "~$eeg.xlsx", LocalOnly}, {in + ".#eeg.csv", LocalOnly}, {in + "#eeg.csv#", LocalOnly},
		{in + ".eeg.csv.swp", LocalOnly}, {in + ".eeg.csv.swx", LocalOnly}, {in + "4913", LocalOnly}, {in + ".DS_Store", LocalOnly},
		{in + "._eeg.csv", LocalOnly}, {in + "Thumbs.db", LocalOnly}, {in + ".nfs000001", LocalOnly}, {in + ".fuse_hidden01", LocalOnly},
		{".Trash-1000/", LocalOnly}, {".Trash-1000/files/x", LocalOnly}, {in + ".ipynb_checkpoints/eeg-checkpoint.ipynb", LocalOnly},
		{in + "__pycache__/a.pyc", LocalOnly}, {in + "core.1234", LocalOnly}, {"EXP0042/code/__pycache__/", LocalOnly},

		{in + "eeg.db-journal", Sidecar}, {in + "eeg.db-wal", Sidecar}, {in + "eeg.db-shm", Sidecar}, {in + "eeg.duckdb.wal", Sidecar},
		{"EXP0042/code/x.db-wal", Sidecar}, {in + "eeg.zarr/x.db-wal", Sidecar},
		{in + "nodatabase-wal", Invalid},

		{in + "eeg.zarr/", Valid}, {in + "eeg.zarr/.zarray", Bundle}, {in + "eeg.zarr/a/b:c/0.0", Bundle}, {in + "eeg.zarr/x.tmp", Bundle},
		{in + "eeg.zarr/.DS_Store", LocalOnly},

		{"EXP0042/", Valid}, {in, Valid}, {in + "eeg.csv", Valid}, {"README.md", Valid}, {"EXP0042/code/any name", Valid}, {"code/x.tmp", Valid},

		{in + "eeg.csv.tmp", Staged}, {in + "anything.tmp", Staged}, {in + "eeg.csv.part", Staged}, {in + "eeg.csv~", Staged}, {in + "Cedd4100", Staged},
		{in + ".eeg.csv.iW7MHO", Staged}, {in + "sedjPMOXj", Staged}, {in + "XXeatHpD", Staged}, {in + ".goutputstream-AB12CD", Staged}, {in + "lu1234abcd.tmp", Staged},
		{in + "eeg.RDataTmp", Staged}, {in + "eeg.csv.2387", Staged}, {in + "eeg.csv.old", Staged}, {in + ".zarray.0123abc.partial", Staged},
		{in + "tmpab12", Staged}, {in + "x.tmp/inside", Staged},

		{"weights.txt", Invalid}, {"EXP42/", Invalid}, {in + "eeg.exe", Invalid}, {in + "e g.csv", Invalid}, {in + "x/", Invalid}, {in + ".hidden", Invalid},
		{"EXP0042/eeg.csv", Invalid}, {"EXP0042", Invalid},
	}
	for _, tt := range tests {
		if got := classify(s, tt.path); got.Class != tt.want {
			t.Errorf("%s is %s, want %s", tt.path, got.Class, tt.want)
		}
	}
}

func TestModeSaysWhatBecomesOfAWrongName(t *testing.T) {
	for mode, want := range map[Mode]struct {
		refused, reported bool
		keep              Keep
	}{
		Off:     {false, false, KeepData},
		Warn:    {false, true, KeepData},
		Stage:   {false, true, KeepStaged},
		Enforce: {true, false, KeepData},
	} {
		c, _ := Preset("hierarchical")
		c.Mode = mode
		v := classify(compile(t, c), "wrong.xyz")
		if v.Refused() != want.refused || v.Reported() != want.reported || v.Keep() != want.keep {
			t.Errorf("%s: got refused %v, reported %v, keep %v; want %+v", mode, v.Refused(), v.Reported(), v.Keep(), want)
		}
		if got, err := ParseMode(mode.String()); err != nil || got != mode {
			t.Errorf("ParseMode(%q) = %v, %v", mode, got, err)
		}
	}
	if _, err := ParseMode("on"); err == nil {
		t.Error("the mode on is accepted")
	}
}

func TestSubtreesHaveModesOfTheirOwn(t *testing.T) {
	c, _ := Preset("hierarchical")
	c.Subtrees = []Subtree{{"EXP0001", Warn}, {"EXP0001/raw", Off}, {"*/attic", Stage}, {"EXP0001/raw/strict", Enforce}}
	s := compile(t, c)
	for path, want := range map[string]Mode{
		"x": Enforce, "EXP0001/x": Warn, "EXP0001/": Warn, "EXP0001/raw/": Off, "EXP0001/raw/a/b": Off, "EXP0001/rawer/b": Warn,
		"EXP0002/attic/x": Stage, "EXP0002/attics": Enforce, "EXP0001/raw/strict/x": Enforce,
	} {
		if got := classify(s, path); got.Mode != want {
			t.Errorf("%s: mode %s, want %s", path, got.Mode, want)
		}
	}
	if v := classify(s, "EXP0001/raw/a/b"); v.Class != Valid {
		t.Errorf("below a directory that nobody looks at: %s", v.Class)
	}
}

func TestNamesThatDifferOnlyByCaseCollide(t *testing.T) {
	s := one(t, "{a}.csv")
	siblings := func(name string) string {
		if Fold(name) == Fold("Mouse.csv") && name != "Mouse.csv" {
			return "Mouse.csv"
		}
		return ""
	}
	d := s.Root()
	if v := d.Classify("mouse.csv", File, siblings); v.Class != Invalid {
		t.Errorf("mouse.csv beside Mouse.csv is %s", v.Class)
	}
	if v := d.Classify("Mouse.csv", File, siblings); v.Class != Valid {
		t.Errorf("Mouse.csv itself is %s", v.Class)
	}
	a := d.Explain("mouse.csv", File, siblings)
	if len(a.Problems) != 1 || a.Suggest != "" ||
		a.Problems[0].String() != `"mouse.csv": want a name that differs by more than upper and lower case from "Mouse.csv", which is here already; did you mean Mouse.csv?` {
		t.Errorf("got %+v", a)
	}
	// A name that only has to change its case is no neighbour of itself.
	own := func(name string) string {
		if name != "mouse.CSV" && Fold(name) == "mouse.csv" {
			return "mouse.CSV"
		}
		return ""
	}
	if a := d.Explain("mouse.CSV", File, own); len(a.Problems) != 1 || a.Suggest != "mouse.csv" {
		t.Errorf("got %+v", a)
	}
	for _, pair := range [][2]string{{"straße", "STRASSE"}, {"É", "é"}, {"K", "\u212a"}, {"x", "X"}} {
		same := Fold(pair[0]) == Fold(pair[1])
		if want := pair[0] != "straße"; same != want {
			t.Errorf("Fold(%q) == Fold(%q): got %v", pair[0], pair[1], same)
		}
	}
}

func TestHostileNamesAreRefusedWithAReason(t *testing.T) {
	s := one(t, "{a:/.+/}", "dir/**")
	tests := []struct{ name, want string }{
		{"a\nb", "a name without control characters and without characters that nobody can see"},
		{"a\x00b", "a name without control characters and without characters that nobody can see"},
		{"a\x7fb", "a name without control characters and without characters that nobody can see"},
		{"\u202egpj.exe", "a name without control characters and without characters that nobody can see"},
		{"a\u200bb", "a name without control characters and without characters that nobody can see"},
		{"a\xffb", "a name in UTF-8"},
		{"e\u0301.csv", "Unicode normal form C: the same letters, written otherwise"},
		{"a:b", "a name without :, which Windows cannot hold"},
		{"what?*", "a name without ?*, which Windows cannot hold"},
		{"a.", "a name that does not end in a dot or a space, which Windows cannot hold"},
		{"...", "a name that does not end in a dot or a space, which Windows cannot hold"},
		{"a ", "a name that does not end in a dot or a space, which Windows cannot hold"},
		{"CON", "another name: Windows takes this one for a device"},
		{"lpt1.txt", "another name: Windows takes this one for a device"},
		{strings.Repeat("x", 201), "at most 200 bytes (these are 201), so that programs can add their temporary endings"},
	}
	for _, tt := range tests {
		for _, d := range []*Dir{s.Root(), s.Root().Enter("dir")} {
			if v := d.Classify(tt.name, File, nil); !v.Refused() {
				t.Errorf("%q in %q is %s", tt.name, d.Path(), v.Class)
			}
			a := d.Explain(tt.name, File, nil)
			if len(a.Problems) == 0 || a.Problems[0].Expected != tt.want {
				t.Errorf("%q in %q: got %v, want %s", tt.name, d.Path(), a.Problems, tt.want)
			}
			if a.Suggest != "" && d.Classify(a.Suggest, File, nil).Refused() {
				t.Errorf("%q: the suggestion %q is refused", tt.name, a.Suggest)
			}
		}
	}
	for _, good := range []string{"Müller", "日本語", "می‌خواهم", "com10", "console", "a.b.c", "-x", "~"} {
		if v := s.Root().Classify(good, File, nil); v.Class != Valid && v.Class != Staged {
			t.Errorf("%q is %s", good, v.Class)
		}
	}
}

func TestARuleNarrowsByRegistry(t *testing.T) {
	s := compile(t, Config{Mode: Enforce, Fields: map[string]Field{"exp": {
		Pattern: "EXP[0-9]{4}", Registry: "experiments.txt", Values: []string{"EXP0001", "EXP0042"}}},
		Rules: []Rule{{ID: "r", Paths: []string{"{exp}/x"}}}})
	if v := classify(s, "EXP0042/x"); v.Class != Valid {
		t.Errorf("a listed value is %s", v.Class)
	}
	a := s.Explain("EXP0043/x", File)
	if len(a.Problems) != 1 || a.Suggest != "EXP0042/x" ||
		a.Problems[0].String() != `exp = "EXP0043": want a text that matches EXP[0-9]{4}, and listed in experiments.txt, for example EXP0001; did you mean EXP0042?` {
		t.Errorf("got %+v", a)
	}
}
