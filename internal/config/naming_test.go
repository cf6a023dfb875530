package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/naming"
)

const namingHead = "version: 1\nid: " + testID + "\n"

// class judges the path of a file by a configuration.
func class(c *Config, path string) naming.Verdict {
	d := c.Naming.Compiled.Root()
	names := strings.Split(path, "/")
	for _, name := range names[:len(names)-1] {
		d = d.Enter(name)
	}
	return d.Classify(names[len(names)-1], naming.File, nil)
}

func TestNamingSectionBecomesAScheme(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "experiments.csv"), []byte("experiment,title\n# comment\n\n\"EXP0001\",one\nEXP0042;the answer\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := Parse(filepath.Join(dir, "rdfs.yaml"), []byte(namingHead+`
naming:
  scheme: hierarchical
  case: sensitive
  unicode: any
  portable: false
  max_name: 100
  staged_for: 2h
  fields:
    experiment_id: {registry: experiments.csv, pattern: 'EXP[0-9]{4}', example: EXP0042}
    subject_id: {pattern: 'm[0-9]{3}', example: m042}
    kind: {enum: [raw, processed]}
  rules:
    - id: raw
      path: '{experiment_id}/{kind}/{subject_id}_{date:20060102}.{extension}'
      mode: readonly
      require_meta: [instrument]
      description: as measured
    - {id: zarr, path: ['{experiment_id}/{kind}/{subject_id}.zarr'], bundle: true}
    - {id: twice, path: '{subject_id}/{subject_id}.csv', same: [subject_id], mode: 0640}
    - {id: documents, path: 'README.md', mode: sensitive}
  subtrees:
    - {path: EXP0001/old, mode: warn}
  staged: ['*.mytmp']
  local_only: '*.junk'
`))
	if err != nil {
		t.Fatal(err)
	}
	n := c.Naming
	if n.Mode != "enforce" || n.StagedFor != 2*time.Hour || !n.Asks() || n.Title() != "hierarchical, with rules of the group's own" {
		t.Errorf("got %+v", n)
	}
	for path, want := range map[string]struct {
		class naming.Class
		rule  string
		perm  uint32
	}{
		"EXP0042/raw/m001_20260102.csv": {naming.Valid, "raw", 0o444},
		"EXP0002/raw/m001_20260102.csv": {naming.Invalid, "", 0}, // not listed
		"EXP0042/m001/ses-01/eeg.csv":   {naming.Valid, "data", 0},
		"EXP0042/sub-01/ses-01/eeg.csv": {naming.Invalid, "", 0},
		"EXP0042/raw/m001.zarr/x":       {naming.Bundle, "zarr", 0},
		"m001/m001.csv":                 {naming.Valid, "twice", 0o640},
		"README.md":                     {naming.Valid, "documents", 0o600},
		"NOTES.md":                      {naming.Invalid, "", 0}, // the scheme's documents are replaced
		"EXP0042/raw/x.mytmp":           {naming.Staged, "", 0},
		"EXP0042/raw/x.junk":            {naming.LocalOnly, "", 0},
		"EXP0001/old/whatever":          {naming.Invalid, "", 0},
	} {
		v := class(c, path)
		rule, perm := "", uint32(0)
		if v.Rule != nil {
			rule, perm = v.Rule.ID, v.Rule.Perm
		}
		if v.Class != want.class || rule != want.rule || perm != want.perm {
			t.Errorf("%s: got %s by rule %q, mode %o; want %+v", path, v.Class, rule, perm, want)
		}
	}
	if v := class(c, "EXP0001/old/whatever"); v.Mode != naming.Warn || v.Refused() {
		t.Errorf("below the subtree: %+v", v)
	}
	explained := map[string]string{}
	for _, s := range c.Explain() {
		explained[s.Key] = s.Value
		if s.Line == 0 && strings.HasPrefix(s.Key, "naming.") && s.Key != "naming.mode" {
			t.Errorf("%s has no line", s.Key)
		}
	}
	for key, want := range map[string]string{
		"naming.case": "sensitive", "naming.max_name": "100", "naming.fields.kind": "raw|processed",
		"naming.fields.experiment_id": "EXP[0-9]{4} experiments.csv", "naming.rules[1]": "zarr: {experiment_id}/{kind}/{subject_id}.zarr",
		"naming.subtrees[0]": "EXP0001/old: warn", "naming.staged": "*.mytmp", "naming.local_only": "*.junk",
	} {
		if explained[key] != want {
			t.Errorf("%s is explained as %q, want %q", key, explained[key], want)
		}
	}
}

func TestRulesAloneMakeAScheme(t *testing.T) {
	c, err := Parse("f", []byte(namingHead+"naming:\n  rules:\n    - {id: r, path: 'a/{x}'}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Naming.Mode != "enforce" || c.Naming.Title() != "the group's own" || class(c, "b/x").Class != naming.Invalid || class(c, "a/x").Class != naming.Valid {
		t.Errorf("got %+v", c.Naming)
	}
	if c, err = Parse("f", []byte(namingHead)); err != nil || c.Naming.Mode != "off" || c.Naming.Asks() || class(c, "b/x").Class != naming.Valid {
		t.Errorf("the default: %+v, %v", c.Naming, err)
	}
}

func TestRulesTakeMetadataFromSidecarsWhenTheyAreNamed(t *testing.T) {
	for list, want := range map[string]string{"[]": "", "data": "data", "[bundle, data]": "data bundle", `"*"`: "own data bundle documents free"} {
		c, err := Parse("f", []byte(namingHead+"naming:\n  scheme: flat\n  rules: [{id: own, path: 'a/{x}'}]\n  sidecars: "+list+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range c.Naming.Compiled.Config().Rules {
			if r.Sidecar {
				got = append(got, r.ID)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", list, got, want)
		}
	}
}

func TestMistakesInNamingHaveALine(t *testing.T) {
	for _, tt := range []struct {
		name string
		file string
		want []string
	}{
		{"template", "naming:\n  rules:\n    - id: a\n      path: '{x'\n",
			[]string{`f:6:1: naming.rules[0].path: template "{x", byte 1: the { is not closed`}},
		{"pattern", "naming:\n  scheme: flat\n  fields:\n    run: {pattern: '('}\n",
			[]string{"f:6:1: naming.fields.run: pattern \"(\": error parsing regexp: missing closing ): `(`"}},
		{"example", "naming:\n  scheme: flat\n  fields:\n    run:\n      pattern: '[0-9]'\n      example: x\n",
			[]string{`f:8:1: naming.fields.run.example: "x" is no run: want a text that matches [0-9]`}},
		{"unknown keys", "naming:\n  shceme: flat\n  rules:\n    - {id: a, path: x, pth: y}\n",
			[]string{`f:4:3: naming.shceme: unknown key; did you mean "scheme"?`, `f:6:24: naming.rules[0].pth: unknown key; did you mean "path"?`}},
		{"no list", "naming:\n  rules: {id: a}\n", []string{"f:4:10: naming.rules: want a list: lines that begin with `- id:`"}},
		{"permissions", "naming:\n  rules:\n    - {id: a, path: x, mode: rw}\n",
			[]string{`f:5:30: naming.rules[0].mode: want sensitive (0600), readonly (0444) or permissions like 0640, got "rw"`}},
		{"registry", "naming:\n  fields:\n    x: {registry: absent.txt}\n  rules: [{id: a, path: '{x}'}]\n",
			[]string{`f:5:19: naming.fields.x.registry: stat absent.txt: no such file or directory`}},
		{"subtree", "naming:\n  scheme: flat\n  subtrees:\n    - {path: a, mode: on}\n    - {path: b}\n",
			[]string{`f:6:23: naming.subtrees[0].mode: want off, warn, stage or enforce, got "on"`, `f:7:5: naming.subtrees[1]: "mode" is missing`}},
		{"numbers", "naming:\n  max_name: 300\n  staged_for: 1s\n  case: maybe\n",
			[]string{`f:4:13: naming.max_name: want a number of bytes from 1 to 255, got "300"`, `f:5:15: naming.staged_for: want at least 1min, got "1s"`,
				`f:6:9: naming.case: want collide or sensitive, got "maybe"`}},
		{"two of a name", "naming:\n  rules:\n    - {id: a, path: x}\n    - {id: a, path: y}\n",
			[]string{`f:6:1: naming.rules[1].id: a second rule is called "a"`}},
		{"sidecars", "naming:\n  scheme: flat\n  sidecars: [data, dta]\n",
			[]string{`f:5:1: naming.sidecars[1]: no rule has the id "dta"; .rdfs/NAMING.md names them, * is all of them`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f", []byte(namingHead+tt.file))
			var ps Problems
			if !errors.As(err, &ps) {
				t.Fatalf("got %v, want Problems", err)
			}
			if got, want := err.Error(), strings.Join(tt.want, "\n"); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}
