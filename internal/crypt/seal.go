package crypt

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"github.com/rdfs/rdfs/internal/blob"
)

// Overhead is how many bytes longer sealed bytes are.
const Overhead = 16

// Purpose separates what one data key seals.
type Purpose string

// The purposes. The words are part of the formats.
const (
	Records   Purpose = "rdfs pack record 1"    // salt: the id of the pack
	Directory Purpose = "rdfs pack directory 1" // salt: the id of the pack
	Object    Purpose = "rdfs object 1"         // salt: random
)

// Box seals and opens. It is safe for concurrent use.
type Box struct{ gcm cipher.AEAD }

// Box returns what seals under key n for a purpose and a salt.
func (r *Ring) Box(n Number, p Purpose, salt []byte) (Box, error) {
	k := r.get(n)
	if k == nil {
		return Box{}, fmt.Errorf("sealed under key %d: %w", n, ErrNoKey)
	}
	return NewBox(derive(k.Secret[:], salt, string(p))), nil
}

// NewBox returns what seals under a key of 32 bytes.
func NewBox(key []byte) Box {
	b, err := aes.NewCipher(key)
	if err == nil {
		var gcm cipher.AEAD
		if gcm, err = cipher.NewGCM(b); err == nil {
			return Box{gcm}
		}
	}
	panic(err) // the size is a constant
}

func nonce(n uint64) []byte {
	return append(binary.LittleEndian.AppendUint64(make([]byte, 0, 12), n), 0, 0, 0, 0)
}

// Seal appends the sealed plain bytes to dst. No two calls on boxes of one key may have
// the same number. aad must be the same for Open. dst may be plain[:0].
func (b Box) Seal(dst []byte, number uint64, plain, aad []byte) []byte {
	return b.gcm.Seal(dst, nonce(number), plain, aad)
}

// Open opens sealed bytes in their own memory. Whatever is wrong with them is
// blob.ErrCorrupt.
func (b Box) Open(number uint64, sealed, aad []byte) ([]byte, error) {
	plain, err := b.gcm.Open(sealed[:0], nonce(number), sealed, aad)
	if err != nil {
		return nil, fmt.Errorf("%w: it was not sealed so, or was changed", blob.ErrCorrupt)
	}
	return plain, nil
}
