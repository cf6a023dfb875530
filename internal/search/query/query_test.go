package query

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestQueriesMeanWhatTheyMean(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "*"},
		{"  * ", "*"},
		{"hippocampus eeg", "hippocampus AND eeg"},
		{"a AND b OR c", "a AND b OR c"},
		{"a (b OR c)", "a AND (b OR c)"},
		{"(a b) c", "a AND b AND c"},
		{"NOT a b", "NOT a AND b"},
		{"a -b", "a AND NOT b"},
		{"a - b", `a AND \- AND b`},
		{"NOT (a b)", "NOT (a AND b)"},
		{"sub-01", `sub\-01`},
		{`"resting state"^2`, `"resting state"^2`},
		{"recordng~", "recordng~1"},
		{"recordng~2^1.5", "recordng~2^1.5"},
		{"hippo*", "hippo*"},
		{"*.csv", "*.csv"},
		{`a\*`, `a\*`},
		{"subject_id:subject_001", "subject_id:subject_001"},
		{"quality_score:>=0.8", `quality_score:["0.8" TO *]`},
		{"quality_score:>0.8", `quality_score:{"0.8" TO *]`},
		{"quality_score:<0.8", `quality_score:[* TO "0.8"}`},
		{"t:>-7d", `t:{"-7d" TO *]`},
		{"created:[2025-01-01 TO 2025-06-30]", `created:["2025-01-01" TO "2025-06-30"]`},
		{"temperature:[4 degC TO 10 degC}", `temperature:["4 degC" TO "10 degC"}`},
		{"created:[* TO 2025]", `created:[* TO "2025"]`},
		{"created:[* TO *]", `has:"created"`},
		{"modified:>2025-01-01T10:00:00Z", `modified:{"2025-01-01T10:00:00Z" TO *]`},
		{"has:operator", `has:"operator"`},
		{"operator:*", `has:"operator"`},
		{"missing:operator", `NOT has:"operator"`},
		{"tag:(pilot OR draft)", "tag:pilot OR tag:draft"},
		{"tag:(pilot -x)", "tag:pilot AND NOT tag:x"},
		{"path:EXP0042/**/*.edf", "path:EXP0042/**/*.edf"},
		{"path:/", "path:**"},
		{`path:"/a b/*.csv"`, `path:a\ b/*.csv`},
		{`similar:"people wait"^2`, `similar:"people wait"^2`},
		{"experiment_id:=EXP0042", `experiment_id:="EXP0042"`},
		{`"AND"`, `"AND"`},
		{"subject_id:subject_001 AND quality_score:>=0.8 AND NOT tag:pilot AND temperature:>4degC",
			`subject_id:subject_001 AND quality_score:["0.8" TO *] AND NOT tag:pilot AND temperature:{"4degC" TO *]`},
	} {
		n, err := Parse(tc.text)
		if err != nil {
			t.Errorf("%q: %v", tc.text, err)
			continue
		}
		if got := String(n); got != tc.want {
			t.Errorf("%q: got %s, want %s", tc.text, got, tc.want)
		}
	}
}

func TestAWrongQuerySaysWhereAndWhatToDo(t *testing.T) {
	for _, tc := range []struct {
		text string
		at   int
		want string // in the message
	}{
		{"a AND", 5, "nothing stands after AND"},
		{"OR a", 0, "nothing stands before OR"},
		{"a OR OR b", 5, "nothing stands before OR"},
		{"a (b", 2, "do not end"},
		{"a b)", 3, "a ) without a ("},
		{"()", 0, "nothing stands in the parentheses"},
		{`say "hello`, 4, "quotes do not end"},
		{`""`, 0, "nothing stands in the quotes"},
		{"tag:", 0, "has:tag"},
		{"a tag: b", 2, "nothing stands after tag:"},
		{"quality>0.8", 0, `did you mean "quality:>0.8"`},
		{"ä quality:>", 12, "a value is missing"},
		{"x:[1 2]", 2, "TO is missing"},
		{"x:[1 TO 2", 2, "does not end"},
		{"x:[TO 2]", 3, "end of the range is missing"},
		{"word~3", 4, "1 or 2 wrong letters"},
		{`"a b"~1`, 5, "only a word"},
		{"word^0", 4, "above 0"},
		{"word^nan", 4, "above 0"},
		{"NOT", 3, "nothing stands after NOT"},
		{":x", 0, "a field needs a name"},
		{"a\x00", 1, "UTF-8"},
		{"\xff", 0, "UTF-8"},
		{strings.Repeat("a", MaxLength+1), 0, "bytes, at most"},
		{strings.Repeat("a ", MaxClauses+1), 2 * MaxClauses, "more than 1000 parts"},
		{strings.Repeat("(", 1000) + "a" + strings.Repeat(")", 1000), MaxDepth, "within each other"},
		{strings.Repeat("NOT ", 1000) + "a", 4*MaxDepth + 3, "within each other"},
		{strings.Repeat("-", 1000) + "a", MaxDepth + 1, "within each other"},
		{strings.Repeat("a:(", 500), 302, "within each other"},
	} {
		_, err := Parse(tc.text)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%.40q: got %v, want an *Error", tc.text, err)
			continue
		}
		if e.At != tc.at || !strings.Contains(e.Error(), tc.want) {
			t.Errorf("%.40q: got byte %d: %v; want byte %d: %s", tc.text, e.At, e, tc.at, tc.want)
		}
	}
}

func TestThePlaceOfAnErrorIsShown(t *testing.T) {
	_, err := Parse("été AND (b")
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
	if want := "été AND (b\n        ^"; e.Pointer() != want {
		t.Errorf("got\n%s\nwant\n%s", e.Pointer(), want)
	}
	if !strings.Contains(e.Error(), "character 9") {
		t.Errorf("got %v, want it to count letters", e)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a AND (b OR -c)", `x:[1 TO "2"} y:>=3 z:=q`, `path:a/**/b\* has:x missing:y`, `"a b"^2 c~2 d* e?f similar:"g h"^3`, `tag:(a OR "b") \AND`,
		"created:[4 degC TO *]", `a\`, `b\\ "c\\"`, "x:y:z^1.5", "- --a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := Parse(text)
		var e *Error
		if err != nil {
			if !errors.As(err, &e) {
				t.Fatalf("%q: %v is no *Error", text, err)
			}
			if e.At < 0 || e.Pointer() == "" || e.Text == "" {
				t.Fatalf("%q: error without a place: %+v", text, e)
			}
			return
		}
		again := String(n)
		if len(again) > MaxLength {
			return
		}
		m, err := Parse(again)
		if err != nil {
			t.Fatalf("%q is written %q: %v", text, again, err)
		}
		if third := String(m); third != again {
			t.Fatalf("%q is written %q, and that %q", text, again, third)
		}
		strip(n)
		strip(m)
		if !reflect.DeepEqual(n, m) {
			t.Fatalf("%q and %q are different trees", text, again)
		}
	})
}

// strip removes positions.
func strip(n Node) {
	switch n := n.(type) {
	case *And:
		for _, c := range n.Of {
			strip(c)
		}
	case *Or:
		for _, c := range n.Of {
			strip(c)
		}
	case *Not:
		strip(n.Of)
	case *Term:
		n.At = 0
	case *Range:
		n.At = 0
		for _, b := range []*Bound{n.Low, n.High} {
			if b != nil {
				b.At = 0
			}
		}
		if n.Low == nil { // an open end includes nothing
			return
		}
	case *Has:
		n.At = 0
	case *Path:
		n.At = 0
	case *Similar:
		n.At = 0
	}
}
