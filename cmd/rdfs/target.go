package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rdfs/rdfs/internal/control"
)

// where is what a command is about: a repository and a path in its drive.
type where struct {
	repo  string         // absolute directory
	path  string         // relative to the root of the drive; "" is the root
	mount *control.Mount // that the path was found in; nil: the repository was named
	shown string         // the path as the person wrote it
}

func repoFlag(cmd *cobra.Command, repo *string) {
	cmd.Flags().StringVarP(repo, "repo", "R", "", "speak of the repository at `REPO`, or of the drive mounted there; paths are then relative to the root of the drive")
	cmd.MarkFlagDirname("repo")
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// locate finds what arg means: a path inside a mounted drive, or a repository. With
// repo set, arg is a path in the drive of that repository. Without either it is the
// drive or repository of the working directory, or the only drive there is.
func (a *app) locate(arg, repo string) (where, error) {
	if repo != "" {
		dir, err := control.Real(repo)
		if err != nil {
			return where{}, err
		}
		rel := strings.TrimPrefix(path.Clean("/"+arg), "/")
		if isRepository(dir) {
			return where{repo: dir, path: rel, shown: arg}, nil
		}
		mounts, err := control.Mounts()
		if err != nil {
			return where{}, err
		}
		if m, inside, ok := control.Find(mounts, dir); ok && inside == "" {
			if m.Stale() {
				return where{}, staleMount(m)
			}
			return where{repo: m.Repository, path: rel, mount: &m, shown: arg}, nil
		}
		return where{}, failf(exitNotFound, "%s is not a repository: it has no rdfs.yaml", repo)
	}
	mounts, err := control.Mounts()
	if err != nil {
		return where{}, err
	}
	place := arg
	if place == "" {
		place = "."
	}
	abs, err := control.Real(place)
	if err != nil {
		return where{}, err
	}
	if m, rel, ok := control.Find(mounts, abs); ok {
		if m.Stale() {
			return where{}, staleMount(m)
		}
		return where{repo: m.Repository, path: rel, mount: &m, shown: place}, nil
	}
	if isRepository(abs) {
		return where{repo: abs, shown: place}, nil
	}
	if arg != "" {
		if _, err := os.Lstat(arg); err != nil {
			return where{}, fmt.Errorf("%w (and no drive is mounted there)", err)
		}
		return where{}, failf(exitNotFound, "%s is not inside a mounted drive, and not a repository; --repo REPO names one", arg)
	}
	switch len(mounts) {
	case 0:
		return where{}, failf(exitNotFound, "no drive is mounted; name a repository")
	case 1:
		if mounts[0].Stale() {
			return where{}, staleMount(mounts[0])
		}
		return where{repo: mounts[0].Repository, mount: &mounts[0], shown: mounts[0].Mountpoint}, nil
	}
	var list strings.Builder
	for _, m := range mounts {
		fmt.Fprintf(&list, "\n  %s (repository %s)", m.Mountpoint, m.Repository)
	}
	return where{}, failf(exitUsage, "several drives are mounted; name one:%s", list.String())
}

func staleMount(m control.Mount) error {
	return failf(exitStale, "%s: %w (repository %s). What was stored or fsynced is safe.\n"+
		"Run: rdfs umount %s && rdfs mount %s %s", m.Mountpoint, control.ErrStale, m.Repository, m.Mountpoint, m.Repository, m.Mountpoint)
}

// connect reaches the drive of a repository: the process that has it mounted, or
// the repository itself. close must be called.
func (a *app) connect(ctx context.Context, w where) (d control.Drive, closeFn func() error, err error) {
	client, err := control.Dial(ctx, w.repo)
	if err == nil {
		return client, client.Close, nil
	}
	if !errors.Is(err, control.ErrNotMounted) && !errors.Is(err, control.ErrStale) {
		return nil, nil, err
	}
	// A path in a mount can only be answered by the process behind it.
	if w.mount != nil {
		client, err := a.dialMount(ctx, *w.mount)
		if err != nil {
			return nil, nil, err
		}
		return client, client.Close, nil
	}
	return a.openUnmounted(ctx, w.repo)
}

// dialMount reaches the process behind a mount, which may be starting or dying just
// now. The error of a dead one is that of staleMount.
func (a *app) dialMount(ctx context.Context, m control.Mount) (c *control.Client, err error) {
	err = retry(ctx, a.patience, func() (again bool, err error) {
		if m.Stale() {
			return false, staleMount(m)
		}
		c, err = control.Dial(ctx, m.Repository)
		return errors.Is(err, control.ErrNotMounted) || errors.Is(err, control.ErrStale), err
	})
	if coded := (*codedError)(nil); err != nil && ctx.Err() == nil && !errors.As(err, &coded) {
		err = fmt.Errorf("%s: %w", m.Mountpoint, err)
	}
	return c, err
}

// openUnmounted opens a repository that no process has mounted.
func (a *app) openUnmounted(ctx context.Context, repo string) (d control.Drive, closeFn func() error, err error) {
	c, err := loadRepository(repo)
	if err != nil {
		return nil, nil, err
	}
	if err := makeDirs(repo); err != nil {
		return nil, nil, err
	}
	var lock *control.Lock
	var client *control.Client
	err = retry(ctx, a.patience, func() (again bool, err error) {
		lock, err = control.Acquire(repo, control.Holder{PID: os.Getpid(), Command: commandLine(), Since: a.now()})
		if busy := (*control.BusyError)(nil); errors.As(err, &busy) {
			// Perhaps a mount that started just now.
			if c, dialErr := control.Dial(ctx, repo); dialErr == nil {
				client = c
				return false, nil
			}
			return true, err
		}
		return false, err
	})
	switch {
	case err != nil:
		return nil, nil, err
	case client != nil:
		return client, client.Close, nil
	}
	drive, err := a.openDrive(ctx, repo, c, nil)
	if err != nil {
		lock.Release()
		return nil, nil, err
	}
	closeFn = func() error {
		// The command has done its work; what is unsealed can wait for the next.
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		err := drive.Close(ended, nil)
		if onlyEnded(err) {
			err = nil
		}
		return errors.Join(err, lock.Release())
	}
	return drive, closeFn, nil
}

// withDrive runs fn on the drive that arg means.
func (a *app) withDrive(ctx context.Context, w where, fn func(control.Drive) error) (err error) {
	d, closeFn, err := a.connect(ctx, w)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := closeFn(); err == nil {
			err = closeErr
		}
	}()
	return fn(d)
}

// retry calls fn until it wants no other try, for at most as long as limit.
func retry(ctx context.Context, limit time.Duration, fn func() (again bool, err error)) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		again, err := fn()
		if !again {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			return err
		case <-time.After(pause):
		}
	}
}

// onlyEnded reports whether err says nothing but that a context ended.
func onlyEnded(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			if !onlyEnded(e) {
				return false
			}
		}
		return true
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// commandLine is what a lock says about this process.
func commandLine() string {
	args := append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...)
	return oneLine(strings.Join(args, " "), 200)
}
