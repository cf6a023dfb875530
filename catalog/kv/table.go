package kv

import (
	"iter"
	"time"
	"unsafe"

	"github.com/tidwall/btree"
)

// rowCost is what a pending row is charged for beside its key and value: two
// slice headers and its share of the tree.
const rowCost = 64

// table holds the rows of one group: while it is active it changes under the
// write lock of DB, and once frozen never again. A nil value is a tombstone; it
// must stay even if the key was born in this table, for older layers may hold it.
type table struct {
	gen      uint64    // number of the group; rises by one
	born     time.Time // when the first row came
	bytes    int64     // keys, values and rowCost
	prepared bool      // BeforeCommit has returned nil for it
	syncs    int       // how many Syncs wait for it; changes under the write lock, also when frozen
	rows     btree.Map[string, []byte]
}

// set puts a row and returns by how much the number of rows and bytes grew.
func (t *table) set(key string, value []byte) (rows int, bytes int64) {
	old, replaced := t.rows.Set(key, value)
	rows, bytes = 1, int64(len(key)+len(value)+rowCost)
	if replaced {
		rows, bytes = 0, int64(len(value)-len(old))
	}
	t.bytes += bytes
	return rows, bytes
}

// all yields the rows in order, as Engine.Commit takes them.
func (t *table) all() iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		t.rows.Scan(func(k string, v []byte) bool { return yield(keyBytes(k), v) })
	}
}

// keyString and keyBytes look at a key as the other type without copying it.
// Keys are immutable from the moment the store owns them.
func keyString(k []byte) string { return unsafe.String(unsafe.SliceData(k), len(k)) }
func keyBytes(k string) []byte  { return unsafe.Slice(unsafe.StringData(k), len(k)) }
