package index

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

// Only for a new version of the format, into a directory of its own.
var writeFixture = flag.Bool("write-index-fixture", false, "write testdata/formats/search-index-v1 anew")

const fixture = "../../../testdata/formats/search-index-v1/index"

func TestAWrittenIndexOpensForEver(t *testing.T) {
	if *writeFixture {
		x := small(t,
			file("a.csv", "title", "hippocampus", "tags", "pilot", "tags", "rest", "quality_score", "0.8", "free", "5 mL"),
			file("b.edf", "description", strings.Repeat("people wait for a sound ", 4), "temperature", "4 degC", "acquired", "2025-01-31"))
		x.PutDir(Dir{Ino: 1, Owner: Owner{UID: 1000, GID: 100, Mode: 0o040750}})
		var b bytes.Buffer
		if err := x.Write(&b, []byte("note")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(fixture, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(fixture)
	if err != nil {
		t.Fatal(err)
	}
	x, note, err := Read(bytes.NewReader(b), small(t).o)
	if err != nil || string(note) != "note" || x.Len() != 2 {
		t.Fatalf("got %q, %v", note, err)
	}
	for text, want := range map[string]string{`tag:rest quality_score:>0.7 free:>4mL`: "a.csv", `"for a sound" temperature:<5degC acquired:2025-01`: "b.edf", "size:0": "a.csv b.edf"} {
		if _, got := find(t, x, Request{Text: text}); !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: got %v, want %s", text, got, want)
		}
	}
	var again bytes.Buffer
	if err := x.Write(&again, note); err != nil || !bytes.Equal(again.Bytes(), b) {
		t.Errorf("written again it is another: %v", err)
	}
}
