package synonym

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func parsed(t *testing.T, text string) *Table {
	t.Helper()
	table, err := Parse("synonyms.txt", text)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestPhrasesThatStandForOthers(t *testing.T) {
	table := parsed(t, `
# ours
KO, knock-out, knockout mouse
rig 2 = two-photon rig
-heart
`)
	for _, c := range []struct {
		text string
		want []string
	}{
		{"EEG", []string{"electroencephalography", "electroencephalogram"}},
		{"eeg", []string{"electroencephalography", "electroencephalogram"}},
		{"Electroencephalogram", []string{"EEG", "electroencephalography"}},
		{"event-related  potential", []string{"ERP", "evoked potential"}},
		{"KO", []string{"knock-out", "knockout mouse"}},
		{"ko", nil}, // two letters count as an abbreviation only in capitals
		{"Knock Out", []string{"KO", "knockout mouse"}},
		{"rig 2", []string{"two-photon rig"}},
		{"two-photon rig", nil}, // the other way round was not said
		{"cardiac", nil},        // left out
		{"pulse", []string{"heart rate"}},
		{"MS", []string{"multiple sclerosis"}},
		{"ms", nil},
		{"nothing", nil},
		{"", nil},
	} {
		if got := table.Of(c.text); !slices.Equal(got, c.want) {
			t.Errorf("Of(%q) = %q, want %q", c.text, got, c.want)
		}
	}
	if got := (*Table)(nil).Of("EEG"); got != nil {
		t.Errorf("the table of nobody knows %q", got)
	}
}

func TestVariantsReplaceOnePhraseAtATime(t *testing.T) {
	table := parsed(t, "-*\nEEG, electroencephalography\nheart, cardiac\nheart rate, pulse\n")
	for _, c := range []struct {
		text string
		most int
		want []string
	}{
		{"an EEG, and heart rate", 9, []string{"an EEG, and heart rate", "an electroencephalography, and heart rate", "an EEG, and pulse"}},
		{"an EEG, and heart rate", 2, []string{"an EEG, and heart rate", "an electroencephalography, and heart rate"}},
		{"my heart", 9, []string{"my heart", "my cardiac"}},
		{"EEG-study", 9, []string{"EEG-study"}},
		{"(EEG)", 9, []string{"(EEG)", "(electroencephalography)"}},
		{"", 9, []string{""}},
		{"sleep", 9, []string{"sleep"}},
	} {
		if got := table.Variants(c.text, c.most); !slices.Equal(got, c.want) {
			t.Errorf("Variants(%q, %d) = %q, want %q", c.text, c.most, got, c.want)
		}
	}
}

func TestWrongLinesAreToldWithTheirNumber(t *testing.T) {
	for _, c := range []struct {
		text string
		line int
		says string
	}{
		{"EEG", 1, "at least two"},
		{"a, b\n\n# c\nEEG,", 4, "nothing between two commas"},
		{"EEG = ", 1, "nothing between two commas"},
		{"-", 1, "want a word"},
		{"a, !!", 1, "no letter"},
		{"a, one two three four five six seven", 1, "at most 6"},
		{"a, \xff", 1, "not UTF-8"},
		{strings.Repeat("a, b\n", 1<<18), 1, "too many"},
	} {
		_, err := Parse("synonyms.txt", c.text)
		var p *Problem
		if !errors.As(err, &p) || p.Line != c.line || p.File != "synonyms.txt" || !strings.Contains(p.Text, c.says) {
			t.Errorf("%.40q: %v, want line %d and %q", c.text, err, c.line, c.says)
		}
	}
}

func TestDefaultGroupsStandOnce(t *testing.T) {
	groups, without, err := parse("default.txt", defaults)
	if err != nil || len(without) > 0 || len(groups) < 100 {
		t.Fatalf("%d groups, without %q, %v", len(groups), without, err)
	}
	seen := map[string]bool{}
	for _, g := range groups {
		key := strings.Join(g.from, ",")
		if seen[key] {
			t.Errorf("%q stands twice", key)
		}
		seen[key] = true
	}
}

func FuzzParse(f *testing.F) {
	f.Add("EEG, electroencephalography\n-heart\na = b, c", "EEG of the heart")
	f.Fuzz(func(t *testing.T, file, text string) {
		table, err := Parse("f", file)
		if err != nil {
			var p *Problem
			if !errors.As(err, &p) || p.Line < 1 {
				t.Fatalf("%v", err)
			}
			return
		}
		if got := table.Variants(text, 4); len(got) == 0 || len(got) > 4 || got[0] != text {
			t.Errorf("%q", got)
		}
	})
}
