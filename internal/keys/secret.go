package keys

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/rdfs/rdfs/internal/crypt"
)

// Kind says what a secret is.
type Kind string

// The kinds of secrets. The words are part of the format.
const (
	Passphrase Kind = "passphrase"
	File       Kind = "file" // the bytes of a key file
)

// Secret opens a slot. A File secret may also be what Export wrote.
type Secret struct {
	Kind  Kind   `json:"kind"`
	Bytes []byte `json:"bytes"`
}

// String does not tell it: a secret must not get into a log by accident.
func (s Secret) String() string { return string(s.Kind) + " (not shown)" }

// GoString does as String.
func (s Secret) GoString() string { return s.String() }

// minFile is the size of the shortest key file in bytes.
const minFile = 32

// Check returns what is wrong with a secret for a new slot, or nil.
func (s Secret) Check() error {
	switch {
	case s.Kind == Passphrase && len(bytes.TrimSpace(s.Bytes)) == 0:
		return errors.New("the passphrase is empty")
	case s.Kind == File && len(s.Bytes) < minFile:
		return fmt.Errorf("the key file has %d bytes: it needs at least %d random ones (`openssl rand -out FILE 32`)", len(s.Bytes), minFile)
	case s.Kind == File && isExport(s.Bytes):
		return errors.New("an exported key opens the repository as it is: it cannot be the key file of a slot")
	}
	return nil
}

// slot is the content of a slot: JSON.
type slot struct {
	Format  int       `json:"format"`
	Kind    Kind      `json:"kind"`
	Created time.Time `json:"created"`
	Argon2  kdf       `json:"argon2id"`
	Nonce   []byte    `json:"nonce"`
	Sealed  []byte    `json:"sealed"` // the master key
}

// kdf are the parameters of Argon2id, version 1.3.
type kdf struct {
	Salt    []byte `json:"salt"`
	Time    uint32 `json:"time"`
	Memory  uint32 `json:"memory"` // KiB
	Threads uint8  `json:"threads"`
}

// newKDF are the parameters of new slots: the second choice of RFC 9106.
var newKDF = kdf{Time: 3, Memory: 64 << 10, Threads: 4}

// key derives the key that seals the master key.
func (k kdf) key(s Secret) ([]byte, error) {
	if k.Time < 1 || k.Time > 1000 || k.Threads < 1 || k.Memory < 8 || k.Memory > 4<<20 || len(k.Salt) < 8 {
		return nil, fmt.Errorf("impossible parameters of argon2id: %d rounds over %d KiB", k.Time, k.Memory)
	}
	return argon2.IDKey(s.Bytes, k.Salt, k.Time, k.Memory, k.Threads, crypt.SecretSize), nil
}
