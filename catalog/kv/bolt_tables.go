package kv

import (
	"fmt"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// The bucket that describes the others, and its keys. Its rows are sealed like
// all others.
const (
	selfBucket  = ".kv"
	formatKey   = "format"
	tablePrefix = "table/" // + name -> ID, one byte
	logKey      = "log"    // lap of the log, 8 bytes, and 1 when the log may hold groups of it

	formatVersion = 2 // 1: without a log
)

// Declare checks the file against the tables, and adds those that it lacks.
func (e *boltEngine) Declare(tables []TableSpec) error {
	missing, err := e.missing(tables)
	if err != nil {
		return fmt.Errorf("open %s: %w", e.path, err)
	}
	e.commit.Lock()
	defer e.commit.Unlock()
	if len(missing) > 0 {
		if err := e.transact(func(tx *bolt.Tx) error { return addTables(tx, missing) }); err != nil {
			return err
		}
	}
	e.tables = make(map[byte]TableSpec, len(tables))
	for _, t := range tables {
		e.tables[t.ID] = t
	}
	return e.openLog()
}

// missing returns the tables that the file does not have yet. A file that has
// nothing at all lacks its format too, so that nil is returned only for a file
// that needs no change.
func (e *boltEngine) missing(tables []TableSpec) (missing []TableSpec, err error) {
	tx, err := e.begin()
	if err != nil {
		return nil, err
	}
	defer e.end(tx)
	for _, t := range tables {
		if strings.HasPrefix(t.Name, ".") {
			return nil, fmt.Errorf("table name %q begins with a dot", t.Name)
		}
	}
	self := tx.Bucket([]byte(selfBucket))
	if self == nil {
		if k, _ := tx.Cursor().First(); k != nil {
			return nil, fmt.Errorf("%w: a bbolt file of another program", ErrFormat)
		}
		return append(missing, tables...), nil
	}
	get := func(key string) ([]byte, error) {
		stored := self.Get([]byte(key))
		if stored == nil {
			return nil, nil
		}
		return e.unsealSelf(key, stored)
	}
	version, err := get(formatKey)
	if err != nil {
		return nil, err
	}
	if len(version) != 1 || version[0] < 1 || version[0] > formatVersion {
		return nil, fmt.Errorf("%w: version %d, this program knows %d", ErrFormat, version, formatVersion)
	}
	for _, t := range tables {
		id, err := get(tablePrefix + t.Name)
		switch {
		case err != nil:
			return nil, err
		case id == nil:
			missing = append(missing, t)
		case len(id) != 1 || id[0] != t.ID:
			return nil, fmt.Errorf("%w: table %s has number %d in the file and %d in this program", ErrFormat, t.Name, id, t.ID)
		}
	}
	return missing, nil
}

func addTables(tx *bolt.Tx, tables []TableSpec) error {
	self, err := tx.CreateBucketIfNotExists([]byte(selfBucket))
	if err != nil {
		return err
	}
	put := func(key string, value byte) error {
		return self.Put([]byte(key), seal(nil, []byte(key), []byte{value}))
	}
	if self.Get([]byte(formatKey)) == nil { // with a log it becomes another
		if err := put(formatKey, 1); err != nil {
			return err
		}
	}
	for _, t := range tables {
		if _, err := tx.CreateBucketIfNotExists([]byte(t.Name)); err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
		if err := put(tablePrefix+t.Name, t.ID); err != nil {
			return err
		}
	}
	return nil
}
