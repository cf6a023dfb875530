package config

import (
	"fmt"
	"strconv"
	"time"
)

// catalogKeys are the keys of the section catalog.
var catalogKeys = []key{
	{
		name: "catalog.ship_every", def: "60s",
		doc: "What changed is added to the tier so often, and at unmount. off: the catalog is only in the repository.",
		set: func(c *Config, s string) error {
			if s == "off" {
				c.Catalog.ShipEvery = 0
				return nil
			}
			return duration(s, time.Second, 24*time.Hour, &c.Catalog.ShipEvery)
		},
		get: func(c *Config) string {
			if c.Catalog.ShipEvery == 0 {
				return "off"
			}
			return FormatDuration(c.Catalog.ShipEvery)
		},
	},
	{
		name: "catalog.copy_every", def: "1d",
		doc: "A whole copy, so often. What did not change since the last one is stored once.",
		set: func(c *Config, s string) error {
			return duration(s, time.Minute, 365*24*time.Hour, &c.Catalog.CopyEvery)
		},
		get: func(c *Config) string { return FormatDuration(c.Catalog.CopyEvery) },
	},
	{
		name: "catalog.keep_copies", def: "7",
		doc: "`rdfs recover --at TIME` reaches back as far as the oldest of them.",
		set: func(c *Config, s string) error {
			n, err := strconv.Atoi(s)
			if err != nil || n < 1 || n > 1000 {
				return fmt.Errorf("want a number from 1 to 1000, got %q", s)
			}
			c.Catalog.KeepCopies = n
			return nil
		},
		get: func(c *Config) string { return strconv.Itoa(c.Catalog.KeepCopies) },
	},
}

// duration reads a duration from least to most.
func duration(s string, least, most time.Duration, to *time.Duration) error {
	d, err := ParseDuration(s)
	if err == nil && (d < least || d > most) {
		err = fmt.Errorf("want a time from %s to %s, got %q", FormatDuration(least), FormatDuration(most), s)
	}
	if err == nil {
		*to = d
	}
	return err
}
