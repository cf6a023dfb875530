package main

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/metadata"
)

func (a *app) metaImportCommand() *cobra.Command {
	var c changeFlags
	var asCSV, asTSV, fromJSON, clearEmpty bool
	cmd := &cobra.Command{
		Use:   "import FILE [REPO|MNT]",
		Short: "Set metadata from a table",
		Long: `Set metadata from a table as export writes it: CSV (also with semicolons), tab-separated,
or JSON, by the ending of FILE; - is standard input. Paths are relative to the root of
the drive. An empty cell leaves the field as it is (--clear-empty removes it; in JSON,
null does); 0s is the empty text.

All of the table is applied, or, when one value is wrong or one file is not there,
nothing. It can be undone as a whole: rdfs meta undo.`,
		Example: "  rdfs meta import metadata.csv --dry-run\n  rdfs meta import metadata.csv",
		Args:    want(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := formatOf(asCSV, asTSV, fromJSON, args[0])
			if err != nil {
				return err
			}
			var data []byte
			if args[0] == "-" {
				data, err = io.ReadAll(cmd.InOrStdin())
			} else {
				data, err = os.ReadFile(args[0])
			}
			if err != nil {
				return err
			}
			table, err := readTable(data, f, clearEmpty)
			if err != nil {
				return failf(exitFailed, "%s: %w", args[0], err)
			}
			rows := make([]metadata.Row, len(table))
			for i := range table {
				rows[i] = table[i].Row
			}
			place := func(row int) string { return fmt.Sprintf("%s:%d", args[0], table[row].line) }
			// With --repo there is no path to find.
			w, err := a.locate(first(args[1:]), c.repo)
			if err != nil {
				return err
			}
			return a.change(cmd.Context(), w, "import", rows, &c, place)
		},
	}
	fl := cmd.Flags()
	fl.BoolVar(&asCSV, "csv", false, "FILE is CSV")
	fl.BoolVar(&asTSV, "tsv", false, "FILE is tab-separated")
	fl.BoolVar(&fromJSON, "from-json", false, "FILE is JSON")
	fl.BoolVar(&clearEmpty, "clear-empty", false, "an empty cell removes the field")
	c.add(cmd)
	return cmd
}

func (a *app) metaUndoCommand() *cobra.Command {
	var c changeFlags
	cmd := &cobra.Command{
		Use:   "undo [OP] [REPO|MNT]",
		Short: "Take a change of metadata back",
		Long: `Give the values that an operation changed what they were before it: the last operation
of yours, or the one with a number (rdfs meta ops shows them). Values that somebody
changed since stay as they are, and are told. Undoing can be undone, too.`,
		Example: "  rdfs meta undo --dry-run\n  rdfs meta undo 5123",
		Args:    want(0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := metadata.UndoRequest{DryRun: c.dryRun, Who: who()}
			if op, err := strconv.ParseUint(first(args), 10, 64); err == nil {
				req.Op, args = op, args[1:]
			}
			w, err := a.locate(first(args), c.repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				res, err := d.UndoMeta(cmd.Context(), req)
				if err != nil {
					return err
				}
				return a.tellChange(res, &c, nil)
			})
		},
	}
	c.add(cmd)
	return cmd
}

func (a *app) metaOpsCommand() *cobra.Command {
	var asJSON bool
	var repo string
	cmd := &cobra.Command{
		Use:   "ops [REPO|MNT]",
		Short: "Show the changes of metadata that can be undone",
		Args:  want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.locate(first(args), repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				ops, err := d.MetaOps(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, ops)
				}
				t := table(a.stdout)
				fmt.Fprintln(t, "OP\tTIME\tUSER\tWHAT\tFILES\tVALUES\t")
				for _, o := range ops {
					note := ""
					if o.Undone != 0 {
						note = fmt.Sprintf("undone by %d", o.Undone)
					}
					fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%d\t%d\t%s\n", o.Op, moment(o.Time), oneLine(o.User, 20), oneLine(o.Kind, 40), o.Files, o.Values, note)
				}
				return t.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}
