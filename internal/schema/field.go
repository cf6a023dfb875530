package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Type is the type of a field's values.
type Type string

// The types. See the package comment.
const (
	String   Type = "string"
	Int      Type = "int"
	Float    Type = "float"
	Bool     Type = "bool"
	Date     Type = "date"
	Time     Type = "time"
	Enum     Type = "enum"
	List     Type = "list"
	Quantity Type = "quantity"
)

// Types lists all types.
var Types = []Type{String, Int, Float, Bool, Date, Time, Enum, List, Quantity}

// Field is one field as it is written in rdfs.yaml. Of a list, Unit, Values, Min, Max
// and Pattern are about its elements.
type Field struct {
	Name        string   // the attribute user.NAME
	Type        Type     // "" is string
	Of          Type     // of a list: the type of its elements; "" is string
	Unit        string   // of a quantity: that values convert to, and are shown in
	Values      []string // of an enum
	Min, Max    string   // of numbers, dates, times and quantities: the range, ends included; "" is open
	Pattern     string   // of strings: a regular expression (RE2) for the whole value
	Default     string   // holds where nothing is set; "" is none
	Description string
	RequiredFor []string // path patterns of the files that must have it; see Match
}

// Problem is a mistake in the definition of a field.
type Problem struct {
	Field int    // index into the fields
	Key   string // of the definition: "type", "min", ...; "name" for the field itself
	Text  string
}

// Problems is every mistake of a schema. It is the error of Compile.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = fmt.Sprintf("field %d: %s: %s", p.Field+1, p.Key, p.Text)
	}
	return strings.Join(lines, "\n")
}

// Schema is a set of fields, compiled.
type Schema struct {
	fields []*compiled
	byName map[string]*compiled
}

// compiled is a field with all that is needed to check values.
type compiled struct {
	Field
	elem     Type // of a list, otherwise Type
	unit     unit
	pattern  *regexp.Regexp
	min, max *Value
	required []glob
	def      *Value
}

// reservedFields are attributes with a meaning of their own, which no schema can change.
var reservedFields = []string{"tags", "mime_type", "charset"}

// Compile checks the definitions of fields. The error is Problems.
func Compile(fields []Field) (*Schema, error) {
	s := &Schema{byName: make(map[string]*compiled, len(fields))}
	var all Problems
	for i, f := range fields {
		c, ps := compile(f)
		if s.byName[f.Name] != nil {
			ps = append(ps, Problem{Key: "name", Text: fmt.Sprintf("a second field is called %q", f.Name)})
		}
		for _, p := range ps {
			p.Field = i
			all = append(all, p)
		}
		s.fields = append(s.fields, c)
		s.byName[f.Name] = c
	}
	if len(all) > 0 {
		return nil, all
	}
	return s, nil
}

func compile(f Field) (*compiled, Problems) {
	var ps Problems
	bad := func(key, format string, args ...any) {
		ps = append(ps, Problem{Key: key, Text: fmt.Sprintf(format, args...)})
	}
	if f.Type == "" {
		f.Type = String
	}
	c := &compiled{Field: f, elem: f.Type}
	if why := checkName(f.Name); why != "" {
		bad("name", "%s", why)
	}
	if !slices.Contains(Types, f.Type) {
		bad("type", "want %s, got %q", orList(Types), f.Type)
		return c, ps
	}
	switch {
	case f.Type != List && f.Of != "":
		bad("of", "only a list has elements")
	case f.Type == List && f.Of == "":
		c.elem = String
	case f.Type == List && (f.Of == List || !slices.Contains(Types, f.Of)):
		bad("of", "want a type other than list, got %q", f.Of)
		return c, ps
	case f.Type == List:
		c.elem = f.Of
	}
	only := func(key string, set bool, what string, types ...Type) bool {
		if set && !slices.Contains(types, c.elem) {
			bad(key, "%s, not of type %s", what, c.elem)
			return false
		}
		return set
	}
	if only("unit", f.Unit != "", "only a quantity has a unit", Quantity) {
		u, err := parseUnit(f.Unit)
		if err != nil {
			bad("unit", "%v", err)
		}
		c.unit = u
	} else if c.elem == Quantity {
		bad("unit", "a quantity needs one, such as degC or mg/mL")
	}
	if only("values", len(f.Values) > 0, "only an enum has values", Enum) {
		for i, v := range f.Values {
			if v == "" || v != strings.TrimSpace(v) || slices.Contains(f.Values[:i], v) || f.Type == List && strings.Contains(v, ",") {
				bad("values", "%q is empty, twice there, or has spaces or commas in the wrong place", v)
			}
		}
	} else if c.elem == Enum {
		bad("values", "an enum needs them: [left, right]")
	}
	if only("pattern", f.Pattern != "", "only strings have a pattern", String) {
		re, err := regexp.Compile(`\A(?:` + f.Pattern + `)\z`)
		if err != nil {
			bad("pattern", "%v", err)
		}
		c.pattern = re
	}
	if len(ps) > 0 {
		return c, ps
	}
	ranged := []Type{Int, Float, Date, Time, Quantity}
	for _, end := range []struct {
		key, text string
		to        **Value
	}{{"min", f.Min, &c.min}, {"max", f.Max, &c.max}} {
		if !only(end.key, end.text != "", "only numbers, quantities, dates and times have a range", ranged...) {
			continue
		}
		v, inv := c.one(strings.TrimSpace(end.text))
		if inv != nil {
			bad(end.key, "%v", inv)
			continue
		}
		*end.to = &v
	}
	if c.min != nil && c.max != nil && Compare(*c.min, *c.max) > 0 {
		bad("max", "%s is less than min, %s", f.Max, f.Min)
	}
	if f.Default != "" && len(ps) == 0 {
		v, err := c.parse(f.Default)
		if err != nil {
			bad("default", "%v", err)
		} else {
			c.def = &v
		}
	}
	for _, p := range f.RequiredFor {
		g, err := compileGlob(p)
		if err != nil {
			bad("required_for", "%v", err)
		}
		c.required = append(c.required, g)
	}
	return c, ps
}

const maxFieldName = 200 // bytes; an attribute's name has 255 at most

// checkName says why a field cannot be called so, or "".
func checkName(name string) string {
	switch {
	case name == "":
		return "a field needs a name"
	case len(name) > maxFieldName:
		return fmt.Sprintf("%d bytes are too many for a name, at most %d", len(name), maxFieldName)
	case strings.HasPrefix(name, "rdfs.") || strings.HasPrefix(name, "xdg.") || slices.Contains(reservedFields, name):
		return fmt.Sprintf("%q has a meaning of its own; choose another name", name)
	case strings.HasPrefix(name, "user."):
		return fmt.Sprintf("write it without user.: %q", strings.TrimPrefix(name, "user."))
	}
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.') {
			return fmt.Sprintf("want letters, digits, _, - and ., got %q", name)
		}
	}
	return ""
}

// Fields returns the fields in the order in which they were given.
func (s *Schema) Fields() []Field {
	if s == nil {
		return nil
	}
	out := make([]Field, len(s.fields))
	for i, c := range s.fields {
		out[i] = c.Field
	}
	return out
}

// Has reports whether the schema declares a field.
func (s *Schema) Has(name string) bool { return s.field(name) != nil }

// Default returns what a field holds where nothing is set, in canonical form.
func (s *Schema) Default(name string) (string, bool) {
	c := s.field(name)
	if c == nil || c.def == nil {
		return "", false
	}
	return c.def.String(), true
}

func (s *Schema) field(name string) *compiled {
	if s == nil {
		return nil
	}
	return s.byName[name]
}

// orList writes words as "a, b or c".
func orList[S ~string](words []S) string {
	var b strings.Builder
	for i, w := range words {
		switch {
		case i > 0 && i == len(words)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(w))
	}
	return b.String()
}
