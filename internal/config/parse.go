package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxFile is the size, in bytes, beyond which a file is surely not an rdfs.yaml.
const maxFile = 1 << 20

// Load reads and checks the configuration of the repository at repo. A mistake in
// the file is Problems; a file that cannot be read is an *fs.PathError.
func Load(repo string) (*Config, error) {
	name := filepath.Join(repo, FileName)
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, Problems{{File: name, Text: fmt.Sprintf("%d bytes are too many for a configuration", info.Size())}}
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return Parse(name, data)
}

// Parse reads and checks a configuration. name stands in the problems.
func Parse(name string, data []byte) (*Config, error) {
	p := &reader{name: name, c: newDefault()}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, Problems{p.syntax(err)}
	}
	var body ast.Node
	for _, d := range file.Docs {
		if d.Body == nil {
			continue
		}
		if body != nil {
			p.problem(d.Body, "", "a second document in one file")
			return nil, p.problems
		}
		body = d.Body
	}
	top, ok := p.mapping(body, "")
	if !ok {
		return nil, p.problems
	}
	// The version decides how everything else is read, so it comes first.
	if !p.version(top) {
		return nil, p.problems
	}
	for _, e := range top {
		p.top(e)
	}
	if p.c.ID == "" && !p.has("id") {
		p.problems = append(p.problems, Problem{File: name, Key: "id", Text: "missing; `rdfs init` writes it. Take it from a backup of this file"})
	}
	p.relations()
	if len(p.problems) > 0 {
		slices.SortStableFunc(p.problems, func(a, b Problem) int { return a.Line - b.Line })
		return nil, p.problems
	}
	return p.c, nil
}

// reader walks one file and collects what is wrong with it.
type reader struct {
	name     string
	c        *Config
	problems Problems
}

// entry is one key of a mapping with its value.
type entry struct {
	name  string
	key   ast.Node
	value ast.Node
}

func (p *reader) problem(n ast.Node, key, format string, args ...any) {
	pr := Problem{File: p.name, Key: key, Text: fmt.Sprintf(format, args...)}
	if n != nil {
		pr.Line, pr.Column = place(n.GetToken())
	}
	p.problems = append(p.problems, pr)
}

func place(t *token.Token) (line, column int) {
	if t == nil || t.Position == nil {
		return 0, 0
	}
	return t.Position.Line, t.Position.Column
}

func (p *reader) syntax(err error) Problem {
	pr := Problem{File: p.name, Text: err.Error()}
	var ye yaml.Error
	if errors.As(err, &ye) {
		pr.Line, pr.Column = place(ye.GetToken())
		pr.Text = ye.GetMessage()
	}
	return pr
}

// mapping returns the entries of n. An empty value is an empty mapping.
func (p *reader) mapping(n ast.Node, key string) ([]entry, bool) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		p.problem(n, key, "want keys and values, got %s", describe(n))
		return nil, false
	}
	var out []entry
	for _, v := range values {
		t := v.Key.GetToken()
		if _, ok := v.Key.(*ast.StringNode); !ok {
			p.problem(v.Key, key, "want the name of a key, got %q", t.Value)
			continue
		}
		out = append(out, entry{t.Value, v.Key, v.Value})
	}
	return out, true
}

// scalar returns a plain value as it is written.
func (p *reader) scalar(e entry, key string) (string, bool) {
	switch n := e.value.(type) {
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	case nil, *ast.NullNode:
		p.problem(e.key, key, "has no value; remove the key to get the default")
	default:
		p.problem(n, key, "want one value, got %s", describe(n))
	}
	return "", false
}

func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode:
		return "an anchor or alias, which rdfs.yaml does not use"
	case *ast.TagNode:
		return "a tag, which rdfs.yaml does not use"
	}
	return fmt.Sprintf("%q", n.GetToken().Value)
}

func (p *reader) has(key string) bool { return p.c.lines[key] > 0 }

// version checks the format version, and reports whether reading can go on.
func (p *reader) version(top []entry) bool {
	for _, e := range top {
		if e.name != "version" {
			continue
		}
		s, ok := p.scalar(e, "version")
		if !ok {
			return false
		}
		if err := findKey("version").set(p.c, s); err != nil {
			p.problem(e.value, "version", "want %d, got %q", Version, s)
			return false
		}
		if p.c.Version != Version {
			p.problem(e.value, "version", "this rdfs reads version %d, the file has version %d: use the rdfs that wrote it, or a newer one", Version, p.c.Version)
			return false
		}
		return true
	}
	p.problems = append(p.problems, Problem{File: p.name, Key: "version", Text: fmt.Sprintf("missing; write `version: %d` at the top", Version)})
	return false
}

// top reads one top-level key.
func (p *reader) top(e entry) {
	if k := findKey(e.name); k != nil {
		p.set(*k, e)
		return
	}
	switch e.name {
	case "tiers":
		p.tiers(e)
		return
	case "metadata":
		p.metadata(e)
		return
	case "naming":
		p.naming(e)
		return
	}
	if !slices.ContainsFunc(sections, func(s section) bool { return s.name == e.name }) {
		p.unknown(e, "", sectionNames())
		return
	}
	entries, ok := p.mapping(e.value, e.name)
	if !ok {
		return
	}
	var names []string
	for _, k := range keysOf(e.name) {
		names = append(names, strings.TrimPrefix(k.name, e.name+"."))
	}
	for _, sub := range entries {
		if k := findKey(e.name + "." + sub.name); k != nil {
			p.set(*k, sub)
		} else {
			p.unknown(sub, e.name, names)
		}
	}
}

func (p *reader) set(k key, e entry) {
	p.c.lines[k.name], _ = place(e.key.GetToken())
	s, ok := p.scalar(e, k.name)
	if !ok {
		return
	}
	if err := k.set(p.c, s); err != nil {
		p.problem(e.value, k.name, "%v", err)
	}
}

func (p *reader) unknown(e entry, parent string, known []string) {
	full := e.name
	if parent != "" {
		full = parent + "." + e.name
	}
	if near := Nearest(e.name, known); near != "" {
		p.problem(e.key, full, "unknown key; did you mean %q?", near)
		return
	}
	// A key that is right, in the wrong place, is a mistake of indentation.
	for _, k := range keys {
		if sec, leaf, ok := strings.Cut(k.name, "."); ok && leaf == e.name {
			p.problem(e.key, full, "unknown key; %q belongs below %q", leaf, sec)
			return
		}
	}
	switch {
	case len(known) == 0:
		p.problem(e.key, full, "this version of rdfs knows no key below %q; write `%s: {}`", parent, parent)
	default:
		p.problem(e.key, full, "unknown key; known here: %s", strings.Join(known, ", "))
	}
}

func sectionNames() []string {
	names := make([]string, len(sections))
	for i, s := range sections {
		names[i] = s.name
	}
	return names
}

func (p *reader) tiers(e entry) {
	seq, ok := e.value.(*ast.SequenceNode)
	if !ok {
		p.problem(e.value, "tiers", "want a list: lines that begin with `- name:`")
		return
	}
	var known []string
	for _, k := range tierKeys {
		known = append(known, k.name)
	}
	p.c.Tiers = nil
	for i, n := range seq.Values {
		at := fmt.Sprintf("tiers[%d]", i)
		entries, ok := p.mapping(n, at)
		if !ok {
			continue
		}
		var t Tier
		kind := p.kindOf(entries)
		for _, sub := range entries {
			j := slices.Index(known, sub.name)
			if j < 0 {
				p.unknown(sub, at, known)
				continue
			}
			full := at + "." + sub.name
			p.c.lines[full], _ = place(sub.key.GetToken())
			s, ok := p.scalar(sub, full)
			if !ok {
				continue
			}
			if k := &tierKeys[j]; !k.of(kind) {
				p.problem(sub.key, full, "a tier of kind %s has no %s", kind, k.name)
			} else if err := k.set(&t, s); err != nil {
				p.problem(sub.value, full, "%v", err)
			} else if sub.name == "name" && slices.ContainsFunc(p.c.Tiers, func(o Tier) bool { return o.Name == s }) {
				p.problem(sub.value, full, "a second tier is called %q", s)
			} else if dir, _, _ := strings.Cut(filepath.Clean(s), "/"); sub.name == "path" && slices.Contains(append(reserved, ".", ".."), dir) {
				p.problem(sub.value, full, "%q is no place for a tier: use a directory of its own", s)
			}
		}
		for _, k := range tierKeys {
			if !p.has(at+"."+k.name) && (slices.Contains(k.must, kind) || len(k.must) == len(allKinds)) {
				where := n
				if len(entries) > 0 {
					where = entries[0].key
				}
				p.problem(where, at, "%q is missing", k.name)
			}
		}
		if t.Kind == KindGCS && t.Endpoint == "" {
			t.Endpoint = gcsEndpoint
		}
		p.c.Tiers = append(p.c.Tiers, t)
	}
	if len(seq.Values) == 0 {
		p.problem(e.value, "tiers", "want at least one tier")
	}
}

// kindOf returns the kind that an entry of `tiers` names, wherever it does.
func (p *reader) kindOf(entries []entry) string {
	for _, e := range entries {
		if n, ok := e.value.(*ast.StringNode); ok && e.name == "kind" {
			return n.Value
		}
	}
	return ""
}

// relations sets and checks what depends on more than one key.
func (p *reader) relations() {
	if !p.has("naming.mode") {
		p.c.Naming.Mode = defaultMode(p.c.Naming)
	}
	if !p.c.Naming.Asks() && p.c.Naming.Mode != "off" && p.has("naming.mode") {
		p.problems = append(p.problems, Problem{File: p.name, Line: p.c.lines["naming.mode"], Column: 3, Key: "naming.mode",
			Text: fmt.Sprintf("%q has nothing to check: scheme is %q", p.c.Naming.Mode, SchemeFree)})
	}
	if n := len(p.c.Tiers); p.has("placement.copies") && n > 0 && p.c.Placement.Copies > n {
		p.problems = append(p.problems, Problem{File: p.name, Line: p.c.lines["placement.copies"], Column: 3, Key: "placement.copies",
			Text: fmt.Sprintf("%d copies need as many tiers; there are %d", p.c.Placement.Copies, n)})
	}
	p.compileNaming()
	p.versions()
	p.search()
}
