package snapshot

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Span is a length of time on the calendar: a month of it is as long as the months
// it covers, and a day has 23 hours when the clocks change. The zero value is
// nothing.
type Span struct {
	Years, Months, Days int
	Time                time.Duration
}

// IsZero reports whether s is no time at all.
func (s Span) IsZero() bool { return s == Span{} }

// Before returns the moment that lies s before t.
func (s Span) Before(t time.Time) time.Time {
	return t.AddDate(-s.Years, -s.Months, -s.Days).Add(-s.Time)
}

// After returns the moment that lies s after t.
func (s Span) After(t time.Time) time.Time {
	return t.AddDate(s.Years, s.Months, s.Days).Add(s.Time)
}

// ParseSpan reads a length of time such as 7d, 2h30min or 1y6mo. The units are y,
// mo (months), w, d, h, min, s and ms. A bare m is refused: it means months to some
// and minutes to others. Zero needs no unit.
func ParseSpan(s string) (span Span, err error) {
	text := strings.TrimSpace(s)
	if text == "0" {
		return span, nil
	}
	if text == "" {
		return span, errors.New("want a length of time such as 7d or 1y6mo, got nothing")
	}
	for rest := text; rest != ""; {
		var num, unit string
		num, rest = leading(rest, func(c byte) bool { return c >= '0' && c <= '9' || c == '.' })
		unit, rest = leading(strings.TrimLeft(rest, " "), func(c byte) bool { return c != ' ' && c != '.' && (c < '0' || c > '9') })
		rest = strings.TrimLeft(rest, " ")
		if err := span.add(s, num, unit); err != nil {
			return Span{}, err
		}
	}
	return span, nil
}

func leading(s string, is func(byte) bool) (head, rest string) {
	n := 0
	for n < len(s) && is(s[n]) {
		n++
	}
	return s[:n], s[n:]
}

// maxSpan bounds each number of a span, so that no moment leaves the calendar.
const maxSpan = 100_000

func (s *Span) add(whole, num, unit string) error {
	f, err := strconv.ParseFloat(num, 64)
	switch {
	case err != nil:
		return fmt.Errorf("want a length of time such as 7d or 1y6mo, got %q", whole)
	case unit == "":
		return fmt.Errorf("%q has no unit: write %ss for seconds, %sd for days", whole, num, num)
	case unit == "m":
		return fmt.Errorf("%q is ambiguous: write %smin for minutes or %smo for months", whole, num, num)
	}
	n, whole1 := int(f), f == float64(int(f))
	var unitOf time.Duration
	switch unit {
	case "y", "mo":
		if !whole1 || f > maxSpan {
			return fmt.Errorf("%q: want a whole number of years and months, at most %d", whole, maxSpan)
		}
		if unit == "y" {
			s.Years += n
		} else {
			s.Months += n
		}
		return nil
	case "w", "d":
		if unit == "w" {
			f, n = 7*f, 7*n
		}
		if f > 365*maxSpan {
			return fmt.Errorf("%q is too long", whole)
		}
		if whole1 {
			s.Days += n
			return nil
		}
		unitOf = 24 * time.Hour
	case "h":
		unitOf = time.Hour
	case "min":
		unitOf = time.Minute
	case "s":
		unitOf = time.Second
	case "ms":
		unitOf = time.Millisecond
	default:
		return fmt.Errorf("unknown unit %q in %q: use y, mo, w, d, h, min, s or ms", unit, whole)
	}
	if d := f*float64(unitOf) + float64(s.Time); d < float64(1<<62) {
		s.Time = time.Duration(d)
		return nil
	}
	return fmt.Errorf("%q is too long", whole)
}

// String writes s as ParseSpan reads it.
func (s Span) String() string {
	var b strings.Builder
	part := func(n int64, unit string) {
		if n != 0 {
			fmt.Fprintf(&b, "%d%s", n, unit)
		}
	}
	part(int64(s.Years), "y")
	part(int64(s.Months), "mo")
	if s.Days%7 == 0 && s.Years == 0 && s.Months == 0 && s.Time == 0 && s.Days > 7 {
		part(int64(s.Days/7), "w")
	} else {
		part(int64(s.Days), "d")
	}
	rest := s.Time
	for _, u := range []struct {
		name string
		unit time.Duration
	}{{"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}} {
		part(int64(rest/u.unit), u.name)
		rest %= u.unit
	}
	if b.Len() == 0 {
		return "0"
	}
	return b.String()
}
