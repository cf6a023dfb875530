package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/metadata"
)

func (a *app) metaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "meta",
		Short: "Read and change metadata",
		Long: `Read and change metadata. The field FIELD of a file is its attribute user.FIELD, and
"tags" is user.xdg.tags; rdfs.yaml may declare types (see docs/metadata.md). What is
changed here can be undone, and is seen by rdfs log --meta.`,
		Args: want(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.metaGetCommand(), a.metaSetCommand(), a.metaUnsetCommand(), a.metaExportCommand(), a.metaImportCommand(),
		a.metaUndoCommand(), a.metaOpsCommand())
	return cmd
}

// maxPaths is how many paths a command line may have; standard input may have more.
const maxPaths = 100_000

// who is the person that runs the command, for a repository that it opens itself.
func who() metadata.Who {
	w := metadata.Who{UID: uint32(os.Getuid()), GID: uint32(os.Getgid()), Program: commandLine()}
	groups, _ := os.Getgroups()
	for _, g := range groups {
		w.Groups = append(w.Groups, uint32(g))
	}
	return w
}

// locateAll finds paths that are all in one drive.
func (a *app) locateAll(args []string, repo string) (w where, paths []string, err error) {
	for i, arg := range args {
		one, err := a.locate(arg, repo)
		if err != nil {
			return w, nil, err
		}
		if i == 0 {
			w = one
		} else if one.repo != w.repo || (one.mount == nil) != (w.mount == nil) {
			return w, nil, failf(exitUsage, "%s is not in the same drive as %s", arg, args[0])
		}
		paths = append(paths, one.path)
	}
	return w, paths, nil
}

func (a *app) metaGetCommand() *cobra.Command {
	var asJSON, resolved, recursive, incomplete bool
	var repo string
	var many pathsFlag
	cmd := &cobra.Command{
		Use:   "get PATH...",
		Short: "Show the metadata of files",
		Long: `Show the metadata of files and directories: what was set on them and what their paths say, or, with --resolved,
what holds for them, and where it is from: directories hand their fields down, the
nearest wins, tags add up, and the schema's defaults come last.`,
		Example: "  rdfs meta get --resolved research/EXP0042/scan.nii.gz\n  rdfs meta get -r --incomplete research",
		Args:    want(0, maxPaths),
		RunE: func(cmd *cobra.Command, args []string) error {
			args, err := many.expand(cmd.InOrStdin(), args)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return failf(exitUsage, "get: want paths\nUsage: %s", cmd.UseLine())
			}
			w, paths, err := a.locateAll(args, repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				files, err := d.GetMeta(cmd.Context(), metadata.Query{Paths: paths, Recursive: recursive, Resolved: resolved, Missing: incomplete, PathFields: true, Who: who()})
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, files)
				}
				a.printFiles(files, len(paths) > 1 || recursive)
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&resolved, "resolved", false, "what holds, and where it is from")
	f.BoolVarP(&recursive, "recursive", "r", false, "also everything below, that has metadata")
	f.BoolVar(&incomplete, "incomplete", false, "only files that lack fields they must have")
	many.add(cmd)
	f.BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}

func (a *app) printFiles(files []metadata.File, names bool) {
	for i, f := range files {
		if names {
			if i > 0 {
				fmt.Fprintln(a.stdout)
			}
			fmt.Fprintf(a.stdout, "%s:\n", shownPath(f.Path))
		}
		t := table(a.stdout)
		for _, v := range f.Values {
			from := v.From
			if v.Origin == metadata.Default || v.Origin == metadata.FromPath {
				from = v.Origin
			}
			fmt.Fprintf(t, "%s\t%s\t%s\n", oneLine(v.Field, 100), oneLine(v.Value, 200), from)
		}
		t.Flush()
		if len(f.Missing) > 0 {
			fmt.Fprintf(a.stdout, "incomplete: %s is missing\n", strings.Join(f.Missing, ", "))
		}
	}
}

func shownPath(p string) string {
	if p == "" {
		return "/"
	}
	return oneLine(p, 1000)
}

// changeFlags are those of every command that changes metadata.
type changeFlags struct {
	asJSON, dryRun bool
	repo           string
}

func (c *changeFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "say what would be done, and do nothing")
	cmd.Flags().BoolVar(&c.asJSON, "json", false, "print JSON")
	repoFlag(cmd, &c.repo)
}

// change sends rows to the drive and tells what became of them. place names a row of
// a problem.
func (a *app) change(ctx context.Context, w where, kind string, rows []metadata.Row, c *changeFlags, place func(row int) string) error {
	return a.withDrive(ctx, w, func(d control.Drive) error {
		res, err := d.ChangeMeta(ctx, metadata.Request{Kind: kind, Rows: rows, DryRun: c.dryRun, Who: who()})
		if err != nil {
			return err
		}
		return a.tellChange(res, c, place)
	})
}

// tellChange prints a result; one with problems is an error.
func (a *app) tellChange(res metadata.Result, c *changeFlags, place func(row int) string) error {
	if c.asJSON {
		if err := printJSON(a.stdout, res); err != nil {
			return err
		}
	} else if len(res.Problems) == 0 {
		a.printResult(res, c.dryRun)
	}
	if len(res.Problems) == 0 {
		return nil
	}
	var b strings.Builder
	for _, p := range res.Problems {
		at := shownPath(p.Path)
		if place != nil {
			at = place(p.Row) + ": " + at
		}
		// A problem of a value names the field itself.
		if p.Field != "" && !strings.HasPrefix(p.Text, p.Field+" = ") {
			at += ": " + oneLine(p.Field, 100)
		}
		fmt.Fprintf(&b, "%s: %s\n", at, oneLine(p.Text, 500))
	}
	return failf(exitFailed, "%snothing was changed: %s", &b, plural(len(res.Problems), "problem"))
}

func (a *app) printResult(res metadata.Result, dryRun bool) {
	value := func(s *string) string {
		if s == nil {
			return "(none)"
		}
		return oneLine(*s, 60)
	}
	if dryRun {
		t := table(a.stdout)
		for _, d := range res.Diffs {
			fmt.Fprintf(t, "%s\t%s\t%s -> %s\n", shownPath(d.Path), oneLine(d.Field, 60), value(d.Old), value(d.New))
		}
		t.Flush()
	}
	for _, d := range res.Left {
		fmt.Fprintf(a.stdout, "left as it is, because it changed since: %s %s\n", shownPath(d.Path), oneLine(d.Field, 60))
	}
	switch {
	case res.Values == 0:
		fmt.Fprintln(a.stdout, "nothing to change")
	case dryRun:
		fmt.Fprintf(a.stdout, "would change %s of %s\n", plural(res.Values, "value"), plural(res.Files, "file"))
	default:
		fmt.Fprintf(a.stdout, "changed %s of %s; undo with: rdfs meta undo %d\n", plural(res.Values, "value"), plural(res.Files, "file"), res.Op)
	}
}

func (a *app) metaSetCommand() *cobra.Command {
	var c changeFlags
	var many pathsFlag
	cmd := &cobra.Command{
		Use:   "set PATH... FIELD=VALUE...",
		Short: "Set fields of files",
		Long: `Set fields of files and directories; all or none. An argument with a = is a field and
its value, unless a / stands before the = (write ./a=b for a file called a=b).`,
		Example: "  rdfs meta set research/EXP0042 'temperature=4 degC' operator=ada\n  find research -name '*.edf' -print0 | rdfs meta set --paths0 side=left",
		Args:    want(1, maxPaths),
		RunE: func(cmd *cobra.Command, args []string) error {
			set := make(map[string]string)
			var files []string
			for _, arg := range args {
				field, value, ok := strings.Cut(arg, "=")
				if !ok || strings.Contains(field, "/") {
					files = append(files, arg)
					continue
				}
				if value == "" {
					value = metadata.EncodeValue(nil)
				}
				set[field] = value
			}
			files, err := many.expand(cmd.InOrStdin(), files)
			if err != nil {
				return err
			}
			if len(files) == 0 || len(set) == 0 {
				return failf(exitUsage, "set: want paths and FIELD=VALUE\nUsage: %s", cmd.UseLine())
			}
			w, paths, err := a.locateAll(files, c.repo)
			if err != nil {
				return err
			}
			var rows []metadata.Row
			for _, p := range paths {
				rows = append(rows, metadata.Row{Path: p, Set: set})
			}
			return a.change(cmd.Context(), w, "set", rows, &c, nil)
		},
	}
	c.add(cmd)
	many.add(cmd)
	return cmd
}

func (a *app) metaUnsetCommand() *cobra.Command {
	var c changeFlags
	var many pathsFlag
	cmd := &cobra.Command{
		Use:     "unset PATH FIELD...",
		Short:   "Remove fields of a file",
		Example: "  rdfs meta unset research/EXP0042 operator\n  find research -name '*.edf' | rdfs meta unset - operator",
		Args:    want(1, 1000),
		RunE: func(cmd *cobra.Command, args []string) error {
			fields := args
			if !many.null || args[0] == "-" { // otherwise all arguments are fields
				fields = args[1:]
			}
			files, err := many.expand(cmd.InOrStdin(), args[:len(args)-len(fields)])
			if err != nil {
				return err
			}
			if len(fields) == 0 {
				return failf(exitUsage, "unset: want fields\nUsage: %s", cmd.UseLine())
			}
			w, paths, err := a.locateAll(files, c.repo)
			if err != nil {
				return err
			}
			rows := make([]metadata.Row, len(paths))
			for i, p := range paths {
				rows[i] = metadata.Row{Path: p, Unset: fields}
			}
			return a.change(cmd.Context(), w, "unset", rows, &c, nil)
		},
	}
	c.add(cmd)
	many.add(cmd)
	return cmd
}

// formatOf is the format that flags ask for, or else the one that a file's name ends in.
func formatOf(asCSV, asTSV, asJSON bool, name string) (format, error) {
	var f format
	n := 0
	for _, o := range []struct {
		on bool
		f  format
	}{{asCSV, formatCSV}, {asTSV, formatTSV}, {asJSON, formatJSON}} {
		if o.on {
			f, n = o.f, n+1
		}
	}
	if n > 1 {
		return f, failf(exitUsage, "give one of --csv, --tsv and --json")
	}
	if n == 0 {
		switch strings.ToLower(filepath.Ext(name)) {
		case ".tsv":
			f = formatTSV
		case ".json":
			f = formatJSON
		default:
			f = formatCSV
		}
	}
	return f, nil
}

func (a *app) metaExportCommand() *cobra.Command {
	var asCSV, asTSV, asJSON, resolved, all bool
	var repo string
	var many pathsFlag
	cmd := &cobra.Command{
		Use:   "export [PATH...]",
		Short: "Write metadata as a table",
		Long: `Write the metadata of files and of all below them as a table, to standard output: a
column "path", relative to the root of the drive, and one for each field. It is what
import reads. Only files with metadata are in it, unless --all is given.`,
		Example: "  rdfs meta export research > metadata.csv\n  rdfs meta export --json --resolved --all research/EXP0042",
		Args:    want(0, maxPaths),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := formatOf(asCSV, asTSV, asJSON, "")
			if err != nil {
				return err
			}
			if args, err = many.expand(cmd.InOrStdin(), args); err != nil {
				return err
			}
			if len(args) == 0 {
				args = []string{""}
			}
			w, paths, err := a.locateAll(args, repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				files, err := d.GetMeta(cmd.Context(), metadata.Query{Paths: paths, Recursive: true, Resolved: resolved, All: all, Who: who()})
				if err != nil {
					return err
				}
				kept := files[:0]
				for _, f := range files {
					if all || len(f.Values) > 0 {
						kept = append(kept, f)
					}
				}
				for i := range kept {
					if kept[i].Path == "" {
						kept[i].Path = "/"
					}
				}
				return writeTable(a.stdout, kept, f)
			})
		},
	}
	fl := cmd.Flags()
	fl.BoolVar(&asCSV, "csv", false, "write CSV (the default)")
	fl.BoolVar(&asTSV, "tsv", false, "write tab-separated values")
	fl.BoolVar(&asJSON, "json", false, "write JSON")
	fl.BoolVar(&resolved, "resolved", false, "what holds, with what directories hand down and defaults")
	fl.BoolVar(&all, "all", false, "also files without metadata")
	many.add(cmd)
	repoFlag(cmd, &repo)
	return cmd
}
