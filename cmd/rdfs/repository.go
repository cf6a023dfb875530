package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/oklog/ulid/v2"

	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/internal/keys"
)

// The directories of a repository. What is not run/ holds the bytes of every user,
// whatever the modes of the files in the drive say: only the owner may look.
var repositoryDirs = []struct {
	name string
	mode os.FileMode
}{
	{"catalog", 0o700}, {"drafts", 0o700}, {"cache", 0o700}, {control.RunDir, 0o755},
}

// isRepository reports whether dir holds a repository.
func isRepository(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, config.FileName))
	return err == nil
}

// createRepository makes a repository in dir, which is absent or empty. The file
// rdfs.yaml comes last: without it there is no repository. secret opens one that is
// encrypted.
func (a *app) createRepository(dir, scheme, domain string, secret keys.Secret) error {
	if err := a.roomForRepository(dir); err != nil {
		return err
	}
	id, err := ulid.New(ulid.Timestamp(a.now()), rand.Reader)
	if err != nil {
		return fmt.Errorf("make repository: %w", err)
	}
	data, err := config.Default(scheme, id.String(), domain)
	if err != nil {
		return &codedError{exitUsage, err}
	}
	if err := disk.MkdirAll(disk.OS, dir, 0o755); err != nil {
		return fmt.Errorf("make repository: %w", err)
	}
	if err := makeDirs(dir); err != nil {
		return err
	}
	// Of two that make the same repository at once, the second finds it made.
	lock, err := control.Acquire(dir, control.Holder{PID: os.Getpid(), Command: commandLine(), Since: a.now()})
	if err != nil {
		return err
	}
	defer lock.Release()
	if isRepository(dir) {
		return failf(exitFailed, "%s is a repository already", dir)
	}
	if domain != config.DomainNone {
		if err := keys.Make(keys.Options{Dir: keysPath(dir), Repository: id.String(), Now: a.now}, secret); err != nil {
			return fmt.Errorf("make repository: %w", err)
		}
	}
	if err := disk.WriteFile(disk.OS, filepath.Join(dir, config.FileName), bytes.NewReader(data), 0o644); err != nil {
		return fmt.Errorf("make repository: %w", err)
	}
	return nil
}

// roomForRepository returns nil if a repository can be made in dir.
func (a *app) roomForRepository(dir string) error {
	if isRepository(dir) {
		return failf(exitFailed, "%s is a repository already", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make repository: %w", err)
	}
	// What an attempt that was cut short left behind is no obstacle.
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() == "lost+found" || e.Name() == recovering || e.Name() == recoveringKeys || disk.IsTemp(e.Name()) || ours(dir, e)
	})
	if len(entries) > 0 {
		return failf(exitFailed, "%s is not a repository, and not empty (it holds %q): give a new directory", dir, entries[0].Name())
	}
	return nil
}

// ours reports whether e is a directory as createRepository makes it, with nothing
// in it but perhaps the lock.
func ours(dir string, e fs.DirEntry) bool {
	for _, d := range repositoryDirs {
		if e.Name() == d.name && e.IsDir() {
			below, err := os.ReadDir(filepath.Join(dir, d.name))
			return err == nil && (len(below) == 0 || len(below) == 1 && d.name == control.RunDir && below[0].Name() == "lock")
		}
	}
	return false
}

// makeDirs makes the directories of a repository that are missing: cache/ may be
// removed at any time.
func makeDirs(dir string) error {
	made := false
	for _, d := range repositoryDirs {
		err := os.Mkdir(filepath.Join(dir, d.name), d.mode)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("repository %s: %w", dir, err)
		}
		made = made || err == nil
	}
	if !made {
		return nil
	}
	return disk.OS.SyncDir(dir)
}

// loadRepository reads the configuration of the repository in dir.
func loadRepository(dir string) (*config.Config, error) {
	c, err := config.Load(dir)
	if errors.Is(err, fs.ErrNotExist) {
		if _, statErr := os.Stat(dir); statErr != nil {
			return nil, failf(exitNotFound, "%s: no such directory", dir)
		}
		return nil, failf(exitNotFound, "%s is not a repository: it has no %s. `rdfs init %s` makes one", dir, config.FileName, dir)
	}
	return c, err
}
