package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/metadata"
)

func (a *app) tagCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tag",
		Short: "Add, remove, list and rename tags",
		Long: `Add, remove, list and rename tags: words that file managers know as well (the
attribute user.xdg.tags, a comma list). A directory's tags hold for all below it.`,
		Args: want(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		a.tagChangeCommand("add", "Add tags to files", func(tags []string) metadata.Row { return metadata.Row{AddTags: tags} }),
		a.tagChangeCommand("rm", "Remove tags from files", func(tags []string) metadata.Row { return metadata.Row{RemoveTags: tags} }),
		a.tagListCommand(), a.tagRenameCommand())
	return cmd
}

func (a *app) tagChangeCommand(verb, short string, row func(tags []string) metadata.Row) *cobra.Command {
	var c changeFlags
	var many pathsFlag
	cmd := &cobra.Command{
		Use:     verb + " TAG[,TAG...] PATH...",
		Short:   short,
		Example: fmt.Sprintf("  rdfs tag %s pilot,review research/EXP0042", verb),
		Args:    want(1, maxPaths),
		RunE: func(cmd *cobra.Command, args []string) error {
			tags := metadata.SplitTags(args[0])
			if len(tags) == 0 {
				return failf(exitUsage, "tag %s: %q names no tag", verb, args[0])
			}
			files, err := many.expand(cmd.InOrStdin(), args[1:])
			if err != nil {
				return err
			}
			if len(files) == 0 {
				return failf(exitUsage, "tag %s: want paths\nUsage: %s", verb, cmd.UseLine())
			}
			w, paths, err := a.locateAll(files, c.repo)
			if err != nil {
				return err
			}
			var rows []metadata.Row
			for _, p := range paths {
				r := row(tags)
				r.Path = p
				rows = append(rows, r)
			}
			return a.change(cmd.Context(), w, "tag "+verb, rows, &c, nil)
		},
	}
	c.add(cmd)
	many.add(cmd)
	return cmd
}

func (a *app) tagListCommand() *cobra.Command {
	var asJSON bool
	var repo string
	cmd := &cobra.Command{
		Use:   "ls [PATH...]",
		Short: "Show the tags in use at and below a path, and on how many files",
		Args:  want(0, 1000),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{""}
			}
			w, paths, err := a.locateAll(args, repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				tags, err := d.Tags(cmd.Context(), metadata.Query{Paths: paths, Who: who()})
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, tags)
				}
				t := table(a.stdout)
				for _, tag := range tags {
					fmt.Fprintf(t, "%s\t%s\n", oneLine(tag.Tag, 200), plural(tag.Files, "file"))
				}
				return t.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}

func (a *app) tagRenameCommand() *cobra.Command {
	var c changeFlags
	cmd := &cobra.Command{
		Use:     "rename OLD NEW [PATH]",
		Short:   "Give a tag another name, at and below a path or everywhere",
		Example: "  rdfs tag rename reviewd reviewed",
		Args:    want(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.locate(first(args[2:]), c.repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				// Without a path the whole drive is meant, wherever one stands.
				req := metadata.RenameTagRequest{Old: args[0], New: args[1], DryRun: c.dryRun, Who: who()}
				if len(args) == 3 {
					req.Path = w.path
				}
				res, err := d.RenameTag(cmd.Context(), req)
				if err != nil {
					return err
				}
				return a.tellChange(res, &c, nil)
			})
		},
	}
	c.add(cmd)
	return cmd
}
