package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/volume"
)

// The exit statuses of rdfs. Scripts rely on them: a number never changes its
// meaning.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitConfig      = 3
	exitNotFound    = 4
	exitBusy        = 5
	exitPermission  = 6
	exitDamaged     = 7
	exitStale       = 8
	exitInterrupted = 130
)

// exitTable is the end of every help text.
var exitTable = []struct {
	status int
	text   string
}{
	{exitOK, "done"},
	{exitFailed, "failed; the message says why"},
	{exitUsage, "wrong command line"},
	{exitConfig, "mistake in rdfs.yaml, or a format this rdfs does not know"},
	{exitNotFound, "no such file, version, repository or mount"},
	{exitBusy, "the repository or the mount is in use"},
	{exitPermission, "not allowed"},
	{exitDamaged, "check found damage, or stored data are not what was saved"},
	{exitStale, "the process behind the mount is gone; rdfs umount cleans up"},
	{exitInterrupted, "interrupted"},
}

// The statuses of a mount helper, as mount(8) wants them.
const (
	mountUsage  = 1
	mountFailed = 32
)

// codedError is an error with the exit status it leads to.
type codedError struct {
	status int
	err    error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// failf returns an error that leads to an exit status.
func failf(status int, format string, args ...any) error {
	return &codedError{status, fmt.Errorf(format, args...)}
}

// exitStatus is the only place where errors become numbers.
func exitStatus(err error) int {
	var coded *codedError
	var problems config.Problems
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded):
		return coded.status
	case errors.As(err, &problems):
		return exitConfig
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, control.ErrStale), errors.Is(err, syscall.ENOTCONN):
		return exitStale
	case errors.Is(err, control.ErrNotMounted), errors.Is(err, fs.ErrNotExist), errors.Is(err, volume.ErrNotExist):
		return exitNotFound
	case errors.Is(err, syscall.EBUSY), errors.Is(err, volume.ErrBusy):
		return exitBusy
	case errors.Is(err, fs.ErrPermission), errors.Is(err, volume.ErrPerm), errors.Is(err, volume.ErrAccess):
		return exitPermission
	case errors.Is(err, blob.ErrCorrupt):
		return exitDamaged
	case errors.Is(err, blob.ErrNotFound):
		return exitNotFound
	}
	return exitFailed
}

func exitHelp() string {
	var b strings.Builder
	b.WriteString("\nExit status:\n")
	for _, e := range exitTable {
		fmt.Fprintf(&b, "  %3d  %s\n", e.status, e.text)
	}
	return b.String()
}
