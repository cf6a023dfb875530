package pack

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
)

// Sizes and limits, in bytes.
const (
	// TargetSize is the size that a writer fills a pack to.
	TargetSize = 16 << 20
	// MaxSize is the largest pack that a reader accepts.
	MaxSize = 64 << 20
	// MaxChunk is the largest raw size of a chunk.
	MaxChunk = 8 << 20
	// MaxManifestPart is the largest number of chunks that one manifest record
	// lists. The list of a larger content is cut into parts.
	MaxManifestPart = 32768
	// Overhead is what a pack of no records would take.
	Overhead = headerSize + trailerSize
	// EntrySize is what each record takes in the directory.
	EntrySize = 80

	headerSize  = 64
	trailerSize = 128
)

const (
	version = 1

	headerMagic  = "RDFSPACK"
	trailerMagic = "RDFSPEND"
)

// ErrVersion: the pack has a format version, or uses a feature of the format,
// that this program does not know. The bytes may well be good.
var ErrVersion = errors.New("unknown pack format")

// EntryType says what a record is.
type EntryType uint8

// The types of records. The numbers are part of the format.
const (
	ChunkEntry    EntryType = 1 // the bytes of a chunk; the id is the chunk's
	ManifestEntry EntryType = 2 // a part of a chunk list; the id is the content's
)

// String names the type for people.
func (t EntryType) String() string {
	switch t {
	case ChunkEntry:
		return "chunk"
	case ManifestEntry:
		return "manifest"
	}
	return fmt.Sprintf("entry type %d", uint8(t))
}

// Entry is one line of a pack's directory.
type Entry struct {
	Type EntryType
	ID   blob.ID // of the chunk, or of the content that the manifest describes
	// Key seals the record; 0: it is not encrypted.
	Key crypt.Number
	blob.Location
}

// Directory is what a pack says of itself.
type Directory struct {
	Pack    blob.PackID
	Size    int64   // of the whole pack, in bytes
	Sum     blob.ID // BLAKE3-256 of all that is before the trailer
	Entries []Entry // in the order of their offsets
}

// Prefix begins the keys of all packs.
const Prefix = "packs/"

const keySuffix = ".pack"

// Key returns the key under which a pack is stored: "packs/", two characters of
// the random part of its id so that directories stay small, "/", the id, ".pack".
func Key(id blob.PackID) string {
	s := id.String()
	return Prefix + s[len(s)-2:] + "/" + s + keySuffix
}

// ParseKey returns the id of the pack that Key gave this key. It reports false
// for every other key.
func ParseKey(key string) (blob.PackID, bool) {
	rest, ok := strings.CutPrefix(key, Prefix)
	if !ok || len(rest) < 3 {
		return blob.PackID{}, false
	}
	name, ok := strings.CutSuffix(rest[3:], keySuffix)
	if !ok {
		return blob.PackID{}, false
	}
	id, err := blob.ParsePackID(name)
	if err != nil || Key(id) != key {
		return blob.PackID{}, false
	}
	return id, true
}
