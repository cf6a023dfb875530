package naming

import (
	"fmt"
	"testing"
)

// twenty returns a scheme of twenty rules that all begin alike.
func twenty(tb testing.TB) *Scheme {
	c, _ := Preset("hierarchical")
	for i := len(c.Rules); i < 20; i++ {
		c.Rules = append(c.Rules, Rule{ID: fmt.Sprint("r", i), Paths: []string{
			fmt.Sprintf("{experiment_id}/{subject_id}/{session_id}/{subject_id}_{session_id}[_task-{task}]_kind%d.{extension}", i)}})
	}
	return compile(tb, c)
}

// A name in a directory that is known, as at each file that is made on a mount.
func BenchmarkClassify20Rules(b *testing.B) {
	d := twenty(b).Root().Enter("EXP0042").Enter("sub-01").Enter("ses-01")
	names := []string{"eeg.csv", "sub-01_ses-01_task-rest_kind7.nii.gz", "wrong name.x", "eeg.csv.tmp"}
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				d.Classify(name, File, nil)
			}
		})
	}
}

func BenchmarkClassifyBIDS(b *testing.B) {
	d := preset(b, "bids").Root().Enter("sub-01").Enter("ses-1").Enter("func")
	for b.Loop() {
		d.Classify("sub-01_ses-1_task-rest_run-1_bold.nii.gz", File, nil)
	}
}

func BenchmarkEnter(b *testing.B) {
	d := twenty(b).Root().Enter("EXP0042").Enter("sub-01")
	for b.Loop() {
		d.Enter("ses-01")
	}
}

func BenchmarkExplain(b *testing.B) {
	d := twenty(b).Root().Enter("EXP0042").Enter("sub-01").Enter("ses-01")
	for b.Loop() {
		d.Explain("wrong name.x", File, nil)
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, name := range Presets {
		c, _ := Preset(name)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				compile(b, c).Root()
			}
		})
	}
}
