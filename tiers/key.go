package tiers

import (
	"fmt"
	"strings"
)

// MaxKey is the length of the longest key in bytes.
const MaxKey = 512

// CheckKey returns an error that says what is wrong with key, or nil. Every Store
// refuses a bad key in every method that takes one.
func CheckKey(key string) error {
	if len(key) > MaxKey {
		return fmt.Errorf("bad key: %d bytes, more than %d", len(key), MaxKey)
	}
	for part := range strings.SplitSeq(key, "/") {
		switch part {
		case "":
			return fmt.Errorf("bad key %q: empty component", key)
		case ".", "..":
			return fmt.Errorf("bad key %q: component %q", key, part)
		}
		for _, r := range part {
			if !keyRune(r) {
				return fmt.Errorf("bad key %q: character %q", key, r)
			}
		}
	}
	return nil
}

func keyRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '_' || r == '-'
}
