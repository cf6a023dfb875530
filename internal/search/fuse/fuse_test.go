package fuse

import (
	"math"
	"slices"
	"testing"
)

func TestRanksAddWhatEachListGives(t *testing.T) {
	got := Ranks(
		List[string]{"text", 0.5, []string{"a", "b", "c"}, nil},
		List[string]{"meaning", 1, []string{"c", "d"}, nil},
	)
	var order []string
	for _, f := range got {
		order = append(order, f.Key)
	}
	if want := []string{"c", "d", "a", "b"}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	c := got[0]
	if want := 0.5/63 + 1.0/61; math.Abs(c.Score-want) > 1e-12 {
		t.Errorf("score %v, want %v", c.Score, want)
	}
	if want := "text: rank 3, weight 0.5: 0.5/(60+3) = 0.0079; meaning: rank 1, weight 1: 1/(60+1) = 0.0164"; c.Explain() != want {
		t.Errorf("explained as %q, want %q", c.Explain(), want)
	}
}

func TestKeysOfOneScoreShareARank(t *testing.T) {
	got := Ranks(List[string]{"meaning", 1, []string{"a", "b", "c"}, []float32{0.9, 0.9, 0.5}})
	var ranks []int
	for _, f := range got {
		ranks = append(ranks, f.Parts[0].Rank)
	}
	if want := []int{1, 1, 2}; !slices.Equal(ranks, want) {
		t.Errorf("ranks %v, want %v", ranks, want)
	}
}

func TestEqualScoresKeepTheOrderOfTheLists(t *testing.T) {
	got := Ranks(List[int]{"a", 1, []int{3, 1}, nil}, List[int]{"b", 1, []int{2, 1}, nil})
	if len(got) != 3 || got[0].Key != 1 || got[1].Key != 3 || got[2].Key != 2 {
		t.Errorf("%v", got)
	}
	if got := Ranks[int](); len(got) != 0 {
		t.Errorf("no lists give %v", got)
	}
}
