package lint

import (
	"bytes"
	"go/format"
	"go/token"
	"path"
	"slices"
	"strings"
)

// checkPackageComment wants a package comment that says something. Where all files
// are tests, theirs counts.
func checkPackageComment(p *pkg, report reporter) {
	most := 0
	for _, f := range p.files {
		lines := 0
		for line := range strings.Lines(f.ast.Doc.Text()) {
			if strings.TrimSpace(line) != "" {
				lines++
			}
		}
		most = max(most, lines)
	}
	if most < minDocLines {
		report(p.files[0], token.NoPos, "the package comment has %d lines, want at least %d: what, guarantees, caveats", most, minDocLines)
	}
}

// checkNames refuses packages that are a place and not a noun.
func checkNames(p *pkg, report reporter) {
	for _, name := range []string{p.files[0].ast.Name.Name, path.Base(p.path)} {
		if slices.Contains(emptyNames, strings.TrimSuffix(name, "_test")) {
			report(p.files[0], token.NoPos, "package %s: the name says nothing about what is in it", name)
			return
		}
	}
}

// checkLength wants files of one idea.
func checkLength(p *pkg, report reporter) {
	for f := range p.code {
		if n := bytes.Count(f.src, []byte("\n")); n > maxLines {
			report(f, token.NoPos, "%d lines, more than %d: which ideas are in it?", n, maxLines)
		}
	}
}

// checkFormat wants what gofmt would write.
func checkFormat(p *pkg, report reporter) {
	for _, f := range p.files {
		if want, err := format.Source(f.src); err != nil || !bytes.Equal(want, f.src) {
			report(f, token.NoPos, "run gofmt")
		}
	}
}
