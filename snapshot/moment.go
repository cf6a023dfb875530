package snapshot

import (
	"fmt"
	"strings"
	"time"
)

// ParseMoment reads a moment as people write it, seen from now and in now's zone:
//
//	2026-11-22T10:00:00Z       RFC 3339, exact
//	2026-11-22T10-00-00Z       as in the names of snapshots and versions: the end of that second
//	GMT-2026.11.22-10.00.00    as Samba writes it, in UTC: the end of that second
//	2026-11-22 10:00           in the local zone; also with seconds, or with a T
//	2026-11-22                 the end of that day
//	now, today, yesterday
//	-2h, -30min, -3d, -1mo     that long ago
//
// A day means its end: what was saved in the course of it counts. The end of today
// is now. A moment in the future is an error, as is what can mean two things.
func ParseMoment(s string, now time.Time) (time.Time, error) {
	text := strings.TrimSpace(s)
	y, m, d := now.Date()
	var at time.Time
	switch word := strings.ToLower(text); word {
	case "now", "today":
		return now, nil
	case "yesterday":
		at = endOfDay(y, m, d-1, now.Location())
	default:
		if ago, ok := strings.CutPrefix(word, "-"); ok {
			span, err := ParseSpan(ago)
			if err != nil {
				return time.Time{}, fmt.Errorf("time %q: %w", s, err)
			}
			at = span.Before(now)
			break
		}
		var ok bool
		if at, ok = absolute(text, now.Location()); !ok {
			return time.Time{}, fmt.Errorf("time %q: want 2026-11-22T10:00:00Z, 2026-11-22, yesterday or -2h", s)
		}
	}
	if at.After(now) {
		if y2, m2, d2 := at.In(now.Location()).Date(); y2 == y && m2 == m && d2 == d && at.Equal(endOfDay(y, m, d, now.Location())) {
			return now, nil
		}
		if at.Sub(now) < time.Second { // the end of this second
			return now, nil
		}
		return time.Time{}, fmt.Errorf("time %q is in the future", s)
	}
	if at.Unix() < 0 { // no drive is that old, and the catalog has no such times
		return time.Time{}, fmt.Errorf("time %q is before 1970", s)
	}
	return at, nil
}

func endOfDay(y int, m time.Month, d int, loc *time.Location) time.Time {
	return time.Date(y, m, d+1, 0, 0, 0, 0, loc).Add(-time.Nanosecond)
}

// wholeSeconds are the layouts that show whole seconds of what has fractions: the
// thing they name happened in the course of that second.
var wholeSeconds = []string{autoLayout, "GMT-2006.01.02-15.04.05"}

func absolute(s string, loc *time.Location) (at time.Time, ok bool) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		y, m, d := t.Date()
		return endOfDay(y, m, d, loc), true
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, true
	}
	for _, layout := range wholeSeconds {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Add(time.Second - time.Nanosecond), true
		}
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// IsMoment reports whether a name below .snapshots is that of a moment, not of a
// snapshot: it begins with @.
func IsMoment(name string) bool { return strings.HasPrefix(name, "@") }

// ParseName reads the name of a moment below .snapshots: @ and what ParseMoment
// reads, e.g. @2026-11-22, @yesterday, @-2h or @GMT-2026.11.22-10.00.00.
func ParseName(name string, now time.Time) (time.Time, error) {
	text, ok := strings.CutPrefix(name, "@")
	if !ok {
		return time.Time{}, fmt.Errorf("%q is not a moment: want @2026-11-22T10:00:00Z, @yesterday or @-2h", name)
	}
	return ParseMoment(text, now)
}
