package tiers

import (
	"strings"
	"testing"
)

func TestCheckKey(t *testing.T) {
	tests := []struct {
		name, key string
		ok        bool
	}{
		{"one component", "a", true},
		{"pack", "packs/01/01JD9ZK3V6W7X8Y9Z0ABCDEFGH", true},
		{"every kind of character", "aZ0._-", true},
		{"dots within", "a..b/...", true},
		{"longest", strings.Repeat("k", MaxKey), true},
		{"too long", strings.Repeat("k", MaxKey+1), false},
		{"empty", "", false},
		{"leading slash", "/a", false},
		{"trailing slash", "a/", false},
		{"double slash", "a//b", false},
		{"dot", "a/./b", false},
		{"dot dot", "../a", false},
		{"space", "a b", false},
		{"tilde, the mark of unfinished files", "a~", false},
		{"NUL", "a\x00", false},
		{"newline", "a\n", false},
		{"backslash", `a\b`, false},
		{"not ASCII", "ä", false},
		{"not UTF-8", "\xff", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := CheckKey(tt.key); (err == nil) != tt.ok {
				t.Errorf("got %v, want ok %v", err, tt.ok)
			}
		})
	}
}
