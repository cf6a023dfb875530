package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
)

// mountRequest is a mount as the command line asks for it. Paths are absolute.
type mountRequest struct {
	repo       string
	mountpoint string
	options    mountFlags
	logLevel   string // "": as rdfs.yaml says
	foreground bool
	readyFD    int // descriptor on which a background process reports; 0: none
	secretFD   int // descriptor from which it reads what opens the repository; 0: none
}

func (a *app) mountCommand() *cobra.Command {
	var req mountRequest
	var optionLists []string
	cmd := &cobra.Command{
		Use:   "mount [-f] [-o OPTIONS] REPO MNT",
		Short: "Mount a drive",
		Long: `Mount the drive of the repository REPO on the directory MNT, in the background, and
return when it serves. An absent or empty REPO is made into a repository with the
defaults, an absent MNT is made.

Options (-o, separated by commas):
  allow_other, noallow_other   may other users use the drive? (default: when root mounts)
  nopassthrough                do not let the kernel read and write files by itself
  ro                           read only
  nodev, nosuid, noexec, noatime, ...  as for mount(8)
  log_level=LEVEL              as --log-level
What only fstab and systemd understand (noauto, nofail, _netdev, x-*) is ignored.`,
		Example: `  rdfs mount /srv/research-repo /research
  rdfs mount -f -o ro --log-level debug repo mnt`,
		Args: want(2, 2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if req.options, err = parseMountOptions(optionLists, false); err != nil {
				return &codedError{exitUsage, err}
			}
			if req.logLevel == "" {
				req.logLevel = req.options.logLevel
			}
			return a.mount(cmd.Context(), req, args[0], args[1])
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&req.foreground, "foreground", "f", false, "stay in the foreground, and log to stderr")
	f.StringArrayVarP(&optionLists, "options", "o", nil, "mount `options`, separated by commas")
	f.StringVar(&req.logLevel, "log-level", "", "`level`: debug, info, warn or error (default: as rdfs.yaml says)")
	f.IntVar(&req.readyFD, "ready-fd", 0, "")
	f.MarkHidden("ready-fd")
	f.IntVar(&req.secretFD, "secret-fd", 0, "")
	f.MarkHidden("secret-fd")
	return cmd
}

// mount resolves the paths and mounts, here or in a process of its own.
func (a *app) mount(ctx context.Context, req mountRequest, repo, mnt string) (err error) {
	if _, err := parseLevel(req.logLevel); err != nil {
		return &codedError{exitUsage, err}
	}
	if req.repo, err = control.Real(repo); err != nil {
		return err
	}
	// The last component of the mountpoint may be a dead mount, which cannot be resolved.
	dir, err := filepath.Abs(mnt)
	if err != nil {
		return err
	}
	if req.mountpoint, err = control.Real(dir); err != nil {
		return err
	}
	if req.foreground {
		return a.serve(ctx, req)
	}
	secret, err := a.secretToMount(ctx, req.repo)
	if err != nil {
		return err
	}
	ready, err := startDaemon(ctx, req, secret)
	if err != nil {
		return err
	}
	for _, n := range ready.Notices {
		fmt.Fprintln(a.stderr, "rdfs: note:", n)
	}
	fmt.Fprintf(a.stdout, "mounted %s on %s (process %d)\n", req.repo, req.mountpoint, ready.PID)
	return nil
}

// checkPlaces refuses a mount whose paths cannot work, before anything is touched.
// It cleans a dead mount of the same repository away.
func (a *app) checkPlaces(req mountRequest) error {
	if inside(req.repo, req.mountpoint) || inside(req.mountpoint, req.repo) {
		return failf(exitFailed, "%s and %s: the mountpoint and the repository must not lie in each other", req.mountpoint, req.repo)
	}
	mounts, err := control.Mounts()
	if err != nil {
		return err
	}
	for _, m := range mounts {
		if inside(m.Mountpoint, req.repo) {
			return failf(exitFailed, "%s lies in the drive mounted on %s: a repository must be on a disk", req.repo, m.Mountpoint)
		}
		if m.Mountpoint != req.mountpoint {
			continue
		}
		if m.Repository != req.repo {
			if m.Stale() {
				return staleMount(m)
			}
			return failf(exitBusy, "%s is the mount of another repository already: %s", m.Mountpoint, m.Repository)
		}
		if !m.Stale() {
			holder := control.Holder{Mountpoint: m.Mountpoint}
			if _, err := control.Acquire(req.repo, holder); err != nil {
				return err
			}
			return failf(exitBusy, "%s is mounted on %s already", req.repo, m.Mountpoint)
		}
		if err := detach(m.Mountpoint); err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "rdfs: note: cleaned the dead mount on %s\n", m.Mountpoint)
	}
	info, err := os.Stat(req.mountpoint)
	if err == nil && !info.IsDir() {
		return failf(exitFailed, "%s is not a directory: a drive needs one to be mounted on", req.mountpoint)
	}
	return nil
}

func inside(dir, p string) bool {
	rel, err := filepath.Rel(dir, p)
	return err == nil && filepath.IsLocal(rel)
}
