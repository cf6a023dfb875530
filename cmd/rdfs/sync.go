package main

import (
	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
)

func (a *app) syncCommand() *cobra.Command {
	var repo string
	cmd := &cobra.Command{
		Use:   "sync [PATH]",
		Short: "Wait until everything that was closed is stored",
		Long: `Wait until everything that was closed before is sealed into the first tier and
recorded, without waiting for the quiet time (seal_after). PATH limits it to a file
or a directory.`,
		Args: want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.locate(first(args), repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				m := a.meter()
				defer m.done()
				return d.Sync(cmd.Context(), w.path, m.report)
			})
		},
	}
	repoFlag(cmd, &repo)
	return cmd
}
