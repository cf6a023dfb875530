package tiers

import (
	"slices"
	"testing"
)

func TestChoose(t *testing.T) {
	all := []Tier{{Name: "ssd", Provider: "here"}, {Name: "disk", Provider: "here"}, {Name: "nas", Provider: "nas"}, {Name: "cloud", Provider: "aws"}, {Name: "archive", Provider: "aws"}}
	tests := []struct {
		name    string
		allowed []string
		copies  int
		want    []string
	}{
		{"one copy is near", nil, 1, []string{"ssd"}},
		{"the second is at another provider", nil, 2, []string{"ssd", "nas"}},
		{"the third at a third", nil, 3, []string{"ssd", "nas", "cloud"}},
		{"then the same provider must do", nil, 4, []string{"ssd", "nas", "cloud", "disk"}},
		{"more than there are", nil, 9, []string{"ssd", "nas", "cloud", "disk", "archive"}},
		{"only what is allowed", []string{"archive", "cloud"}, 1, []string{"cloud"}},
		{"one provider, two copies", []string{"archive", "cloud"}, 2, []string{"cloud", "archive"}},
		{"none", nil, 0, nil},
		{"a tier that is not there", []string{"tape", "nas"}, 2, []string{"nas"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Choose(all, tt.allowed, tt.copies); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
