package kv

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/rdfs/rdfs/internal/blob"
)

// The errors of this package, to be tested with errors.Is. Damage of the stored
// bytes is reported with blob.ErrCorrupt.
var (
	// ErrPoisoned: an earlier commit ended in an unknown state, so nothing more
	// is accepted. Views go on. Only a reopen tells what is on disk.
	ErrPoisoned = errors.New("poisoned by a failed commit, reopen to recover")
	// ErrRetry: nothing was changed; the same commit may be tried again, for
	// example when the disk has room again.
	ErrRetry = errors.New("nothing changed, will be tried again")
	// ErrLocked: another process has the database open.
	ErrLocked = errors.New("in use by another process")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("closed")
	// ErrFormat: the file is sound, and this program cannot read it.
	ErrFormat = errors.New("unknown format")
)

// Fault is the panic value with which a Snapshot reports that it cannot answer,
// because its Get and Ascend return no error. View and Update turn it into
// their error; other users of a Snapshot have to recover it themselves.
type Fault struct{ Err error }

func (f Fault) Error() string { return f.Err.Error() }
func (f Fault) Unwrap() error { return f.Err }

// faultError returns the error behind a recovered panic value if it stands for
// damaged or missing storage: a Fault, or a memory fault in a mapped file that
// shrank after its page was looked at. For any other value it returns nil, and
// the caller must panic again.
func faultError(name string, r any) error {
	switch r := r.(type) {
	case Fault:
		return r.Err
	case interface {
		runtime.Error
		Addr() uintptr
	}:
		return fmt.Errorf("read %s: %w: memory fault, the file is shorter than it was", name, blob.ErrCorrupt)
	}
	return nil
}
