package kv

import (
	"context"
	"encoding/binary"
	"io"
	"iter"
	"sync"

	"github.com/tidwall/btree"
)

// Memory is an Engine without a disk, for tests. What was committed survives
// Close, so that it can be opened again as after a crash: give up a DB without
// closing it, and open the same Memory.
type Memory struct {
	mu   sync.Mutex
	rows *btree.Map[string, []byte] // never changed in place: replaced by Commit
	size int64
	hook func() error
}

// NewMemory returns an empty Memory.
func NewMemory() *Memory { return &Memory{rows: btree.NewMap[string, []byte](0)} }

// BeforeCommit sets a function that every later Commit calls first, without any
// lock. Its error, if any, is returned by Commit, which then changes nothing.
func (m *Memory) BeforeCommit(hook func() error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hook = hook
}

func (m *Memory) Name() string              { return "memory" }
func (m *Memory) Declare([]TableSpec) error { return nil }
func (m *Memory) Close() error              { return nil }

func (m *Memory) Snapshot() (Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return memorySnapshot{m.rows}, nil
}

func (m *Memory) Commit(rows iter.Seq2[[]byte, []byte]) error {
	m.mu.Lock()
	hook, next, size := m.hook, m.rows.Copy(), m.size
	m.mu.Unlock()
	if hook != nil {
		if err := hook(); err != nil {
			return err
		}
	}
	for k, v := range rows {
		if old, ok := next.Get(keyString(k)); ok {
			size -= int64(len(k) + len(old))
		}
		if v == nil {
			next.Delete(keyString(k))
			continue
		}
		next.Set(keyString(k), v)
		size += int64(len(k) + len(v))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rows, m.size = next, size
	return nil
}

// Check finds nothing: there is nothing that could rot.
func (m *Memory) Check(ctx context.Context, report func(string)) error { return ctx.Err() }

// CopyTo writes each row as two lengths (unsigned varints), key and value.
func (m *Memory) CopyTo(w io.Writer) error {
	m.mu.Lock()
	rows := m.rows
	m.mu.Unlock()
	var err error
	var b []byte
	rows.Scan(func(k string, v []byte) bool {
		b = binary.AppendUvarint(b[:0], uint64(len(k)))
		b = binary.AppendUvarint(b, uint64(len(v)))
		b = append(append(b, k...), v...)
		_, err = w.Write(b)
		return err == nil
	})
	return err
}

func (m *Memory) Size() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.size
}

type memorySnapshot struct{ rows *btree.Map[string, []byte] }

func (s memorySnapshot) Close() {}

func (s memorySnapshot) Get(key []byte) []byte {
	v, _ := s.rows.Get(keyString(key))
	return v
}

func (s memorySnapshot) Ascend(from, to []byte, yield func(k, v []byte) bool) {
	r := span{from: keyString(from), to: keyString(to), open: to == nil}
	s.rows.Ascend(r.from, func(k string, v []byte) bool {
		return r.before(k) && yield(keyBytes(k), v)
	})
}
