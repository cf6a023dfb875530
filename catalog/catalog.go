package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

// formatVersion is the version of the rows' format. See FORMAT.md.
const formatVersion = 2

// ErrNotExist: there is no such row (at the epoch that was asked for).
var ErrNotExist = errors.New("does not exist")

// ErrExist: there is such a row already.
var ErrExist = errors.New("exists already")

// Options of Open. The zero value of an optional field takes the default.
type Options struct {
	// ID of the repository, written when the catalog is new and compared when it
	// is not. Empty: not compared.
	ID string
	// RootUID and RootGID own the root directory of a new catalog.
	RootUID, RootGID uint32
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// BeforeCommit makes durable what the group about to be committed refers to.
	// It is called without a lock held, from the committer's goroutine.
	BeforeCommit func() error
	// Interval after which a change is committed at the latest. Default 200 ms.
	Interval time.Duration
	Logger   *slog.Logger
}

// Catalog is the store of all that is known about the drive. Its methods may be
// called from many goroutines.
type Catalog struct {
	db  *kv.DB
	eng kv.Engine
	now func() time.Time

	opened Epoch // the last epoch that was closed before Open

	// Guarded by the store's lock: changed only inside Update and at a freeze.
	epoch     Epoch         // that is open now
	epochTime Time          // of the last closed epoch
	feed      []byte        // keys that changed in the open epoch
	count     Counters      // NextInode as of the last closed epoch
	horizon   Epoch         // see Tx.Horizon
	refer     func(blob.ID) // see OnRefer; may be nil

	recent recentEpochs
	named  namedEpochs

	next atomic.Uint64 // inode number
}

// Counters are totals that the catalog keeps up to date.
type Counters struct {
	NextInode uint64
	Nodes     uint64
	Versions  uint64
	Packs     uint64
	PackBytes uint64
	Drafts    uint64
}

// Open opens the catalog on an engine, which it owns from then on, and writes the
// root directory when the catalog is new.
func Open(e kv.Engine, o Options) (*Catalog, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Catalog{now: o.Now, eng: e}
	db, err := kv.Open(e, kv.Options{
		Tables:       tables,
		Interval:     o.Interval,
		OnFreeze:     c.closeEpoch,
		BeforeCommit: o.BeforeCommit,
		Logger:       o.Logger,
	})
	if err != nil {
		return nil, err
	}
	c.db = db
	if err := c.load(&o); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return c, nil
}

func (c *Catalog) load(o *Options) error {
	id := o.ID
	fresh, old := false, false
	err := c.db.View(func(tx *kv.Tx) error {
		f := tx.Get(keyMeta("format"))
		if f == nil && tx.Get(nodeKey(Root)) != nil {
			return corrupt("the row that names the format is gone")
		}
		if f == nil {
			fresh = true
			return nil
		}
		r := reader{b: f}
		v := r.uint()
		if err := r.done(); err != nil {
			return fmt.Errorf("catalog: format: %w", err)
		}
		if v < 1 || v > formatVersion {
			return ErrFormat{Got: v, Want: formatVersion}
		}
		old = v == 1
		if got := string(tx.Get(keyMeta("id"))); id != "" && got != id {
			return fmt.Errorf("catalog: belongs to repository %s, not to %s: put the catalog directory back where it came from", got, id)
		}
		return c.loadCounters(tx)
	})
	if err != nil {
		return err
	}
	if old {
		err := c.Update((*Tx).upgrade1)
		return errors.Join(err, c.Sync(context.Background()))
	}
	if !fresh {
		return nil
	}
	c.epoch = 1
	c.next.Store(uint64(Root) + 1)
	now := TimeOf(c.now())
	err = c.Update(func(tx *Tx) error {
		var v writer
		v.uint(formatVersion)
		tx.store(keyMeta("format"), v)
		tx.store(keyMeta("id"), []byte(id))
		tx.PutNode(Root, &Node{Mode: TypeDir | 0o755, Nlink: 2, UID: o.RootUID, GID: o.RootGID, Atime: now, Mtime: now, Ctime: now, Btime: now,
			File: FileID(Root), Parent: Root})
		return nil
	})
	if err != nil {
		return err
	}
	return c.Sync(context.Background())
}

func (c *Catalog) loadCounters(tx *kv.Tx) error {
	r := reader{b: tx.Get(keyMeta("counters"))}
	c.opened = Epoch(r.uint())
	c.epochTime = Time(r.int())
	for _, f := range c.count.fields() {
		*f = r.uint()
	}
	if err := r.done(); err != nil {
		return fmt.Errorf("catalog: counters: %w", err)
	}
	if c.opened < 1 || c.count.NextInode <= uint64(Root) {
		return corrupt("counters")
	}
	c.epoch = c.opened + 1
	c.next.Store(c.count.NextInode)
	if h := tx.Get(keyMeta("horizon")); h != nil {
		r := reader{b: h}
		c.horizon = Epoch(r.upTo(uint64(c.opened)))
		if err := r.done(); err != nil {
			return fmt.Errorf("catalog: horizon: %w", err)
		}
	}
	t := &Tx{kv: tx, c: c, at: Live}
	for e := max(t.EpochAt(c.epochTime-recentSpan), c.horizon, 1); e < c.epoch; e++ {
		if when, err := t.EpochTime(e); err == nil {
			c.recent.add(e, when)
		}
	}
	return nil
}

func (n *Counters) fields() []*uint64 {
	return []*uint64{&n.NextInode, &n.Nodes, &n.Versions, &n.Packs, &n.PackBytes, &n.Drafts}
}

// putCounters writes what Open needs to go on after the open epoch.
func (c *Catalog) putCounters(tx *kv.Tx) {
	w := make(writer, 0, 64)
	w.uint(uint64(c.epoch))
	w.int(int64(c.epochTime))
	c.count.NextInode = c.next.Load()
	for _, f := range c.count.fields() {
		w.uint(*f)
	}
	tx.Put(keyMeta("counters"), w)
}

// closeEpoch writes the rows that end the open epoch. The store calls it with its
// write lock held, just before the group is frozen.
func (c *Catalog) closeEpoch(tx *kv.Tx) {
	now := max(TimeOf(c.now()), c.epochTime+1)
	c.epochTime = now
	tx.Put(key1(tableEpoch, uint64(c.epoch)), be.AppendUint64(nil, uint64(now)))
	const partSize = 60 << 10
	for part := uint32(0); len(c.feed) > 0; part++ {
		cut := feedCut(c.feed, partSize)
		tx.Put(key1n(tableFeed, uint64(c.epoch), part), c.feed[:cut:cut])
		c.feed = c.feed[cut:]
	}
	c.feed = nil
	c.putCounters(tx)
	c.recent.add(c.epoch, now)
	c.epoch++
}

// View calls fn with the newest state, uncommitted groups included. Many Views
// run at once; what fn sees does not change while it runs. fn must be short and
// must not wait, and must not call View or Update.
func (c *Catalog) View(fn func(*Tx) error) error {
	return c.db.View(func(k *kv.Tx) error { return fn(&Tx{kv: k, c: c, at: Live}) })
}

// Update calls fn alone. What it writes is visible at once when it returns nil,
// and durable with its group; nothing is written when it returns an error, which
// Update returns. fn must be short, must not wait, and must not call View or Update.
func (c *Catalog) Update(fn func(*Tx) error) error {
	return c.db.Update(func(k *kv.Tx) error {
		tx := Tx{kv: k, c: c, at: Live}
		count, horizon, feed, kept := c.count, c.horizon, len(c.feed), false
		defer func() { // also after a panic, with which kv reports damage
			if !kept {
				c.count, c.horizon, c.feed = count, horizon, c.feed[:feed]
				c.named.forget()
			}
		}()
		if err := fn(&tx); err != nil {
			return err
		}
		kept = tx.err == nil
		return tx.err
	})
}

// durable returns the newest epoch that is durable.
func (c *Catalog) durable() Epoch {
	return c.opened + Epoch(c.db.Stats().Commits) // one commit makes one epoch
}

// NewInode returns a number that no inode and no file had before. A number that
// was not used in an Update may be given out again after a crash.
func (c *Catalog) NewInode() Inode { return Inode(c.next.Add(1) - 1) }

// Sync returns when every Update that returned before is durable.
func (c *Catalog) Sync(ctx context.Context) error { return c.db.Sync(ctx) }

// Err returns why nothing can be written any more, or nil.
func (c *Catalog) Err() error { return c.db.Err() }

// Pending returns how many rows are not durable yet.
func (c *Catalog) Pending() int { n, _ := c.db.Pending(); return n }

// Size returns the bytes that the catalog takes on disk.
func (c *Catalog) Size() int64 { return c.eng.Size() }

// CheckEngine reports what is wrong with the file itself, below the rows.
func (c *Catalog) CheckEngine(ctx context.Context, report func(problem string)) error {
	return c.eng.Check(ctx, report)
}

// CopyTo writes a consistent copy of all that is durable.
func (c *Catalog) CopyTo(w io.Writer) error { return c.eng.CopyTo(w) }

// Close commits what is pending and closes the engine.
func (c *Catalog) Close() error {
	// Numbers that were given out and not used are not given out again. If this
	// cannot be written, it is because of something that db.Close reports.
	_ = c.db.Update(func(k *kv.Tx) error {
		if c.next.Load() != c.count.NextInode {
			c.putCounters(k)
		}
		return nil
	})
	return c.db.Close()
}
