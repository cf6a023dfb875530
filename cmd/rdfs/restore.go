package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
	"github.com/rdfs/rdfs/snapshot"
)

func (a *app) restoreCommand() *cobra.Command {
	var asJSON, dryRun bool
	var repo, at, to string
	var seq uint32
	cmd := &cobra.Command{
		Use:   "restore FILE --version N | --at TIME [--to PATH]",
		Short: "Bring an earlier version of a file back",
		Long: `Bring an earlier version of a file back, by its number or by the moment at which it
was the current one. No bytes are copied, and nothing is lost: what the file held
becomes a version like the others, and the restored content a new one.

` + whenHelp,
		Example: `  rdfs restore research/results.csv --version 3
  rdfs restore research/results.csv --at yesterday --to research/results-old.csv
  rdfs restore research/results.csv --at -2h --dry-run`,
		Args: want(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := volume.RestoreRequest{Seq: seq, DryRun: dryRun, UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
			byNumber, byTime := cmd.Flags().Changed("version"), cmd.Flags().Changed("at")
			switch {
			case byNumber == byTime:
				return failf(exitUsage, "restore: give --version N or --at TIME; `rdfs log %s` shows the versions", args[0])
			case byNumber && seq == 0:
				return failf(exitUsage, "restore: versions are numbered from 1")
			case byTime:
				t, err := snapshot.ParseMoment(at, a.now())
				if err != nil {
					return &codedError{exitUsage, err}
				}
				req.At = t
			}
			w, err := a.locate(args[0], repo)
			if err != nil {
				return err
			}
			req.Path = w.path
			if to != "" {
				dest, err := a.locate(to, repo)
				if err != nil || dest.repo != w.repo || (dest.mount == nil) != (w.mount == nil) {
					return failf(exitUsage, "restore: %s is not in the same drive as %s; to take a version out, copy it from .versions/", to, args[0])
				}
				req.To = dest.path
			}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				res, err := d.Restore(cmd.Context(), req)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(a.stdout, res)
				}
				a.printRestore(res, dryRun)
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.Uint32Var(&seq, "version", 0, "`number` of the version, as rdfs log shows it")
	f.StringVar(&at, "at", "", "the version that was current at `TIME`")
	f.StringVar(&to, "to", "", "another `PATH` in the drive instead of FILE itself")
	f.BoolVar(&dryRun, "dry-run", false, "say what would be done, and do nothing")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	repoFlag(cmd, &repo)
	return cmd
}

func (a *app) printRestore(res volume.RestoreResult, dryRun bool) {
	from := fmt.Sprintf("version %d (%s, %s)", res.From.Seq, moment(res.From.Time), size(res.From.Size))
	switch {
	case !res.Changed:
		fmt.Fprintf(a.stdout, "nothing to do: %s holds %s already\n", res.Path, from)
	case dryRun:
		fmt.Fprintf(a.stdout, "would restore %s from %s\n", res.Path, from)
	case res.NewSeq > 0:
		fmt.Fprintf(a.stdout, "restored %s from %s; this is version %d now\n", res.Path, from, res.NewSeq)
	default:
		fmt.Fprintf(a.stdout, "restored %s from %s\n", res.Path, from)
	}
}
