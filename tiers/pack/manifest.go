package pack

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
)

// ListSize is what the list of a content of one chunk takes in an encrypted pack, in bytes.
const ListSize = manifestHead + blob.IDSize + 3 + crypt.Overhead + EntrySize

const manifestHead = blob.IDSize + 3*8

// ManifestPart is a run of the chunk list of a content.
type ManifestPart struct {
	Content blob.ID
	Size    int64 // of the content, in bytes
	Total   int   // chunks that the whole list has
	First   int   // number of the first chunk of this part
	Chunks  []blob.Chunk
}

// ManifestParts returns how many records the chunk list of m takes: none for a
// content without chunks, and for one that has the id of its only chunk.
func ManifestParts(m blob.Manifest) int {
	if len(m.Chunks) == 0 || len(m.Chunks) == 1 && m.Chunks[0].ID == m.ID {
		return 0
	}
	return (len(m.Chunks) + MaxManifestPart - 1) / MaxManifestPart
}

// AppendManifest appends the record of a part of m to b; parts count from 0. The
// record goes into Writer.AddManifest.
func AppendManifest(b []byte, m blob.Manifest, part int) []byte {
	first := part * MaxManifestPart
	chunks := m.Chunks[first:min(first+MaxManifestPart, len(m.Chunks))]
	at := len(b)
	b = append(b, make([]byte, blob.IDSize)...)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.Size))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(m.Chunks)))
	b = binary.LittleEndian.AppendUint64(b, uint64(first))
	b = blob.AppendChunks(b, chunks)
	sum := sumManifest(m.ID, b[at:])
	copy(b[at:], sum[:])
	return b
}

// ParseManifest reads and checks the record of a manifest entry: the bytes that
// e's location names, which are overwritten if they are encrypted. Errors wrap
// blob.ErrCorrupt or crypt.ErrNoKey. The result does not alias record.
func ParseManifest(ring *crypt.Ring, e Entry, record []byte) (ManifestPart, error) {
	corrupt := func(why string) (ManifestPart, error) {
		return ManifestPart{}, fmt.Errorf("manifest of %s: %w: %s", e.ID.Short(), blob.ErrCorrupt, why)
	}
	if e.Type != ManifestEntry || len(record) != int(e.Stored) {
		return corrupt("wrong length")
	}
	record, err := Open(ring, &e, record)
	if err != nil {
		return ManifestPart{}, fmt.Errorf("manifest of %s: %w", e.ID.Short(), err)
	}
	if len(record) < manifestHead {
		return corrupt("wrong length")
	}
	if sumManifest(e.ID, record) != blob.ID(record[:blob.IDSize]) {
		return corrupt("wrong checksum")
	}
	size := binary.LittleEndian.Uint64(record[32:])
	total := binary.LittleEndian.Uint64(record[40:])
	first := binary.LittleEndian.Uint64(record[48:])
	chunks, err := blob.ParseChunks(record[manifestHead:])
	if err != nil {
		return corrupt(err.Error())
	}
	if size > 1<<62 || total > size || first > total || uint64(len(chunks)) > total-first || len(chunks) == 0 {
		return corrupt("impossible sizes")
	}
	return ManifestPart{Content: e.ID, Size: int64(size), Total: int(total), First: int(first), Chunks: chunks}, nil
}

func sumManifest(id blob.ID, record []byte) blob.ID {
	h := blob.NewHasher()
	h.Write(id[:])
	h.Write(record[blob.IDSize:])
	return h.Sum()
}

// JoinManifest puts the parts of one content together, in any order, repeated
// parts included. Errors wrap blob.ErrCorrupt when the parts contradict each
// other, and blob.ErrNotFound when some are missing.
func JoinManifest(parts []ManifestPart) (blob.Manifest, error) {
	if len(parts) == 0 {
		return blob.Manifest{}, fmt.Errorf("manifest: %w: no parts", blob.ErrNotFound)
	}
	parts = slices.Clone(parts)
	slices.SortFunc(parts, func(a, b ManifestPart) int { return a.First - b.First })
	m := blob.Manifest{ID: parts[0].Content, Size: parts[0].Size}
	var size int64
	for _, p := range parts {
		if p.Content != m.ID || p.Size != m.Size || p.Total != parts[0].Total {
			return blob.Manifest{}, fmt.Errorf("manifest of %s: %w: its parts contradict each other", m.ID.Short(), blob.ErrCorrupt)
		}
		if p.First > len(m.Chunks) {
			break
		}
		if p.First+len(p.Chunks) <= len(m.Chunks) {
			continue
		}
		for _, c := range p.Chunks[len(m.Chunks)-p.First:] {
			m.Chunks = append(m.Chunks, c)
			size += int64(c.Size)
		}
	}
	if len(m.Chunks) < parts[0].Total {
		return blob.Manifest{}, fmt.Errorf("manifest of %s: %w: chunks from number %d on", m.ID.Short(), blob.ErrNotFound, len(m.Chunks))
	}
	if size != m.Size {
		return blob.Manifest{}, fmt.Errorf("manifest of %s: %w: its chunks have %d bytes, not %d", m.ID.Short(), blob.ErrCorrupt, size, m.Size)
	}
	return m, nil
}
