package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/rdfs/rdfs/internal/schema"
)

// fieldKeys are the keys of one field of `metadata.fields`. Those whose value is a
// list take a single value as well.
var fieldKeys = []struct {
	name string
	one  func(*schema.Field) *string
	list func(*schema.Field) *[]string
}{
	{name: "type", one: func(f *schema.Field) *string { return (*string)(&f.Type) }},
	{name: "of", one: func(f *schema.Field) *string { return (*string)(&f.Of) }},
	{name: "unit", one: func(f *schema.Field) *string { return &f.Unit }},
	{name: "values", list: func(f *schema.Field) *[]string { return &f.Values }},
	{name: "min", one: func(f *schema.Field) *string { return &f.Min }},
	{name: "max", one: func(f *schema.Field) *string { return &f.Max }},
	{name: "pattern", one: func(f *schema.Field) *string { return &f.Pattern }},
	{name: "default", one: func(f *schema.Field) *string { return &f.Default }},
	{name: "description", one: func(f *schema.Field) *string { return &f.Description }},
	{name: "required_for", list: func(f *schema.Field) *[]string { return &f.RequiredFor }},
}

// fieldEntry is a field as it stands in the file, for the places of its mistakes.
type fieldEntry struct {
	field entry
	keys  []entry
}

func (e *fieldEntry) place(key string) (ast.Node, string) {
	at := "metadata.fields." + e.field.name
	for _, k := range e.keys {
		if k.name == key && k.value != nil {
			return k.value, at + "." + key
		}
	}
	return e.field.key, at
}

// metadata reads the section of that name.
func (p *reader) metadata(e entry) {
	entries, ok := p.mapping(e.value, e.name)
	if !ok {
		return
	}
	var (
		fields []schema.Field
		places []fieldEntry
	)
	for _, sub := range entries {
		if sub.name != "fields" {
			p.unknown(sub, e.name, []string{"fields"})
			continue
		}
		all, _ := p.mapping(sub.value, "metadata.fields")
		for _, fe := range all {
			f, place := p.field(fe)
			fields, places = append(fields, f), append(places, place)
		}
	}
	s, err := schema.Compile(fields)
	var wrong schema.Problems
	if errors.As(err, &wrong) {
		for _, w := range wrong {
			n, key := places[w.Field].place(w.Key)
			p.problem(n, key, "%s", w.Text)
		}
	}
	p.c.Metadata = s
}

func (p *reader) field(e entry) (f schema.Field, place fieldEntry) {
	f.Name = e.name
	at := "metadata.fields." + e.name
	p.c.lines[at], _ = placeOf(e)
	keys, ok := p.mapping(e.value, at)
	place = fieldEntry{e, keys}
	if !ok {
		return f, place
	}
	var known []string
	for _, k := range fieldKeys {
		known = append(known, k.name)
	}
	for _, sub := range keys {
		i := slices.Index(known, sub.name)
		if i < 0 {
			p.unknown(sub, at, known)
			continue
		}
		if k := fieldKeys[i]; k.one != nil {
			if s, ok := p.scalar(sub, at+"."+sub.name); ok {
				*k.one(&f) = s
			}
		} else {
			*k.list(&f) = p.list(sub, at+"."+sub.name)
		}
	}
	return f, place
}

// list returns the plain values of a list, or one plain value.
func (p *reader) list(e entry, key string) (out []string) {
	seq, ok := e.value.(*ast.SequenceNode)
	if !ok {
		if s, ok := p.scalar(e, key); ok {
			out = []string{s}
		}
		return out
	}
	for i, n := range seq.Values {
		if s, ok := p.scalar(entry{e.name, e.key, n}, fmt.Sprintf("%s[%d]", key, i)); ok {
			out = append(out, s)
		}
	}
	return out
}

func placeOf(e entry) (line, column int) { return place(e.key.GetToken()) }

// explainMetadata lists the fields as settings.
func (c *Config) explainMetadata() (out []Setting) {
	for _, f := range c.Metadata.Fields() {
		var parts []string
		for _, k := range fieldKeys {
			switch {
			case k.name == "description":
			case k.one != nil && *k.one(&f) != "":
				parts = append(parts, k.name+": "+*k.one(&f))
			case k.list != nil && len(*k.list(&f)) > 0:
				parts = append(parts, k.name+": ["+strings.Join(*k.list(&f), ", ")+"]")
			}
		}
		name := "metadata.fields." + f.Name
		out = append(out, Setting{name, "{" + strings.Join(parts, ", ") + "}", c.lines[name], f.Description})
	}
	return out
}
