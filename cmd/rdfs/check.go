package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
)

func (a *app) checkCommand() *cobra.Command {
	var asJSON, data bool
	var repo string
	cmd := &cobra.Command{
		Use:   "check [--data] [REPO|MNT]",
		Short: "Check a repository: catalog, drafts, packs and, with --data, every byte",
		Long: `Check that everything in a repository fits together: the catalog's tables, the
drafts, the packs, and what refers to what. With --data every pack is read and every
hash is computed again. Nothing is changed. The drive may be in use.

Each finding names the file or row, the problem, and what to do.`,
		Args: want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.locate(first(args), repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				m := a.meter()
				res, err := d.Check(cmd.Context(), data, m.report)
				m.done()
				if err != nil {
					return err
				}
				if asJSON {
					if err := printJSON(a.stdout, res); err != nil {
						return err
					}
				} else {
					a.printCheck(res, data)
				}
				if res.Errors > 0 {
					return failf(exitDamaged, "check found %s", plural(res.Errors, "error"))
				}
				return nil
			})
		},
	}
	cmd.AddCommand(a.checkNamesCommand())
	f := cmd.Flags()
	f.BoolVar(&data, "data", false, "read every byte and verify every hash")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}

func (a *app) printCheck(res volume.CheckResult, data bool) {
	for _, f := range res.Findings {
		fmt.Fprintf(a.stdout, "%s: %s: %s\n", f.Severity, f.Object, f.Problem)
		if f.Fix != "" {
			fmt.Fprintf(a.stdout, "  do: %s\n", f.Fix)
		}
	}
	read := "data not read; --data reads and verifies it"
	if data {
		read = size(res.Bytes) + " read and verified"
	}
	verdict := "all is well"
	if res.Errors > 0 {
		verdict = plural(res.Errors, "error")
	}
	fmt.Fprintf(a.stdout, "%s: %s, %s, %s, %s\n", verdict,
		plural(res.Rows, "row"), plural(res.Files, "file"), plural(res.Packs, "pack"), read)
}
