package kv

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/rdfs/rdfs/internal/blob"
)

// bbolt has no checksum on its pages, so each row carries one behind its value.
const sumSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func rowSum(key, value []byte) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli, key), castagnoli, value)
}

// seal appends the stored form of a value to b.
func seal(b, key, value []byte) []byte {
	return binary.LittleEndian.AppendUint32(append(b, value...), rowSum(key, value))
}

// sound returns the value in its stored form, if its checksum is right.
func sound(key, stored []byte) (value []byte, ok bool) {
	n := len(stored) - sumSize
	if n < 0 || binary.LittleEndian.Uint32(stored[n:]) != rowSum(key, stored[:n]) {
		return nil, false
	}
	return stored[:n:n], true
}

// unseal returns the value in its stored form; it panics with a Fault when the
// row is damaged.
func (e *boltEngine) unseal(table string, key, stored []byte) []byte {
	value, ok := sound(key, stored)
	if !ok {
		panic(Fault{fmt.Errorf("read %s: table %s: %w: wrong checksum of row %x", e.path, table, blob.ErrCorrupt, key[:min(len(key), 64)])})
	}
	return value
}

// unsealSelf is unseal for the bucket that describes the file.
func (e *boltEngine) unsealSelf(key string, stored []byte) ([]byte, error) {
	value, ok := sound([]byte(key), stored)
	if !ok {
		return nil, fmt.Errorf("%w: wrong checksum of row %s%s", blob.ErrCorrupt, selfBucket, "/"+key)
	}
	return value, nil
}

// arena hands out memory that lives until the arena does.
type arena struct{ free []byte }

// seal returns the stored form of a value in memory of the arena.
func (a *arena) seal(key, value []byte) []byte {
	n := len(value) + sumSize
	if n > cap(a.free) {
		if n > arenaBlock/4 {
			return seal(make([]byte, 0, n), key, value)
		}
		a.free = make([]byte, 0, arenaBlock)
	}
	v := seal(a.free[:0:n], key, value)
	a.free = a.free[n:n:cap(a.free)]
	return v
}

const arenaBlock = 64 << 10
