package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Versions says which versions are kept, beside those that something shows.
type Versions struct {
	Keep       string        // KeepAllVersions or KeepLimited
	KeepWithin time.Duration // with KeepLimited: saved within this time; 0: no time
	KeepLast   int           // with KeepLimited: the newest ones of each file
}

// What Versions.Keep may be.
const (
	KeepAllVersions = "all"
	KeepLimited     = "limited"
)

// GC says how garbage is collected.
type GC struct {
	Every  time.Duration // how often a mounted drive does it by itself; 0: never
	Grace  time.Duration // how old an object must be before it is removed
	Repack int           // share of an object that is garbage, in percent, from which on the rest is moved
}

// keepingKeys are the keys that say what is kept, snapshots aside.
var keepingKeys = []key{
	{
		name: "versions.keep", def: KeepAllVersions,
		doc: "all: every version is kept for ever. limited: those that keep_within or keep_last keep.",
		set: oneOf(func(c *Config) *string { return &c.Versions.Keep }, KeepAllVersions, KeepLimited),
		get: func(c *Config) string { return c.Versions.Keep },
	},
	{
		name: "versions.keep_within", def: "none",
		doc: "With limited: versions that were saved within this time, e.g. 90d; none: no time.",
		set: func(c *Config, s string) (err error) {
			c.Versions.KeepWithin = 0
			if s != "none" {
				c.Versions.KeepWithin, err = ParseDuration(s)
			}
			return err
		},
		get: func(c *Config) string {
			if c.Versions.KeepWithin == 0 {
				return "none"
			}
			return FormatDuration(c.Versions.KeepWithin)
		},
	},
	{
		name: "versions.keep_last", def: "0",
		doc: "With limited: the newest versions of each file, as many as this.",
		set: func(c *Config, s string) error {
			n, err := strconv.Atoi(s)
			if err != nil || n < 0 {
				return fmt.Errorf("want a number, got %q", s)
			}
			c.Versions.KeepLast = n
			return nil
		},
		get: func(c *Config) string { return strconv.Itoa(c.Versions.KeepLast) },
	},
	{
		name: "time_travel", def: "7d",
		set: span(func(c *Config) *time.Duration { return &c.TimeTravel }, 10*time.Minute, 100*365*24*time.Hour),
		get: func(c *Config) string { return FormatDuration(c.TimeTravel) },
	},
	{
		name: "gc.every", def: "1d",
		doc: "How often a mounted drive collects by itself, when little else is going on; off: only `rdfs gc`.",
		set: func(c *Config, s string) error {
			if s == "off" {
				c.GC.Every = 0
				return nil
			}
			return span(func(c *Config) *time.Duration { return &c.GC.Every }, time.Hour, 365*24*time.Hour)(c, s)
		},
		get: func(c *Config) string {
			if c.GC.Every == 0 {
				return "off"
			}
			return FormatDuration(c.GC.Every)
		},
	},
	{
		name: "gc.grace", def: "1h",
		doc: "How old an object of a tier must be before it may be removed.",
		set: span(func(c *Config) *time.Duration { return &c.GC.Grace }, 0, 365*24*time.Hour),
		get: func(c *Config) string { return FormatDuration(c.GC.Grace) },
	},
	{
		name: "gc.repack", def: "50%",
		doc: "Which share of an object must be garbage before the rest is moved and the object removed.",
		set: func(c *Config, s string) error {
			digits, ok := strings.CutSuffix(s, "%")
			n, err := strconv.Atoi(digits)
			if !ok || err != nil || n < 1 || n > 100 {
				return fmt.Errorf("want a share from 1%% to 100%%, got %q", s)
			}
			c.GC.Repack = n
			return nil
		},
		get: func(c *Config) string { return strconv.Itoa(c.GC.Repack) + "%" },
	},
}

// versions checks that the keys of the section go together.
func (p *reader) versions() {
	v := p.c.Versions
	for _, k := range []string{"versions.keep_within", "versions.keep_last"} {
		limits := k == "versions.keep_within" && v.KeepWithin > 0 || k == "versions.keep_last" && v.KeepLast > 0
		if v.Keep == KeepAllVersions && limits {
			p.problems = append(p.problems, Problem{File: p.name, Line: p.c.lines[k], Column: 3, Key: k,
				Text: "has no effect while versions.keep is all: write keep: limited to let versions go"})
		}
	}
	if v.Keep == KeepLimited && v.KeepWithin == 0 && v.KeepLast == 0 {
		p.problems = append(p.problems, Problem{File: p.name, Line: p.c.lines["versions.keep"], Column: 3, Key: "versions.keep",
			Text: "limited needs keep_within or keep_last: nothing but the newest version would be kept"})
	}
}

// span sets a time from least to most.
func span(at func(*Config) *time.Duration, least, most time.Duration) func(*Config, string) error {
	return func(c *Config, s string) error {
		d, err := ParseDuration(s)
		if err == nil && (d < least || d > most) {
			err = fmt.Errorf("want a time from %s to %s, got %q", FormatDuration(least), FormatDuration(most), s)
		}
		*at(c) = d
		return err
	}
}
