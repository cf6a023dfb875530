package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
	"github.com/rdfs/rdfs/snapshot"
)

func (a *app) holdCommand() *cobra.Command {
	var asJSON bool
	var repo, until string
	var req volume.HoldRequest
	cmd := &cobra.Command{
		Use:   "hold PATH --until DATE|forever --reason TEXT",
		Short: "Keep a file, or a directory and all below it, from being removed or forgotten",
		Long: `Keep a file, or a directory and all below it, from being removed, and its versions from
being forgotten, until a date. A hold beats every rule and every command. It can be made
longer, never shorter, and there is no way to take it back.

DATE is the last day, 2030-12-31, or a moment, 2030-12-31T12:00:00Z, or a length of time
from now: 10y, 6mo.`,
		Example: `  rdfs hold research/trial-7 --until 2036-12-31 --reason "audit, see contract 12"
  rdfs hold list`,
		Args: want(1, 1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if until == "" || req.Reason == "" {
				return failf(exitUsage, "hold: give --until DATE or --until forever, and --reason TEXT")
			}
			if req.Until, err = parseUntil(until, a.now()); err != nil {
				return &codedError{exitUsage, err}
			}
			w, err := a.locate(args[0], repo)
			if err != nil {
				return err
			}
			req.Path, req.Requester = w.path, me()
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				info, err := d.PlaceHold(cmd.Context(), req)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, info)
				}
				path := info.Path
				if path == "" {
					path = "the whole drive"
				}
				fmt.Fprintf(a.stdout, "%s %s %s: %s\n", would(req.DryRun, "hold", "held"), path, untilWords(info.Until), info.Reason)
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&until, "until", "", "the last `DATE`, or forever")
	f.StringVar(&req.Reason, "reason", "", "`TEXT` that whoever is refused reads")
	f.BoolVar(&req.DryRun, "dry-run", false, "say what would be done, and do nothing")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	cmd.AddCommand(a.holdListCommand())
	return cmd
}

// parseUntil reads the end of a hold: a day counts to its end. The zero time is for ever.
func parseUntil(s string, now time.Time) (t time.Time, err error) {
	if s == "forever" {
		return t, nil
	}
	if t, err = parseEnd(s, now); err == nil && t.Year() > lastYear {
		err = fmt.Errorf("hold: --until %s is too far away: say forever", s)
	}
	return t, err
}

// lastYear is the last one that nanoseconds since 1970 in 63 bits reach the end of.
const lastYear = 2261

func parseEnd(s string, now time.Time) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, s, now.Location()); err == nil {
		return day.AddDate(0, 0, 1).Add(-time.Nanosecond), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	span, err := snapshot.ParseSpan(s)
	if err != nil {
		return time.Time{}, fmt.Errorf("hold: --until %q: want 2030-12-31, 2030-12-31T12:00:00Z, 10y or forever", s)
	}
	return span.After(now), nil
}

func untilWords(t time.Time) string {
	if t.IsZero() {
		return "for ever"
	}
	return "until " + moment(t)
}

func (a *app) holdListCommand() *cobra.Command {
	var asJSON bool
	var repo string
	cmd := &cobra.Command{
		Use:   "list [REPO|MNT]",
		Short: "List the holds",
		Args:  want(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.locate(first(args), repo)
			if err != nil {
				return err
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				list, err := d.Holds()
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, append([]volume.HoldInfo{}, list...))
				}
				if len(list) == 0 {
					fmt.Fprintln(a.stdout, "no holds")
					return nil
				}
				t := table(a.stdout)
				fmt.Fprintln(t, "UNTIL\tPLACED\tBY\tPATH\tREASON")
				for _, h := range list {
					until, path := "for ever", h.Path
					if !h.Until.IsZero() {
						until = moment(h.Until)
					}
					if path == "" {
						path = "/"
					}
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", until, moment(h.Placed), oneLine(h.User, 20), oneLine(path, 200), oneLine(h.Reason, 80))
				}
				return t.Flush()
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}
