package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// rename is one line of a plan.
type rename struct {
	From string `json:"from"`
	To   string `json:"to"`
	Done bool   `json:"done"` // before: the source is gone and the target is there

	line int
}

func (a *app) namesRenameCommand() *cobra.Command {
	var dryRun, asJSON bool
	cmd := &cobra.Command{
		Use:   "rename [--dry-run] PLAN.csv [DIR]",
		Short: "Carry out a plan of renames",
		Long: `Rename what a plan says, in DIR (default: the working directory). A plan is a table in CSV
with the columns "from" and "to", paths from DIR, as "rdfs names check --fix-plan" writes it;
other columns are ignored, lines with an empty "to" are skipped. Directories come before what
is in them, and "from" is always the path of before. "-" reads the plan from standard input.

The whole plan is checked before anything is renamed: every source is there, no target is
there or named twice. Nothing is ever replaced. A plan that was cut short can be run again.`,
		Example: "  rdfs names rename --dry-run plan.csv /data/old",
		Args:    want(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := "."
			if len(args) == 2 {
				root = args[1]
			}
			plan, err := readPlan(args[0])
			if err != nil {
				return err
			}
			if err := checkPlan(root, plan); err != nil {
				return err
			}
			if asJSON && dryRun {
				return printJSON(a.stdout, plan)
			}
			n := 0
			moved := map[string]string{}
			for i := range plan {
				r := &plan[i]
				if r.Done {
					moved[r.From] = r.To
					continue
				}
				if err := cmd.Context().Err(); err != nil {
					return err
				}
				if !dryRun {
					if err := carryOut(root, *r, moved); err != nil {
						return fmt.Errorf("line %d: %w (%s before it)", r.line, err, plural(n, "rename"))
					}
				}
				moved[r.From] = r.To
				n++
				if !asJSON {
					fmt.Fprintf(a.stdout, "%s -> %s\n", r.From, r.To)
				}
			}
			if asJSON {
				return printJSON(a.stdout, plan)
			}
			verb := "renamed"
			if dryRun {
				verb = "would be renamed"
			}
			fmt.Fprintf(a.stdout, "%s %s\n", plural(n, "name"), verb)
			return nil
		},
	}
	cmd.Flags().BoolVarP(&dryRun, "dry-run", "n", false, "check the plan and show it; rename nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// readPlan reads the columns from and to of a table.
func readPlan(file string) (plan []rename, err error) {
	var in io.Reader = os.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	r := csv.NewReader(in)
	r.FieldsPerRecord = -1
	from, to := -1, -1
	for {
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		line, _ := r.FieldPos(0)
		if from < 0 {
			for i, name := range row {
				switch strings.TrimPrefix(strings.TrimSpace(name), "\ufeff") {
				case "from":
					from = i
				case "to":
					to = i
				}
			}
			if from < 0 || to < 0 {
				return nil, failf(exitUsage, "%s: the first line must name the columns from and to", file)
			}
			continue
		}
		if len(row) <= max(from, to) || row[to] == "" || row[from] == row[to] {
			continue
		}
		m := rename{From: filepath.Clean(row[from]), To: filepath.Clean(row[to]), line: line}
		for _, p := range []string{m.From, m.To} {
			if !filepath.IsLocal(p) || p == "." {
				return nil, failf(exitUsage, "%s, line %d: %q is not a path below the directory", file, line, p)
			}
		}
		plan = append(plan, m)
	}
	return plan, nil
}

// checkPlan refuses a plan that could not be carried out, with every reason, and
// marks what was carried out before.
func checkPlan(root string, plan []rename) error {
	var bad []string
	targets := map[string]int{}
	moved := map[string]string{}
	there := func(p string) bool { _, err := os.Lstat(filepath.Join(root, p)); return err == nil }
	for i := range plan {
		r := &plan[i]
		if other, twice := targets[r.To]; twice {
			bad = append(bad, fmt.Sprintf("line %d: %s is the target of line %d as well", r.line, r.To, other))
		}
		targets[r.To] = r.line
		now := whereNow(r.From, moved)
		switch {
		case !there(r.From) && !there(now) && there(r.To):
			r.Done = true
		case !there(r.From) && !there(now):
			bad = append(bad, fmt.Sprintf("line %d: %s is not there", r.line, r.From))
		case there(r.To) && !sameFile(root, r.From, r.To):
			bad = append(bad, fmt.Sprintf("line %d: %s is there already", r.line, r.To))
		}
		moved[r.From] = r.To
	}
	if len(bad) > 0 {
		return failf(exitFailed, "nothing was renamed:\n  %s", strings.Join(bad, "\n  "))
	}
	return nil
}

// sameFile: on a disk that ignores case, a name that changes only by case is there already.
func sameFile(root, a, b string) bool {
	x, errX := os.Lstat(filepath.Join(root, a))
	y, errY := os.Lstat(filepath.Join(root, b))
	return errX == nil && errY == nil && os.SameFile(x, y) && strings.EqualFold(a, b)
}

// whereNow returns where a path is after its directories were renamed.
func whereNow(p string, moved map[string]string) string {
	for dir := filepath.Dir(p); dir != "."; dir = filepath.Dir(dir) {
		if to, ok := moved[dir]; ok {
			return filepath.Join(to, strings.TrimPrefix(p, dir))
		}
	}
	return p
}

// carryOut renames without replacing.
func carryOut(root string, r rename, moved map[string]string) error {
	from, to := filepath.Join(root, whereNow(r.From, moved)), filepath.Join(root, r.To)
	if from == to {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // a filesystem without that flag
		if _, statErr := os.Lstat(to); statErr == nil && !sameFile(root, r.From, r.To) {
			return &fs.PathError{Op: "rename", Path: to, Err: fs.ErrExist}
		}
		err = os.Rename(from, to)
	} else if err != nil {
		err = &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return err
}
