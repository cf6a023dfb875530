package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
)

func (a *app) sealCommand() *cobra.Command {
	var asJSON bool
	var repo string
	cmd := &cobra.Command{
		Use:   "seal FILE",
		Short: "Make a version of a file now, also while a program has it open",
		Long: `Make a version of a file as it is at this moment. Files become versions by themselves
when they are closed; this is for a file that a program holds open for days. The
program does not notice. A file that has not changed gets no new version.`,
		Args: want(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.locate(args[0], repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				v, err := d.Seal(cmd.Context(), w.path)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, v)
				}
				fmt.Fprintf(a.stdout, "%s is version %d (%s)\n", args[0], v.Seq, size(v.Size))
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}
