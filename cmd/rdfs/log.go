package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
)

func (a *app) logCommand() *cobra.Command {
	var asJSON, meta bool
	var repo string
	cmd := &cobra.Command{
		Use:   "log FILE",
		Short: "Show the versions of a file",
		Long: `Show the versions of a file, oldest first: number, time, size, who saved it, with
which program, and the first digits of the BLAKE3 hash of its content (whole with
--json, equal to what b3sum prints). The file may be deleted: its path keeps its
history. The versions themselves are files in .versions/FILE/ beside the file.

With --meta: who changed which field of its metadata, and when.`,
		Example: "  rdfs log research/results.csv",
		Args:    want(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.locate(args[0], repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				if meta {
					return a.metaLog(cmd.Context(), d, w.path, asJSON)
				}
				versions, err := d.Log(cmd.Context(), w.path)
				if err != nil {
					return err
				}
				if asJSON {
					if versions == nil {
						versions = []volume.VersionInfo{}
					}
					return printJSON(a.stdout, versions)
				}
				a.printLog(versions)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&meta, "meta", false, "the changes of its metadata")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}

func (a *app) metaLog(ctx context.Context, d control.Drive, path string, asJSON bool) error {
	events, err := d.MetaLog(ctx, path)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(a.stdout, events)
	}
	t := table(a.stdout)
	fmt.Fprintln(t, "TIME\tUSER\tFIELD\tCHANGE\tPROGRAM\t")
	value := func(s *string) string {
		if s == nil {
			return "(none)"
		}
		return oneLine(*s, 60)
	}
	for _, e := range events {
		note := ""
		if e.Op != 0 {
			note = fmt.Sprintf("op %d", e.Op)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s -> %s\t%s\t%s\n", moment(e.Time), oneLine(e.User, 20), oneLine(e.Field, 60),
			value(e.Old), value(e.New), oneLine(e.Program, 40), note)
	}
	return t.Flush()
}

func (a *app) printLog(versions []volume.VersionInfo) {
	t := table(a.stdout)
	fmt.Fprintln(t, "VERSION\tTIME\tSIZE\tAUTHOR\tPROGRAM\tCONTENT\t")
	for _, v := range versions {
		author := v.Author
		if author == "" {
			author = "uid " + strconv.FormatUint(uint64(v.UID), 10)
		}
		content := "not yet stored"
		if v.Content != "" {
			content = v.Content[:min(12, len(v.Content))]
		}
		note := v.Note
		if v.Current && note == "" {
			note = "current"
		} else if v.Current {
			note = "current, " + note
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", v.Seq, moment(v.Time), size(v.Size),
			oneLine(author, 20), oneLine(v.Program, 40), content, oneLine(note, 60))
	}
	t.Flush()
}
