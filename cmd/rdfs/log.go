package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
)

func (a *app) logCommand() *cobra.Command {
	var asJSON bool
	var repo string
	cmd := &cobra.Command{
		Use:   "log FILE",
		Short: "Show the versions of a file",
		Long: `Show the versions of a file, oldest first: number, time, size, who saved it, with
which program, and the first digits of the BLAKE3 hash of its content (whole with
--json, equal to what b3sum prints). The file may be deleted: its path keeps its
history. The versions themselves are files in .versions/FILE/ beside the file.`,
		Example: "  rdfs log research/results.csv",
		Args:    want(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.locate(args[0], repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
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
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
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
