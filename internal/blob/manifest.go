package blob

import (
	"encoding/binary"
	"fmt"
)

// Chunk is one piece of a content, in file order. Its offset in the file is the
// sum of the sizes before it.
type Chunk struct {
	ID   ID
	Size uint32 // raw bytes
}

// Manifest says of which chunks a content consists. The content of size 0 has no
// chunks.
type Manifest struct {
	ID     ID    // content id: BLAKE3-256 of the whole file
	Size   int64 // bytes; the sum of the chunks' sizes
	Chunks []Chunk
}

// AppendChunks appends the encoded chunk list to b: per chunk 32 bytes of id and
// the size as an unsigned varint.
func AppendChunks(b []byte, chunks []Chunk) []byte {
	for _, c := range chunks {
		b = append(b, c.ID[:]...)
		b = binary.AppendUvarint(b, uint64(c.Size))
	}
	return b
}

// ParseChunks reads what AppendChunks wrote. The result does not alias b.
func ParseChunks(b []byte) ([]Chunk, error) {
	chunks := make([]Chunk, 0, len(b)/(IDSize+3)+1)
	for len(b) > 0 {
		if len(b) < IDSize+1 {
			return nil, fmt.Errorf("chunk list: %w: %d bytes left over", ErrCorrupt, len(b))
		}
		var c Chunk
		copy(c.ID[:], b)
		size, n := binary.Uvarint(b[IDSize:])
		if n <= 0 || size > 1<<31 {
			return nil, fmt.Errorf("chunk list: %w: bad chunk size", ErrCorrupt)
		}
		c.Size = uint32(size)
		chunks = append(chunks, c)
		b = b[IDSize+n:]
	}
	return chunks, nil
}

// PackID names a pack: a ULID, so packs sort by the time they were made.
type PackID [16]byte

// IsZero reports whether id names nothing.
func (id PackID) IsZero() bool { return id == PackID{} }

// Kind is how a chunk's bytes are represented in a pack.
type Kind uint8

// The kinds of chunk records. The numbers are part of the pack format.
const (
	Raw       Kind = 0 // as they are
	Zstd      Kind = 1 // zstd
	Shuffle2  Kind = 2 // bytes of 2-byte elements grouped by position, then zstd
	Shuffle4  Kind = 3 // the same for 4-byte elements
	Shuffle8  Kind = 4 // the same for 8-byte elements
	Delta     Kind = 5 // reserved: a base chunk plus changed pages
	Diff2     Kind = 6 // differences of 2-byte integers, shuffled, then zstd
	Diff4     Kind = 7 // the same for 4-byte elements
	Diff8     Kind = 8 // the same for 8-byte elements
	kindCount      = 9
)

// Valid reports whether k is a kind that this version can read.
func (k Kind) Valid() bool { return k < kindCount && k != Delta }

// String names the kind for people.
func (k Kind) String() string {
	names := [kindCount]string{"raw", "zstd", "shuffle2+zstd", "shuffle4+zstd", "shuffle8+zstd", "delta",
		"diff2+zstd", "diff4+zstd", "diff8+zstd"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Location says where the record of a chunk is.
type Location struct {
	Pack   PackID
	Offset uint32 // of the stored bytes in the pack
	Stored uint32 // bytes in the pack
	Size   uint32 // raw bytes
	Kind   Kind
}
