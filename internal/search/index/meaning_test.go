package index

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rdfs/rdfs/internal/search/query"
)

// nearTo answers every question with the texts of a table.
func nearTo(near ...Near) func(string, []string) ([]Near, error) {
	return func(text string, among []string) (out []Near, err error) {
		for _, n := range near {
			if n.Asked == "" {
				n.Asked = text
			}
			if among == nil || slices.Contains(among, n.Name) {
				out = append(out, n)
			}
		}
		return out, nil
	}
}

func library(t *testing.T) *Index {
	return small(t,
		file("a.csv", "title", "electroencephalography at rest", Meaning, "t1"),
		file("b.csv", "title", "EEG and sleep", Meaning, "t2"),
		file("c.csv", "title", "EEG of mice", "side", "left", Meaning, "t3"),
		file("d.csv", "title", "river water"),
		file("e.csv", "title", "electroencephalography at rest", "side", "left", Meaning, "t1"),
	)
}

func TestModes(t *testing.T) {
	x := library(t)
	near := nearTo(Near{Name: "t1", Cosine: 0.9}, Near{Name: "t2", Cosine: 0.6}, Near{Name: "t9", Cosine: 0.5})
	for _, c := range []struct {
		mode  Mode
		query string
		want  []string
	}{
		{"", "EEG", []string{"b.csv", "c.csv"}},
		{Text, "EEG", []string{"b.csv", "c.csv"}},
		{Semantic, "EEG", []string{"a.csv", "e.csv", "b.csv"}},
		{Semantic, "brain waves side:left", []string{"e.csv"}},
		{Semantic, "side:left", []string{"c.csv", "e.csv"}},
		{Hybrid, "EEG", []string{"b.csv", "a.csv", "c.csv", "e.csv"}},
		{Hybrid, "EEG side:left", []string{"c.csv", "e.csv"}},
		{Hybrid, "water", []string{"a.csv", "d.csv", "e.csv", "b.csv"}},
		{Text, `similar:"brain waves"`, []string{"a.csv", "e.csv", "b.csv"}},
		{Text, `similar:"brain waves" AND side:left`, []string{"e.csv"}},
		{Text, `similar:"brain waves" OR river`, []string{"a.csv", "b.csv", "d.csv", "e.csv"}},
		{Text, `NOT similar:"brain waves"`, []string{"c.csv", "d.csv"}},
	} {
		_, names := find(t, x, Request{Text: c.query, Mode: c.mode, Near: near})
		if strings.Contains(c.query, " OR ") {
			slices.Sort(names) // scores of both kinds
		}
		if !slices.Equal(names, c.want) {
			t.Errorf("%s, %q: %q, want %q", c.mode, c.query, names, c.want)
		}
	}
}

func TestWeightsOfHybrid(t *testing.T) {
	x := library(t)
	near := nearTo(Near{Name: "t1", Cosine: 0.9})
	for _, c := range []struct {
		text, meaning float64
		first         string
	}{{10, 1, "b.csv"}, {1, 10, "a.csv"}, {0, 1, "a.csv"}, {1, 0, "b.csv"}} {
		_, names := find(t, x, Request{Text: "EEG", Mode: Hybrid, Near: near, TextWeight: c.text, MeaningWeight: c.meaning})
		if len(names) != 4 || names[0] != c.first {
			t.Errorf("weights %v, %v: %q", c.text, c.meaning, names)
		}
	}
}

func TestMeaningIsExplained(t *testing.T) {
	x := library(t)
	near := nearTo(Near{Name: "t2", Cosine: 0.5, Asked: "electroencephalography"})
	res, _ := find(t, x, Request{Text: "EEG", Mode: Hybrid, Near: near, Explain: true, Limit: 1})
	got := fmt.Sprintf("%.4f", res.Hits[0].Score)
	for _, r := range res.Hits[0].Why {
		got += fmt.Sprintf("\n%s %s %s %.4f", r.Term, r.Field, r.Value, r.Score)
	}
	want := `0.0328
text  text: rank 1, weight 1: 1/(60+1) = 0.0164 0.0164
EEG title EEG and sleep 0.0000
meaning  meaning: rank 1, weight 1: 1/(60+1) = 0.0164 0.0164
similar:EEG  cosine, asked as electroencephalography 0.0000`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	res, _ = find(t, x, Request{Text: `similar:"brain waves"^2`, Near: near, Explain: true})
	if why := res.Hits[0].Why; len(why) != 1 || why[0].Score != 1 || res.Hits[0].Score != 1 {
		t.Errorf("%+v", res.Hits[0])
	}
}

func TestOnlyWhatIsLeftIsLookedAt(t *testing.T) {
	x := library(t)
	var among []string
	near := func(_ string, a []string) ([]Near, error) { among = a; return nil, nil }
	find(t, x, Request{Text: "waves side:left", Mode: Semantic, Near: near})
	slices.Sort(among)
	if !slices.Equal(among, []string{"t1", "t3"}) {
		t.Errorf("looked among %q", among)
	}
	find(t, x, Request{Text: "waves", Mode: Semantic, Near: near})
	if among != nil {
		t.Errorf("looked among %q, want all", among)
	}
}

func TestMeaningThatIsNotThereIsSaid(t *testing.T) {
	x := library(t)
	down := errors.New("the server is down")
	for _, q := range []string{`similar:"x"`, `NOT similar:"x"`, `a OR similar:"x"`, `a AND similar:"x"`} {
		n, err := query.Parse(q)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.Search(&Request{Query: n, Text: q}); err == nil || !strings.Contains(err.Error(), "not switched on") {
			t.Errorf("%s: %v", q, err)
		}
		_, err = x.Search(&Request{Query: n, Text: q, Near: func(string, []string) ([]Near, error) { return nil, down }})
		if !errors.Is(err, down) && q != `a AND similar:"x"` { // nothing is left there to look among
			t.Errorf("%s: %v", q, err)
		}
	}
	for _, mode := range []Mode{Semantic, Hybrid} {
		n, _ := query.Parse("EEG")
		_, err := x.Search(&Request{Query: n, Text: "EEG", Mode: mode, Near: func(string, []string) ([]Near, error) { return nil, down }})
		if !errors.Is(err, down) {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

func TestMeaningIsHiddenAndKept(t *testing.T) {
	x := library(t)
	var b bytes.Buffer
	if err := x.Write(&b, nil); err != nil {
		t.Fatal(err)
	}
	y, _, err := Read(bytes.NewReader(b.Bytes()), Options{Schema: testSchema(), Now: x.o.Now})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []*Index{x, y} {
		var names []string
		x.Meanings(func(n string) { names = append(names, n) })
		slices.Sort(names)
		if !slices.Equal(names, []string{"t1", "t2", "t3"}) {
			t.Errorf("names %q", names)
		}
		if slices.Contains(x.Fields(), Meaning) {
			t.Error("the field is told")
		}
		if res, found := find(t, x, Request{Text: "t1"}); res.Total != 0 {
			t.Errorf("a name was found: %q", found)
		}
		res, _ := find(t, x, Request{Text: "river OR mice"})
		for _, h := range res.Hits {
			for _, v := range h.Values {
				if v.Field == Meaning {
					t.Error("the field is shown")
				}
			}
		}
	}
	x.Delete(1, "b.csv")
	x.Meanings(func(n string) {
		if n == "t2" {
			t.Error("the name of a deleted file")
		}
	})
}

func TestQuestions(t *testing.T) {
	for _, c := range []struct {
		mode  Mode
		query string
		want  []string
	}{
		{Text, "a b", nil},
		{Semantic, "EEG side:left at rest", []string{"EEG at rest"}},
		{Hybrid, `"brain waves" similar:"x y"`, []string{"brain waves", "x y"}},
		{Text, `NOT similar:"x" (similar:"y" OR similar:"x")`, []string{"x", "y"}},
		{Semantic, "(EEG side:left) (at rest) ext:csv", []string{"EEG at rest"}},
		{Semantic, "side:left", nil},
		{Semantic, "*", nil},
	} {
		n, err := query.Parse(c.query)
		if err != nil {
			t.Fatal(err)
		}
		if got := Questions(n, c.mode); !slices.Equal(got, c.want) {
			t.Errorf("%s, %q: %q, want %q", c.mode, c.query, got, c.want)
		}
	}
}
