package naming

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// localNames are what programs drop beside the data: locks, thumbnails, caches. They
// are listed one by one, because names that begin with a dot may well be data.
var localNames = []string{
	".~lock.*#", "~$*", ".#*", "#*#", ".*.sw?", "4913", ".~*", // LibreOffice, Office, emacs, vim, OneDrive and rsync
	".DS_Store", "._*", ".Spotlight-V100", ".fseventsd", ".Trashes", ".TemporaryItems", ".AppleDouble", // macOS
	"Thumbs.db", "desktop.ini", ".directory", ".Trash-*", // Windows, KDE, freedesktop
	".nfs*", ".fuse_hidden*", // removed while open
	".ipynb_checkpoints", "__pycache__", ".pytest_cache", ".Rhistory", ".Rproj.user", "*.asv", // notebooks, Python, R, MATLAB
	"core.[0-9]*",
}

// sidecarEndings are those of files that a database keeps beside its own while it is
// open. Without the database they mean nothing, and within a snapshot they would lie.
var sidecarEndings = []string{"-journal", "-wal", "-shm", ".wal", ".lck"}

// stagedNames are what a program writes first when it saves, and renames when it is done.
var stagedNames = []string{
	"*.tmp", "*.temp", "*.TMP", "*.part", "*.partial", "*.filepart", "*.crdownload", "*.download", "*Tmp", "*~", "*.bak", "*.BAK",
	".*.??????",        // rsync
	".goutputstream-*", // GLib
	"sed??????",        // sed -i
	"XX??????",         // perl -i
	"[0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f]", // Excel
	".tmp*", "tmp*",
}

// shapes tells the classes of names that do not depend on the rules.
type shapes struct {
	a     *automaton
	class []Class // of the expressions of a
}

func newShapes(local, staged []string) (*shapes, error) {
	sh := &shapes{}
	var progs []*syntax.Prog
	add := func(globs []string, class Class) error {
		for _, g := range globs {
			re, err := globExpr(g)
			if err != nil {
				return err
			}
			tree, err := syntax.Parse(re, syntax.Perl)
			if err != nil {
				return fmt.Errorf("glob %q: %w", g, err)
			}
			prog, err := syntax.Compile(tree.Simplify())
			if err != nil {
				return fmt.Errorf("glob %q: %w", g, err)
			}
			progs, sh.class = append(progs, prog), append(sh.class, class)
		}
		return nil
	}
	var sidecars []string
	for _, end := range sidecarEndings {
		sidecars = append(sidecars, "*"+end)
	}
	for _, l := range []struct {
		globs []string
		class Class
	}{{localNames, LocalOnly}, {local, LocalOnly}, {sidecars, Sidecar}, {stagedNames, Staged}, {staged, Staged}} {
		if err := add(l.globs, l.class); err != nil {
			return nil, err
		}
	}
	sh.a = newAutomaton(progs)
	return sh, nil
}

// globExpr turns a glob with *, ? and [ ] into an expression.
func globExpr(glob string) (string, error) {
	if glob == "" || strings.Contains(glob, "/") {
		return "", fmt.Errorf("glob %q: want a name with *, ? or [ ]", glob)
	}
	var b strings.Builder
	b.WriteString("(?s)")
	for i := 0; i < len(glob); i++ {
		switch c := glob[i]; c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteByte('.')
		case '[':
			end := strings.IndexByte(glob[i:], ']')
			if end < 2 {
				return "", fmt.Errorf("glob %q: the [ is not closed", glob)
			}
			set := glob[i+1 : i+end]
			if strings.ContainsAny(set, `\[^&~`) {
				return "", fmt.Errorf("glob %q: want characters and ranges between [ and ]", glob)
			}
			b.WriteString("[" + set + "]")
			i += end
		default:
			j := i + 1
			for j < len(glob) && !strings.ContainsRune("*?[", rune(glob[j])) {
				j++
			}
			b.WriteString(regexp.QuoteMeta(glob[i:j]))
			i = j - 1
		}
	}
	return b.String(), nil
}

// of returns which of the classes a name has the shape of: local-only, sidecar, staged.
func (sh *shapes) of(name string) (local, sidecar, staged bool) {
	for _, m := range sh.a.run(name).match {
		switch sh.class[m] {
		case LocalOnly:
			local = true
		case Sidecar:
			sidecar = true
		case Staged:
			staged = true
		}
	}
	return local, sidecar, staged
}

// sidecarOf returns the name of the database that a sidecar stands beside.
func sidecarOf(name string) (main string, ok bool) {
	for _, end := range sidecarEndings {
		if main, ok = strings.CutSuffix(name, end); ok && main != "" {
			return main, true
		}
	}
	return "", false
}
