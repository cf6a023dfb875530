package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
)

func (a *app) trashCommand() *cobra.Command {
	var asJSON bool
	var repo string
	var req volume.TrashRequest
	cmd := &cobra.Command{
		Use:   "trash [PATH]",
		Short: "Show what was deleted, when and by whom, and can be brought back",
		Long: `Show what was deleted, when and by whom, and can be brought back by rdfs undelete, newest
first: in the whole drive, or in the directory PATH and below it, which may be deleted
itself. What was deleted with its directory is told with the directory.`,
		Example: `  rdfs trash
  rdfs trash research --limit 20`,
		Args: want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.locate(first(args), repo)
			if err != nil {
				return err
			}
			if len(args) > 0 || repo != "" {
				req.Path = w.path
			}
			req.Requester = me()
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				res, err := d.Trash(cmd.Context(), req)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, res)
				}
				a.printTrash(res)
				return nil
			})
		},
	}
	cmd.Flags().IntVar(&req.Limit, "limit", 0, "show the newest `N`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}

func (a *app) printTrash(res volume.TrashResult) {
	if len(res.Items) == 0 {
		fmt.Fprintln(a.stdout, "nothing was deleted that can be brought back")
		return
	}
	t := table(a.stdout)
	fmt.Fprintln(t, "DELETED\tBY\tSIZE\tKEPT UNTIL\tPATH")
	for _, x := range res.Items {
		path, bytes := oneLine(x.Path, 200), size(x.Size)
		if x.Type != "file" {
			bytes = "-"
		}
		if x.Type == "directory" {
			path += "/"
		}
		by, until := x.User, "for ever"
		if by == "" {
			by = "-"
		}
		if !x.Until.IsZero() {
			until = moment(x.Until)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", moment(x.Deleted), oneLine(by, 20), bytes, until, path)
	}
	t.Flush()
	if res.More > 0 {
		fmt.Fprintf(a.stdout, "and %d older\n", res.More)
	}
}
