package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/metadata"
)

func (a *app) checkNamesCommand() *cobra.Command {
	var asJSON bool
	var limit int
	var repo string
	cmd := &cobra.Command{
		Use:   "names [PATH]",
		Short: "List files that lack metadata, and names that do not follow the scheme any more",
		Long: `List what is stored and does not keep to the rules of rdfs.yaml as they are now, at and below
PATH: files that lack metadata which they must have, and names that the naming scheme would not
accept any more. What is below a directory with a wrong name is counted and not judged. Names are
judged where naming.mode is not off. Nothing is changed; you see what you may list.

Exit status 1 when anything is listed.`,
		Example: "  rdfs check names research\n  rdfs check names --json research/EXP0042",
		Args:    want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.locate(first(args), repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				m := a.meter()
				r, err := d.CheckNames(cmd.Context(), metadata.NamesQuery{Path: w.path, Limit: limit, Who: who()}, m.report)
				m.done()
				if err != nil {
					return err
				}
				if asJSON {
					err = printJSON(a.stdout, r)
				} else {
					a.printNamesReport(r)
				}
				if err == nil && r.Wrong+r.Incomplete > 0 {
					err = failf(exitFailed, "%s, %s", plural(r.Wrong, "wrong name"), plural(r.Incomplete, "incomplete file"))
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().IntVar(&limit, "limit", 1000, "list at most `N`; the rest is counted")
	repoFlag(cmd, &repo)
	return cmd
}

func (a *app) printNamesReport(r metadata.NamesReport) {
	for _, f := range r.Findings {
		fmt.Fprintf(a.stdout, "%s%s\n", oneLine(f.Path, 500), slash(f.Dir))
		for _, p := range f.Problems {
			fmt.Fprintf(a.stdout, "  %s\n", oneLine(p.String(), 500))
		}
		if f.Suggestion != "" {
			fmt.Fprintf(a.stdout, "  suggested: %s%s\n", oneLine(f.Suggestion, 500), slash(f.Dir))
		}
		if len(f.Missing) > 0 {
			fmt.Fprintf(a.stdout, "  incomplete: %s is missing\n", strings.Join(f.Missing, ", "))
		}
	}
	if len(r.Findings) > 0 && len(r.Findings) < r.Wrong+r.Incomplete {
		fmt.Fprintf(a.stdout, "... perhaps more; --limit shows them\n")
	}
	judged := fmt.Sprintf("%d wrong", r.Wrong)
	if r.Below > 0 {
		judged += fmt.Sprintf(" (%d below them not judged)", r.Below)
	}
	if !r.Checked {
		judged = "not judged: naming.mode is off, or there is no scheme"
	}
	fmt.Fprintf(a.stdout, "%s looked at, %s; %s\n", plural(r.Names, "name"), judged, plural(r.Incomplete, "incomplete file"))
}
