package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) configCommand() *cobra.Command {
	var asJSON bool
	var repo string
	cmd := &cobra.Command{
		Use:   "config [REPO|MNT]",
		Short: "Show the settings that hold, and check rdfs.yaml",
		Long: `Show every setting of rdfs.yaml as it holds, and the line that sets it. A mistake in
the file is shown with its line, its key and what would be right.`,
		Args: want(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := a.locate(first(args), repo)
			if err != nil {
				return err
			}
			c, err := loadRepository(w.repo)
			if err != nil {
				return err
			}
			settings := c.Explain()
			if asJSON {
				return printJSON(a.stdout, settings)
			}
			t := table(a.stdout)
			for _, s := range settings {
				from := "default"
				if s.Line > 0 {
					from = fmt.Sprintf("rdfs.yaml:%d", s.Line)
				}
				fmt.Fprintf(t, "%s\t%s\t%s\n", s.Key, s.Value, from)
			}
			t.Flush()
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}
