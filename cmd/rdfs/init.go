package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/config"
)

func (a *app) initCommand() *cobra.Command {
	var scheme string
	cmd := &cobra.Command{
		Use:   "init [--scheme NAME] REPO",
		Short: "Make a repository",
		Long: `Make a repository in REPO, a directory that is absent or empty, and write its
rdfs.yaml with every default and a comment. "rdfs mount" does the same for an empty
REPO, with the defaults.

The naming schemes hierarchical, flat, by_experiment and bids refuse names that do not
follow them; free, the default, takes every name. See docs/naming.md, and try one before with
"rdfs names check --scheme NAME DIRECTORY".`,
		Example: "  rdfs init /srv/research-repo",
		Args:    want(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			if err := a.createRepository(dir, scheme); err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "made repository %s\nsettings: %s\nnext: rdfs mount %s DIRECTORY\n",
				dir, filepath.Join(dir, config.FileName), args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&scheme, "scheme", config.DefaultScheme, "naming `scheme`: free, hierarchical, flat, by_experiment, bids")
	return cmd
}
