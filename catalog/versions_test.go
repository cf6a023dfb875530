package catalog

import (
	"math"
	"testing"
)

func TestLastSeqLooksBeyondGaps(t *testing.T) {
	long := make([]Seq, 5000)
	for i := range long {
		long[i] = Seq(i + 1)
	}
	cases := []struct {
		name string
		seqs []Seq
		want Seq
	}{
		{"none", nil, 0},
		{"one", []Seq{1}, 1},
		{"no gaps", []Seq{1, 2, 3, 4, 5}, 5},
		{"the oldest removed", []Seq{4, 5, 6}, 6},
		{"gaps between", []Seq{2, 5, 6, 40, 41}, 41},
		{"one far away", []Seq{1, 100_000}, 100_000},
		{"the last possible", []Seq{1, math.MaxUint32}, math.MaxUint32},
		{"many", long, 5000},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := openMemory(t)
			update(t, c, func(tx *Tx) {
				for _, s := range tc.seqs {
					tx.PutVersion(&Version{File: 7, Seq: s})
				}
				tx.PutVersion(&Version{File: 6, Seq: 200_000})
				tx.PutVersion(&Version{File: 8, Seq: 300_000})
			})
			view(t, c, func(tx *Tx) {
				for _, hint := range []Seq{0, 1, 2, 3, 5, 39, 41, 42, 4999, 5001, 100_001, math.MaxUint32} {
					if got := tx.LastSeq(7, hint); got != tc.want {
						t.Errorf("LastSeq with hint %d: got %d, want %d", hint, got, tc.want)
					}
				}
			})
		})
	}
}
