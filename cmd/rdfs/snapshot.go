package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
)

func (a *app) snapshotCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Take, list, compare and remove snapshots of the whole drive",
		Long: `Take, list, compare and remove snapshots of the whole drive.

A snapshot is a name for a moment: taking one costs the same for ten files and for a
million. Its files are below MNT/.snapshots/NAME/. The mount takes some by itself, see
the section snapshots of rdfs.yaml.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return failf(exitUsage, "unknown command \"snapshot %s\"\nSee `rdfs help snapshot`", args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.snapshotCreateCommand(), a.snapshotListCommand(), a.diffCommand(), a.snapshotRestoreCommand(), a.snapshotDeleteCommand(),
		a.snapshotPinCommand(true), a.snapshotPinCommand(false), a.snapshotPruneCommand())
	return cmd
}

// me is who runs the command. A mounted drive asks the kernel instead.
func me() volume.Requester {
	return volume.Requester{UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
}

func (a *app) snapshotCreateCommand() *cobra.Command {
	var asJSON bool
	var repo string
	var req volume.SnapshotRequest
	cmd := &cobra.Command{
		Use:   "create [NAME]",
		Short: "Take a snapshot",
		Long: `Take a snapshot of the whole drive as it is now. First, what was saved before is
stored; files that are open for writing are named, and shown as they were last saved.
Without NAME it is called after its time. Who may make files in the root of the drive
may take snapshots.`,
		Example: `  rdfs snapshot create before-cleanup -m "all raw data are in" --pin
  rdfs snapshot create -R REPO --if-changed`,
		Args: want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Name, req.Requester = first(args), me()
			w, err := a.locate("", repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				info, err := d.TakeSnapshot(cmd.Context(), req)
				if errors.Is(err, volume.ErrUnchanged) && !asJSON {
					fmt.Fprintln(a.stdout, "nothing to do: nothing changed since the last snapshot")
					return nil
				}
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, info)
				}
				a.printTaken(info)
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&req.Message, "message", "m", "", "`TEXT` that says what it is for")
	f.BoolVar(&req.Pinned, "pin", false, "no rule removes it, and nobody before it is unpinned")
	f.StringSliceVar(&req.Tags, "tag", nil, "give it a `TAG`, which keep_tags may name")
	f.BoolVar(&req.IfChanged, "if-changed", false, "only if something changed since the last one")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}

func (a *app) printTaken(info volume.SnapshotInfo) {
	fmt.Fprintf(a.stdout, "took snapshot %s\n", info.Name)
	if info.OpenCount == 0 {
		return
	}
	fmt.Fprintf(a.stdout, "%s open for writing, in it as last saved:\n", plural(info.OpenCount, "file"))
	for _, p := range info.Open {
		fmt.Fprintf(a.stdout, "  %s\n", oneLine(p, 200))
	}
	if more := info.OpenCount - len(info.Open); more > 0 {
		fmt.Fprintf(a.stdout, "  and %d more\n", more)
	}
}

func (a *app) snapshotListCommand() *cobra.Command {
	var asJSON bool
	var repo string
	cmd := &cobra.Command{
		Use:   "list [REPO|MNT]",
		Short: "List the snapshots, oldest first",
		Args:  want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.locate(first(args), repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				list, err := d.Snapshots(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, list)
				}
				a.printSnapshots(list)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}

func (a *app) printSnapshots(list []volume.SnapshotInfo) {
	if len(list) == 0 {
		fmt.Fprintln(a.stdout, "no snapshots")
		return
	}
	t := table(a.stdout)
	fmt.Fprintln(t, "NAME\tTIME\tBY\tTAGS\tMESSAGE")
	for _, s := range list {
		tags := s.Tags
		if s.Pinned {
			tags = append([]string{"pinned"}, tags...)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", oneLine(s.Name, 80), moment(s.Time), oneLine(s.User, 20), strings.Join(tags, ","), oneLine(s.Message, 60))
	}
	t.Flush()
}
