package schema

import (
	"errors"
	"math/big"
	"strings"
	"time"
)

// Dimension is what a quantity measures: a length, a temperature, a plain number.
// Numbers of one Dimension compare. The zero Dimension is that of plain numbers.
type Dimension dimension

// Measure reads a number with or without a unit, of a field that nobody declared: the
// number in base units, and what it measures. ok is false when text is neither.
func Measure(text string) (n float64, of Dimension, ok bool) {
	text = strings.TrimSpace(text)
	k := numberLen(text)
	if k == 0 {
		return 0, of, false
	}
	num, err := parseRat(text[:k])
	if err != nil {
		return 0, of, false
	}
	u, err := parseUnit(strings.TrimSpace(text[k:]))
	if err != nil {
		return 0, of, false
	}
	n, _ = u.base(num).Float64()
	return n, Dimension(u.dim), true
}

// Type returns the type of a declared field's values, of a list that of its elements.
func (s *Schema) Type(field string) (t Type, declared bool) {
	c := s.field(field)
	if c == nil {
		return "", false
	}
	return c.elem, true
}

// Unit returns the unit in which a declared field is shown, or "".
func (s *Schema) Unit(field string) string {
	if c := s.field(field); c != nil {
		return c.Unit
	}
	return ""
}

var errNoNumber = errors.New("no number")

// Number reads one value of a declared field, of a list one element, as a number that
// orders values as Compare does, up to 15 digits: quantities in base units, dates and
// times in seconds since 1970. The range of the field is not looked at. The error is
// *Invalid when text is no such value; strings have no number.
func (s *Schema) Number(field, text string) (float64, error) {
	c := s.field(field)
	if c == nil || c.elem == String {
		return 0, errNoNumber
	}
	v, inv := c.one(strings.TrimSpace(strings.TrimRight(text, "\x00")))
	if inv != nil && c.elem == Int {
		if n, err := parseRat(text); err == nil { // between two whole numbers
			v.num, inv = n, nil
		}
	}
	if inv != nil {
		return 0, inv
	}
	switch c.elem {
	case Date, Time:
		return Seconds(v.when), nil
	case Enum:
		return float64(v.nth), nil
	}
	n, _ := v.num.Float64()
	return n, nil
}

// Seconds is a moment as Number gives it.
func Seconds(t time.Time) float64 {
	n, _ := new(big.Rat).Add(new(big.Rat).SetInt64(t.Unix()), big.NewRat(int64(t.Nanosecond()), 1e9)).Float64()
	return n
}

// IsList reports whether a declared field takes a list.
func (s *Schema) IsList(field string) bool {
	c := s.field(field)
	return c != nil && c.Type == List
}
