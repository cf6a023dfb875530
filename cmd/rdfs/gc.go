package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
)

func (a *app) gcCommand() *cobra.Command {
	var asJSON, dryRun bool
	var repo string
	cmd := &cobra.Command{
		Use:   "gc [--dry-run] [REPO|MNT]",
		Short: "Remove from the tiers what nothing refers to any more",
		Long: `Forget what rdfs.yaml no longer keeps, and remove from the tiers what nothing refers to:
no file, no version, no snapshot, no hold, and no program that has a file open.

Kept are every moment within time_travel, every snapshot, the versions that the section
versions keeps, and all that a hold covers. By default all versions are kept, and then
only data of saves that were never finished is removed. What is removed from a tier is
older than gc.grace.

The drive may be in use. The command can be stopped at any time; the next run goes on. A
mounted drive does the same by itself, once a day (gc.every).`,
		Example: "  rdfs gc --dry-run\n  rdfs gc ~/data.rdfs",
		Args:    want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.locate(first(args), repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				m := a.meter()
				res, err := d.GC(cmd.Context(), dryRun, m.report)
				m.done()
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, res)
				}
				a.printGC(res)
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&dryRun, "dry-run", false, "say what would be removed, and remove nothing")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}

func (a *app) printGC(res volume.GCResult) {
	t := table(a.stdout)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	removed := would(res.DryRun, "remove", "removed")
	row("every moment since", "%s can be looked at", moment(res.Horizon))
	row("history", "%s forgotten, %s", plural(res.PastForgotten, "row"), reasons(res.PastKept))
	if len(res.VersionsKept) > 0 || res.VersionsGone > 0 {
		row("versions", "%d forgotten, %s", res.VersionsGone, reasons(res.VersionsKept))
	}
	row("contents", "%s %s, of %s", removed, plural(res.ContentsGone, "chunk list"), plural(res.ChunksGone, "chunk"))
	row("packs", "%s %s (%d after moving what is needed), and %s that no file knew", removed, plural(res.PacksGone, "pack"), res.Repacked, plural(res.OrphansGone, "pack"))
	if res.Unexplained > 0 {
		row("kept aside", "%s from a time when the drive was not in use: was the catalog put back from a backup?", plural(res.Unexplained, "pack"))
	}
	row("freed", "%s", size(res.FreedBytes))
	row("live files need", "%s", size(res.LiveBytes))
	row("only history needs", "%s", size(res.HistoryBytes))
	row("reclaimable", "%s", size(res.Reclaimable))
	t.Flush()
}

// reasons writes "kept: 3 hold, 4 snapshot".
func reasons(kept map[string]int64) string {
	if len(kept) == 0 {
		return "none kept"
	}
	var parts []string
	for _, why := range slices.Sorted(maps.Keys(kept)) {
		parts = append(parts, fmt.Sprintf("%d (%s)", kept[why], why))
	}
	return "kept " + strings.Join(parts, ", ")
}
