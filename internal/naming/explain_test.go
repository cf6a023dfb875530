package naming

import (
	"reflect"
	"strings"
	"testing"
)

func TestEveryProblemIsToldAtOnceWithTheNearestName(t *testing.T) {
	tests := []struct {
		scheme, path string
		want         []string
		suggest      string
	}{
		{"hierarchical", "EXP42/sub1/ses-1/eeg.txtt", []string{
			`experiment_id = "EXP42": want a text that matches EXP[0-9]{4}; did you mean EXP0042?`,
			`subject_id = "sub1": want a text that matches sub-[0-9A-Za-z]+, for example sub-01; did you mean sub-1?`,
			`extension = "txtt": want one of csv, tsv, txt, json, jsonl, xml, yaml, yml, md, html, pdf, csv.gz, tsv.gz, txt.gz and 81 more, for example csv; did you mean txt?`,
		}, "EXP0042/sub-1/ses-1/eeg.txt"},
		{"hierarchical", "exp0007/", []string{`experiment_id = "exp0007": want a text that matches EXP[0-9]{4}, for example EXP0042; did you mean EXP0007?`}, "EXP0007"},
		{"hierarchical", "Experiment 5/", []string{`experiment_id = "Experiment 5": want a text that matches EXP[0-9]{4}, for example EXP0042; did you mean EXP0005?`}, "EXP0005"},
		{"hierarchical", "weights.txt", []string{
			`"weights.txt": want another place: it belongs into {experiment_id}/{subject_id}/{session_id}/, for example EXP0042/sub-01/ses-01/weights.txt`}, ""},
		{"hierarchical", "EXP0042/eeg.csv", []string{
			`"eeg.csv": want another place: it belongs into EXP0042/{subject_id}/{session_id}/, for example EXP0042/sub-01/ses-01/eeg.csv`}, ""},
		{"hierarchical", "readme.md", []string{`"readme": want one of README, CHANGES, LICENSE, NOTES, PROTOCOL, participants, metadata; did you mean README?`}, "README.md"},
		{"hierarchical", "stuff/", []string{
			`"stuff": want a name of one of the forms {experiment_id} (such as EXP0042), (code|docs|derivatives|results|sourcedata|stimuli|scratch)`}, ""},
		{"hierarchical", "EXP0042/sub-01/ses-01/eeg_run-1.csv", []string{`run = "1": want a number of at least 2 digits; did you mean 01?`}, "EXP0042/sub-01/ses-01/eeg_run-01.csv"},
		{"by_experiment", "EXP0042/eeg/sub-01_20260229.csv", []string{`date = "20260229": want a date as YYYYMMDD, for example 20261122`}, "EXP0042/eeg/sub-01_20261122.csv"},
		{"bids", "sub-01/anat/sub-02_T1w.nii.gz", []string{`sub = "02": want 01, as in sub-01/anat/; did you mean 01?`}, "sub-01/anat/sub-01_T1w.nii.gz"},
		{"bids", "sub-01/ses-1/func/sub-01_task-rest_bold.nii", []string{`ses is missing: want 1, as in sub-01/ses-1/func/`}, "sub-01/ses-1/func/sub-01_ses-1_task-rest_bold.nii"},
		{"bids", "sub-01/func/sub-01_bold.nii.gz", []string{`task is missing: want a text that matches [0-9A-Za-z+]+, for example rest`}, "sub-01/func/sub-01_task-rest_bold.nii.gz"},
		{"bids", "sub-01/anat/sub-01_t1w.nii.gz", []string{`suffix = "t1w": want one of T1w, T2w, PDw, T2starw, FLAIR, inplaneT1, inplaneT2, PDT2, angio, T2star, FLASH, PD; did you mean T1w?`}, "sub-01/anat/sub-01_T1w.nii.gz"},
		{"bids", ".rdfs", []string{`".rdfs": want another name: this one belongs to the drive`}, ""},
	}
	for _, tt := range tests {
		a := preset(t, tt.scheme).Explain(tt.path, File)
		var got []string
		for _, p := range a.Problems {
			got = append(got, p.String())
		}
		if !reflect.DeepEqual(got, tt.want) || a.Suggest != tt.suggest {
			t.Errorf("%s: got\n\t%s\n\tsuggestion %q\nwant\n\t%s\n\tsuggestion %q", tt.path, strings.Join(got, "\n\t"), a.Suggest, strings.Join(tt.want, "\n\t"), tt.suggest)
		}
	}
}

func TestNothingIsWrongWithAValidName(t *testing.T) {
	s := preset(t, "bids")
	for _, p := range corpus(t, "bids-valid.txt") {
		if a := s.Explain(p, File); len(a.Problems) != 0 || a.Suggest != "" {
			t.Errorf("%s: got %+v", p, a)
		}
	}
}

func TestASuggestionIsAccepted(t *testing.T) {
	for _, scheme := range []string{"bids", "hierarchical", "flat", "by_experiment"} {
		s := preset(t, scheme)
		near := 0
		for _, p := range corpus(t, "bids-invalid.txt") {
			a := s.Explain(p, File)
			if len(a.Problems) == 0 {
				if v := classify(s, p); v.Class == Invalid {
					t.Errorf("%s: %s is refused without a reason", scheme, p)
				}
				continue
			}
			if a.Suggest == "" {
				continue
			}
			near++
			if strings.HasSuffix(p, "/") {
				a.Suggest += "/"
			}
			if v := classify(s, a.Suggest); v.Class != Valid && v.Class != Bundle && v.Class != Staged {
				t.Errorf("%s: %s: the suggestion %s is %s", scheme, p, a.Suggest, v.Class)
			}
		}
		if scheme == "bids" && near < 30 {
			t.Errorf("only %d wrong names have a suggestion", near)
		}
	}
}

func TestSuggestFillsAPathFromValues(t *testing.T) {
	s := preset(t, "hierarchical")
	got, err := s.Suggest(map[string]string{"experiment_id": "EXP42", "data_type": "eeg", "extension": "csv"})
	if err != nil || len(got) != 1 {
		t.Fatalf("got %v, %v", got, err)
	}
	if got[0].Path != "EXP0042/{subject_id}/{session_id}/eeg.csv" || got[0].Rule.ID != "data" ||
		!reflect.DeepEqual(got[0].Missing, []string{"subject_id", "session_id"}) ||
		got[0].Problems[0].String() != `experiment_id = "EXP42": want a text that matches EXP[0-9]{4}; did you mean EXP0042?` {
		t.Errorf("got %+v", got[0])
	}
	full := map[string]string{"experiment_id": "EXP0042", "subject_id": "sub-01", "session_id": "ses-02", "data_type": "eeg", "run": "07", "extension": "nii.gz"}
	if got, err := s.Suggest(full); err != nil || got[0].Path != "EXP0042/sub-01/ses-02/eeg_run-07.nii.gz" || len(got[0].Problems) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := s.Suggest(map[string]string{"colour": "red"}); err == nil ||
		err.Error() != `the scheme has no field "colour": it has bundle, data_type, experiment_id, extension, run, session_id, subject_id` {
		t.Errorf("got %v", err)
	}
	if _, err := s.Suggest(map[string]string{"extension": "csv", "bundle": "zarr"}); err == nil ||
		err.Error() != "no rule has a place for all of bundle, extension together" {
		t.Errorf("got %v", err)
	}
}

func TestLintFindsWhatIsProbablyNotMeant(t *testing.T) {
	s := compile(t, Config{Fields: map[string]Field{"x": {Pattern: "[a-z]+"}, "unused": {}}, Rules: []Rule{
		{ID: "wide", Paths: []string{"{x}/{y:/.+/}"}},
		{ID: "inside", Paths: []string{"{x}/{n:int}.csv"}},
		{ID: "crossing", Paths: []string{"{z:/[a-c0]+/}/q"}},
		{ID: "apart", Paths: []string{"A/q"}},
		{ID: "calendar", Paths: []string{"{d:20060102}/A[_{d}]"}},
	}})
	var got []string
	for _, f := range s.Lint() {
		got = append(got, f.Rule+": "+f.Text)
	}
	want := []string{
		"inside: can never apply: rule wide comes first and matches every path of {x}/{n:int}.csv",
		"crossing: shares paths with rule wide, which comes first ({x}/{y:/.+/} and {z:/[a-c0]+/}/q)",
		": field unused is in no rule",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
