package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/metadata"
	"github.com/rdfs/rdfs/internal/volume"
)

// restoreFlags are what the command line of a restore says.
type restoreFlags struct {
	repo, at, to string
	seq          uint32
	dryRun, json bool
}

func (f *restoreFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.at, "at", "", "what was there at `TIME`")
	fl.StringVar(&f.to, "to", "", "another `PATH` in the drive instead of PATH itself")
	fl.BoolVar(&f.dryRun, "dry-run", false, "say what would be done, and do nothing")
	fl.BoolVar(&f.json, "json", false, "print JSON")
	repoFlag(cmd, &f.repo)
}

func (a *app) restoreCommand() *cobra.Command {
	var f restoreFlags
	var withMeta bool
	cmd := &cobra.Command{
		Use:   "restore PATH --at TIME | --version N [--to PATH]",
		Short: "Bring a file or a directory back as it was",
		Long: `Bring a file, or a directory with all below it, back as it was at a moment: bytes,
attributes, modes, times, hard links. Or bring a version of a file back by its number;
its metadata stay as they are, unless --with-metadata brings back those that the
version had (rdfs meta undo takes that back).
No bytes are copied, and nothing is lost: what a file held becomes a version like the
others, and the restored content a new one. What was not in a directory then is moved
to the trash (rdfs trash, rdfs undelete). If it is interrupted, do it again.

Others than root restore what is theirs; if something is not, nothing is done.

` + whenHelp,
		Example: `  rdfs restore research/results.csv --version 3
  rdfs restore research --at yesterday --dry-run
  rdfs restore research --at before-cleanup --to research-then`,
		Args: want(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			byNumber, byTime := cmd.Flags().Changed("version"), cmd.Flags().Changed("at")
			switch {
			case byNumber == byTime:
				return failf(exitUsage, "restore: give --version N or --at TIME; `rdfs log %s` shows the versions", args[0])
			case byNumber && f.seq == 0:
				return failf(exitUsage, "restore: versions are numbered from 1")
			case byTime && withMeta:
				return failf(exitUsage, "restore: --with-metadata is for --version; --at brings the metadata back anyway")
			case byTime:
				return a.restoreAt(cmd, args[0], f.at, &f)
			}
			w, to, err := a.fromTo(args[0], &f)
			if err != nil {
				return err
			}
			req := volume.RestoreRequest{Path: w.path, To: to, Seq: f.seq, DryRun: f.dryRun, UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
			return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
				res, err := d.Restore(cmd.Context(), req)
				if err != nil {
					return err
				}
				out := restored{RestoreResult: res}
				if withMeta && !(f.dryRun && to != "") {
					meta, err := d.RestoreMeta(cmd.Context(), metadata.RestoreRequest{Path: req.Path, Seq: f.seq, To: res.Path, DryRun: f.dryRun, Who: who()})
					if err != nil {
						return fmt.Errorf("the content is restored, the metadata are not: %w", err)
					}
					out.Metadata = &meta
				}
				if f.json {
					return printJSON(a.stdout, out)
				}
				a.printRestore(res, f.dryRun)
				if out.Metadata != nil && out.Metadata.Values > 0 {
					a.printResult(*out.Metadata, f.dryRun)
				}
				return nil
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&withMeta, "with-metadata", false, "with --version: bring the metadata of the version back, too")
	cmd.Flags().Uint32Var(&f.seq, "version", 0, "`number` of the version, as rdfs log shows it")
	return cmd
}

// restored is what a restore of a version did.
type restored struct {
	volume.RestoreResult
	Metadata *metadata.Result `json:"metadata,omitempty"`
}

func (a *app) snapshotRestoreCommand() *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use:   "restore TIME PATH [--to PATH]",
		Short: "Bring a file or a directory back as it was: rdfs restore PATH --at TIME",
		Args:  want(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.restoreAt(cmd, args[1], args[0], &f)
		},
	}
	f.add(cmd)
	cmd.Flags().MarkHidden("at")
	return cmd
}

// fromTo finds the path of a restore, and the path in the same drive that it goes to.
func (a *app) fromTo(arg string, f *restoreFlags) (w where, to string, err error) {
	if w, err = a.locate(arg, f.repo); err != nil || f.to == "" {
		return w, "", err
	}
	dest, err := a.locate(f.to, f.repo)
	if err != nil || dest.repo != w.repo || (dest.mount == nil) != (w.mount == nil) {
		return w, "", failf(exitUsage, "restore: %s is not in the same drive as %s; to take files out, copy them from .snapshots/ or .versions/", f.to, arg)
	}
	return w, dest.path, nil
}

func (a *app) restoreAt(cmd *cobra.Command, arg, at string, f *restoreFlags) error {
	moment, err := a.when(at)
	if err != nil {
		return err
	}
	w, to, err := a.fromTo(arg, f)
	if err != nil {
		return err
	}
	req := volume.TreeRequest{Path: w.path, At: moment, To: to, DryRun: f.dryRun, Requester: me()}
	return a.withDrive(cmd.Context(), w, func(d control.Drive) error {
		m := a.meter()
		res, err := d.RestoreTree(cmd.Context(), req, m.report)
		m.done()
		if err != nil {
			return err
		}
		return a.printTree(res, f)
	})
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

// treeActions are the actions of a restore, with what is said of one and of many.
var treeActions = []struct {
	action volume.TreeAction
	verb   string
	past   string
}{
	{volume.TreeMake, "make", "made"},
	{volume.TreeBytes, "bring back the bytes of", "bytes brought back"},
	{volume.TreeAttrs, "bring back the attributes of", "attributes brought back"},
	{volume.TreeRename, "rename back", "renamed back"},
	{volume.TreeRemove, "move to the trash", "moved to the trash"},
}

func (a *app) printTree(res volume.TreeResult, f *restoreFlags) error {
	if f.json {
		return printJSON(a.stdout, res)
	}
	path := res.Path
	if path == "" {
		path = "the whole drive"
	}
	if len(res.Count) == 0 {
		fmt.Fprintf(a.stdout, "nothing to do: %s is as it was\n", path)
		return nil
	}
	fmt.Fprintf(a.stdout, "%s %s", would(f.dryRun, "restore", "restored"), path)
	if res.Version > 0 {
		fmt.Fprintf(a.stdout, "; this is version %d now", res.Version)
	}
	fmt.Fprintln(a.stdout)
	if f.dryRun {
		for _, s := range res.Steps {
			for _, x := range treeActions {
				if x.action == s.Action && s.From != "" {
					fmt.Fprintf(a.stdout, "  %s %s to %s\n", x.verb, oneLine(s.From, 200), oneLine(s.Path, 200))
				} else if x.action == s.Action {
					fmt.Fprintf(a.stdout, "  %s %s\n", x.verb, oneLine(s.Path, 200))
				}
			}
		}
	}
	for _, x := range treeActions {
		if n := res.Count[x.action]; n > 0 {
			fmt.Fprintf(a.stdout, "  %s: %d\n", x.past, n)
		}
	}
	return nil
}
