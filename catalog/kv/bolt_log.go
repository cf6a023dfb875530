package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"
	"syscall"

	bolt "go.etcd.io/bbolt"

	"github.com/rdfs/rdfs/internal/blob"
)

// A group is durable when it is in the log or in bbolt. The rows that are only in
// the log lie over those of bbolt, in memory; settle moves them over. The lap in
// bbolt rises with every settle, which makes the records in the log void in the
// same transaction that has their rows.

func noRows(func(k, v []byte) bool) {}

func (e *boltEngine) logPath() string { return e.path + ".log" }

// log appends the record that was made of rows.
func (e *boltEngine) log(rows iter.Seq2[[]byte, []byte]) error {
	if err := e.isBroken(); err != nil {
		return err
	}
	if err := e.groups.append(); err != nil {
		err = fmt.Errorf("commit %s: %w", e.path, err)
		var pe *fs.PathError
		if errors.As(err, &pe) && pe.Op == "write" && (errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)) {
			// Of a disk that copies on write. Nobody reads a record that is not whole.
			return fmt.Errorf("%w: %w", ErrRetry, err)
		}
		e.lost = err
		return err
	}
	for k, v := range rows {
		e.logged.set(keyString(k), v)
	}
	return nil
}

// settle writes what the log holds, and rows after it, to bbolt, and begins a new lap
// of the log. open says whether more will be appended to it. commit is held.
func (e *boltEngine) settle(rows iter.Seq2[[]byte, []byte], open bool) error {
	if e.lap == 0 && e.groups == nil {
		return e.store(rows, func(*bolt.Tx) error { return nil })
	}
	lap := e.lap + 1
	err := e.store(newer(e.logged, rows), func(tx *bolt.Tx) error { return putLap(tx, lap, open && e.groups != nil) })
	switch {
	case err == nil:
		e.lap, e.logged = lap, &table{}
		if e.groups != nil {
			e.groups.begin(lap)
		}
	case !errors.Is(err, ErrRetry):
		e.lost = err
	}
	return err
}

// newer yields the rows of old and the newer ones in the order of their keys.
func newer(old *table, rows iter.Seq2[[]byte, []byte]) iter.Seq2[[]byte, []byte] {
	if old.rows.Len() == 0 {
		return rows
	}
	return func(yield func(k, v []byte) bool) {
		it := old.rows.Iter()
		more := it.First()
		for k, v := range rows {
			for ; more && it.Key() < keyString(k); more = it.Next() {
				if !yield(keyBytes(it.Key()), it.Value()) {
					return
				}
			}
			if more && it.Key() == keyString(k) {
				more = it.Next()
			}
			if !yield(k, v) {
				return
			}
		}
		for ; more; more = it.Next() {
			if !yield(keyBytes(it.Key()), it.Value()) {
				return
			}
		}
	}
}

// putLap writes the lap of the log. With one, a program that knows none must not read
// the file.
func putLap(tx *bolt.Tx, lap uint64, open bool) error {
	self := tx.Bucket([]byte(selfBucket))
	if err := self.Put([]byte(formatKey), seal(nil, []byte(formatKey), []byte{formatVersion})); err != nil {
		return err
	}
	v := append(binary.LittleEndian.AppendUint64(nil, lap), 0)
	if open {
		v[8] = 1
	}
	return self.Put([]byte(logKey), seal(nil, []byte(logKey), v))
}

// replay takes over what the last run left in the log. It comes before Declare, and
// takes the tables from the file.
func (e *boltEngine) replay() error {
	tx, err := e.begin()
	if err != nil {
		return err
	}
	open, err := e.readSelf(tx)
	e.end(tx)
	if err != nil || !open {
		return err
	}
	f, err := e.o.openLog(e.logPath(), false)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is missing, and with it the last changes: put it back", blob.ErrCorrupt, e.logPath())
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := readLog(f, e.lap, func(k, v []byte) { e.logged.set(keyString(k), v) }); err != nil {
		return fmt.Errorf("%s: %w", e.logPath(), err)
	}
	e.commit.Lock()
	defer e.commit.Unlock()
	if err := e.settle(noRows, false); err != nil && !errors.Is(err, ErrRetry) {
		return err
	}
	return nil // on a full disk they stay where they are, and in memory
}

// readSelf reads what the file says of its tables and of the log.
func (e *boltEngine) readSelf(tx *bolt.Tx) (open bool, err error) {
	self := tx.Bucket([]byte(selfBucket))
	if self == nil {
		return false, nil
	}
	e.tables = make(map[byte]TableSpec)
	err = self.ForEach(func(k, stored []byte) error {
		name, isTable := strings.CutPrefix(string(k), tablePrefix)
		if !isTable && string(k) != logKey {
			return nil
		}
		v, err := e.unsealSelf(string(k), stored)
		switch {
		case err != nil:
			return err
		case isTable && len(v) == 1:
			e.tables[v[0]] = TableSpec{ID: v[0], Name: name}
		case !isTable && len(v) == 9:
			e.lap, open = binary.LittleEndian.Uint64(v), v[8] == 1
		default:
			return fmt.Errorf("%w: row %s/%s", blob.ErrCorrupt, selfBucket, k)
		}
		return nil
	})
	return open, err
}

// openLog makes the log ready for groups. Without one, each goes to bbolt. commit is held.
func (e *boltEngine) openLog() error {
	if e.o.Log < 0 {
		return nil
	}
	if e.logged.rows.Len() > 0 {
		return nil // what is in it could not be moved to bbolt
	}
	f, err := e.o.openLog(e.logPath(), true)
	if err == nil {
		if e.groups, err = newGroupLog(f, max(e.o.Log, smallestLog)); err == nil {
			err = e.settle(noRows, true)
		}
		if err != nil {
			e.groups = nil
			err = errors.Join(err, f.Close())
		}
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, ErrRetry) {
		e.logger.Warn("no room for the log: every fsync takes longer", "store", e.path, "err", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", e.path, err)
	}
	return nil
}

// closeLog leaves an empty log behind, where it can.
func (e *boltEngine) closeLog() {
	e.commit.Lock()
	defer e.commit.Unlock()
	if e.groups == nil {
		return
	}
	if e.isBroken() == nil && e.lost == nil {
		if err := e.settle(noRows, false); err != nil {
			e.logger.Warn("the log is left for the next start", "store", e.path, "err", err)
		}
	}
	e.groups.f.Close()
	e.groups = nil
}

// whole returns a read transaction of all that is durable, in which the log counts as
// closed: what is copied from it can be opened without one.
func (e *boltEngine) whole() (tx *bolt.Tx, err error) {
	e.commit.Lock()
	defer e.commit.Unlock()
	if e.groups == nil && e.logged.rows.Len() == 0 {
		return e.begin()
	}
	if e.lost != nil {
		return nil, e.lost
	}
	if err := e.settle(noRows, false); err != nil {
		return nil, err
	}
	if tx, err = e.begin(); err != nil {
		return nil, err
	}
	if err := e.settle(noRows, true); err != nil {
		e.end(tx)
		return nil, err
	}
	return tx, nil
}

// checkLog reports what is wrong with the log.
func (e *boltEngine) checkLog(report func(problem string)) error {
	e.commit.Lock()
	defer e.commit.Unlock()
	if e.groups == nil {
		return nil
	}
	rows := 0
	err := readLog(e.groups.f, e.lap, func(k, v []byte) {
		if have, ok := e.logged.rows.Get(keyString(k)); ok && (have == nil) == (v == nil) {
			rows++
		}
	})
	if errors.Is(err, blob.ErrCorrupt) {
		report(fmt.Sprintf("%s: %v", e.logPath(), err))
		return nil
	}
	if err == nil && rows < e.logged.rows.Len() {
		report(fmt.Sprintf("%s: rows are missing that were committed", e.logPath()))
	}
	return err
}
