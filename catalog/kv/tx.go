package kv

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
)

// Tx reads, and inside Update and OnFreeze also writes. It belongs to the
// goroutine of the function it was passed to and ends with that function; a use
// after that panics. It cannot be nested: no View or Update inside another.
type Tx struct {
	db             *DB
	base           Snapshot // nil when the Tx has ended
	active, frozen *table   // frozen may be nil
	writable       bool

	// Own writes, in no order and each key once; a nil value is a tombstone.
	// index is built when a scan of own becomes slower than it.
	own   []write
	few   [8]write
	index map[string]int
	err   error // the first bad Put; the Tx will not be applied
}

type write struct {
	key   string
	value []byte
}

// scanOwn is the number of own writes up to which they are searched one by one.
const scanOwn = 32

// Get returns the value of key, or nil when there is no such row. The slice is
// valid until the function of the Tx returns and must not be modified.
func (tx *Tx) Get(key []byte) []byte {
	tx.alive()
	k := keyString(key)
	if len(tx.own) > 0 {
		if i := tx.find(k); i >= 0 {
			return tx.own[i].value
		}
	}
	if v, ok := tx.active.rows.Get(k); ok {
		return v
	}
	if tx.frozen != nil {
		if v, ok := tx.frozen.rows.Get(k); ok {
			return v
		}
	}
	if len(key) == 0 {
		return nil
	}
	return tx.base.Get(key)
}

// Put sets the value of key and takes ownership of both slices. A nil value is
// an empty value. A row that breaks a limit, or whose table was not declared,
// makes the whole Update fail.
func (tx *Tx) Put(key, value []byte) {
	if value == nil {
		value = []byte{}
	}
	tx.write(key, value)
}

// Delete removes the row of key, if there is one, and takes ownership of key.
func (tx *Tx) Delete(key []byte) { tx.write(key, nil) }

func (tx *Tx) write(key, value []byte) {
	tx.alive()
	if !tx.writable {
		panic("kv: write in a View")
	}
	if err := tx.db.acceptable(key, value); err != nil {
		tx.err = errors.Join(tx.err, err)
		return
	}
	k := keyString(key)
	if i := tx.find(k); i >= 0 {
		tx.own[i].value = value
		return
	}
	if tx.own == nil {
		tx.own = tx.few[:0]
	}
	tx.own = append(tx.own, write{k, value})
	switch {
	case tx.index != nil:
		tx.index[k] = len(tx.own) - 1
	case len(tx.own) > scanOwn:
		tx.index = make(map[string]int, 4*scanOwn)
		for i, w := range tx.own {
			tx.index[w.key] = i
		}
	}
}

// find returns the position of an own write, or -1.
func (tx *Tx) find(k string) int {
	if tx.index != nil {
		if i, ok := tx.index[k]; ok {
			return i
		}
		return -1
	}
	for i := range tx.own {
		if tx.own[i].key == k {
			return i
		}
	}
	return -1
}

// ownBetween returns the own writes of a range, sorted, in a slice of its own,
// so that the caller of Ascend may write while it iterates.
func (tx *Tx) ownBetween(r span) []write {
	var in []write
	for _, w := range tx.own {
		if w.key >= r.from && r.before(w.key) {
			in = append(in, w)
		}
	}
	slices.SortFunc(in, func(a, b write) int { return bytes.Compare(keyBytes(a.key), keyBytes(b.key)) })
	return in
}

func (tx *Tx) alive() {
	if tx.base == nil {
		panic("kv: use of a Tx after its function returned")
	}
}

// run calls fn. Damage met on the way becomes the error; other panics go on,
// after the Tx has ended.
func (tx *Tx) run(fn func(*Tx) error) (err error) {
	defer tx.end(debug.SetPanicOnFault(true), &err)
	if err := fn(tx); err != nil {
		return err
	}
	return tx.err
}

func (tx *Tx) end(onFault bool, err *error) {
	r := recover()
	debug.SetPanicOnFault(onFault)
	tx.base = nil
	if r == nil {
		return
	}
	if *err = faultError(tx.db.engine.Name(), r); *err == nil {
		panic(r)
	}
}

// acceptable says why a row cannot be stored, or nil.
func (db *DB) acceptable(key, value []byte) error {
	switch {
	case len(key) == 0:
		return errors.New("kv: put: empty key")
	case len(key) > MaxKey:
		return fmt.Errorf("kv: put: key of %d bytes, at most %d are allowed", len(key), MaxKey)
	case len(value) > MaxValue:
		return fmt.Errorf("kv: put %x: value of %d bytes, at most %d are allowed", key, len(value), MaxValue)
	case !db.declared[key[0]]:
		return fmt.Errorf("kv: put %x: table %d is not declared", key, key[0])
	}
	return nil
}
