package schema

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Value is a value of a field. The zero Value is the empty string.
type Value struct {
	kind Type
	text string   // of a string, enum, bool: canonical
	num  *big.Rat // of an int, float; of a quantity in base units; of a bool 0 or 1
	when time.Time
	list []Value
	f    *compiled // of a quantity: whose unit it is shown in
	nth  int       // of an enum: which of the values
}

// Invalid says what is wrong with a value, and what would be right. It is the error
// of Parse.
type Invalid struct {
	Field    string
	Value    string // shortened when it is long
	Expected string // for people: "a number and a unit, such as 4 degC"
	Example  string
	Nearest  string // what was probably meant, or ""
}

func (e *Invalid) Error() string {
	s := fmt.Sprintf("%s = %q: want %s", e.Field, e.Value, e.Expected)
	if e.Nearest != "" {
		s += fmt.Sprintf("; did you mean %q?", e.Nearest)
	}
	return s
}

// Parse reads a value of a declared field. The error is *Invalid. A field that is not
// declared takes any text.
func (s *Schema) Parse(field, text string) (Value, error) {
	c := s.field(field)
	if c == nil {
		return Value{text: text}, nil
	}
	v, inv := c.parse(text)
	if inv != nil {
		return Value{}, inv
	}
	return v, nil
}

// parse returns a nil *Invalid when the value is right.
func (c *compiled) parse(text string) (Value, *Invalid) {
	text = strings.TrimSpace(strings.TrimRight(text, "\x00"))
	if !utf8.ValidString(text) {
		return Value{}, c.invalid(text, "text in UTF-8")
	}
	if c.Type != List {
		return c.checked(text)
	}
	v := Value{kind: List}
	if text == "" {
		return v, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			return Value{}, c.invalid(text, "elements separated by single commas")
		}
		e, inv := c.checked(part)
		if inv != nil {
			return Value{}, inv
		}
		v.list = append(v.list, e)
	}
	return v, nil
}

// checked reads one value and checks its range.
func (c *compiled) checked(text string) (Value, *Invalid) {
	v, inv := c.one(text)
	if inv != nil {
		return v, inv
	}
	if c.min != nil && Compare(v, *c.min) < 0 || c.max != nil && Compare(v, *c.max) > 0 {
		return v, c.invalid(text, c.expected())
	}
	return v, nil
}

// one reads one value, of a list one element.
func (c *compiled) one(text string) (Value, *Invalid) {
	v := Value{kind: c.elem}
	ok := true
	switch c.elem {
	case String:
		v.text = text
		control := strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' || r == 0x7f })
		ok = !control && (c.pattern == nil || c.pattern.MatchString(text))
	case Int:
		n, err := strconv.ParseInt(text, 10, 64)
		v.num, ok = new(big.Rat).SetInt64(n), err == nil
	case Float:
		n, err := parseRat(text)
		v.num, ok = n, err == nil
	case Bool:
		v.num, ok = new(big.Rat), true
		switch strings.ToLower(text) {
		case "true", "yes", "on", "1":
			v.text, v.num = "true", big.NewRat(1, 1)
		case "false", "no", "off", "0":
			v.text = "false"
		default:
			ok = false
		}
	case Date:
		v.when, ok = parseTime(text, "2006-01-02", "20060102")
	case Time:
		v.when, ok = parseTime(text, time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02 15:04Z07:00")
		v.when = v.when.UTC()
	case Enum:
		v.text, v.nth = text, slices.Index(c.Values, text)
		if v.nth < 0 {
			inv := c.invalid(text, c.expected())
			inv.Nearest = nearest(text, c.Values)
			return v, inv
		}
	case Quantity:
		return c.quantity(text)
	}
	if !ok {
		return v, c.invalid(text, c.expected())
	}
	return v, nil
}

func parseTime(text string, layouts ...string) (t time.Time, ok bool) {
	for _, l := range layouts {
		// Parse also takes a comma before fractions, which lists use otherwise.
		if t, err := time.Parse(l, text); err == nil && !strings.Contains(text, ",") && t.Year() > 0 {
			return t, true
		}
	}
	return t, false
}

func (c *compiled) quantity(text string) (Value, *Invalid) {
	n := numberLen(text)
	num, err := parseRat(text[:n])
	if err != nil {
		return Value{}, c.invalid(text, c.expected())
	}
	name := strings.TrimSpace(text[n:])
	if name == "" && c.unit.dim != none {
		inv := c.invalid(text, c.expected())
		inv.Nearest = text + " " + c.Unit
		return Value{}, inv
	}
	u, err := parseUnit(name)
	if err != nil {
		return Value{}, c.invalid(text, c.expected()+": "+err.Error())
	}
	if u.dim != c.unit.dim {
		return Value{}, c.invalid(text, fmt.Sprintf("%s: %s does not convert to %s", c.expected(), name, c.Unit))
	}
	v := Value{kind: Quantity, num: u.base(num), f: c}
	if tooFar(c.unit.of(v.num)) {
		return Value{}, c.invalid(text, c.expected())
	}
	return v, nil
}

func (c *compiled) invalid(text, expected string) *Invalid {
	const most = 80 // runes of a value that are repeated
	if r := []rune(text); len(r) > most {
		text = string(r[:most-1]) + "…"
	}
	return &Invalid{Field: c.Name, Value: text, Expected: expected, Example: c.example()}
}

// expected describes what a field takes.
func (c *compiled) expected() string {
	var s string
	switch c.elem {
	case String:
		s = "text without control characters"
		if c.pattern != nil {
			s = "text that matches " + c.Pattern
		}
	case Int:
		s = "a whole number"
	case Float:
		s = "a number"
	case Bool:
		s = "true or false"
	case Date:
		s = "a date such as 2026-11-22"
	case Time:
		s = "a time with a zone such as 2026-11-22T10:00:00Z"
	case Enum:
		s = orList(c.Values)
	case Quantity:
		s = "a number and a unit such as " + c.example()
	}
	switch {
	case c.Min != "" && c.Max != "":
		s += fmt.Sprintf(", from %s to %s", c.Min, c.Max)
	case c.Min != "":
		s += fmt.Sprintf(", at least %s", c.Min)
	case c.Max != "":
		s += fmt.Sprintf(", at most %s", c.Max)
	}
	return s
}

// example is a value of the field.
func (c *compiled) example() string {
	switch {
	case c.Default != "":
		return c.Default
	case c.Min != "":
		return c.Min
	case c.Max != "":
		return c.Max
	}
	switch c.elem {
	case Int:
		return "3"
	case Float:
		return "0.5"
	case Bool:
		return "true"
	case Date:
		return "2026-11-22"
	case Time:
		return "2026-11-22T10:00:00Z"
	case Enum:
		return c.Values[0]
	case Quantity:
		return "4 " + c.Unit
	}
	return ""
}

// String is the canonical form.
func (v Value) String() string {
	switch v.kind {
	case Int:
		return v.num.Num().String()
	case Float:
		return formatRat(v.num)
	case Date:
		return v.when.Format("2006-01-02")
	case Time:
		return v.when.Format(time.RFC3339Nano)
	case Quantity:
		n := formatRat(v.f.unit.of(v.num))
		if v.f.Unit == "" {
			return n
		}
		return n + " " + v.f.Unit
	case List:
		parts := make([]string, len(v.list))
		for i, e := range v.list {
			parts[i] = e.String()
		}
		return strings.Join(parts, ",")
	}
	return v.text
}

// Compare orders two values of one field: -1, 0 or 1. Numbers, quantities, dates and
// times compare by what they mean, enums by the order of the field's values, strings
// by their bytes, lists element by element. It is a total order.
func Compare(a, b Value) int {
	if c := cmp.Compare(a.kind, b.kind); c != 0 {
		return c
	}
	switch a.kind {
	case Int, Float, Bool, Quantity:
		return a.num.Cmp(b.num)
	case Date, Time:
		return a.when.Compare(b.when)
	case Enum:
		return cmp.Or(cmp.Compare(a.nth, b.nth), cmp.Compare(a.text, b.text))
	case List:
		return slices.CompareFunc(a.list, b.list, Compare)
	}
	return cmp.Compare(a.text, b.text)
}

// nearest returns the word that text was probably meant to be, or "".
func nearest(text string, words []string) string {
	best, least := "", max(1, len(text)/3)+1
	for _, w := range words {
		if d := distance(strings.ToLower(text), strings.ToLower(w)); d < least {
			best, least = w, d
		}
	}
	return best
}

// distance is the number of letters to insert, remove or replace between a and b.
func distance(a, b string) int {
	if len(a) > 100 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
