package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/naming"
)

// nameFinding is a wrong name, for programs.
type nameFinding struct {
	Path       string           `json:"path"`
	Problems   []naming.Problem `json:"problems"`
	Suggestion string           `json:"suggestion,omitempty"` // whole path
	Rule       string           `json:"rule,omitempty"`       // that the suggestion matches

	folder bool
}

// nameCount says what the names of a tree are.
type nameCount struct {
	Names  int `json:"names"`
	Wrong  int `json:"wrong"`
	Staged int `json:"staged"`
	Local  int `json:"local_only"`
}

func (a *app) namesCheckCommand() *cobra.Command {
	var f schemeFlags
	var asJSON, plan bool
	var limit int
	cmd := &cobra.Command{
		Use:   "check [--scheme NAME] [--fix-plan] [PATH|-]",
		Short: "List the names that do not follow the scheme",
		Long: `List every name below PATH that does not follow the naming scheme, with what is wrong and
what would be right. PATH may be in a mounted drive, or any directory: then its names are
judged as if it were the root of a drive (with --scheme or -R). "-" reads paths from
standard input, one a line; a path that ends in / is a directory. What is in a wrong directory
is judged as if the directory had its suggested name, and not at all when none is near. Nothing
is changed.

--fix-plan writes a table in CSV (from, to, problems) that you can edit and that
"rdfs names rename" carries out. Where nothing is near, "to" is empty: such a line is skipped.

Exit status 1 when a name is wrong.`,
		Example: `  rdfs names check research
  rdfs names check --scheme bids /data/old-study
  rdfs names check --scheme hierarchical --fix-plan /data/old > plan.csv`,
		Args: want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := &nameChecker{a: a, ctx: cmd.Context(), all: asJSON || plan, limit: limit}
			if err := c.run(first(args), f); err != nil {
				return err
			}
			if err := c.print(asJSON, plan); err != nil {
				return err
			}
			if c.count.Wrong > 0 && !plan {
				return failf(exitFailed, "%s not follow the scheme (%s)", pluralDo(c.count.Wrong, "name"), c.title)
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&plan, "fix-plan", false, "print a plan of renames as CSV")
	cmd.Flags().IntVar(&limit, "limit", 1000, "explain at most `N` names; the rest is counted (--json and --fix-plan explain all)")
	return cmd
}

func pluralDo(n int, one string) string {
	if n == 1 {
		return "1 " + one + " does"
	}
	return fmt.Sprintf("%d %ss do", n, one)
}

// nameChecker collects what is wrong with the names of a tree.
type nameChecker struct {
	a     *app
	ctx   context.Context
	title string
	all   bool // explain all
	limit int
	root  string // of the tree; "" when the names come from a list
	meta  bool   // a rule wants metadata

	count    nameCount
	findings []nameFinding
	folded   map[string]string // names of the directory that is visited, by their folded form
	fixed    map[string]string // directories that should be called otherwise
}

func (c *nameChecker) run(arg string, f schemeFlags) error {
	c.fixed = map[string]string{}
	if arg == "-" {
		j, err := c.a.find("", f)
		if err != nil {
			return err
		}
		if j.scheme, err = looking(j.scheme); err != nil {
			return err
		}
		c.title = j.title
		return c.list(os.Stdin, j.scheme)
	}
	j, err := c.a.find(arg, f)
	if err != nil {
		return err
	}
	if j.scheme, err = looking(j.scheme); err != nil {
		return err
	}
	c.title = j.title
	if j.root == "" {
		return failf(exitUsage, "name a directory whose names are to be checked")
	}
	c.root = j.root
	for _, r := range j.scheme.Config().Rules {
		c.meta = c.meta || len(r.RequireMeta) > 0
	}
	if st, err := os.Stat(filepath.Join(j.root, j.below)); err != nil {
		return err
	} else if !st.IsDir() {
		v := visit{path: j.below, name: path.Base(j.below), kind: naming.File, dir: enter(j.scheme, strings.TrimSuffix(j.below, path.Base(j.below)))}
		return c.judge(&v)
	}
	return c.a.walk(j.root, enter(j.scheme, j.below), j.below, func(entries []fs.DirEntry) {
		c.folded = make(map[string]string, len(entries))
		for _, e := range entries {
			if key := naming.Fold(e.Name()); c.folded[key] == "" {
				c.folded[key] = e.Name()
			}
		}
	}, c.judge)
}

// looking returns a scheme that judges names also when its mode is off: who asks wants to
// know what would be wrong.
func looking(s *naming.Scheme) (*naming.Scheme, error) {
	c := s.Config()
	if c.Mode != naming.Off || len(c.Rules) == 0 {
		return s, nil
	}
	c.Mode = naming.Warn
	return naming.Compile(c)
}

// list judges paths that are read from a file.
func (c *nameChecker) list(r io.Reader, s *naming.Scheme) error {
	type folder struct {
		d      *naming.Dir
		folded map[string]string
	}
	dirs := map[string]*folder{"": {s.Root(), map[string]string{}}}
	var open func(p string) (*folder, error)
	see := func(p string, kind naming.Kind) (*visit, error) {
		dir, name := path.Split(p)
		parent, err := open(strings.TrimSuffix(dir, "/"))
		if err != nil || parent.d == nil {
			return nil, err
		}
		v := &visit{path: p, name: name, kind: kind, dir: parent.d}
		if kind == naming.Folder {
			v.below = parent.d.Enter(name)
		}
		if key := naming.Fold(name); parent.folded[key] == "" {
			parent.folded[key] = name
		}
		c.folded = parent.folded
		return v, c.judge(v)
	}
	open = func(p string) (*folder, error) {
		if f := dirs[p]; f != nil {
			return f, nil
		}
		v, err := see(p, naming.Folder)
		f := &folder{folded: map[string]string{}}
		if v != nil {
			f.d = v.below
		}
		dirs[p] = f
		return f, err
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), 1<<20)
	for lines.Scan() {
		line := strings.TrimPrefix(strings.TrimPrefix(lines.Text(), "./"), "/")
		p, isDir := strings.CutSuffix(line, "/")
		var err error
		switch {
		case p == "" || p == ".":
		case isDir:
			_, err = open(p)
		default:
			_, err = see(p, naming.File)
		}
		if err != nil {
			return err
		}
	}
	return lines.Err()
}

// judge judges one name.
func (c *nameChecker) judge(v *visit) error {
	if c.count.Names++; c.count.Names%1024 == 0 && c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	siblings := func(name string) string {
		if other := c.folded[naming.Fold(name)]; other != name {
			return other
		}
		return ""
	}
	verdict := v.dir.Classify(v.name, v.kind, siblings)
	switch verdict.Class {
	case naming.Staged:
		c.count.Staged++
	case naming.LocalOnly, naming.Sidecar:
		c.count.Local++
	case naming.Virtual:
		v.below = nil
		return nil
	}
	if verdict.Class != naming.Invalid {
		if c.meta && verdict.Rule != nil && v.kind == naming.File && c.root != "" {
			c.requireMeta(v, verdict.Rule)
		}
		return nil
	}
	c.count.Wrong++
	if !c.all && len(c.findings) >= c.limit {
		return nil
	}
	advice := v.dir.Explain(v.name, v.kind, siblings)
	finding := nameFinding{Path: v.path, Problems: advice.Problems, folder: v.kind == naming.Folder}
	if advice.Suggest != "" {
		dir, _ := path.Split(v.path)
		finding.Suggestion = c.right(strings.TrimSuffix(dir, "/"), advice.Suggest)
		if advice.Rule != nil {
			finding.Rule = advice.Rule.ID
		}
	}
	c.findings = append(c.findings, finding)
	if v.kind == naming.Folder { // what is below is judged as if its name were right
		v.below = nil
		if advice.Suggest != "" {
			c.fixed[v.path] = finding.Suggestion
			v.below = v.dir.Enter(advice.Suggest)
		}
	}
	return nil
}

// right returns where a name would be if its directories were called as they should.
func (c *nameChecker) right(dir, name string) string {
	rest := name
	for d := dir; d != ""; {
		if to, ok := c.fixed[d]; ok {
			return to + "/" + rest
		}
		up, last := path.Split(d)
		d, rest = strings.TrimSuffix(up, "/"), last+"/"+rest
	}
	return rest
}

// requireMeta reports the metadata that a file of a rule should have.
func (c *nameChecker) requireMeta(v *visit, r *naming.Rule) {
	var f nameFinding
	for _, key := range r.RequireMeta {
		_, err := unix.Getxattr(filepath.Join(c.root, v.path), "user."+key, nil)
		if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
			f.Problems = append(f.Problems, naming.Problem{Field: key, Expected: "a value, set with `setfattr -n user." + key + "`"})
		}
	}
	if len(f.Problems) > 0 {
		c.count.Wrong++
		f.Path, f.Rule = v.path, r.ID
		c.findings = append(c.findings, f)
	}
}

func (c *nameChecker) print(asJSON, plan bool) error {
	switch {
	case asJSON:
		if c.findings == nil {
			c.findings = []nameFinding{}
		}
		return printJSON(c.a.stdout, struct {
			nameCount
			Findings []nameFinding `json:"findings"`
		}{c.count, c.findings})
	case plan:
		return c.printPlan()
	}
	for _, f := range c.findings {
		fmt.Fprintf(c.a.stdout, "%s%s\n", oneLine(f.Path, 500), slash(f.folder))
		for _, p := range f.Problems {
			fmt.Fprintf(c.a.stdout, "  %s\n", oneLine(p.String(), 500))
		}
		if f.Suggestion != "" {
			fmt.Fprintf(c.a.stdout, "  suggested: %s%s\n", f.Suggestion, slash(f.folder))
		}
	}
	if more := c.count.Wrong - len(c.findings); more > 0 {
		fmt.Fprintf(c.a.stdout, "... and %d more; --limit shows them\n", more)
	}
	fmt.Fprintf(c.a.stdout, "%s checked, %d wrong, %d temporary, %d dropped by programs\n",
		plural(c.count.Names, "name"), c.count.Wrong, c.count.Staged, c.count.Local)
	return nil
}

func slash(folder bool) string {
	if folder {
		return "/"
	}
	return ""
}

// printPlan writes what `rdfs names rename` reads.
func (c *nameChecker) printPlan() error {
	w := csv.NewWriter(c.a.stdout)
	w.Write([]string{"from", "to", "problems"})
	for _, f := range c.findings {
		var problems []string
		for _, p := range f.Problems {
			problems = append(problems, p.String())
		}
		w.Write([]string{f.Path, f.Suggestion, strings.Join(problems, "; ")})
	}
	w.Flush()
	return w.Error()
}
