package schema

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// glob is a compiled path pattern.
type glob []string // per name; "**" is any number of names

// compileGlob reads a path pattern: names with * ? [a-z] as in path.Match, "**" for
// any number of directories. A pattern without a slash means the last name, at any
// depth.
func compileGlob(pattern string) (glob, error) {
	clean := strings.Trim(pattern, "/")
	if clean == "" {
		return nil, fmt.Errorf("want a path pattern such as EXP*/**/*.nii.gz, got %q", pattern)
	}
	g := glob(strings.Split(clean, "/"))
	if len(g) == 1 && !strings.HasPrefix(pattern, "/") {
		g = glob{"**", g[0]}
	}
	stars := 0
	for _, part := range g {
		if part == "**" {
			stars++
		}
		if _, err := path.Match(part, ""); err != nil || part == "" || stars > 4 {
			return nil, fmt.Errorf("path pattern %q: %q is not a name, with * ? or [a-z]", pattern, part)
		}
	}
	return g, nil
}

// match reports whether the names of a path are what the pattern says.
func (g glob) match(names []string) bool {
	for len(g) > 0 {
		if g[0] == "**" {
			for skip := 0; skip <= len(names); skip++ {
				if g[1:].match(names[skip:]) {
					return true
				}
			}
			return false
		}
		if len(names) == 0 {
			return false
		}
		if ok, _ := path.Match(g[0], names[0]); !ok {
			return false
		}
		g, names = g[1:], names[1:]
	}
	return len(names) == 0
}

// Requires reports whether any file must have a field.
func (s *Schema) Requires() bool {
	return s != nil && slices.ContainsFunc(s.fields, func(c *compiled) bool { return len(c.required) > 0 })
}

// Required returns the fields that a file at a path (relative to the root of the
// drive) must have, in the order of the schema.
func (s *Schema) Required(file string) (fields []string) {
	if s == nil {
		return nil
	}
	var names []string
	for _, c := range s.fields {
		for _, g := range c.required {
			if names == nil {
				names = strings.Split(strings.Trim(file, "/"), "/")
			}
			if g.match(names) {
				fields = append(fields, c.Name)
				break
			}
		}
	}
	return fields
}

// Missing returns which required fields a file does not have: those of Required and
// those of also (required by a naming rule) for which has is false and that have no
// default. A file without any is complete.
func (s *Schema) Missing(file string, also []string, has func(field string) bool) (fields []string) {
	seen := make(map[string]bool)
	for _, f := range append(s.Required(file), also...) {
		if seen[f] {
			continue
		}
		seen[f] = true
		if _, ok := s.Default(f); !ok && !has(f) {
			fields = append(fields, f)
		}
	}
	return fields
}
