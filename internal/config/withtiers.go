package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// WithTiers returns a configuration file that says what text does, but for its tiers.
// Comments and all else stay as they are. name stands in the problems.
func WithTiers(name string, text []byte, tiers ...Tier) ([]byte, error) {
	if _, err := Parse(name, text); err != nil {
		return nil, err
	}
	var section strings.Builder
	(&Config{Tiers: tiers}).writeTiers(&section)
	var out bytes.Buffer
	inside, done := false, false
	for line := range bytes.Lines(text) {
		switch {
		case bytes.HasPrefix(line, []byte("tiers:")):
			inside, done = true, true
			out.WriteString(section.String())
			continue
		case inside && (line[0] == ' ' || line[0] == '-'):
			continue // the old ones
		}
		inside = false
		out.Write(line)
	}
	if !done {
		fmt.Fprintf(&out, "\n%s", &section)
	}
	c, err := Parse(name, out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("with other tiers: %w", err)
	}
	if !slices.Equal(c.Tiers, tiers) {
		return nil, fmt.Errorf("%s: the section tiers is written in a way that cannot be replaced: write it as `rdfs init` does", name)
	}
	return out.Bytes(), nil
}
