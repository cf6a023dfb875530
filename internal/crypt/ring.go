package crypt

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/zeebo/blake3"

	"github.com/rdfs/rdfs/internal/blob"
)

// Number names a data key of a repository; numbers rise and are never used twice. 0 is
// no key: what it seals is not encrypted.
type Number uint32

// numberAt is where the number of its key is in the id of a chunk: at the end, because the
// beginnings of ids are taken for random.
const numberAt = blob.IDSize - 4

// SecretSize is the size of a data key in bytes.
const SecretSize = 32

// DataKey is a key that seals bytes.
type DataKey struct {
	Number Number
	Scope  uint64 // 0: the repository; else the inode of the directory in the root whose files it seals
	Secret [SecretSize]byte
}

// ErrNoKey: what was sealed needs a key that is not at hand.
var ErrNoKey = errors.New("its key is not at hand")

// Ring holds data keys. It is safe for concurrent use. A nil Ring seals nothing.
type Ring struct {
	mu    sync.RWMutex
	keys  map[Number]*key
	masks map[blob.ID]Number
	own   Number
}

// key is a data key and what is derived from it.
type key struct {
	DataKey
	mask    blob.ID
	hashers sync.Pool // of *blake3.Hasher, keyed
}

// NewRing returns a Ring of the given keys, one of which must have scope 0.
func NewRing(keys ...DataKey) *Ring {
	r := &Ring{keys: make(map[Number]*key), masks: make(map[blob.ID]Number)}
	for _, k := range keys {
		r.Add(k)
	}
	return r
}

// Add adds a key. The newest of scope 0 becomes Own.
func (r *Ring) Add(d DataKey) {
	k := &key{DataKey: d, mask: blob.ID(derive(d.Secret[:], nil, "rdfs content mask 1"))}
	ids := derive(d.Secret[:], nil, "rdfs chunk id 1")
	k.hashers.New = func() any {
		h, err := blake3.NewKeyed(ids)
		if err != nil {
			panic(err) // the size is a constant
		}
		return h
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[d.Number] = k
	r.masks[k.mask] = d.Number
	if d.Scope == 0 && d.Number > r.own {
		r.own = d.Number
	}
}

// Own returns the key of what belongs to the whole repository: the directories of packs
// and the copies of the catalog. It is 0 for a nil Ring.
func (r *Ring) Own() Number {
	if r == nil {
		return 0
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.own
}

// get returns a key, or nil.
func (r *Ring) get(n Number) *key {
	if r == nil {
		return nil
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.keys[n]
}

// Scope returns what a key is for.
func (r *Ring) Scope(n Number) (scope uint64, ok bool) {
	k := r.get(n)
	if k == nil {
		return 0, false
	}
	return k.Scope, true
}

// ChunkID returns the id of a chunk with the bytes p under a key of the ring.
func (r *Ring) ChunkID(n Number, p []byte) blob.ID {
	if n == 0 {
		return blob.Sum(p)
	}
	return r.get(n).chunkID(p)
}

func (k *key) chunkID(p []byte) (id blob.ID) {
	h := k.hashers.Get().(*blake3.Hasher)
	h.Reset()
	h.Write(p)
	h.Sum(id[:0])
	k.hashers.Put(h)
	binary.BigEndian.PutUint32(id[numberAt:], uint32(k.Number))
	return id
}

// KeyOf returns the key under which a chunk is sealed; 0 in a nil Ring.
func (r *Ring) KeyOf(chunk blob.ID) Number {
	if r == nil {
		return 0
	}
	return Number(binary.BigEndian.Uint32(chunk[numberAt:]))
}

// IsChunk reports whether p are the bytes of the chunk id.
func (r *Ring) IsChunk(id blob.ID, p []byte) bool {
	if r == nil {
		return blob.Sum(p) == id
	}
	k := r.get(r.KeyOf(id))
	return k != nil && k.chunkID(p) == id
}

var emptyContent = blob.Sum(nil)

// ContentID returns the id of the content whose BLAKE3 is sum, under a key of the ring.
func (r *Ring) ContentID(n Number, sum blob.ID) blob.ID {
	if n == 0 || sum == emptyContent {
		return sum
	}
	return xor(sum, r.get(n).mask)
}

// Sum returns the BLAKE3 of the content id, whose chunks are sealed under key n. It
// reports false if the key is not in the ring.
func (r *Ring) Sum(n Number, id blob.ID) (blob.ID, bool) {
	if r == nil || id == emptyContent {
		return id, true
	}
	k := r.get(n)
	if k == nil {
		return blob.ID{}, false
	}
	return xor(id, k.mask), true
}

// IsContent reports whether bytes whose BLAKE3 is sum are the content id.
func (r *Ring) IsContent(id, sum blob.ID) bool {
	if r == nil || id == emptyContent {
		return id == sum
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, ok := r.masks[xor(id, sum)]
	return ok
}

func xor(a, b blob.ID) blob.ID {
	for i := range a {
		a[i] ^= b[i]
	}
	return a
}

// derive makes a key of 32 bytes.
func derive(secret, salt []byte, purpose string) []byte {
	b, err := hkdf.Key(sha256.New, secret, salt, purpose, 32)
	if err != nil {
		panic(fmt.Sprintf("derive a key: %v", err)) // the sizes are constants
	}
	return b
}
