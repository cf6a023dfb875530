package kv

import (
	"errors"
	"fmt"
	"time"
)

// committer commits groups until Close. It alone freezes and thaws tables.
func (db *DB) committer() {
	defer close(db.stopped)
	timer := time.NewTimer(0)
	defer timer.Stop()
	retried := db.o.Now()
	for {
		select {
		case <-db.kick:
		case <-timer.C:
		case <-db.quit:
			return
		}
		wait, convoy := db.due(retried)
		if wait < 0 {
			timer.Stop() // nothing is pending; the next change wakes us
			continue
		}
		if wait > 0 {
			timer.Reset(wait)
			continue
		}
		if convoy {
			db.gather()
		}
		db.commitGroup()
		retried = db.o.Now()
		timer.Reset(0)
	}
}

// due returns how long the next attempt to commit has time: 0 it is due, less
// than 0 there is nothing to do. convoy says that several Syncs are likely to
// want it.
func (db *DB) due(retried time.Time) (wait time.Duration, convoy bool) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	now := db.o.Now()
	switch {
	case db.poison != nil:
		return -1, false
	case db.frozen != nil: // only after an attempt that may be tried again
		if db.wanted >= db.frozen.gen {
			return 0, false
		}
		return max(0, db.o.Interval-now.Sub(retried)), false
	case db.active.rows.Len() == 0:
		return -1, false
	case db.wanted >= db.active.gen:
		return 0, db.active.syncs > 1 || db.served > 1
	case db.active.rows.Len() >= db.o.MaxRows, db.bytes.Load() > db.o.MaxBytes:
		return 0, false
	}
	return max(0, db.o.Interval-now.Sub(db.active.born)), false
}

// gather gives the Syncs that waited when the last commit ended, for it or for
// the next, the time to come back, so that they share one. Without it, the first to return starts a commit
// that all others miss. It ends as soon as as many wait as then did.
func (db *DB) gather() {
	db.mu.RLock()
	window := min(time.Millisecond, db.lastTook/8)
	db.mu.RUnlock()
	timer := time.NewTimer(window)
	defer timer.Stop()
	for {
		db.mu.RLock()
		all := db.active.syncs >= db.served
		db.mu.RUnlock()
		if all {
			return
		}
		select {
		case <-db.kick:
		case <-timer.C:
			return
		case <-db.quit:
			return
		}
	}
}

// commitGroup freezes the active table, unless a frozen one is to be tried
// again, and makes it durable.
func (db *DB) commitGroup() {
	group, err := db.freeze()
	if group == nil && err == nil {
		return
	}
	start := db.o.Now()
	var base Snapshot
	if err == nil && !group.prepared && db.o.BeforeCommit != nil {
		err = db.o.BeforeCommit()
	}
	if err == nil {
		group.prepared = true
		err = db.engine.Commit(group.all())
	}
	if err == nil {
		base, err = db.engine.Snapshot()
	}

	db.mu.Lock()
	old := db.base
	switch {
	case err == nil:
		db.served = 0
		if db.wanted >= group.gen {
			db.served = group.syncs + db.active.syncs
		}
		db.base, db.frozen, db.retry = base, nil, nil
		db.durable = group.gen
		db.rows -= group.rows.Len()
		db.bytes.Add(-group.bytes)
		db.commits++
		db.lastTook = db.o.Now().Sub(start)
	case group != nil && errors.Is(err, ErrRetry):
		if db.retry == nil {
			db.log.Error("commit failed, the changes stay in memory", "rows", db.rows, "err", err)
		}
		db.retry = err
		db.wanted = 0 // its waiters are told; the next Sync asks again
	default:
		db.poison = fmt.Errorf("%w: %w", ErrPoisoned, err)
		db.log.Error("commit failed, no more changes are accepted", "store", db.engine.Name(), "err", err)
	}
	close(db.attempt)
	db.attempt = make(chan struct{})
	db.mu.Unlock()
	if base != nil {
		old.Close() // nobody reads from it: a View holds mu as long as it runs
	}
}

// freeze returns the table to commit next, or nil if there is none.
func (db *DB) freeze() (*table, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.frozen != nil || db.active.rows.Len() == 0 {
		return db.frozen, nil
	}
	if db.o.OnFreeze != nil {
		tx := db.writeTx()
		if err := tx.run(func(tx *Tx) error { db.o.OnFreeze(tx); return nil }); err != nil {
			return nil, fmt.Errorf("freeze: %w", err)
		}
		db.apply(tx)
	}
	db.frozen = db.active
	db.active = &table{gen: db.frozen.gen + 1}
	return db.frozen, nil
}

func (db *DB) close() error {
	db.mu.Lock()
	db.closing = true
	db.mu.Unlock()
	close(db.quit)
	<-db.stopped

	// A frozen group that waits for another try, and then the active one.
	for range 2 {
		if db.Err() == nil {
			db.commitGroup()
		}
	}
	db.mu.Lock()
	db.closed = true
	err := db.poison
	if err == nil && db.rows > 0 {
		err = db.retry
	}
	if err != nil {
		err = fmt.Errorf("close %s: %d rows are not durable: %w", db.engine.Name(), db.rows, err)
	}
	db.base.Close()
	db.mu.Unlock()
	return errors.Join(err, db.engine.Close())
}
