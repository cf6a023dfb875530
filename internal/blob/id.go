package blob

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/zeebo/blake3"
)

// IDSize is the length of an ID in bytes.
const IDSize = 32

// ID is a BLAKE3-256 hash: of a whole file (a content id) or of one chunk (a
// chunk id). The zero value names nothing.
type ID [IDSize]byte

// Sum returns the ID of p.
func Sum(p []byte) ID { return blake3.Sum256(p) }

// String returns the id as 64 lower-case hexadecimal digits, as b3sum prints it.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Short returns the first 12 digits, for people.
func (id ID) Short() string { return hex.EncodeToString(id[:6]) }

// IsZero reports whether id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// ParseID reads what String wrote.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 2*IDSize {
		return id, fmt.Errorf("blob id %q: want %d hexadecimal digits", s, 2*IDSize)
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("blob id %q: %w", s, err)
	}
	return id, nil
}

// Hasher computes an ID from a stream of bytes. It is not safe for concurrent use.
type Hasher struct{ h *blake3.Hasher }

// NewHasher returns a Hasher of nothing so far.
func NewHasher() *Hasher { return &Hasher{h: blake3.New()} }

// Write adds p to the hashed bytes. It never fails.
func (h *Hasher) Write(p []byte) (int, error) { return h.h.Write(p) }

// Sum returns the ID of all bytes written so far.
func (h *Hasher) Sum() ID {
	var id ID
	h.h.Sum(id[:0])
	return id
}

// Reset forgets all bytes written so far.
func (h *Hasher) Reset() { h.h.Reset() }

// The errors of stores of bytes, to be tested with errors.Is.
var (
	// ErrNotFound: there is no such object.
	ErrNotFound = errors.New("not found")
	// ErrOffline: the store cannot be reached now; another try may succeed.
	ErrOffline = errors.New("offline")
	// ErrCorrupt: the bytes are there and are not what was stored.
	ErrCorrupt = errors.New("corrupt")
	// ErrArchived: the object is in an archive class, and cannot be read before it was recalled.
	ErrArchived = errors.New("archived")
)
