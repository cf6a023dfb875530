package kv

import (
	"context"
	"io"
	"iter"
)

// TableSpec declares a table: all keys whose first byte is ID.
type TableSpec struct {
	ID     byte
	Name   string // stable: engines store it
	Rising bool   // keys arrive in rising order, so pages may be filled up
}

// Limits of rows, in bytes.
const (
	MaxKey   = 32 << 10
	MaxValue = 64 << 20
)

// Engine keeps committed rows. DB calls Commit from one goroutine at a time and
// everything else from any. Close comes last, when no Snapshot is open.
type Engine interface {
	// Name is what people know the store by, such as the path of its file.
	Name() string
	// Declare tells the engine its tables, once, before any other call but
	// Name, Check, CopyTo, Size and Close. It creates what is missing.
	Declare(tables []TableSpec) error
	// Snapshot returns the committed state. It does not block Commit, nor does
	// a snapshot that stays open.
	Snapshot() (Snapshot, error)
	// Commit applies rows, which come in ascending order of their keys and with
	// each key once; a nil value deletes. The bytes never change, so that they
	// may be kept. It is atomic, and durable when nil is returned. An error that wraps
	// ErrRetry changed nothing; after any other error the outcome is unknown.
	Commit(rows iter.Seq2[[]byte, []byte]) error
	// Check reads everything and reports each inconsistency in words. The error
	// says why the check could not be completed. Commits go on meanwhile.
	Check(ctx context.Context, report func(problem string)) error
	// CopyTo writes one committed state to w, from which the store can be opened.
	CopyTo(w io.Writer) error
	// Size is the number of bytes in use.
	Size() int64
	Close() error
}

// Snapshot is one committed state. Its methods, except Close, may be called from
// many goroutines. What they hand out must not be modified and is valid until
// Close for Get, during the call of yield for Ascend. They panic with a Fault
// when the storage is damaged or gone.
type Snapshot interface {
	// Get returns nil when there is no such row; the value of a row is never nil.
	Get(key []byte) []byte
	// Ascend yields the rows from <= key < to in order, of the table of from
	// only; to is nil, for the end of the table, or begins with the same byte.
	Ascend(from, to []byte, yield func(key, value []byte) bool)
	Close()
}
