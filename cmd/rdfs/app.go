package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/keys"
)

// app is what the commands share. Tests make their own.
type app struct {
	engine   engine
	stdout   io.Writer
	stderr   io.Writer
	terminal bool // stderr is one: show progress
	now      func() time.Time
	// patience is how long a command waits for another one, or for a mount that is
	// starting or ending.
	patience time.Duration
	// secret was given by the process that started this one; nil: none was.
	secret *keys.Secret
	// keyFile opens an encrypted repository; "": it was not given on the command line.
	keyFile string
}

// run runs a command line and returns its exit status.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil {
		fmt.Fprintln(a.stderr, "rdfs: interrupted")
		return exitInterrupted
	}
	if msg := err.Error(); msg != "" {
		fmt.Fprintf(a.stderr, "rdfs: %s\n", msg)
	}
	return exitStatus(err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "rdfs",
		Short: "A drive for research data: every save is a version",
		Long: `rdfs mounts a drive that keeps every version of every file.

  rdfs mount REPO MNT      mount a drive (makes REPO if it is empty)
  cp results.csv MNT/      save with any program
  rdfs log MNT/results.csv see the versions
  rdfs umount MNT          unmount, when everything is stored`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return failf(exitUsage, "%w\nSee `%s --help`", err, cmd.CommandPath())
	})
	root.SetHelpTemplate(`{{with or .Long .Short}}{{. | trimTrailingWhitespaces}}

{{end}}{{.UsageString}}` + exitHelp())
	root.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		text := fmt.Sprintf("unknown command %q", args[0])
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			text += fmt.Sprintf("; did you mean %q?", near[0])
		}
		return failf(exitUsage, "%s\nSee `rdfs help`", text)
	}
	root.SuggestionsMinimumDistance = 2
	root.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	root.AddGroup(
		&cobra.Group{ID: "drive", Title: "Drives:"},
		&cobra.Group{ID: "versions", Title: "Versions:"},
		&cobra.Group{ID: "metadata", Title: "Metadata:"},
		&cobra.Group{ID: "names", Title: "Names:"},
		&cobra.Group{ID: "care", Title: "Care:"},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("drive", a.initCommand(), a.mountCommand(), a.umountCommand(), a.statusCommand())
	add("versions", a.logCommand(), a.restoreCommand(), a.sealCommand(), a.snapshotCommand(), a.trashCommand(), a.undeleteCommand())
	add("metadata", a.metaCommand(), a.tagCommand(), a.findCommand())
	add("names", a.namesCommand(), a.whyCommand())
	add("care", a.tierCommand(), a.syncCommand(), a.checkCommand(), a.scrubCommand(), a.holdCommand(), a.gcCommand(), a.recoverCommand(), a.keyCommand(), a.configCommand())
	root.AddCommand(a.versionCommand())
	return root
}

// want checks the number of arguments; names are those of the usage line.
func want(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most {
			return nil
		}
		what := "too many arguments"
		if len(args) < least {
			what = "too few arguments"
		}
		return failf(exitUsage, "%s: %s\nUsage: %s", cmd.Name(), what, cmd.UseLine())
	}
}
