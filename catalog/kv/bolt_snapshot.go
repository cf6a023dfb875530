package kv

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"sync"

	bolt "go.etcd.io/bbolt"

	"github.com/rdfs/rdfs/internal/blob"
)

// Snapshot opens a read transaction. Sharing one between goroutines goes beyond
// what bbolt documents; it holds because the buckets are opened here and readers
// only walk the mapped pages with cursors of their own.
func (e *boltEngine) Snapshot() (snap Snapshot, err error) {
	if err := e.isBroken(); err != nil {
		return nil, err
	}
	defer e.guard("read", &err, debug.SetPanicOnFault(true))
	e.commit.Lock()
	defer e.commit.Unlock()
	tx, err := e.db.Begin(false)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", e.path, err)
	}
	s := &boltSnapshot{e: e, tx: tx}
	if e.logged.rows.Len() > 0 {
		s.logged = &table{rows: *e.logged.rows.Copy()}
	}
	for _, t := range e.tables {
		if b := tx.Bucket([]byte(t.Name)); b != nil {
			s.tables[t.ID] = &boltTable{name: t.Name, bucket: b}
		}
	}
	e.used.Store(tx.Size())
	return s, nil
}

// boltSnapshot is a read transaction with its buckets opened.
type boltSnapshot struct {
	e      *boltEngine
	tx     *bolt.Tx
	tables [256]*boltTable
	logged *table // lies over tx; nil: nothing does
}

type boltTable struct {
	name    string
	bucket  *bolt.Bucket
	cursors sync.Pool // of *bolt.Cursor on bucket: a new one costs two allocations
}

func (t *boltTable) cursor() *bolt.Cursor {
	if c, ok := t.cursors.Get().(*bolt.Cursor); ok {
		return c
	}
	return t.bucket.Cursor()
}

func (s *boltSnapshot) Close() { s.e.end(s.tx) }

func (s *boltSnapshot) Get(key []byte) []byte {
	if s.logged != nil {
		if v, ok := s.logged.rows.Get(keyString(key)); ok {
			return v
		}
	}
	t := s.tables[key[0]]
	if t == nil {
		return nil
	}
	calling := true
	defer s.fault(t, &calling, debug.SetPanicOnFault(true))
	c := t.cursor()
	k, v := c.Seek(key)
	if !bytes.Equal(k, key) {
		t.cursors.Put(c)
		return nil
	}
	v = s.e.unseal(t.name, k, v)
	t.cursors.Put(c)
	return v
}

func (s *boltSnapshot) Ascend(from, to []byte, yield func(k, v []byte) bool) {
	if s.logged == nil {
		s.ascend(from, to, yield)
		return
	}
	o := overlay{span: span{from: keyString(from), to: keyString(to), open: to == nil}}
	o.seek(&o.active, s.logged)
	o.over(s.ascend, from, to, yield)
}

// ascend is Ascend of what is in the file.
func (s *boltSnapshot) ascend(from, to []byte, yield func(k, v []byte) bool) {
	t := s.tables[from[0]]
	if t == nil {
		return
	}
	calling := true
	defer s.fault(t, &calling, debug.SetPanicOnFault(true))
	c := t.cursor()
	for k, v := c.Seek(from); k != nil && (to == nil || bytes.Compare(k, to) < 0); k, v = c.Next() {
		v = s.e.unseal(t.name, k, v)
		calling = false
		if !yield(k, v) {
			break
		}
		calling = true
	}
	t.cursors.Put(c)
}

// fault turns a panic of bbolt, while *calling, into a Fault. A walk through a
// read transaction takes no lock, so it breaks nothing.
func (s *boltSnapshot) fault(t *boltTable, calling *bool, onFault bool) {
	if !*calling {
		debug.SetPanicOnFault(onFault)
		return
	}
	r := recover()
	debug.SetPanicOnFault(onFault)
	switch r := r.(type) {
	case nil:
	case Fault:
		panic(r)
	default:
		panic(Fault{fmt.Errorf("read %s: table %s: %w: %v", s.e.path, t.name, blob.ErrCorrupt, r)})
	}
}
