package config

import (
	"fmt"
	"strconv"
)

// Placement says in which tiers data belong.
type Placement struct {
	Copies int // in as many tiers, at different providers where they can be
}

// placementKeys are the keys of the section placement.
var placementKeys = []key{
	{
		name: "placement.copies", def: "1",
		doc: "In how many tiers everything is kept: the nearest, and others, at other providers as far as there are any.",
		set: func(c *Config, s string) error {
			n, err := strconv.Atoi(s)
			if err != nil || n < 1 || n > 9 {
				return fmt.Errorf("want a number from 1 to 9, got %q", s)
			}
			c.Placement.Copies = n
			return nil
		},
		get: func(c *Config) string { return strconv.Itoa(c.Placement.Copies) },
	},
}
