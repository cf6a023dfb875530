package lint

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
)

// checkCalls finds calls that bypass what Options are for.
func checkCalls(p *pkg, report reporter) {
	if matches(p.path, programs) {
		return
	}
	for f := range p.code {
		names := importNames(f.ast)
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			from, name := callee(call, names)
			if why := forbidden[from][name]; why != "" {
				report(f, call.Pos(), "call of %s.%s: %s", path.Base(from), name, why)
			}
			return true
		})
	}
}

// checkGlobals finds what acts before main, or is shared by all users of a package.
func checkGlobals(p *pkg, report reporter) {
	for f := range p.code {
		names := importNames(f.ast)
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.Name == "init" && d.Recv == nil {
					report(f, d.Pos(), "func init: let the caller, or a table, say what there is")
				}
			case *ast.GenDecl:
				if d.Tok == token.VAR && !matches(p.path, programs) && holdsLogger(d, names) {
					report(f, d.Pos(), "logger of the package: %s", logger)
				}
			}
		}
	}
}

// holdsLogger reports whether a declaration of variables makes or names a logger.
func holdsLogger(d *ast.GenDecl, names map[string]string) bool {
	found := false
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StarExpr:
			from, name := selected(n.X, names)
			found = found || from == "log/slog" && name == "Logger"
		case *ast.CallExpr:
			from, name := callee(n, names)
			found = found || from == "log/slog" && name == "New"
		case *ast.FuncLit, *ast.StructType, *ast.FuncType:
			return false // what a function or a type mentions is not the variable
		}
		return true
	})
	return found
}

var unfinished = regexp.MustCompile("(?i)" + unfinishedIn)

// checkUnfinished finds panics that stand for code.
func checkUnfinished(p *pkg, report reporter) {
	for f := range p.code {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if fn, ok := call.Fun.(*ast.Ident); !ok || fn.Name != "panic" {
				return true
			}
			ast.Inspect(call, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && unfinished.MatchString(lit.Value) {
					report(f, lit.Pos(), "panic(%s): finish it, or return an error", lit.Value)
				}
				return true
			})
			return true
		})
	}
}

// importNames returns the path behind each name under which a file knows a package.
func importNames(f *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range f.Imports {
		from := importPath(spec.Path.Value)
		if spec.Name != nil {
			names[spec.Name.Name] = from
		} else {
			names[path.Base(from)] = from
		}
	}
	return names
}

// callee returns the import path and the name of the function that is called, or
// nothing if it is none of another package.
func callee(call *ast.CallExpr, names map[string]string) (from, name string) {
	return selected(ast.Unparen(call.Fun), names)
}

func selected(e ast.Expr, names map[string]string) (from, name string) {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", ""
	}
	return names[x.Name], sel.Sel.Name
}
