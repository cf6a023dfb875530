package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) tierCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tier",
		Short: "Look after the places where sealed data are kept",
		Long: `Look after the tiers of rdfs.yaml: the places where sealed data are kept. See
docs/tiers.md.`,
		Args: want(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.tierAddCommand(), a.tierTestCommand())
	return cmd
}

func (a *app) tierAddCommand() *cobra.Command {
	var repo string
	cmd := &cobra.Command{
		Use:   "add NAME [REPO|MNT]",
		Short: "Make a new tier of rdfs.yaml usable",
		Long: `Make a tier that was added to rdfs.yaml usable: the directory or bucket gets a marker
that says to which repository it belongs. A place that is the tier of another one is
refused. Without this a tier counts as away: a disk that is not mounted looks as empty
as a new one. A mounted drive uses it from its next mount on.`,
		Example: "  rdfs tier add cloud ~/data.rdfs",
		Args:    want(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.locate(first(args[1:]), repo)
			if err != nil {
				return err
			}
			t, o, err := a.tierNamed(args[0], w.repo)
			if err != nil {
				return err
			}
			store, err := openStore(cmd.Context(), t, o, true)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "tier %s is ready\n", args[0])
			return store.Close()
		},
	}
	repoFlag(cmd, &repo)
	return cmd
}
