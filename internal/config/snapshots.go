package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rdfs/rdfs/snapshot"
)

// Snapshots says when the mount takes snapshots, and which of them are kept.
type Snapshots struct {
	Schedule snapshot.Schedule
	Keep     snapshot.Retention
}

// snapshotKeys are the keys of the section snapshots.
var snapshotKeys = []key{
	{
		name: "snapshots.every", def: "off",
		doc: "Take one so long after the last one, e.g. 5m or 2h. Here, m is minutes. off: never.",
		set: func(c *Config, s string) error {
			if s == "off" {
				c.Snapshots.Schedule.Every = 0
				return nil
			}
			if n, ok := strings.CutSuffix(s, "m"); ok {
				s = n + "min"
			}
			d, err := ParseDuration(s)
			if err == nil && (d < time.Minute || d > 365*24*time.Hour) {
				err = fmt.Errorf("want a time from 1min to 365d, or off; got %q", s)
			}
			c.Snapshots.Schedule.Every = d
			return err
		},
		get: func(c *Config) string {
			if c.Snapshots.Schedule.Every == 0 {
				return "off"
			}
			return FormatDuration(c.Snapshots.Schedule.Every)
		},
	},
	scheduled("hourly", "Take one at the beginning of each hour, day, week (Monday) and month, in the local zone.",
		func(s *snapshot.Schedule) *bool { return &s.Hourly }),
	scheduled("daily", "", func(s *snapshot.Schedule) *bool { return &s.Daily }),
	scheduled("weekly", "", func(s *snapshot.Schedule) *bool { return &s.Weekly }),
	scheduled("monthly", "", func(s *snapshot.Schedule) *bool { return &s.Monthly }),
	kept("last", "10", "What `rdfs snapshot prune`, and the mount after taking one, keep. One rule that keeps a snapshot is\n"+
		"enough. Counts, or all; 0 is no rule. keep_last: the newest ones.",
		func(r *snapshot.Retention) *int { return &r.Last }),
	kept("hourly", "48", "The newest snapshot of each of the last hours that have any; and so on.",
		func(r *snapshot.Retention) *int { return &r.Hourly }),
	kept("daily", "60", "", func(r *snapshot.Retention) *int { return &r.Daily }),
	kept("weekly", "26", "", func(r *snapshot.Retention) *int { return &r.Weekly }),
	kept("monthly", "all", "", func(r *snapshot.Retention) *int { return &r.Monthly }),
	kept("yearly", "all", "", func(r *snapshot.Retention) *int { return &r.Yearly }),
	{
		name: "snapshots.keep_within", def: "2d",
		doc: "All that were taken within this time before the newest one, e.g. 2d or 1y6mo (mo is months). 0: no rule.",
		set: func(c *Config, s string) (err error) {
			c.Snapshots.Keep.Within, err = snapshot.ParseSpan(s)
			return err
		},
		get: func(c *Config) string { return c.Snapshots.Keep.Within.String() },
	},
	{
		name: "snapshots.keep_tags", def: snapshot.Manual,
		doc: "All with one of these tags: words with commas between them, or none. manual: those that people took.",
		set: func(c *Config, s string) error {
			c.Snapshots.Keep.Tags = nil
			if s == "none" || s == "" {
				return nil
			}
			for tag := range strings.SplitSeq(s, ",") {
				if tag = strings.TrimSpace(tag); tag == "" {
					return fmt.Errorf("want tags with commas between them, or none; got %q", s)
				}
				c.Snapshots.Keep.Tags = append(c.Snapshots.Keep.Tags, tag)
			}
			return nil
		},
		get: func(c *Config) string {
			if len(c.Snapshots.Keep.Tags) == 0 {
				return "none"
			}
			return strings.Join(c.Snapshots.Keep.Tags, ",")
		},
	},
}

func scheduled(name, doc string, at func(*snapshot.Schedule) *bool) key {
	return key{name: "snapshots." + name, def: "true", doc: doc,
		set: func(c *Config, s string) error {
			if s != "true" && s != "false" {
				return fmt.Errorf("want true or false, got %q", s)
			}
			*at(&c.Snapshots.Schedule) = s == "true"
			return nil
		},
		get: func(c *Config) string { return strconv.FormatBool(*at(&c.Snapshots.Schedule)) },
	}
}

func kept(name, def, doc string, at func(*snapshot.Retention) *int) key {
	return key{name: "snapshots.keep_" + name, def: def, doc: doc,
		set: func(c *Config, s string) error {
			n, err := strconv.Atoi(s)
			switch {
			case s == "all":
				n = snapshot.All
			case err != nil || n < 0:
				return fmt.Errorf("want a number or all, got %q", s)
			}
			*at(&c.Snapshots.Keep) = n
			return nil
		},
		get: func(c *Config) string {
			if n := *at(&c.Snapshots.Keep); n != snapshot.All {
				return strconv.Itoa(n)
			}
			return "all"
		},
	}
}
