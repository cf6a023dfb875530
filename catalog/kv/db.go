package kv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Options of a DB. Only Tables has no default.
type Options struct {
	Tables   []TableSpec
	Interval time.Duration // a pending change is committed at the latest after this; default 200 ms
	MaxRows  int           // commit early at this many pending rows; default 10,000
	MaxBytes int64         // Update waits while more than this many bytes are pending and a commit runs; default 32 MiB

	// OnFreeze is called with the write lock held, before a non-empty group is
	// frozen. What it puts becomes part of that group.
	OnFreeze func(tx *Tx)
	// BeforeCommit is called without any lock after a group was frozen and before
	// the engine commits it. It makes durable what the group mentions. An error
	// that wraps ErrRetry is tried again, with the group; any other poisons.
	BeforeCommit func() error

	Logger *slog.Logger     // default: quiet
	Now    func() time.Time // for Interval and the figures in Stats; default time.Now
}

// DB is an ordered store of rows with transactions and group commit over an
// Engine. All methods may be called from many goroutines.
type DB struct {
	engine   Engine
	o        Options
	log      *slog.Logger
	declared [256]bool

	// mu guards the layers and everything down to the next blank line. View
	// holds it for reading and Update for writing, as long as their functions
	// run. Nothing that can wait is done under it.
	mu       sync.RWMutex
	active   *table        // takes the writes
	frozen   *table        // being committed, or waiting to be tried again; nil when neither
	base     Snapshot      // the committed state under both
	rows     int           // in active and frozen
	poison   error         // why nothing is accepted any more
	retry    error         // why the last attempt to commit frozen changed nothing
	attempt  chan struct{} // closed and replaced when an attempt to commit has ended
	durable  uint64        // every group up to this one is durable
	wanted   uint64        // a Sync waits for groups up to this one
	closing  bool          // no more Updates and Syncs
	closed   bool          // no more Views
	commits  uint64
	lastTook time.Duration

	bytes atomic.Int64 // in active and frozen; written under mu

	served  int           // Syncs that waited when the last commit for Syncs ended; owned by the committer
	kick    chan struct{} // capacity 1: look whether a commit is due
	quit    chan struct{} // closed by Close
	stopped chan struct{} // closed by the committer

	closeOnce sync.Once
	closeErr  error
}

// Open starts a DB over e, which it owns from then on: Close closes the engine,
// and so does an Open that fails.
func Open(e Engine, o Options) (*DB, error) {
	db, err := open(e, o)
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	go db.committer()
	return db, nil
}

func open(e Engine, o Options) (*DB, error) {
	if o.Interval <= 0 {
		o.Interval = 200 * time.Millisecond
	}
	if o.MaxRows <= 0 {
		o.MaxRows = 10_000
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 32 << 20
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	db := &DB{
		engine:  e,
		o:       o,
		log:     o.Logger,
		active:  &table{gen: 1},
		attempt: make(chan struct{}),
		kick:    make(chan struct{}, 1),
		quit:    make(chan struct{}),
		stopped: make(chan struct{}),
	}
	names := map[string]bool{}
	for _, t := range o.Tables {
		if t.Name == "" || names[t.Name] || db.declared[t.ID] {
			return nil, fmt.Errorf("open %s: table %d %q: name and number must be given once", e.Name(), t.ID, t.Name)
		}
		names[t.Name], db.declared[t.ID] = true, true
	}
	if err := e.Declare(o.Tables); err != nil {
		return nil, err
	}
	base, err := e.Snapshot()
	if err != nil {
		return nil, err
	}
	db.base = base
	return db, nil
}

// View calls fn with the newest state, groups that are not yet committed
// included. The state does not change while fn runs, because updates wait for
// it: fn is short, does not block and calls no other method of db. An error of
// fn is returned as it is.
func (db *DB) View(fn func(tx *Tx) error) error {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if db.closed {
		return fmt.Errorf("view %s: %w", db.engine.Name(), ErrClosed)
	}
	tx := &Tx{db: db, base: db.base, active: db.active, frozen: db.frozen}
	return tx.run(fn)
}

// Update calls fn alone. What fn writes is applied when it returns nil, visible
// to everybody from then on and durable with its group; otherwise it is dropped.
// An error of fn is returned as it is. fn is short, does not block and calls no
// other method of db. Update itself waits while too much is pending.
func (db *DB) Update(fn func(tx *Tx) error) error {
	if db.bytes.Load() > db.o.MaxBytes {
		db.waitForRoom()
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := db.refusal(); err != nil {
		return fmt.Errorf("update %s: %w", db.engine.Name(), err)
	}
	tx := db.writeTx()
	if err := tx.run(fn); err != nil {
		return err
	}
	db.apply(tx)
	if db.active.rows.Len() >= db.o.MaxRows || db.bytes.Load() > db.o.MaxBytes {
		db.wake()
	}
	return nil
}

// Sync returns nil when all Updates that returned before it was called are
// durable; at once if nothing is pending. When ctx ends first, the changes are
// still committed with their group. An error that wraps ErrRetry, and with it
// for example syscall.ENOSPC, says that they are not durable yet.
func (db *DB) Sync(ctx context.Context) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if err := db.dead(); err != nil {
		return fmt.Errorf("sync %s: %w", db.engine.Name(), err)
	}
	group := db.active
	if group.rows.Len() == 0 {
		group = db.frozen
	}
	if group == nil {
		return nil
	}
	group.syncs++
	defer func() { group.syncs-- }()
	db.wanted = max(db.wanted, group.gen)
	db.wake()
	for {
		ended := db.attempt
		db.mu.Unlock()
		var err error
		select {
		case <-ended:
		case <-ctx.Done():
			err = ctx.Err()
		}
		db.mu.Lock()
		switch {
		case db.durable >= group.gen:
			return nil
		case db.poison != nil:
			err = db.poison
		case db.retry != nil:
			err = db.retry
		}
		if err != nil {
			return fmt.Errorf("sync %s: %w", db.engine.Name(), err)
		}
	}
}

// Pending returns how many rows are not yet committed, and their size in memory.
func (db *DB) Pending() (rows int, bytes int64) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.rows, db.bytes.Load()
}

// Err returns why the store is poisoned, or nil.
func (db *DB) Err() error {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.poison
}

// Stats are figures of a DB since it was opened.
type Stats struct {
	EngineBytes  int64         // in use by the engine
	Commits      uint64        // groups made durable
	LastCommit   time.Duration // how long the last one took, BeforeCommit included
	PendingRows  int
	PendingBytes int64 // memory, estimated
}

// Stats returns the current figures.
func (db *DB) Stats() Stats {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return Stats{
		EngineBytes:  db.engine.Size(),
		Commits:      db.commits,
		LastCommit:   db.lastTook,
		PendingRows:  db.rows,
		PendingBytes: db.bytes.Load(),
	}
}

// Close commits what is pending and closes the engine. Its error says what could
// not be made durable. Later calls return the same.
func (db *DB) Close() error {
	db.closeOnce.Do(func() { db.closeErr = db.close() })
	return db.closeErr
}

func (db *DB) writeTx() *Tx {
	return &Tx{db: db, base: db.base, active: db.active, frozen: db.frozen, writable: true}
}

// apply moves the writes of tx into the active table. mu is held for writing.
func (db *DB) apply(tx *Tx) {
	if len(tx.own) == 0 {
		return
	}
	if db.active.rows.Len() == 0 {
		db.active.born = db.o.Now()
		db.wake()
	}
	var bytes int64
	for _, w := range tx.own {
		r, b := db.active.set(w.key, w.value)
		db.rows += r
		bytes += b
	}
	db.bytes.Add(bytes)
}

// dead returns why nothing can become durable any more. mu is held.
func (db *DB) dead() error {
	if db.poison != nil {
		return db.poison
	}
	if db.closing {
		return ErrClosed
	}
	return nil
}

// refusal returns why an Update cannot be accepted. While commits fail for want
// of room, a little more is accepted, so that deletions can free some, and no
// more than that: what is accepted must be kept. mu is held.
func (db *DB) refusal() error {
	if err := db.dead(); err != nil {
		return err
	}
	if db.retry != nil && (db.rows > db.o.MaxRows || db.bytes.Load() > db.o.MaxBytes/8) {
		return db.retry
	}
	return nil
}

// waitForRoom waits while too much is pending and a commit is on the way.
func (db *DB) waitForRoom() {
	for {
		db.mu.RLock()
		ended := db.attempt
		full := db.bytes.Load() > db.o.MaxBytes && db.frozen != nil && db.retry == nil && db.dead() == nil
		db.mu.RUnlock()
		if !full {
			return
		}
		<-ended
	}
}

// wake makes the committer look whether something is due.
func (db *DB) wake() {
	select {
	case db.kick <- struct{}{}:
	default:
	}
}
