package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
	"github.com/rdfs/rdfs/snapshot"
)

func (a *app) diffCommand() *cobra.Command {
	var asJSON bool
	var repo string
	req := volume.DiffRequest{}
	cmd := &cobra.Command{
		Use:   "diff A [B] [PATH]",
		Short: "Show what changed between two moments",
		Long: `Show what changed from A to B, in the whole drive or at and below PATH: what was added,
removed, modified, renamed (a file is followed, also when programs save it by replacing
it), and whose mode, owner, time, attributes or tags changed. A and B are TIMEs, or
live, which is B when it is left out. It takes time in proportion to what changed.

` + whenHelp,
		Example: `  rdfs snapshot diff yesterday
  rdfs snapshot diff before-cleanup live research/
  rdfs snapshot diff -R REPO @-2h before-cleanup --json`,
		Args: want(1, 3),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			b, path := "live", ""
			if len(args) > 1 {
				b = args[1]
			}
			if len(args) > 2 {
				path = args[2]
			}
			if req.A, err = a.when(args[0]); err != nil {
				return err
			}
			if req.B, err = a.when(b); err != nil {
				return err
			}
			w, err := a.locate(path, repo)
			if err != nil {
				return err
			}
			if path != "" || repo != "" {
				req.Path = w.path
			}
			req.Requester = me()
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				res, err := d.Diff(cmd.Context(), req)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, res)
				}
				a.printDiff(res)
				return nil
			})
		},
	}
	cmd.Flags().IntVar(&req.Limit, "limit", 0, "show at most `N` changes")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}

func (a *app) printDiff(res volume.DiffResult) {
	t := table(a.stdout)
	for _, c := range res.Changes {
		path := oneLine(c.Path, 200)
		if c.Type == "directory" {
			path += "/"
		}
		if c.OldPath != "" {
			path = oneLine(c.OldPath, 200) + " -> " + path
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", c.What, path, detail(&c))
	}
	t.Flush()
	if len(res.Count) == 0 {
		fmt.Fprintln(a.stdout, "no difference")
		return
	}
	total := 0
	var words []string
	for _, what := range []snapshot.What{snapshot.Added, snapshot.Removed, snapshot.Modified, snapshot.Renamed, snapshot.Metadata} {
		if n := res.Count[what]; n > 0 {
			total += n
			words = append(words, fmt.Sprintf("%d %s", n, what))
		}
	}
	fmt.Fprintf(a.stdout, "%s: %s\n", plural(total, "change"), strings.Join(words, ", "))
	if more := total - len(res.Changes); more > 0 {
		fmt.Fprintf(a.stdout, "%d of them are not shown\n", more)
	}
}

// detail says what is different, for people.
func detail(c *snapshot.Change) string {
	var words []string
	switch {
	case c.Bytes:
		words = append(words, size(c.OldSize)+" -> "+size(c.Size))
	case (c.What == snapshot.Added || c.What == snapshot.Removed) && c.Type == "file":
		words = append(words, size(c.Size))
	case c.What == snapshot.Added || c.What == snapshot.Removed:
		words = append(words, c.Type)
	}
	for _, attr := range c.Attrs {
		if attr != snapshot.TagsAttr {
			words = append(words, oneLine(attr, 40))
		}
	}
	for _, tag := range c.TagsAdded {
		words = append(words, "+"+oneLine(tag, 40))
	}
	for _, tag := range c.TagsRemoved {
		words = append(words, "-"+oneLine(tag, 40))
	}
	return strings.Join(words, ", ")
}
