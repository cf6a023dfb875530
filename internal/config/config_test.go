package config

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const testID = "01JD9Q5W9ZP8V1E5B7K3M2N4XR"

var update = flag.Bool("update", false, "rewrite the fixture of the default file")

func TestDefaultFileOpensAndIsItsOwnDefault(t *testing.T) {
	for _, scheme := range []string{SchemeFree, SchemeHierarchical, SchemeFlat, SchemeByExperiment, SchemeBIDS} {
		t.Run(scheme, func(t *testing.T) {
			data, err := Default(scheme, testID, DomainNone)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse("rdfs.yaml", data)
			if err != nil {
				t.Fatalf("%v\n%s", err, data)
			}
			if c.Naming.Scheme != scheme || c.ID != testID {
				t.Errorf("got scheme %q id %q", c.Naming.Scheme, c.ID)
			}
			if got, want := c.Naming.Asks(), scheme != SchemeFree; got != want {
				t.Errorf("Asks: got %v, want %v", got, want)
			}
			var again bytes.Buffer
			c.write(&again)
			if !bytes.Equal(again.Bytes(), data) {
				t.Errorf("written again:\n%s\nwant:\n%s", again.Bytes(), data)
			}
			minimal, err := Parse("rdfs.yaml", []byte("version: 1\nid: "+testID+"\nnaming: {scheme: "+scheme+"}\n"))
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range c.Explain() {
				if s.Line == 0 {
					t.Errorf("%s is not written out in the default file", s.Key)
				}
				if got := minimal.Explain()[i]; got.Value != s.Value {
					t.Errorf("%s: file says %q, default is %q", s.Key, s.Value, got.Value)
				}
			}
		})
	}
}

// The fixture is what version 1 wrote. It must open for ever; it is rewritten
// only while version 1 has not been released.
func TestFileOfVersion1OpensForEver(t *testing.T) {
	name := filepath.Join("testdata", "formats", "rdfs-v1.yaml")
	if *update {
		data, _ := Default(SchemeFree, testID, DomainNone)
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse(name, data)
	if err != nil {
		t.Fatal(err)
	}
	if c.SealAfter != time.Second || c.Cache.MaxSize.Count != 20<<30 || c.Cache.MinFree.Percent != 5 ||
		len(c.Tiers) != 1 || c.Tiers[0] != (Tier{Name: "local", Kind: "dir", Path: "blobs"}) || c.Log.MaxSize != 10<<20 ||
		c.Mount.AllowOther != Auto || c.Versions.Keep != "all" {
		t.Errorf("read as %+v", c)
	}
}

func TestTiersInBuckets(t *testing.T) {
	c, err := Parse("f", []byte("version: 1\nid: "+testID+`
tiers:
  - name: cloud
    kind: s3
    endpoint: https://s3.example.org
    bucket: lab
    prefix: rdfs/mouse
    credentials: file
    profile: lab
    encryption: sse-c
    key_file: /etc/rdfs.key
    stall_timeout: 5s
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Tier{Name: "cloud", Kind: KindS3, Endpoint: "https://s3.example.org", Bucket: "lab", Prefix: "rdfs/mouse", Credentials: "file",
		Profile: "lab", Encryption: "sse-c", EncryptFile: "/etc/rdfs.key", Stall: 5 * time.Second}
	if c.Tiers[0] != want {
		t.Errorf("got %+v, want %+v", c.Tiers[0], want)
	}
	var b bytes.Buffer
	c.write(&b)
	again, err := Parse("f", b.Bytes())
	if err != nil || again.Tiers[0] != want {
		t.Errorf("written and read again: %+v, %v\n%s", again, err, &b)
	}
	c, err = Parse("f", []byte("version: 1\nid: "+testID+"\ntiers:\n  - {name: a, kind: gcs, bucket: lab}\n"))
	if err != nil || c.Tiers[0].Endpoint != "https://storage.googleapis.com" {
		t.Errorf("gcs: %+v, %v", c, err)
	}
}

func TestWithTiersChangesNothingElse(t *testing.T) {
	const id = "version: 1\nid: " + testID + "\n"
	cloud := Tier{Name: "cloud", Kind: KindS3, Endpoint: "http://nas", Bucket: "lab"}
	text, err := Default("free", testID, DomainNone)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"as it is made": string(text),
		"at the end":    id + "seal_after: 5s # mine\ntiers:\n- {name: a, kind: dir, path: x}\n",
		"in the middle": id + "tiers:\n  # the old one\n  - name: a\n    kind: dir\n    path: x\n\n# mine\nseal_after: 5s\n",
		"nowhere":       id + "seal_after: 5s # mine\n",
		"on one line":   id + "tiers: [{name: a, kind: dir, path: x}]\nseal_after: 5s # mine\n",
	} {
		got, err := WithTiers("f", []byte(text), cloud)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		c, _ := Parse("f", got)
		if c.Tiers[0] != cloud || strings.Contains(text, "mine") && (!strings.Contains(string(got), "# mine") || c.SealAfter != 5*time.Second) {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
	for _, bad := range []string{"version: 9\n", id + "tiers: [\n{name: a, kind: dir, path: x}\n]\n"} {
		if got, err := WithTiers("f", []byte(bad), cloud); err == nil {
			t.Errorf("%q was accepted:\n%s", bad, got)
		}
	}
}

func TestMistakesNamePlaceKeyAndCure(t *testing.T) {
	const head = "version: 1\nid: " + testID + "\n"
	tests := []struct {
		name string
		file string
		want []string // whole lines of the error
	}{
		{"unknown key", head + "cache:\n  max_sise: 3GiB\n",
			[]string{`f:4:3: cache.max_sise: unknown key; did you mean "max_size"?`}},
		{"unknown section", head + "cahce: {}\n",
			[]string{`f:3:1: cahce: unknown key; did you mean "cache"?`}},
		{"wrong indentation", head + "max_size: 3GiB\n",
			[]string{`f:3:1: max_size: unknown key; "max_size" belongs below "cache"`}},
		{"wrong section", head + "cache:\n  allow_other: true\n",
			[]string{`f:4:3: cache.allow_other: unknown key; "allow_other" belongs below "mount"`}},
		{"nothing near", head + "quux: 1\n",
			[]string{`f:3:1: quux: unknown key; known here: version, id, naming, metadata, tiers, placement, catalog, encryption, cache, snapshots, versions, time_travel, gc, search, seal_after, mount, log`}},
		{"more copies than tiers", head + "placement:\n  copies: 2\n",
			[]string{"f:4:3: placement.copies: 2 copies need as many tiers; there are 1"}},
		{"field of no type", head + "metadata:\n  fields:\n    side: {type: enumm, values: [a]}\n",
			[]string{`f:5:18: metadata.fields.side.type: want string, int, float, bool, date, time, enum, list or quantity, got "enumm"`}},
		{"range of a field", head + "metadata:\n  fields:\n    run:\n      type: int\n      min: 5\n      max: 1\n",
			[]string{`f:8:12: metadata.fields.run.max: 1 is less than min, 5`}},
		{"key of a field", head + "metadata:\n  fields:\n    run: {typ: int}\n",
			[]string{`f:5:11: metadata.fields.run.typ: unknown key; did you mean "type"?`}},
		{"field with a name that is taken", head + "metadata: {fields: {tags: {}}}\n",
			[]string{`f:3:21: metadata.fields.tags: "tags" has a meaning of its own; choose another name`}},
		{"key of metadata", head + "metadata:\n  field: {}\n",
			[]string{`f:4:3: metadata.field: unknown key; did you mean "fields"?`}},
		{"bad size", head + "cache:\n  max_size: 3 bananas\n",
			[]string{`f:4:13: cache.max_size: unknown unit "bananas" in "3 bananas": use B, KiB, MiB, GiB, TiB (or KB, MB, GB, TB)`}},
		{"ambiguous size", head + "cache: {max_size: 3G}\n",
			[]string{`f:3:19: cache.max_size: "3G" is ambiguous: write 3GiB (1024) or 3GB (1000)`}},
		{"ambiguous duration", head + "seal_after: 5m\n",
			[]string{`f:3:13: seal_after: "5m" is ambiguous: write 5min for minutes (m means months elsewhere)`}},
		{"no unit", head + "seal_after: 5\n",
			[]string{`f:3:13: seal_after: "5" has no unit: write 5s for seconds`}},
		{"zero seal_after", head + "seal_after: 0\n",
			[]string{`f:3:13: seal_after: want a time from 10ms to 1d, got "0"`}},
		{"percentage", head + "cache: {min_free: 105%}\n",
			[]string{`f:3:19: cache.min_free: want a percentage from 0% to 100%, got "105%"`}},
		{"unknown word", head + "naming:\n  scheme: hierarchcal\n",
			[]string{`f:4:11: naming.scheme: "hierarchcal" is not known; did you mean "hierarchical"?`}},
		{"versions without a limit", head + "versions: {keep: limited}\n",
			[]string{"f:3:3: versions.keep: limited needs keep_within or keep_last: nothing but the newest version would be kept"}},
		{"limits without effect", head + "versions:\n  keep_last: 3\n  keep_within: 90d\n",
			[]string{"f:4:3: versions.keep_last: has no effect while versions.keep is all: write keep: limited to let versions go",
				"f:5:3: versions.keep_within: has no effect while versions.keep is all: write keep: limited to let versions go"}},
		{"odd limits", head + "versions: {keep: limited, keep_last: some, keep_within: 1m}\n",
			[]string{`f:3:38: versions.keep_last: want a number, got "some"`,
				`f:3:57: versions.keep_within: "1m" is ambiguous: write 1min for minutes (m means months elsewhere)`,
				"f:3:3: versions.keep: limited needs keep_within or keep_last: nothing but the newest version would be kept"}},
		{"short time travel", head + "time_travel: 1min\ngc: {every: 1s, grace: 2000d, repack: 0%}\n",
			[]string{`f:3:14: time_travel: want a time from 10min to 36500d, got "1min"`,
				`f:4:13: gc.every: want a time from 1h to 365d, got "1s"`,
				`f:4:24: gc.grace: want a time from 0ms to 365d, got "2000d"`,
				`f:4:39: gc.repack: want a share from 1% to 100%, got "0%"`}},
		{"mode without a scheme", head + "naming:\n  scheme: free\n  mode: enforce\n",
			[]string{`f:5:3: naming.mode: "enforce" has nothing to check: scheme is "free"`}},
		{"no value", head + "seal_after:\n",
			[]string{`f:3:1: seal_after: has no value; remove the key to get the default`}},
		{"list for a value", head + "seal_after: [1s]\n",
			[]string{`f:3:13: seal_after: want one value, got a list`}},
		{"value for a section", head + "cache: big\n",
			[]string{`f:3:8: cache: want keys and values, got "big"`}},
		{"alias", head + "seal_after: &a 1s\n",
			[]string{`f:3:13: seal_after: want one value, got an anchor or alias, which rdfs.yaml does not use`}},
		{"new version", "version: 2\nnonsense: 1\n",
			[]string{"f:1:10: version: this rdfs reads version 1, the file has version 2: use the rdfs that wrote it, or a newer one"}},
		{"version is a word", "version: one\n", []string{`f:1:10: version: want 1, got "one"`}},
		{"no version", "id: " + testID + "\n", []string{"f: version: missing; write `version: 1` at the top"}},
		{"empty file", "", []string{"f: version: missing; write `version: 1` at the top"}},
		{"no id", "version: 1\n", []string{"f: id: missing; `rdfs init` writes it. Take it from a backup of this file"}},
		{"bad id", "version: 1\nid: 7\n", []string{`f:2:5: id: want a ULID of 26 characters, got "7"`}},
		{"tiers is no list", head + "tiers: {name: local}\n",
			[]string{"f:3:8: tiers: want a list: lines that begin with `- name:`"}},
		{"no tier", head + "tiers: []\n", []string{"f:3:8: tiers: want at least one tier"}},
		{"tier without path", head + "tiers:\n  - name: a\n    kind: dir\n",
			[]string{`f:4:5: tiers[0]: "path" is missing`}},
		{"tier of no kind", head + "tiers:\n  - {name: a, kind: tape, path: x}\n",
			[]string{`f:4:21: tiers[0].kind: want dir, s3 or gcs, got "tape"`}},
		{"a path in a bucket", head + "tiers:\n  - {path: x, name: a, kind: s3, endpoint: 'http://nas', bucket: b}\n",
			[]string{"f:4:6: tiers[0].path: a tier of kind s3 has no path"}},
		{"a bucket without a name", head + "tiers:\n  - {name: a, kind: s3}\n",
			[]string{`f:4:6: tiers[0]: "endpoint" is missing`, `f:4:6: tiers[0]: "bucket" is missing`}},
		{"a password in the endpoint", head + "tiers:\n  - {name: a, kind: s3, endpoint: 'http://u:p@nas', bucket: b}\n",
			[]string{"f:4:35: tiers[0].endpoint: a password does not belong here: see `credentials`"}},
		{"odd words for a bucket", head + "tiers:\n  - {name: a, kind: gcs, bucket: b, credentials: me, encryption: rot13, stall_timeout: 1ms}\n",
			[]string{`f:4:50: tiers[0].credentials: want auto, env, file or role, got "me"`,
				`f:4:66: tiers[0].encryption: want none, sse-s3, sse-kms or sse-c, got "rot13"`,
				`f:4:88: tiers[0].stall_timeout: want a time from 1s to 1h, got "1ms"`}},
		{"tier in the cache", head + "tiers:\n  - {name: a, kind: dir, path: cache/x}\n",
			[]string{`f:4:32: tiers[0].path: "cache/x" is no place for a tier: use a directory of its own`}},
		{"all at once", head + "seal_after: 5m\nlog: {level: loud}\ncahce: {}\n",
			[]string{
				`f:3:13: seal_after: "5m" is ambiguous: write 5min for minutes (m means months elsewhere)`,
				`f:4:14: log.level: want debug, info, warn or error, got "loud"`,
				`f:5:1: cahce: unknown key; did you mean "cache"?`,
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f", []byte(tt.file))
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

func TestSyntaxErrorsNameTheLine(t *testing.T) {
	for name, file := range map[string]string{
		"unclosed":  "version: 1\nid: x\ncache: {max_size: 3GiB\n",
		"duplicate": "version: 1\nversion: 1\n",
		"tab":       "version: 1\ncache:\n\tmax_size: 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("f", []byte(file))
			var ps Problems
			if !errors.As(err, &ps) || len(ps) != 1 || ps[0].Line == 0 {
				t.Fatalf("got %v, want one problem with a line", err)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %q", err.Error())
			}
		})
	}
}

func TestSizesAndDurationsReadBackAsWritten(t *testing.T) {
	for _, n := range []int64{0, 1, 1000, 1 << 10, 20 << 30, 1<<40 + 1} {
		if got, err := ParseSize(FormatSize(n)); err != nil || got != n {
			t.Errorf("%d -> %s -> %d, %v", n, FormatSize(n), got, err)
		}
	}
	for in, want := range map[string]int64{"1.5GiB": 3 << 29, "20 GiB": 20 << 30, "1kb": 1000, "7": 7, "7B": 7} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	for _, d := range []time.Duration{0, time.Second, 1500 * time.Millisecond, 36 * time.Hour, 14 * 24 * time.Hour} {
		if got, err := ParseDuration(FormatDuration(d)); err != nil || got != d {
			t.Errorf("%v -> %s -> %v, %v", d, FormatDuration(d), got, err)
		}
	}
	for in, want := range map[string]time.Duration{"1h30min": 90 * time.Minute, "2d": 48 * time.Hour, "0.5s": 500 * time.Millisecond} {
		if got, err := ParseDuration(in); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "-1", "x", "GiB", "1..2", "99999999999TiB"} {
		if got, err := ParseSize(in); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", in, got)
		}
	}
	for _, in := range []string{"", "s", "1x", "1h30", "99999999w"} {
		if got, err := ParseDuration(in); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", in, got)
		}
	}
}

func TestAmountOfADisk(t *testing.T) {
	for in, want := range map[string]int64{"5%": 50, "7": 7, "100%": 1000, "0": 0, "0%": 0} {
		a, err := ParseAmount(in)
		if err != nil || a.Of(1000) != want {
			t.Errorf("%s of 1000 = %d, %v; want %d", in, a.Of(1000), err, want)
		}
	}
}

func TestMetadataFieldsAreReadAndExplained(t *testing.T) {
	c, err := Parse("f", []byte("version: 1\nid: "+testID+`
metadata:
  fields:
    temperature:
      type: quantity
      unit: degC
      min: -80 degC
      description: of the room
      required_for: "*.edf"
    side: {type: list, of: enum, values: [left, right, 3], default: left}
`))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.Metadata.Parse("temperature", "277.15 K"); err != nil || v.String() != "4 degC" {
		t.Errorf("got %v, %v", v, err)
	}
	if v, err := c.Metadata.Parse("side", "3, left"); err != nil || v.String() != "3,left" {
		t.Errorf("got %v, %v", v, err)
	}
	if got := c.Metadata.Required("a/b.edf"); len(got) != 1 || got[0] != "temperature" {
		t.Errorf("required: %q", got)
	}
	want := map[string]Setting{
		"metadata.fields.temperature": {"metadata.fields.temperature", "{type: quantity, unit: degC, min: -80 degC, required_for: [*.edf]}", 5, "of the room"},
		"metadata.fields.side":        {"metadata.fields.side", "{type: list, of: enum, values: [left, right, 3], default: left}", 11, ""},
	}
	for _, s := range c.Explain() {
		if w, ok := want[s.Key]; ok && w != s {
			t.Errorf("got %+v, want %+v", s, w)
		}
		delete(want, s.Key)
	}
	if len(want) > 0 {
		t.Errorf("not explained: %v", want)
	}
}
