package index

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rdfs/rdfs/internal/schema"
)

// bound is an end of a range, or a value to be equal to, understood.
type bound struct {
	text     bool    // values are compared by their letters
	word     string  // folded
	from, to float64 // that the number lasts: a day is from 0:00 until 24:00; equal for a moment
	dim      uint8
}

// dimUnknown is the dimension of numbers that no value has.
const dimUnknown = 255

// boundOf understands what a query compares a field with. The error says what would be
// right.
func (x *Index) boundOf(field, text string) (b bound, err error) {
	text = strings.TrimSpace(text)
	now := x.o.Now()
	switch field {
	case Size:
		n, ok := parseSize(text)
		if !ok {
			return b, fmt.Errorf("%q is no size; write a number with B, kB, MB, GB (1000) or KiB, MiB, GiB (1024), such as 10MB", text)
		}
		return bound{from: n, to: n}, nil
	case Modified, Created:
		b, ok := momentOf(text, now)
		if !ok {
			return b, noMoment(text)
		}
		return b, nil
	}
	t, declared := x.o.Schema.Type(field)
	switch {
	case !declared:
		return x.undeclared(text, now), nil
	case t == schema.String:
		return bound{text: true, word: fold(text)}, nil
	case t == schema.Date || t == schema.Time:
		zone := now
		if t == schema.Date { // dates have no zone; the dictionary takes them for UTC
			y, m, d := now.Date()
			zone = time.Date(y, m, d, now.Hour(), now.Minute(), now.Second(), now.Nanosecond(), time.UTC)
		}
		if b, ok := momentOf(text, zone); ok {
			return b, nil
		}
	}
	n, err := x.o.Schema.Number(field, text)
	if err == nil {
		b = bound{from: n, to: n}
		if t == schema.Date || t == schema.Time {
			b.dim = moment
		}
		return b, nil
	}
	if inv := (*schema.Invalid)(nil); errors.As(err, &inv) {
		err = fmt.Errorf("%q is no value of %s; want %s", text, field, inv.Expected)
		if inv.Nearest != "" {
			err = fmt.Errorf("%w; did you mean %q?", err, inv.Nearest)
		}
	}
	return b, err
}

// undeclared understands a value of a field that nobody declared: as what it looks like.
func (x *Index) undeclared(text string, now time.Time) bound {
	y, m, d := now.Date() // such values have no zone; the dictionary takes them for UTC
	utc := time.Date(y, m, d, now.Hour(), now.Minute(), now.Second(), now.Nanosecond(), time.UTC)
	if b, ok := momentOf(text, utc); ok && (text[0] == '-' || text[0] == '+') { // "-7d" is no length of time here
		return b
	}
	if n, of, ok := schema.Measure(text); ok {
		b := bound{from: n, to: n, dim: dimUnknown}
		if of == (schema.Dimension{}) {
			b.dim = plainNumber
		}
		for i, d := range x.dimensions {
			if d == of {
				b.dim = uint8(firstOther + i)
			}
		}
		return b
	}
	if b, ok := momentOf(text, utc); ok {
		return b
	}
	return bound{text: true, word: fold(text)}
}

func momentOf(text string, now time.Time) (bound, bool) {
	from, to, ok := parseDay(text, now.Location())
	if !ok {
		from, to, ok = relative(text, now)
	}
	return bound{from: schema.Seconds(from), to: schema.Seconds(to), dim: moment}, ok
}

func noMoment(text string) error {
	return fmt.Errorf("%q is no time; write 2025-01-31, \"2025-01-31 10:00\", 2025-01-31T10:00:00Z, today, or -7d, -2h, -30min, -1w, -1mo, -1y", text)
}

// ends are the ends of a range, understood.
type ends struct {
	low, high *bound
	lowIncl   bool
	highIncl  bool
}

// numberIn reports whether a number lies in a range. One end at least is there.
func (e *ends) numberIn(n float64, dim uint8) bool {
	if l := e.low; l != nil {
		// What lasts is passed when it is over.
		if l.text || dim != l.dim || n < l.from || !e.lowIncl && (n < l.to || n == l.to && l.from == l.to) {
			return false
		}
	}
	if h := e.high; h != nil {
		if h.text || dim != h.dim || n > h.to || n == h.to && (h.from != h.to || !e.highIncl) || !e.highIncl && n >= h.from {
			return false
		}
	}
	return true
}

// textIn reports whether a folded text lies in a range.
func (e *ends) textIn(s string) bool {
	if l := e.low; l != nil && (!l.text || s < l.word || s == l.word && !e.lowIncl) {
		return false
	}
	if h := e.high; h != nil && (!h.text || s > h.word || s == h.word && !e.highIncl) {
		return false
	}
	return true
}

// is reports whether a number is what b says.
func (b *bound) is(n float64, dim uint8) bool {
	return !b.text && dim == b.dim && n >= b.from && (n < b.to || n == b.from)
}
