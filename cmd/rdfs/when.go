package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/rdfs/rdfs/internal/config"
)

// whenHelp stands in the help of commands that take a moment.
const whenHelp = `TIME is a moment in the past:
  2026-11-22T10:00:00Z   RFC 3339; also as in the names below .versions/
  "2026-11-22 10:00"     in the local zone
  2026-11-22             the end of that day
  today, yesterday, now
  -2h, -30min, -3d       that long ago`

// parseWhen reads a moment, seen from now. A day means its end: what was saved in
// the course of the day counts. It is never later than now.
func parseWhen(s string, now time.Time) (time.Time, error) {
	loc := now.Location()
	endOf := func(y int, m time.Month, d int) time.Time {
		return time.Date(y, m, d+1, 0, 0, 0, 0, loc).Add(-time.Nanosecond)
	}
	y, m, d := now.Date()
	var at time.Time
	switch word := strings.ToLower(strings.TrimSpace(s)); word {
	case "now":
		return now, nil
	case "today":
		return now, nil
	case "yesterday":
		at = endOf(y, m, d-1)
	default:
		if ago, ok := strings.CutPrefix(word, "-"); ok {
			dur, err := config.ParseDuration(ago)
			if err != nil {
				return time.Time{}, fmt.Errorf("time %q: %w", s, err)
			}
			return now.Add(-dur), nil
		}
		var err error
		if at, err = parseMoment(strings.TrimSpace(s), loc, endOf); err != nil {
			return time.Time{}, err
		}
	}
	if at.After(now) {
		if y2, m2, d2 := at.Date(); y2 == y && m2 == m && d2 == d {
			return now, nil
		}
		return time.Time{}, fmt.Errorf("time %q is in the future", s)
	}
	return at, nil
}

func parseMoment(s string, loc *time.Location, endOf func(int, time.Month, int) time.Time) (time.Time, error) {
	if t, err := time.Parse("2006-01-02", s); err == nil {
		return endOf(t.Date()), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	// A name below .versions/ has no colons. It shows whole seconds: the version it
	// names was saved in the course of that second.
	if t, err := time.Parse("2006-01-02T15-04-05Z", s); err == nil {
		return t.Add(time.Second - time.Nanosecond), nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("time %q: want 2026-11-22T10:00:00Z, 2026-11-22, yesterday or -2h", s)
}
