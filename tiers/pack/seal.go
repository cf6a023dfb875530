package pack

import (
	"encoding/binary"
	"fmt"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
)

const (
	flagEncrypted = 1  // of the header
	aesGCM        = 1  // the encryption of an entry
	headerKeyAt   = 48 // number of the key of the directory
)

// bound is what a sealed record is bound to besides its pack and its offset. Only a
// record that was stored as just this opens.
func (e *Entry) bound() []byte {
	b := make([]byte, 0, 8+blob.IDSize)
	b = append(b, byte(e.Type), byte(e.Kind), 0, 0)
	b = binary.LittleEndian.AppendUint32(b, e.Size)
	return append(b, e.ID[:]...)
}

// boundDirectory is what a sealed directory is bound to besides its pack.
func boundDirectory(header, sizes []byte) []byte {
	return append(append(make([]byte, 0, headerSize+trailerVersionAt), header...), sizes...)
}

// Open returns the payload of a record: the bytes that e's location names, in their own
// memory. Errors wrap blob.ErrCorrupt, or crypt.ErrNoKey. A nil ring opens what is not
// encrypted, every other one only what is.
func Open(ring *crypt.Ring, e *Entry, stored []byte) ([]byte, error) {
	if ring == nil {
		return stored, nil
	}
	box, err := ring.Box(e.Key, crypt.Records, e.Pack[:])
	if err != nil {
		return nil, err
	}
	return box.Open(uint64(e.Offset), stored, e.bound())
}

// openDirectory returns the entries of the directory of a pack as they are in one that is
// not encrypted. dir has its own memory.
func openDirectory(ring *crypt.Ring, header, dir, trailer []byte) ([]byte, error) {
	switch flags := binary.LittleEndian.Uint16(header[10:]); {
	case flags&^flagEncrypted != 0 || !zero(header[12:16]) || !zero(header[32:headerKeyAt]) || !zero(header[headerKeyAt+4:]):
		return nil, fmt.Errorf("header: %w: unknown flags", ErrVersion)
	case flags == 0 && !zero(header[headerKeyAt:]):
		return nil, fmt.Errorf("header: %w: unknown flags", ErrVersion)
	case flags == 0 && ring != nil:
		return nil, fmt.Errorf("%w: it is not encrypted, and the repository is", blob.ErrCorrupt)
	case flags == 0:
		return dir, nil
	case ring == nil:
		return nil, fmt.Errorf("it is encrypted: %w", crypt.ErrNoKey)
	}
	box, err := ring.Box(crypt.Number(binary.LittleEndian.Uint32(header[headerKeyAt:])), crypt.Directory, header[16:32])
	if err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	if dir, err = box.Open(0, dir, boundDirectory(header, trailer[:sizesLen])); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	return dir, nil
}
