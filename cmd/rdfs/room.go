package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

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

// heapLimit returns the memory limit of a mount whose heap has live bytes in use. The
// search index of a million files alone is more than memoryLimit; a limit below what is
// in use frees nothing, and costs half of the processor time.
func heapLimit(live uint64) int64 { return max(memoryLimit, int64(live+live/2)) }

// heapCheck is how often follow looks.
const heapCheck = 5 * time.Second

// follow keeps the memory limit above what is in use, until ctx ends.
func (r *room) follow(ctx context.Context) {
	tick := time.NewTicker(heapCheck)
	defer tick.Stop()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			metrics.Read(live)
			r.rest(heapLimit(live[0].Value.Uint64()))
		}
	}
}

// rest sets the limit that holds when nobody needs room.
func (r *room) rest(limit int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = limit
	if r.users > 0 {
		limit = max(limit, changeLimit)
	}
	debug.SetMemoryLimit(limit)
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
