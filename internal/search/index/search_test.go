package index

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/search/query"
)

// small returns an index of files, by name, in one directory.
func small(t *testing.T, docs ...Doc) *Index {
	t.Helper()
	x := New(Options{Schema: testSchema(), Now: func() time.Time { return fixedNow }})
	for i := range docs {
		if docs[i].Dir == 0 {
			docs[i].Dir = 1
		}
		if err := x.Put(&docs[i]); err != nil {
			t.Fatal(err)
		}
	}
	return x
}

func file(name string, fieldsAndValues ...string) Doc {
	d := Doc{Name: name, Owner: Owner{Mode: 0o100644}}
	for i := 0; i < len(fieldsAndValues); i += 2 {
		d.Values = append(d.Values, Value{fieldsAndValues[i], fieldsAndValues[i+1]})
	}
	return d
}

func find(t *testing.T, x *Index, r Request) (*Result, []string) {
	t.Helper()
	n, err := query.Parse(r.Text)
	if err != nil {
		t.Fatal(err)
	}
	r.Query = n
	if r.Limit == 0 {
		r.Limit = 100
	}
	res, err := x.Search(&r)
	if err != nil {
		t.Fatalf("%s: %v", r.Text, err)
	}
	var names []string
	for _, h := range res.Hits {
		names = append(names, h.Name)
	}
	return res, names
}

func TestHitsComeByWhatTheyAreWorth(t *testing.T) {
	x := small(t,
		file("a", "description", "hippocampus"), file("b", "title", "hippocampus"), file("c", "tags", "hippocampus"),
		file("d", "description", "the hippocampus is one of very many words that stand in this description"),
		file("e", "description", "memory"), file("f", "description", "memory"), file("g", "description", "hippocampal"), file("h", "notes", "mouse"), file("i", "notes", "mice"))
	for _, tc := range []struct{ text, want string }{
		{"hippocampus", "b c a d"},           // the title counts most, then the tags; a short value more than a long one
		{"hippocampus OR memory", "e f b"},   // a rare word more than a frequent one
		{"hippocampus^0.1 OR memory^9", "e"}, // what people say counts more
		{"hippocampus~2", "b c a"},           // the word itself before one with wrong letters
		{"title:hippocampus", "b"},
		{"memory", "e f"}, // what is worth the same comes by path
	} {
		_, got := find(t, x, Request{Text: tc.text})
		if !strings.HasPrefix(strings.Join(got, " "), tc.want) {
			t.Errorf("%s: got %v, want %s", tc.text, got, tc.want)
		}
	}
	if _, got := find(t, x, Request{Text: "hippocampus~2"}); got[len(got)-1] != "g" {
		t.Errorf("got %v, want the word with wrong letters last", got)
	}
}

func TestAnExplanationAddsUpToTheScore(t *testing.T) {
	x := small(t, file("a", "title", "hippocampus memory", "tags", "memory"), file("b", "description", "memory"), file("c"))
	res, _ := find(t, x, Request{Text: "hippocampus OR memory^2", Explain: true})
	for _, h := range res.Hits {
		sum := 0.0
		for _, w := range h.Why {
			sum += w.Score
		}
		if math.Abs(sum-h.Score) > 1e-5 || sum == 0 {
			t.Errorf("%s: the score is %v, its reasons add up to %v", h.Name, h.Score, sum)
		}
	}
	if w := res.Hits[0].Why; len(w) != 2 || w[0].Term != "hippocampus" || w[0].Field != "title" || w[1].Term != "memory^2" {
		t.Errorf("got %+v", w)
	}
}

func TestFreeWordsOnlyOrderWhenAnyWillDo(t *testing.T) {
	x := small(t, file("a", "tags", "x", "title", "people wait for a sound"), file("b", "tags", "x", "title", "sound"), file("c", "title", "wait sound"), file("d", "tags", "x"))
	if _, got := find(t, x, Request{Text: "tag:x wait sound", Any: true}); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %v, want a before b, and what has no word not at all", got)
	}
	if _, got := find(t, x, Request{Text: "tag:x wait sound"}); !slices.Equal(got, []string{"a"}) {
		t.Errorf("got %v, want what has all words", got)
	}
}

func TestNobodyFindsWhatTheMountWouldNotShow(t *testing.T) {
	x := New(Options{})
	x.PutDir(Dir{Ino: 1, Owner: Owner{Mode: 0o755}})
	x.PutDir(Dir{Ino: 2, Parent: 1, Owner: Owner{UID: 7, Mode: 0o700}})
	x.PutDir(Dir{Ino: 3, Parent: 2, Owner: Owner{Mode: 0o755}})
	x.PutDir(Dir{Ino: 4, Parent: 1, Owner: Owner{Mode: 0o711}})
	x.PutDir(Dir{Ino: 5, Parent: 4, Owner: Owner{Mode: 0o755}})
	for dir, name := range map[uint64]string{1: "open", 2: "closed", 3: "below closed", 4: "unlisted", 5: "below unlisted"} {
		if err := x.Put(&Doc{Dir: dir, Name: name, Owner: Owner{UID: 7, Mode: 0o100644}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Put(&Doc{Dir: 1, Name: "private", Owner: Owner{UID: 7, Mode: 0o100600}}); err != nil {
		t.Fatal(err)
	}
	may := func(uid uint32) func(Owner, uint32) bool {
		return func(o Owner, bits uint32) bool {
			if o.UID == uid {
				bits <<= 6
			}
			return o.Mode&bits == bits
		}
	}
	for _, tc := range []struct {
		uid  uint32
		want string
	}{{8, "below unlisted,open"}, {7, "below closed,below unlisted,closed,open,private"}} {
		res, got := find(t, x, Request{May: may(tc.uid), Facets: []string{Name}})
		slices.Sort(got)
		if strings.Join(got, ",") != tc.want || len(res.Facets[0].Values) != len(got) || res.Total != len(got) {
			t.Errorf("uid %d: got %v, facet %v, total %d; want %s", tc.uid, got, res.Facets[0].Values, res.Total, tc.want)
		}
	}
}

func TestAWrongFieldOrValueIsToldWithAProposal(t *testing.T) {
	x := small(t, file("a", "quality_score", "0.5", "operator", "ada"))
	for _, tc := range []struct {
		text string
		at   int
		want string
	}{
		{"a qualty_score:>1", 2, `did you mean "quality_score"?`},
		{"score:>1", 0, `did you mean "quality_score"?`},
		{"zzz:1", 0, "no file has a field"},
		{"temperature:>4", 13, "want a number and a unit such as 4 degC"},
		{"temperature:>4kg", 13, "does not convert to degC"},
		{"size:>4k", 6, "10MB"},
		{"size:big", 0, "is no size"},
		{"modified:>soon", 10, "is no time"},
		{"side:>middle", 6, "left or right"},
		{"operator:[1 TO b]", 0, "not of one kind"},
		{"size:1*", 0, "size is a number"},
		{"modified:2025*", 0, "modified is a number"},
		{`similar:"x"`, 0, "semantic"},
	} {
		n, err := query.Parse(tc.text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = x.Search(&Request{Query: n, Text: tc.text})
		var e *query.Error
		if !errors.As(err, &e) || e.At != tc.at || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want at byte %d: %s", tc.text, err, tc.at, tc.want)
		}
	}
	for _, r := range []Request{{Sort: []Sort{{"qualty_score", true}}, Limit: 1}, {Facets: []string{"qualty_score"}}, {Facets: []string{Size}}} {
		r.Query = query.All{}
		if _, err := x.Search(&r); err == nil || !strings.Contains(err.Error(), "facet") && !strings.Contains(err.Error(), "sort") {
			t.Errorf("%+v: got %v", r, err)
		}
	}
	if _, err := x.Search(&Request{Query: query.All{}, Limit: 1, After: "x"}); !errors.Is(err, ErrCursor) {
		t.Errorf("got %v", err)
	}
}

func TestADamagedIndexIsNotRead(t *testing.T) {
	x := small(t, file("a", "title", strings.Repeat("many words ", 20), "tags", "x", "tags", "y"), file("b", "rare", "5 mL"))
	var b bytes.Buffer
	if err := x.Write(&b, nil); err != nil {
		t.Fatal(err)
	}
	whole := b.Bytes()
	for i := 0; i < len(whole); i += 3 {
		bad := bytes.Clone(whole)
		bad[i] ^= 1 << (i % 8)
		if _, _, err := Read(bytes.NewReader(bad), x.o); !errors.Is(err, ErrDamaged) {
			t.Fatalf("byte %d changed: got %v", i, err)
		}
		if _, _, err := Read(bytes.NewReader(whole[:i]), x.o); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut at byte %d: got %v", i, err)
		}
	}
}

func TestAnIndexOfManyFieldsIsBounded(t *testing.T) {
	x := small(t)
	for i := range 3 * maxFields {
		d := file(fmt.Sprint(i), fmt.Sprint("field", i), "x")
		d.Dir = 1
		if err := x.Put(&d); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(x.Fields()); n > maxFields+3 {
		t.Errorf("got %d fields", n)
	}
	if x.Dropped() == 0 {
		t.Error("nobody is told that values were left out")
	}
}
