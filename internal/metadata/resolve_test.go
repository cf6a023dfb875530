package metadata

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rdfs/rdfs/internal/schema"
)

func TestDirectoriesHandTheirMetadataDown(t *testing.T) {
	s, err := schema.Compile([]schema.Field{{Name: "room", Default: "101"}, {Name: "operator", Default: "nobody"}})
	if err != nil {
		t.Fatal(err)
	}
	type m = map[string]string
	tests := []struct {
		name   string
		levels []level
		path   m
		want   string
	}{
		{"nothing is set", []level{{"", nil}, {"f", nil}}, nil, "operator=nobody default; room=101 default"},
		{"the nearest wins", []level{{"", m{"operator": "a"}}, {"d", m{"operator": "b"}}, {"d/e", nil}, {"d/e/f", nil}}, nil, "operator=b inherited /d; room=101 default"},
		{"the root hands down", []level{{"", m{"x": "1"}}, {"f", nil}}, nil, "operator=nobody default; room=101 default; x=1 inherited /"},
		{"its own wins", []level{{"", m{"room": "1"}}, {"f", m{"room": "2"}}}, nil, "operator=nobody default; room=2 set"},
		{"tags add up, none twice", []level{{"", m{"tags": "a, b"}}, {"d", m{"tags": "c"}}, {"d/f", m{"tags": "b,d"}}}, nil, "operator=nobody default; room=101 default; tags=a,b,c,d set"},
		{"inherited tags", []level{{"", m{"tags": "a"}}, {"d", m{"tags": "b"}}, {"d/f", nil}}, nil, "operator=nobody default; room=101 default; tags=a,b inherited /d"},
		{"the path wins over all", []level{{"", m{"subject": "a", "room": "9"}}, {"f", m{"subject": "b"}}}, m{"subject": "sub-01", "room": "7"}, "operator=nobody default; room=7 path; subject=sub-01 path"},
		{"what is about one thing stays", []level{{"", m{"mime_type": "x", "xdg.comment": "c", "checksum": "1"}}, {"f", m{"xdg.comment": "own"}}}, nil, "operator=nobody default; room=101 default; xdg.comment=own set"},
	}
	for _, tt := range tests {
		var got []string
		for _, v := range resolve(tt.levels, tt.path, s) {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s=%s %s %s", v.Field, v.Value, v.Origin, v.From)))
		}
		if g := strings.Join(got, "; "); g != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, g, tt.want)
		}
	}
}

func TestValuesAreWrittenAsTextAndReadBack(t *testing.T) {
	for in, want := range map[string]string{"": "0s", "a b": "a b", "\xff\x00": "0s/wA=", "0sabc": "0sMHNhYmM=", "a\x00": "0sYQA=", "ü\n": "ü\n"} {
		got := EncodeValue([]byte(in))
		back, err := DecodeValue(got)
		if got != want || err != nil || string(back) != in {
			t.Errorf("%q is written %q, want %q, and read %q, %v", in, got, want, back, err)
		}
	}
	if _, err := DecodeValue("0s!"); err == nil {
		t.Error("0s! is no base64")
	}
}

func TestChangingTagsKeepsTheOrderOfTheOthers(t *testing.T) {
	for _, tt := range []struct{ tags, add, remove, want string }{
		{"", "a", "", "a"},
		{"b,a", "c,a", "", "b,a,c"},
		{"b,a", "", "b", "a"},
		{" b , ,a,b", "", "x", "b,a"},
		{"a", "", "a", ""},
		{"a,b", "a", "a", "b,a"},
	} {
		if got := JoinTags(changeTags(SplitTags(tt.tags), SplitTags(tt.add), SplitTags(tt.remove))); got != tt.want {
			t.Errorf("%q + %q - %q: got %q, want %q", tt.tags, tt.add, tt.remove, got, tt.want)
		}
	}
}
