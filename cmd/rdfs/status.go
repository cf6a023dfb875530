package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
)

func (a *app) statusCommand() *cobra.Command {
	var asJSON bool
	var repo string
	cmd := &cobra.Command{
		Use:   "status [REPO|MNT]",
		Short: "Show what a drive holds, what it is doing, and whether it is safe to unplug",
		Args:  want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.locate(first(args), repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				st, err := d.Status(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, st)
				}
				a.printStatus(st)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}

func (a *app) printStatus(st volume.Status) {
	t := table(a.stdout)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("repository", "%s", st.Repository)
	if st.Mountpoint != "" {
		how := "the kernel reads and writes files by itself"
		if !st.Passthrough {
			how = "without passthrough"
		}
		row("mounted on", "%s (%s)", st.Mountpoint, how)
	} else {
		row("mounted on", "nothing")
	}
	row("holds", "%d files and directories, %s", st.Inodes, plural(st.Versions, "version"))
	row("stored", "%s in %s", size(st.PackBytes), plural(st.Packs, "pack"))
	if h := st.History; h.Marked.IsZero() {
		row("history", "%s; what it costs is known after the first rdfs gc", plural(h.Snapshots, "snapshot"))
	} else {
		row("history", "%s; live files need %s, only history %s, reclaimable %s (%s, %s stored since)", plural(h.Snapshots, "snapshot"),
			size(h.LiveBytes), size(h.HistoryBytes), size(h.Reclaimable), moment(h.Marked), size(h.AddedBytes))
	}
	cacheMax := ""
	if st.CacheMax > 0 {
		cacheMax = " of " + size(st.CacheMax)
	}
	row("cache", "%s%s", size(st.CacheBytes), cacheMax)
	shipped := ""
	if !st.CatalogShipped.IsZero() {
		shipped = ", in the tier as of " + moment(st.CatalogShipped)
	}
	row("catalog", "%s, epoch %d%s", size(st.CatalogBytes), st.Epoch, shipped)
	if len(st.Tiers) > 1 {
		for _, t := range st.Tiers {
			how := "answers"
			if t.Error != "" {
				how = "away since " + moment(t.Since) + ": " + oneLine(t.Error, 200)
			}
			row("tier "+t.Name, "%s", how)
		}
		row("copies to make", "%s, %s", plural(st.Waiting, "pack"), size(st.WaitingBytes))
	}
	row("free disk", "%s", size(st.FreeBytes))
	row("open for writing", "%s", plural(st.OpenForWriting, "file"))
	row("not yet stored", "%s, %s (%d being stored now)", plural(st.Unsealed, "file"), size(st.UnsealedBytes), st.Sealing)
	if st.NamesRefused > 0 {
		row("names refused", "%d since the mount; .rdfs/rejections.jsonl tells the last", st.NamesRefused)
	}
	if st.MetadataRefused > 0 {
		row("metadata refused", "%s since the mount", plural(int(st.MetadataRefused), "value"))
	}
	if st.SafeToUnplug {
		row("safe to unplug", "yes")
	} else {
		row("safe to unplug", "not yet: %s", strings.Join(st.Why, "; "))
	}
	t.Flush()
	for _, e := range st.SealErrors {
		fmt.Fprintf(a.stdout, "cannot store: %s\n", e)
	}
	if st.CatalogShipError != "" {
		fmt.Fprintf(a.stdout, "the catalog does not reach the tier: %s\n", st.CatalogShipError)
	}
	if st.ReadOnlyWhy != "" {
		fmt.Fprintf(a.stdout, "NOTHING CAN BE SAVED: %s\n", st.ReadOnlyWhy)
	}
}
