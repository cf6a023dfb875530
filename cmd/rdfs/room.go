package main

import (
	"context"
	"runtime/debug"
	"sync"

	"github.com/rdfs/rdfs/internal/metadata"
)

// A change of metadata is one transaction, however many files it is about: its rows are
// all in memory at once. Where they do not fit below memoryLimit the collector would run
// without pause, and take more processor time than the change.
const (
	changeLimit = 1000 << 20 // bytes: the limit while such a change goes on
	manyRows    = 5000       // rows of a change that needs room
)

// room raises the memory limit of the process while somebody needs it. The zero value is
// ready to use, by many goroutines.
type room struct {
	mu     sync.Mutex
	users  int
	before int64 // the limit without them
}

// take raises the limit until the returned function is called.
func (r *room) take() (leave func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users++; r.users == 1 {
		r.before = debug.SetMemoryLimit(-1) // that reads it
		debug.SetMemoryLimit(max(r.before, changeLimit))
	}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.users--; r.users == 0 {
			debug.SetMemoryLimit(r.before)
		}
	}
}

// ChangeMeta implements control.Drive.
func (d *openVolume) ChangeMeta(ctx context.Context, r metadata.Request) (metadata.Result, error) {
	if len(r.Rows) >= manyRows {
		defer d.room.take()()
	}
	return d.Store.ChangeMeta(ctx, r)
}

// UndoMeta implements control.Drive.
func (d *openVolume) UndoMeta(ctx context.Context, r metadata.UndoRequest) (metadata.Result, error) {
	defer d.room.take()()
	return d.Store.UndoMeta(ctx, r)
}
