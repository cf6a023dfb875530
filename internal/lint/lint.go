package lint

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Finding is one place that breaks a rule.
type Finding struct {
	Rule string
	File string // relative to the root of the module
	Line int    // 0: the whole file or package
	Text string
}

// String formats a finding as compilers do.
func (f Finding) String() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s", f.File, f.Text)
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text)
}

// rules are all of them. Each looks at one package.
var rules = []struct {
	name  string
	check func(p *pkg, report reporter)
}{
	{"imports point down", checkImports},
	{"modules stay confined", checkConfined},
	{"packages explain themselves", checkPackageComment},
	{"names say something", checkNames},
	{"no calls past Options", checkCalls},
	{"no init, no global logger", checkGlobals},
	{"nothing unfinished", checkUnfinished},
	{"files are short", checkLength},
	{"source is formatted", checkFormat},
}

// reporter takes a finding. pos may be token.NoPos: the whole file.
type reporter func(f *file, pos token.Pos, format string, args ...any)

// Rules returns the names of the rules, in the order in which they are checked.
func Rules() []string {
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = r.name
	}
	return names
}

// Check applies every rule to the module in root and returns what breaks them, in
// order of files and lines. The error is about reading the source.
func Check(root string) ([]Finding, error) {
	pkgs, err := load(root)
	if err != nil {
		return nil, fmt.Errorf("lint %s: %w", root, err)
	}
	var findings []Finding
	for _, p := range pkgs {
		for _, r := range rules {
			r.check(p, func(f *file, pos token.Pos, format string, args ...any) {
				found := Finding{Rule: r.name, File: f.name, Text: fmt.Sprintf(format, args...)}
				if pos.IsValid() {
					found.Line = p.fset.Position(pos).Line
				}
				findings = append(findings, found)
			})
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return findings, nil
}

// pkg is a directory with Go files. It has at least one file.
type pkg struct {
	path  string // below the module; "." is the module itself
	fset  *token.FileSet
	files []*file // in ascending order of names
}

type file struct {
	name string // slash-separated, relative to the root
	test bool
	src  []byte
	ast  *ast.File
}

// code yields the files that are no tests.
func (p *pkg) code(yield func(*file) bool) {
	for _, f := range p.files {
		if !f.test && !yield(f) {
			return
		}
	}
}

// drives are where `make mount` puts a repository and its drive. They are not code,
// and go.mod ignores them as well.
var drives = []string{"research", "research-repo"}

// load reads all packages below root.
func load(root string) ([]*pkg, error) {
	var pkgs []*pkg
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		if base := e.Name(); name != root {
			if filepath.Dir(name) == root && slices.Contains(drives, base) {
				return fs.SkipDir
			}
			if base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
				return fs.SkipDir
			}
		}
		p, err := loadDir(root, name)
		if p != nil {
			pkgs = append(pkgs, p)
		}
		return err
	})
	return pkgs, err
}

// loadDir reads one directory; nil if it has no Go files.
func loadDir(root, dir string) (*pkg, error) {
	rel, err := filepath.Rel(root, dir)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	p := &pkg{path: filepath.ToSlash(rel), fset: token.NewFileSet()}
	for _, e := range entries {
		if e.IsDir() || path.Ext(e.Name()) != ".go" {
			continue
		}
		f := &file{name: path.Join(p.path, e.Name()), test: strings.HasSuffix(e.Name(), "_test.go")}
		if f.src, err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
		if f.ast, err = parser.ParseFile(p.fset, f.name, f.src, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			return nil, err
		}
		p.files = append(p.files, f)
	}
	if len(p.files) == 0 {
		return nil, nil
	}
	return p, nil
}

// matches reports whether a package is one of the patterns: a path, or a path
// followed by "/..." for it and all below it, or "..." for all.
func matches(pkg string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		dir, all := strings.CutSuffix(pattern, "...")
		if !all {
			return pkg == pattern
		}
		return strings.HasPrefix(pkg+"/", dir)
	})
}
