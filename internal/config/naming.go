package config

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/rdfs/rdfs/internal/naming"
)

// Naming says which names the drive accepts.
type Naming struct {
	Scheme string // one of the Scheme constants; rules of one's own come before its rules
	Mode   string // off, warn, stage or enforce

	// StagedFor is how long a staged file may wait for its right name before it is
	// moved to the inbox.
	StagedFor time.Duration

	// Compiled is the scheme as it holds. It has no rule when every name is accepted.
	Compiled *naming.Scheme

	own      naming.Config // what the file says beyond the scheme
	sidecars []string      // ids of rules whose files have sidecars; * is all of them
}

// Asks reports whether any name can be wrong.
func (n Naming) Asks() bool { return n.Scheme != SchemeFree || len(n.own.Rules) > 0 }

// Title is what people call the scheme.
func (n Naming) Title() string {
	switch {
	case n.Scheme == SchemeFree && len(n.own.Rules) > 0:
		return "the group's own"
	case len(n.own.Rules) > 0 || len(n.own.Fields) > 0:
		return n.Scheme + ", with rules of the group's own"
	}
	return n.Scheme
}

// namingKeys are the keys of the section with one value.
var namingKeys = []key{
	{
		name: "naming.scheme", def: DefaultScheme,
		doc: "hierarchical, flat, by_experiment, bids: the scheme of that name; free: any name, or only `rules` of your own.\n" +
			"`rdfs names explain PATH` says what a path is; .rdfs/NAMING.md in the drive says it all in words.",
		set: oneOf(func(c *Config) *string { return &c.Naming.Scheme },
			SchemeFree, SchemeHierarchical, SchemeFlat, SchemeByExperiment, SchemeBIDS),
		get: func(c *Config) string { return c.Naming.Scheme },
	},
	{
		name: "naming.mode", def: "off",
		doc: "What happens to a wrong name: enforce refuses it, stage keeps it aside,\nwarn accepts and reports it, off does not look.",
		set: oneOf(func(c *Config) *string { return &c.Naming.Mode }, "off", "warn", "stage", "enforce"),
		get: func(c *Config) string { return c.Naming.Mode },
	},
	{
		name: "naming.case", def: "collide",
		doc: "collide: two names in a directory must differ by more than upper and lower case; sensitive: they need not.",
		set: func(c *Config, s string) error {
			return choose(&c.Naming.own.CaseSensitive, s, "collide", "sensitive")
		},
		get: func(c *Config) string { return chosen(c.Naming.own.CaseSensitive, "collide", "sensitive") },
	},
	{
		name: "naming.unicode", def: "NFC",
		doc: "NFC: names are in Unicode normal form C, so that equal letters are equal names; any: they need not be.",
		set: func(c *Config, s string) error { return choose(&c.Naming.own.AnyUnicode, s, "NFC", "any") },
		get: func(c *Config) string { return chosen(c.Naming.own.AnyUnicode, "NFC", "any") },
	},
	{
		name: "naming.portable", def: "true",
		doc: "Refuse names that Windows cannot hold.",
		set: func(c *Config, s string) error { return choose(&c.Naming.own.Unportable, s, "true", "false") },
		get: func(c *Config) string { return chosen(c.Naming.own.Unportable, "true", "false") },
	},
	{
		name: "naming.max_name", def: strconv.Itoa(naming.DefaultMaxName),
		doc: "Longest name, in bytes, at most 255. Programs need room for the endings of their temporary files.",
		set: func(c *Config, s string) error {
			n, err := strconv.Atoi(s)
			if err != nil || n < 1 || n > 255 {
				return fmt.Errorf("want a number of bytes from 1 to 255, got %q", s)
			}
			c.Naming.own.MaxName = n
			return nil
		},
		get: func(c *Config) string { return strconv.Itoa(c.Naming.own.MaxName) },
	},
	{
		name: "naming.staged_for", def: "1d",
		doc: "How long a temporary file (report.csv.tmp) may wait for its right name before it is moved to .rdfs/inbox.",
		set: func(c *Config, s string) error {
			d, err := ParseDuration(s)
			if err == nil && d < time.Minute {
				err = fmt.Errorf("want at least 1min, got %q", s)
			}
			c.Naming.StagedFor = d
			return err
		},
		get: func(c *Config) string { return FormatDuration(c.Naming.StagedFor) },
	},
}

// choose sets a switch to whether s is the second of two words.
func choose(at *bool, s, no, yes string) error {
	if s != no && s != yes {
		return fmt.Errorf("want %s or %s, got %q", no, yes, s)
	}
	*at = s == yes
	return nil
}

func chosen(b bool, no, yes string) string {
	if b {
		return yes
	}
	return no
}

// naming reads the section of that name.
func (p *reader) naming(e entry) {
	entries, ok := p.mapping(e.value, e.name)
	if !ok {
		return
	}
	own := &p.c.Naming.own
	known := []string{"fields", "rules", "subtrees", "sidecars", "staged", "local_only"}
	for _, k := range namingKeys {
		known = append(known, strings.TrimPrefix(k.name, "naming."))
	}
	for _, sub := range entries {
		at := "naming." + sub.name
		if k := findKey(at); k != nil {
			p.set(*k, sub)
			continue
		}
		p.c.lines[at], _ = placeOf(sub)
		switch sub.name {
		case "fields":
			all, _ := p.mapping(sub.value, at)
			own.Fields = make(map[string]naming.Field, len(all))
			for _, f := range all {
				own.Fields[f.name] = p.namingField(f)
			}
		case "rules":
			p.each(sub, at, "id", func(at string, entries []entry) { own.Rules = append(own.Rules, p.namingRule(at, entries)) })
		case "subtrees":
			p.each(sub, at, "path", func(at string, entries []entry) { own.Subtrees = append(own.Subtrees, p.subtree(at, entries)) })
		case "sidecars":
			p.c.Naming.sidecars = p.list(sub, at)
		case "staged":
			own.Staged = p.list(sub, at)
		case "local_only":
			own.Local = p.list(sub, at)
		default:
			p.unknown(sub, e.name, known)
		}
	}
}

// each calls fn for the entries of a list of mappings.
func (p *reader) each(e entry, at, firstKey string, fn func(at string, entries []entry)) {
	seq, ok := e.value.(*ast.SequenceNode)
	if !ok {
		p.problem(e.value, at, "want a list: lines that begin with `- %s:`", firstKey)
		return
	}
	for i, n := range seq.Values {
		at := fmt.Sprintf("%s[%d]", at, i)
		if entries, ok := p.mapping(n, at); ok {
			if len(entries) > 0 {
				p.c.lines[at], _ = placeOf(entries[0])
			}
			fn(at, entries)
		}
	}
}

// read reads entries by a table of their names; what is not in the table is a mistake.
func (p *reader) read(at string, entries []entry, table map[string]func(entry, string)) {
	var known []string
	for name := range table {
		known = append(known, name)
	}
	slices.Sort(known)
	for _, e := range entries {
		fn := table[e.name]
		if fn == nil {
			p.unknown(e, at, known)
			continue
		}
		p.c.lines[at+"."+e.name], _ = placeOf(e)
		fn(e, at+"."+e.name)
	}
}

func (p *reader) text(to *string) func(entry, string) {
	return func(e entry, key string) {
		if s, ok := p.scalar(e, key); ok {
			*to = s
		}
	}
}

func (p *reader) texts(to *[]string) func(entry, string) {
	return func(e entry, key string) { *to = p.list(e, key) }
}

func (p *reader) namingField(e entry) (f naming.Field) {
	at := "naming.fields." + e.name
	p.c.lines[at], _ = placeOf(e)
	entries, _ := p.mapping(e.value, at)
	p.read(at, entries, map[string]func(entry, string){
		"pattern": p.text(&f.Pattern), "enum": p.texts(&f.Enum), "type": p.text(&f.Type), "example": p.text(&f.Example),
		"description": p.text(&f.Description),
		"registry": func(e entry, key string) {
			if p.text(&f.Registry)(e, key); f.Registry == "" {
				return
			}
			var err error
			if f.Values, err = readRegistry(filepath.Dir(p.name), f.Registry); err != nil {
				p.problem(e.value, key, "%v", err)
			}
		},
	})
	return f
}

// maxRegistry bounds a list of values, in bytes.
const maxRegistry = 16 << 20

// readRegistry reads a list of values: the first column of each line, without empty
// lines and those that begin with #.
func readRegistry(repo, file string) (values []string, err error) {
	if !filepath.IsAbs(file) {
		file = filepath.Join(repo, file)
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxRegistry {
		return nil, fmt.Errorf("%s: %d bytes are too many for a list of values", file, info.Size())
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		value := lines.Text()
		if i := strings.IndexAny(value, ",;\t"); i >= 0 {
			value = value[:i]
		}
		if value = strings.Trim(strings.TrimSpace(value), `"`); value != "" && value[0] != '#' {
			values = append(values, value)
		}
	}
	return values, nil
}

// permissionClasses are the words for `mode` of a rule.
var permissionClasses = map[string]uint32{"sensitive": 0o600, "readonly": 0o444}

func (p *reader) namingRule(at string, entries []entry) (r naming.Rule) {
	p.read(at, entries, map[string]func(entry, string){
		"id": p.text(&r.ID), "path": p.texts(&r.Paths), "same": p.texts(&r.Same), "require_meta": p.texts(&r.RequireMeta),
		"description": p.text(&r.Description),
		"bundle": func(e entry, key string) {
			if s, ok := p.scalar(e, key); ok {
				if err := choose(&r.Bundle, s, "false", "true"); err != nil {
					p.problem(e.value, key, "%v", err)
				}
			}
		},
		"mode": func(e entry, key string) {
			s, ok := p.scalar(e, key)
			if !ok {
				return
			}
			perm, isClass := permissionClasses[s]
			if n, err := strconv.ParseUint(strings.TrimPrefix(s, "0o"), 8, 32); !isClass && err == nil && n > 0 && n <= 0o777 {
				perm, isClass = uint32(n), true
			}
			if !isClass {
				p.problem(e.value, key, "want sensitive (0600), readonly (0444) or permissions like 0640, got %q", s)
			}
			r.Perm = perm
		},
	})
	return r
}

func (p *reader) subtree(at string, entries []entry) (t naming.Subtree) {
	p.read(at, entries, map[string]func(entry, string){
		"path": p.text(&t.Path),
		"mode": func(e entry, key string) {
			if s, ok := p.scalar(e, key); ok {
				var err error
				if t.Mode, err = naming.ParseMode(s); err != nil {
					p.problem(e.value, key, "%v", err)
				}
			}
		},
	})
	if !p.has(at + ".mode") {
		p.problems = append(p.problems, Problem{File: p.name, Line: p.c.lines[at], Column: 5, Key: at, Text: `"mode" is missing`})
	}
	return t
}

// compileNaming puts the scheme and what the file adds together.
func (p *reader) compileNaming() {
	n := &p.c.Naming
	c, err := naming.Preset(n.Scheme)
	if err != nil {
		return // the scheme is a mistake that has been told
	}
	own := n.own
	presetFields := c.Fields
	c = naming.Config{Fields: map[string]naming.Field{}, Rules: slices.Clone(own.Rules), Subtrees: own.Subtrees, Staged: own.Staged, Local: own.Local,
		CaseSensitive: own.CaseSensitive, AnyUnicode: own.AnyUnicode, Unportable: own.Unportable, MaxName: own.MaxName}
	for name, f := range presetFields {
		c.Fields[name] = f
	}
	for name, f := range own.Fields {
		if f.Description == "" {
			f.Description = presetFields[name].Description
		}
		c.Fields[name] = f
	}
	preset, _ := naming.Preset(n.Scheme)
	for _, r := range preset.Rules {
		if !slices.ContainsFunc(own.Rules, func(o naming.Rule) bool { return o.ID == r.ID }) {
			c.Rules = append(c.Rules, r)
		}
	}
	for i, id := range n.sidecars {
		found := false
		for k := range c.Rules {
			if id == "*" || c.Rules[k].ID == id {
				c.Rules[k].Sidecar, found = true, true
			}
		}
		if !found {
			p.problems = append(p.problems, Problem{File: p.name, Line: p.c.lines["naming.sidecars"], Column: 1, Key: fmt.Sprintf("naming.sidecars[%d]", i),
				Text: fmt.Sprintf("no rule has the id %q; .rdfs/NAMING.md names them, * is all of them", id)})
		}
	}
	if c.Mode, err = naming.ParseMode(n.Mode); err != nil {
		return
	}
	n.Compiled, err = naming.Compile(c)
	var wrong naming.Mistakes
	if !errors.As(err, &wrong) {
		return
	}
	for _, m := range wrong {
		p.namingMistake(m, len(own.Rules))
	}
}

// namingMistake tells a mistake with its line: of the key, or of what it is in.
func (p *reader) namingMistake(m naming.Mistake, ownRules int) {
	where := m.Where
	if i := strings.Index(where, ".paths["); i >= 0 {
		where = where[:i] + ".path"
	}
	var rule int
	if _, err := fmt.Sscanf(where, "rules[%d]", &rule); err == nil && rule >= ownRules {
		where = "fields" // a rule of the scheme does not go with a field of the file's own
	}
	key := "naming." + where
	line := 0
	for at := key; line == 0 && at != "naming"; {
		line = p.c.lines[at]
		at = at[:max(strings.LastIndexAny(at, ".["), len("naming"))]
	}
	column := 0
	if line > 0 {
		column = 1
	}
	p.problems = append(p.problems, Problem{File: p.name, Line: line, Column: column, Key: key, Text: m.Text})
}

// explainNaming lists what the section has beyond its plain keys.
func (c *Config) explainNaming() (out []Setting) {
	n := c.Naming.own
	add := func(key, value, doc string) { out = append(out, Setting{key, value, c.lines[key], doc}) }
	var names []string
	for name := range n.Fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := n.Fields[name]
		add("naming.fields."+name, strings.Join(slices.DeleteFunc([]string{f.Pattern, strings.Join(f.Enum, "|"), f.Type, f.Registry},
			func(s string) bool { return s == "" }), " "), f.Description)
	}
	for i, r := range n.Rules {
		add(fmt.Sprintf("naming.rules[%d]", i), r.ID+": "+strings.Join(r.Paths, " "), r.Description)
	}
	for i, t := range n.Subtrees {
		add(fmt.Sprintf("naming.subtrees[%d]", i), t.Path+": "+t.Mode.String(), "")
	}
	if len(c.Naming.sidecars) > 0 {
		add("naming.sidecars", strings.Join(c.Naming.sidecars, " "), "")
	}
	if len(n.Staged) > 0 {
		add("naming.staged", strings.Join(n.Staged, " "), "")
	}
	if len(n.Local) > 0 {
		add("naming.local_only", strings.Join(n.Local, " "), "")
	}
	return out
}
