package naming

import (
	"fmt"
	"strings"
)

// Words writes what a scheme asks for in plain words, as Markdown: the file
// .rdfs/NAMING.md of a drive. name is what the scheme is called.
func (s *Scheme) Words(name string) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	p("# How files are named here\n\n")
	if len(s.rules) == 0 {
		p("Every name is right: the scheme of this drive is %s.\n", name)
		return b.String()
	}
	p("The scheme of this drive is **%s**. ", name)
	switch s.c.Mode {
	case Enforce:
		p("A name that does not follow it is refused when the file is saved.\n")
	case Stage:
		p("A file whose name does not follow it is set aside: you see it, but it is not stored before it gets a right name.\n")
	case Warn:
		p("A name that does not follow it is accepted and reported.\n")
	case Off:
		p("Nobody checks it at the moment.\n")
	}
	p("\nWhy was a name refused? `rdfs why PATH`, or read `.rdfs/last-error` at the top of the drive. What would be right?\n" +
		"`rdfs names suggest FIELD=VALUE ...`\n")
	p("\n## What goes where\n\n")
	for _, r := range s.rules {
		s.ruleWords(r, p)
	}
	s.fieldWords(p)
	if len(s.c.Subtrees) > 0 {
		p("\n## Where it is otherwise\n\n")
		for _, t := range s.c.Subtrees {
			p("- in `%s/` %s\n", t.Path, map[Mode]string{Off: "every name is right", Warn: "a wrong name is accepted and reported",
				Stage: "a file with a wrong name is set aside", Enforce: "a wrong name is refused"}[t.Mode])
		}
	}
	p("\n## For all names\n\n")
	p("- Names have at most %d bytes.\n", s.c.MaxName)
	if !s.c.CaseSensitive {
		p("- Two names in one directory differ by more than upper and lower case.\n")
	}
	if !s.c.Unportable {
		p("- None of %s, no dot or space at the end, and no name that Windows keeps for a device (CON, NUL, COM1, ...).\n",
			"`"+strings.Join(strings.Split(windowsSpecial, ""), " ")+"`")
	}
	p("- Locks, thumbnails and caches of programs (`~$report.xlsx`, `.DS_Store`, `__pycache__/`, ...) are allowed, and not kept with the data.\n" +
		"- What a program writes before it renames it (`*.tmp`, `*.part`, a right name with an ending) is allowed, and moved to\n" +
		"  `.rdfs/inbox/` if it does not get a right name.\n")
	return b.String()
}

func (s *Scheme) ruleWords(r *Rule, p func(string, ...any)) {
	p("**%s**", r.ID)
	if r.Description != "" {
		p(": %s", r.Description)
	}
	p("\n\n")
	shown := map[string]bool{}
	for _, path := range r.Paths {
		p("    %s\n", plainTemplate(path))
	}
	for _, v := range s.variants {
		if v.rule != r || shown[v.path] {
			continue
		}
		shown[v.path] = true
		if len(shown) == 1 {
			p("\nfor example `%s`", v.example())
		}
	}
	if r.Bundle {
		p("; in that directory every name is right")
	}
	if len(r.RequireMeta) > 0 {
		p("; its metadata should have %s", strings.Join(r.RequireMeta, ", "))
	}
	if r.Sidecar {
		p("; what a `.json` of the same name beside it says becomes its metadata")
	}
	if r.Perm != 0 {
		p("; its permissions are %04o", r.Perm)
	}
	p("\n\n")
}

// plainTemplate leaves the specs out of a template, which stand in the table of fields;
// but not a choice, which is of this rule alone.
func plainTemplate(path string) string {
	elems, err := parseTemplate(path)
	if err != nil {
		return path
	}
	holds(elems, func(e *elem) bool {
		if e.field != nil && isChoice(e.field) {
			e.field.name += ": " + strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(e.field.spec, "enum("), ")"), "|", ", ")
		}
		return false
	})
	return source(elems)
}

func isChoice(f *fieldElem) bool { return strings.HasPrefix(f.spec, "enum(") }

func (s *Scheme) fieldWords(p func(string, ...any)) {
	p("`[ ]` stands around what may be left out, `( | )` around a choice. A field that occurs twice has the same value in both places.\n")
	p("\n## Fields\n\n| field | is | want | for example |\n|---|---|---|---|\n")
	seen := map[string]bool{}
	for _, v := range s.variants {
		for _, seg := range v.segs {
			holds(seg.elems, func(e *elem) bool {
				if e.field == nil || isChoice(e.field) {
					return false
				}
				val, _ := s.value(e.field)
				words := val.words
				if len(val.enum) > 0 && val.registry == "" {
					words = "one of " + strings.Join(val.enum, ", ")
				}
				row := fmt.Sprintf("| %s | %s | %s | %s |\n", val.field, s.c.Fields[val.field].Description,
					strings.ReplaceAll(words, "|", `\|`), val.example)
				if !seen[row] {
					seen[row] = true
					p("%s", row)
				}
				return false
			})
		}
	}
}
