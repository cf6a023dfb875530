package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/volume"
)

// The errors of reaching a drive, to be tested with errors.Is.
var (
	// ErrNotMounted: no process has the repository mounted.
	ErrNotMounted = errors.New("not mounted")
	// ErrStale: the process that had the repository mounted is dead.
	ErrStale = errors.New("the process behind the mount is gone")
	// ErrNoAnswer: a process is there and does not answer in time.
	ErrNoAnswer = errors.New("no answer")
)

// Error is an error of the drive on its way over the socket.
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return e.Message }

// codes maps the sentinels that keep their meaning to the words on the wire. The
// first that matches wins.
var codes = []struct {
	code string
	is   error
}{
	{"not_found", fs.ErrNotExist},
	{"permission", fs.ErrPermission},
	{"exists", fs.ErrExist},
	{"busy", syscall.EBUSY},
	{"no_space", syscall.ENOSPC},
	{"read_only", syscall.EROFS},
	{"is_directory", syscall.EISDIR},
	{"invalid", syscall.EINVAL},
	{"corrupt", blob.ErrCorrupt},
	{"offline", blob.ErrOffline},
	{"not_found", blob.ErrNotFound},
	{"not_found", volume.ErrNotExist},
	{"permission", volume.ErrPerm},
	{"permission", volume.ErrAccess},
	{"exists", volume.ErrExist},
	{"busy", volume.ErrBusy},
	{"read_only", volume.ErrReadOnly},
	{"is_directory", volume.ErrIsDir},
	{"invalid", volume.ErrInvalid},
	{"unchanged", volume.ErrUnchanged},
	{"forgotten", volume.ErrForgotten},
	{"canceled", context.Canceled},
}

// Is makes errors.Is find the sentinel that the server saw.
func (e *Error) Is(target error) bool {
	for _, c := range codes {
		if c.code == e.Code && errors.Is(target, c.is) {
			return true
		}
		// fs.ErrNotExist and its kin are found from errnos too.
		if c.code == e.Code && errors.Is(c.is, target) {
			return true
		}
	}
	return false
}

func wireError(err error) *Error {
	var e *Error
	if errors.As(err, &e) && e.Message == err.Error() {
		return e
	}
	for _, c := range codes {
		if errors.Is(err, c.is) {
			return &Error{c.code, err.Error()}
		}
	}
	return &Error{"failed", err.Error()}
}

func deniedf(format string, args ...any) error {
	return &Error{"permission", fmt.Sprintf(format, args...)}
}
