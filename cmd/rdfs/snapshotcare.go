package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
	"github.com/rdfs/rdfs/snapshot"
)

func (a *app) snapshotDeleteCommand() *cobra.Command {
	var asJSON bool
	var repo string
	req := volume.SnapshotsRequest{}
	cmd := &cobra.Command{
		Use:   "delete NAME...",
		Short: "Remove snapshots; the files of the drive stay as they are",
		Long: `Remove snapshots: all of the given ones, or none if one cannot be removed. The files of
the drive stay as they are. Root, the owner of the root of the drive, and who took a
snapshot may remove it. A pinned one is unpinned first.`,
		Example: "  rdfs snapshot delete before-cleanup --dry-run",
		Args:    want(1, 100_000),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Names, req.Requester = args, me()
			w, err := a.locate("", repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				list, err := d.DropSnapshots(cmd.Context(), req)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, list)
				}
				for _, s := range list {
					fmt.Fprintf(a.stdout, "%s snapshot %s\n", would(req.DryRun, "remove", "removed"), s.Name)
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&req.DryRun, "dry-run", false, "say what would be removed, and remove nothing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}

// would writes "would remove", or what happened: "removed".
func would(dryRun bool, verb, past string) string {
	if dryRun {
		return "would " + verb
	}
	return past
}

func (a *app) snapshotPinCommand(pin bool) *cobra.Command {
	var asJSON bool
	var repo string
	verb, short := "pin", "Keep snapshots whatever the rules say"
	if !pin {
		verb, short = "unpin", "Let the rules decide about snapshots again"
	}
	cmd := &cobra.Command{
		Use:   verb + " NAME...",
		Short: short,
		Args:  want(1, 100_000),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.locate("", repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				list, err := d.PinSnapshots(cmd.Context(), volume.SnapshotsRequest{Names: args, Pinned: pin, Requester: me()})
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, list)
				}
				for _, s := range list {
					fmt.Fprintf(a.stdout, "%sned snapshot %s\n", verb, s.Name)
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}

func (a *app) snapshotPruneCommand() *cobra.Command {
	var asJSON bool
	var repo, within string
	var keep snapshot.Retention
	req := volume.PruneRequest{}
	cmd := &cobra.Command{
		Use:   "prune [REPO|MNT]",
		Short: "Remove the snapshots that no rule keeps",
		Long: `Remove the snapshots that no rule keeps, and say why each is kept or removed. The rules
are those of rdfs.yaml, or, if one is given here, those of the command line. A rule that
counts hours, days and so on keeps the newest snapshot of each of the last that have
any; empty ones do not count. --keep-within is relative to the newest snapshot. Pinned
snapshots and the newest one always stay, and none is removed while a hold is on the
whole drive. Root and the owner of the root of the drive may do this.`,
		Example: `  rdfs snapshot prune --dry-run
  rdfs snapshot prune --keep-daily 30 --keep-monthly all --keep-tag manual`,
		Args: want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if keep.Within, err = snapshot.ParseSpan(within); err != nil {
				return failf(exitUsage, "prune: --keep-within: %w", err)
			}
			if !keep.IsZero() {
				req.Keep = &keep
			}
			req.Requester = me()
			w, err := a.locate(first(args), repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				plan, err := d.PruneSnapshots(cmd.Context(), req)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, plan)
				}
				a.printPlan(plan, req.DryRun)
				return nil
			})
		},
	}
	f := cmd.Flags()
	for _, x := range []struct {
		flag, help string
		n          *int
	}{
		{"last", "keep the `N` newest ones; N is a number, or all", &keep.Last},
		{"hourly", "keep the newest one of each of the last `N` hours that have any", &keep.Hourly},
		{"daily", "... of the last `N` days", &keep.Daily},
		{"weekly", "... of the last `N` weeks", &keep.Weekly},
		{"monthly", "... of the last `N` months", &keep.Monthly},
		{"yearly", "... of the last `N` years", &keep.Yearly},
	} {
		f.Var((*keepCount)(x.n), "keep-"+x.flag, x.help)
	}
	f.StringVar(&within, "keep-within", "0", "keep those taken within `TIME` (2d, 1y6mo) before the newest")
	f.StringSliceVar(&keep.Tags, "keep-tag", nil, "keep those with `TAG`")
	f.BoolVar(&req.DryRun, "dry-run", false, "say what would be removed, and remove nothing")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}

// keepCount is the value of a --keep flag: a number, or all.
type keepCount int

func (k *keepCount) String() string {
	switch *k {
	case 0:
		return ""
	case snapshot.All:
		return "all"
	}
	return strconv.Itoa(int(*k))
}

func (k *keepCount) Set(s string) error {
	n, err := strconv.Atoi(s)
	if s == "all" {
		n, err = snapshot.All, nil
	} else if err == nil && n < 0 || err != nil {
		return fmt.Errorf("want a number or all, got %q", s)
	}
	*k = keepCount(n)
	return nil
}

func (k *keepCount) Type() string { return "count" }

func (a *app) printPlan(plan []volume.PruneDecision, dryRun bool) {
	removed := 0
	t := table(a.stdout)
	for _, d := range plan {
		what := "keep"
		if !d.Keep {
			what = would(dryRun, "remove", "removed")
			removed++
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", what, oneLine(d.Name, 80), moment(d.Time), oneLine(strings.Join(d.Why, "; "), 200))
	}
	t.Flush()
	fmt.Fprintf(a.stdout, "%s, %d %s\n", plural(len(plan)-removed, "snapshot")+" kept", removed, would(dryRun, "be removed", "removed"))
}
