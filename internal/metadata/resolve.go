package metadata

import (
	"cmp"
	"slices"
	"strings"

	"github.com/rdfs/rdfs/internal/schema"
)

// The origins of a value.
const (
	Set       = "set"       // on the file itself
	Inherited = "inherited" // from a directory above
	Default   = "default"   // of the schema
	FromPath  = "path"      // by the naming scheme
)

// Value is one field of a file.
type Value struct {
	Field  string `json:"field"`
	Value  string `json:"value"` // see EncodeValue
	Origin string `json:"origin"`
	From   string `json:"from,omitempty"` // of an inherited value: the directory; "/" is the root
}

// level is a directory above a file, or the file itself.
type level struct {
	path   string
	fields map[string]string
}

// inherits reports whether directories hand a field down. What is about one thing
// alone they do not: its comment, where it came from, its kind of content.
func inherits(field string) bool {
	switch field {
	case "mime_type", "charset", "crypto", "checksum":
		return false
	}
	return !strings.HasPrefix(field, "xdg.") && !strings.HasPrefix(field, "rdfs.")
}

// resolve returns the fields of the last level as they hold: its own, those that the
// levels above hand down, the defaults of the schema, and, before all of these, what the
// path says, in order of field.
func resolve(levels []level, path map[string]string, s *schema.Schema) []Value {
	values := make(map[string]Value)
	for i, l := range levels {
		own := i == len(levels)-1
		for field, value := range l.fields {
			if !own && !inherits(field) {
				continue
			}
			v := Value{Field: field, Value: value, Origin: Set}
			if !own {
				v.Origin, v.From = Inherited, "/"+l.path
			}
			if above, ok := values[field]; ok && field == tagsField {
				v.Value = JoinTags(SplitTags(above.Value + "," + value))
			}
			values[field] = v
		}
	}
	for field, value := range path {
		values[field] = Value{Field: field, Value: EncodeValue([]byte(value)), Origin: FromPath}
	}
	for _, f := range s.Fields() {
		if d, ok := s.Default(f.Name); ok {
			if _, has := values[f.Name]; !has {
				values[f.Name] = Value{Field: f.Name, Value: d, Origin: Default}
			}
		}
	}
	return sorted(values)
}

// own returns the fields of one level and those of its path, which count, in order of field.
func own(l level, path map[string]string) []Value {
	values := make(map[string]Value, len(l.fields)+len(path))
	for field, value := range l.fields {
		values[field] = Value{Field: field, Value: value, Origin: Set}
	}
	for field, value := range path {
		values[field] = Value{Field: field, Value: EncodeValue([]byte(value)), Origin: FromPath}
	}
	return sorted(values)
}

func sorted(m map[string]Value) []Value {
	out := make([]Value, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Value) int { return cmp.Compare(a.Field, b.Field) })
	return out
}
