package main

import (
	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
)

func (a *app) undeleteCommand() *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use:   "undelete PATH [--to PATH]",
		Short: "Bring back what was deleted last from a path",
		Long: `Bring back what was deleted last from a path: a file with its history, or a directory
with what was removed with it in one go. No bytes are copied. rdfs trash shows what was
deleted. Others than root bring back what was theirs.`,
		Example: `  rdfs undelete research/results.csv
  rdfs undelete research --to research-again --dry-run`,
		Args: want(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, to, err := a.fromTo(args[0], &f)
			if err != nil {
				return err
			}
			req := volume.UndeleteRequest{Path: w.path, To: to, DryRun: f.dryRun, Requester: me()}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				m := a.meter()
				res, err := d.Undelete(cmd.Context(), req, m.report)
				m.done()
				if err != nil {
					return err
				}
				return a.printTree(res, &f)
			})
		},
	}
	f.add(cmd)
	return cmd
}
