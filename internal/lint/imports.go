package lint

import (
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// checkImports holds the imports of our own packages against the table.
func checkImports(p *pkg, report reporter) {
	i := slices.IndexFunc(imports, func(r row) bool { return matches(p.path, []string{r.pkg}) })
	if i < 0 {
		report(p.files[0], token.NoPos, "package %s has no row in the table of imports (internal/lint/table.go)", p.path)
		return
	}
	for f := range p.code {
		for _, spec := range f.ast.Imports {
			name, ours := cutModule(importPath(spec.Path.Value))
			if ours && !matches(name, imports[i].may) {
				report(f, spec.Pos(), "%s may not import %s", p.path, name)
			}
		}
	}
}

// checkConfined holds the imports of others' modules against the table, and
// refuses packages that only programs import.
func checkConfined(p *pkg, report reporter) {
	for _, f := range p.files {
		for _, spec := range f.ast.Imports {
			name := importPath(spec.Path.Value)
			for _, c := range confined {
				if name != c.prefix && !strings.HasPrefix(name, c.prefix+"/") {
					continue
				}
				if !matches(p.path, c.in) && (!f.test || !matches(p.path, c.tests)) {
					report(f, spec.Pos(), "%s is imported in %s only", c.prefix, strings.Join(c.in, ", "))
				}
			}
			if why := bannedImports[name]; why != "" && !f.test && !matches(p.path, programs) {
				report(f, spec.Pos(), "%s: %s", name, why)
			}
		}
	}
}

func importPath(literal string) string {
	name, err := strconv.Unquote(literal)
	if err != nil {
		return literal // the parser has accepted it; be strict about what it is
	}
	return name
}

// cutModule returns the path of one of our packages below the module.
func cutModule(name string) (string, bool) {
	if name == module {
		return ".", true
	}
	return strings.CutPrefix(name, module+"/")
}
