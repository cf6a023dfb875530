package catalog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

// clock is a clock that goes on by a millisecond each time that it is read.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// quiet are Options with which only Sync and Close end an epoch.
func quiet(c *clock) Options { return Options{ID: "test", Now: c.Now, Interval: time.Hour} }

// open opens a catalog that is closed when the test ends.
func open(t testing.TB, e kv.Engine, o Options) *Catalog {
	t.Helper()
	c, err := Open(e, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func openMemory(t testing.TB) *Catalog {
	t.Helper()
	return open(t, kv.NewMemory(), quiet(newClock()))
}

func openBolt(t testing.TB, path string) kv.Engine {
	t.Helper()
	e, err := kv.OpenBolt(path, kv.BoltOptions{Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// copyBolt writes what of c is durable to a file of its own and opens that: the
// catalog as it would be found after a crash now.
func copyBolt(t testing.TB, c *Catalog) kv.Engine {
	t.Helper()
	path := filepath.Join(t.TempDir(), "catalog.db")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := c.CopyTo(f); err != nil {
		t.Fatal(err)
	}
	return openBolt(t, path)
}

func update(t testing.TB, c *Catalog, fn func(tx *Tx)) {
	t.Helper()
	if err := c.Update(func(tx *Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, c *Catalog, fn func(tx *Tx)) {
	t.Helper()
	if err := c.View(func(tx *Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

// closeEpoch makes everything durable and returns the newest closed epoch.
func closeEpoch(t testing.TB, c *Catalog) (e Epoch) {
	t.Helper()
	if err := c.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	view(t, c, func(tx *Tx) { e = tx.Epoch() - 1 })
	return e
}

// change makes fn an epoch of its own and returns it.
func change(t testing.TB, c *Catalog, fn func(tx *Tx)) Epoch {
	t.Helper()
	update(t, c, fn)
	return closeEpoch(t, c)
}

func wantCorrupt(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, blob.ErrCorrupt) {
		t.Errorf("got error %v, want one that wraps blob.ErrCorrupt", err)
	}
}

// names collects what ReadDir yields from after on, at most limit names.
func names(tx *Tx, dir Inode, after string, limit int) (list []Dirent) {
	tx.ReadDir(dir, after, func(d Dirent) bool {
		list = append(list, d)
		return len(list) < limit
	})
	return list
}

// collectChanges returns all changes after an epoch.
func collectChanges(t testing.TB, c *Catalog, after Epoch) (list []Change) {
	t.Helper()
	for ch, err := range c.Changes(context.Background(), after) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, ch)
	}
	return list
}
