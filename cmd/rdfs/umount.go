package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
)

func (a *app) umountCommand() *cobra.Command {
	var noWait bool
	cmd := &cobra.Command{
		Use:   "umount [--no-wait] MNT",
		Short: "Unmount a drive, when everything is stored",
		Long: `Store everything that was closed, unmount the drive, and return when its repository
is free. An interrupt while it stores leaves the drive mounted. A mount whose process
is dead is cleaned away; the next mount takes up what that process left.`,
		Args: want(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.umount(cmd.Context(), args[0], noWait)
		},
	}
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "do not wait for files to be stored: the next mount does it")
	return cmd
}

func (a *app) umount(ctx context.Context, arg string, noWait bool) error {
	m, err := findMount(arg)
	if err != nil {
		return err
	}
	var client *control.Client
	if m.Mountpoint == "" {
		client, err = control.Dial(ctx, m.Repository)
		if errors.Is(err, control.ErrNotMounted) || errors.Is(err, control.ErrStale) {
			return failf(exitNotFound, "%s: not mounted", arg)
		}
	} else {
		client, err = a.dialMount(ctx, m)
		if errors.Is(err, control.ErrStale) && m.Stale() {
			if err := detach(m.Mountpoint); err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "cleaned the dead mount on %s; the next mount takes up what its process left\n", m.Mountpoint)
			return nil
		}
	}
	if err != nil {
		return err
	}
	defer client.Close()
	bar := a.meter()
	err = client.Unmount(ctx, control.UnmountRequest{NoWait: noWait}, bar.report)
	bar.done()
	place := client.Hello().Mountpoint
	if err != nil {
		if !errors.Is(err, syscall.EBUSY) {
			return err
		}
		return busyMount(place)
	}
	// The process ends when it has stored what came last; then the lock is free.
	bar = a.meter()
	defer bar.done()
	for {
		h, locked := control.LockedBy(m.Repository)
		if !locked || h.PID != client.Hello().PID {
			return nil
		}
		bar.report(volume.Progress{Phase: "finishing"})
		select {
		case <-ctx.Done():
			fmt.Fprintf(a.stderr, "rdfs: %s is unmounted; process %d goes on storing files\n", place, client.Hello().PID)
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// findMount returns the mount that arg names: a mountpoint, a path in a drive's
// root, or a repository. A repository without a visible mount has no Mountpoint.
func findMount(arg string) (control.Mount, error) {
	mounts, err := control.Mounts()
	if err != nil {
		return control.Mount{}, err
	}
	abs, err := control.Real(arg)
	if err != nil {
		return control.Mount{}, err
	}
	for _, m := range mounts {
		if m.Mountpoint == abs && m.Root == "" {
			return m, nil
		}
	}
	if m, _, ok := control.Find(mounts, abs); ok {
		return control.Mount{}, failf(exitUsage, "%s is inside the drive mounted on %s; unmount that", arg, m.Mountpoint)
	}
	if of := control.ByRepository(mounts, abs); len(of) > 0 {
		return of[len(of)-1], nil
	}
	if isRepository(abs) {
		return control.Mount{Repository: abs}, nil
	}
	return control.Mount{}, failf(exitNotFound, "%s: not mounted", arg)
}

func busyMount(place string) error {
	text := fmt.Sprintf("%s is busy: a program has a file open in it or works in one of its directories", place)
	if users := holders(place); len(users) > 0 {
		text += ":\n  " + strings.Join(users, "\n  ")
	}
	return failf(exitBusy, "%s\nEnd it, then run again: rdfs umount %s", text, place)
}
