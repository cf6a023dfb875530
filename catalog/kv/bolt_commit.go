package kv

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"runtime/debug"
	"strings"
	"syscall"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Commit appends a small group to the log. Otherwise it writes it, and what the log
// holds, in one bbolt transaction.
func (e *boltEngine) Commit(rows iter.Seq2[[]byte, []byte]) error {
	e.commit.Lock()
	defer e.commit.Unlock()
	if e.lost != nil {
		return e.lost
	}
	if e.groups != nil && e.groups.encode(rows) {
		return e.log(rows)
	}
	return e.settle(rows, true)
}

// store writes rows in one bbolt transaction, and what also does. If the disk is full,
// it gives up the reserve and tries once more: what was accepted shall not be lost.
func (e *boltEngine) store(rows iter.Seq2[[]byte, []byte], also func(*bolt.Tx) error) error {
	if err := e.reserve.refill(); err == nil {
		e.logger.Info("room is held back again for a full disk", "store", e.path)
	}
	err := e.write(rows, also)
	if errors.Is(err, ErrRetry) && e.reserve.release() {
		e.logger.Warn("the disk is full, the reserve is used up", "store", e.path, "err", err)
		err = e.write(rows, also)
	}
	return err
}

func (e *boltEngine) write(rows iter.Seq2[[]byte, []byte], also func(*bolt.Tx) error) error {
	return e.transact(func(tx *bolt.Tx) error {
		var buckets [256]*bolt.Bucket
		var a arena // bbolt keeps the values until the end of the transaction
		for k, v := range rows {
			b := buckets[k[0]]
			if b == nil {
				t, ok := e.tables[k[0]]
				if b = tx.Bucket([]byte(t.Name)); !ok || b == nil {
					return fmt.Errorf("row %x: there is no table %d", k, k[0])
				}
				if t.Rising {
					b.FillPercent = risingFill // not stored, so set in every transaction
				}
				buckets[k[0]] = b
			}
			var err error
			if v == nil {
				err = b.Delete(k)
			} else {
				err = b.Put(k, a.seal(k, v))
			}
			if err != nil {
				return fmt.Errorf("row %x: %w", k, err)
			}
		}
		return also(tx)
	})
}

// transact runs fn in a write transaction and commits it.
func (e *boltEngine) transact(fn func(tx *bolt.Tx) error) (err error) {
	if err := e.isBroken(); err != nil {
		return err
	}
	defer e.guard("commit", &err, debug.SetPanicOnFault(true))
	tx, err := e.db.Begin(true)
	if err != nil {
		return fmt.Errorf("commit %s: %w", e.path, err)
	}
	id := tx.ID()
	if err := fn(tx); err != nil {
		return fmt.Errorf("commit %s: %w", e.path, errors.Join(err, tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		if cause := e.unchanged(err, id); cause != nil {
			return fmt.Errorf("commit %s: %w: %w", e.path, ErrRetry, cause)
		}
		return fmt.Errorf("commit %s: %w", e.path, err)
	}
	return nil
}

// unchanged returns why the commit of transaction id failed if it is certain
// that it changed nothing, so that it may be tried again; otherwise nil. After
// an error of fdatasync, or of anything unknown, pages in the page cache and on
// the disk may differ, and nothing is certain.
func (e *boltEngine) unchanged(err error, id int) error {
	if errors.Is(err, berrors.ErrMaxSizeReached) {
		return fmt.Errorf("%w: the process may not map more of the file: %w", syscall.ENOSPC, err)
	}
	full := func(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
	// bbolt reports a failed growth, which comes before any write, as text.
	if strings.HasPrefix(err.Error(), "file resize error: ") {
		for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
			if strings.HasSuffix(err.Error(), errno.Error()) {
				return fmt.Errorf("%w: %w", errno, err)
			}
		}
	}
	var pe *fs.PathError
	if !errors.As(err, &pe) || pe.Op != "write" || !full(pe.Err) {
		return nil
	}
	// A page was not written. It was not the meta page, not even a part of it, if
	// the newest valid one is still the one before. Otherwise the transaction is
	// half visible.
	tx, berr := e.db.Begin(false)
	if berr != nil {
		return nil
	}
	defer tx.Rollback()
	if tx.ID() >= id {
		return nil
	}
	return err
}
