package pack

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
)

// Offsets in the trailer.
const (
	sizesLen         = 32 // sizes and numbers
	trailerVersionAt = 46
	trailerBodyAt    = 48
	trailerSumAt     = 80
	trailerRestAt    = 112
	trailerMagicAt   = 120
)

// tailRead is how much of the end of a pack is read at once in the hope that the
// directory is in it.
const tailRead = 64 << 10

// Ranger reads ranges of objects. Every tiers.Store is one.
type Ranger interface {
	// ReadAt fills p with the object's bytes from off, or fails.
	ReadAt(ctx context.Context, key string, p []byte, off int64) error
}

// Load reads the directory of the pack that is stored under key and has size
// bytes. It takes two or three range reads. Besides the errors of ReadDirectory
// it fails when the pack is not the one that the key names.
func Load(ctx context.Context, s Ranger, ring *crypt.Ring, key string, size int64) (Directory, error) {
	d, err := ReadDirectory(ring, readerAt(func(p []byte, off int64) (int, error) {
		if err := s.ReadAt(ctx, key, p, off); err != nil {
			return 0, err
		}
		return len(p), nil
	}), size)
	if err != nil {
		return Directory{}, fmt.Errorf("pack %s: %w", key, err)
	}
	if Key(d.Pack) != key {
		return Directory{}, fmt.Errorf("pack %s: %w: it says that it is pack %s", key, blob.ErrCorrupt, d.Pack)
	}
	return d, nil
}

type readerAt func(p []byte, off int64) (int, error)

func (f readerAt) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

// ReadDirectory reads and checks header, directory and trailer of a pack of size
// bytes. It does not read the records: Decode, ParseManifest and Verify check
// them. Errors wrap blob.ErrCorrupt, ErrVersion, crypt.ErrNoKey, or what r returned. A
// range beyond the end of r is a truncated pack. ring is that of the repository.
func ReadDirectory(ring *crypt.Ring, r io.ReaderAt, size int64) (Directory, error) {
	if size < Overhead {
		return Directory{}, fmt.Errorf("%w: %d bytes are too few for a pack", blob.ErrCorrupt, size)
	}
	if size > MaxSize {
		return Directory{}, fmt.Errorf("%w: %d bytes are too many for a pack", blob.ErrCorrupt, size)
	}
	tail := make([]byte, min(size, tailRead))
	tailAt := size - int64(len(tail))
	if err := readFull(r, tail, tailAt); err != nil {
		return Directory{}, fmt.Errorf("trailer: %w", err)
	}
	t, err := parseTrailer(tail[len(tail)-trailerSize:], size)
	if err != nil {
		return Directory{}, err
	}

	// from returns the n bytes at off, from the tail where possible.
	from := func(off int64, n int) ([]byte, error) {
		if off >= tailAt {
			return tail[off-tailAt:][:n], nil
		}
		p := make([]byte, n)
		return p, readFull(r, p, off)
	}
	header, err := from(0, headerSize)
	if err != nil {
		return Directory{}, fmt.Errorf("header: %w", err)
	}
	if string(header[:8]) != headerMagic {
		return Directory{}, fmt.Errorf("header: %w: this is not a pack", blob.ErrCorrupt)
	}
	if err := checkVersion(binary.LittleEndian.Uint16(header[8:])); err != nil {
		return Directory{}, fmt.Errorf("header: %w", err)
	}
	dir, err := from(t.dirAt, int(t.dirLen))
	if err != nil {
		return Directory{}, fmt.Errorf("directory: %w", err)
	}
	if sumDirectory(header, dir, tail[len(tail)-trailerSize:]) != t.dirSum {
		return Directory{}, fmt.Errorf("directory: %w: wrong checksum", blob.ErrCorrupt)
	}
	if dir, err = openDirectory(ring, header, slices.Clone(dir), tail[len(tail)-trailerSize:]); err != nil {
		return Directory{}, err
	}
	d := Directory{Size: size, Sum: t.bodySum, Entries: make([]Entry, 0, len(dir)/EntrySize)}
	copy(d.Pack[:], header[16:])
	return d, d.parseEntries(dir, t, ring != nil)
}

type trailer struct {
	dirAt, dirLen     int64
	chunks, manifests uint32
	bodySum, dirSum   blob.ID
}

func parseTrailer(b []byte, size int64) (trailer, error) {
	corrupt := func(format string, args ...any) (trailer, error) {
		return trailer{}, fmt.Errorf("trailer: %w: %s", blob.ErrCorrupt, fmt.Sprintf(format, args...))
	}
	if string(b[trailerMagicAt:]) != trailerMagic {
		return corrupt("no end mark: cut off, or not a pack")
	}
	if err := checkVersion(binary.LittleEndian.Uint16(b[trailerVersionAt:])); err != nil {
		return trailer{}, fmt.Errorf("trailer: %w", err)
	}
	// Compared as unsigned numbers first: a hostile one must not wrap.
	dirAt, dirLen, total := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])
	t := trailer{
		chunks:    binary.LittleEndian.Uint32(b[24:]),
		manifests: binary.LittleEndian.Uint32(b[28:]),
		bodySum:   blob.ID(b[trailerBodyAt:]),
		dirSum:    blob.ID(b[trailerSumAt:]),
	}
	switch usize := uint64(size); {
	case total != usize:
		return corrupt("the pack was %d bytes long and has %d", total, size)
	case dirAt < headerSize || dirAt > usize || dirLen > usize || dirAt+dirLen+trailerSize != usize:
		return corrupt("the directory is not where it must be")
	case dirLen != (uint64(t.chunks)+uint64(t.manifests))*EntrySize && dirLen != (uint64(t.chunks)+uint64(t.manifests))*EntrySize+crypt.Overhead:
		return corrupt("the directory has the wrong length")
	case !zero(b[32:trailerVersionAt]) || !zero(b[trailerRestAt:trailerMagicAt]):
		return corrupt("reserved bytes are set")
	}
	t.dirAt, t.dirLen = int64(dirAt), int64(dirLen)
	return t, nil
}

// parseEntries reads the directory. Records follow each other without a gap from
// the header to the directory: no byte of a pack is outside of every checksum.
func (d *Directory) parseEntries(b []byte, t trailer, encrypted bool) error {
	if len(b)%EntrySize != 0 {
		return fmt.Errorf("directory: %w: it has the wrong length", blob.ErrCorrupt)
	}
	seal, overhead := byte(0), uint32(0)
	if encrypted {
		seal, overhead = aesGCM, crypt.Overhead
	}
	next := uint64(headerSize)
	chunks := uint32(0)
	for i := 0; len(b) > 0; i, b = i+1, b[EntrySize:] {
		e := Entry{
			Type: EntryType(b[0]),
			ID:   blob.ID(b[16:48]),
			Key:  crypt.Number(binary.LittleEndian.Uint32(b[48:])),
			Location: blob.Location{
				Pack:   d.Pack,
				Kind:   blob.Kind(b[1]),
				Offset: binary.LittleEndian.Uint32(b[4:]),
				Stored: binary.LittleEndian.Uint32(b[8:]),
				Size:   binary.LittleEndian.Uint32(b[12:]),
			},
		}
		if b[2] != seal || !encrypted && e.Key != 0 || !zero(b[52:76]) {
			return fmt.Errorf("directory entry %d: %w: encrypted in a way that is not known", i, ErrVersion)
		}
		if !e.Kind.Valid() || e.Type != ChunkEntry && e.Type != ManifestEntry || b[3] != 0 || !zero(b[76:EntrySize]) {
			return fmt.Errorf("directory entry %d: %w: %v, %v", i, ErrVersion, e.Type, e.Kind)
		}
		payload := e.Stored - overhead
		if uint64(e.Offset) != next || e.Stored <= overhead || payload > e.Size || e.Size > MaxChunk ||
			e.Kind == blob.Raw && payload != e.Size || e.Type == ManifestEntry && e.Kind != blob.Raw {
			return fmt.Errorf("directory entry %d: %w: impossible sizes", i, blob.ErrCorrupt)
		}
		next += uint64(e.Stored)
		if e.Type == ChunkEntry {
			chunks++
		}
		d.Entries = append(d.Entries, e)
	}
	if next != uint64(t.dirAt) || chunks != t.chunks {
		return fmt.Errorf("directory: %w: it does not cover the pack", blob.ErrCorrupt)
	}
	return nil
}

// Verify reads a whole pack and checks its directory and the checksum of
// everything. It does not decode chunks. Errors are those of ReadDirectory.
func Verify(ring *crypt.Ring, r io.ReaderAt, size int64) (Directory, error) {
	d, err := ReadDirectory(ring, r, size)
	if err != nil {
		return Directory{}, err
	}
	h := blob.NewHasher()
	buf := make([]byte, min(1<<20, size))
	for off, end := int64(0), size-trailerSize; off < end; {
		p := buf[:min(int64(len(buf)), end-off)]
		if err := readFull(r, p, off); err != nil {
			return Directory{}, fmt.Errorf("at %d: %w", off, err)
		}
		h.Write(p)
		off += int64(len(p))
	}
	if h.Sum() != d.Sum {
		return Directory{}, fmt.Errorf("%w: wrong checksum", blob.ErrCorrupt)
	}
	return d, nil
}

func checkVersion(v uint16) error {
	if v != version {
		return fmt.Errorf("%w: version %d; this program reads version %d", ErrVersion, v, version)
	}
	return nil
}

func readFull(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err == nil {
		return fmt.Errorf("%w: cut off at %d", blob.ErrCorrupt, off+int64(n))
	}
	return err
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
