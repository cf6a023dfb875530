package pack

import (
	"encoding/binary"
	"fmt"

	"github.com/rdfs/rdfs/internal/blob"
)

// Writer builds one pack in memory. It is not safe for concurrent use. Reset
// starts the next pack in the same memory.
type Writer struct {
	id      blob.PackID
	buf     []byte
	entries []Entry
	chunks  int
	sum     blob.ID
	done    bool
}

// NewWriter returns a Writer of an empty pack.
func NewWriter(id blob.PackID) *Writer {
	w := new(Writer)
	w.Reset(id)
	return w
}

// Reset forgets everything and starts the pack id. What Finish returned before
// is overwritten.
func (w *Writer) Reset(id blob.PackID) {
	w.id, w.chunks, w.sum, w.done = id, 0, blob.ID{}, false
	w.entries = w.entries[:0]
	w.buf = append(w.buf[:0], headerMagic...)
	w.buf = binary.LittleEndian.AppendUint16(w.buf, version)
	w.buf = append(w.buf, make([]byte, 6)...) // flags, reserved
	w.buf = append(w.buf, id[:]...)
	w.buf = append(w.buf, make([]byte, headerSize-len(w.buf))...)
}

// Add appends a chunk: its id, how payload represents it, and its raw size in
// bytes. It copies payload and returns where it will be. It panics when raw is 0
// or more than MaxChunk, when payload is longer than raw, or after Finish: those
// are mistakes of the program, and the pack would be refused by readers.
func (w *Writer) Add(id blob.ID, kind blob.Kind, raw uint32, payload []byte) blob.Location {
	if raw == 0 || raw > MaxChunk || !kind.Valid() || len(payload) == 0 || len(payload) > int(raw) ||
		kind == blob.Raw && len(payload) != int(raw) {
		panic(fmt.Sprintf("pack: add: %d bytes of %v for a chunk of %d bytes", len(payload), kind, raw))
	}
	w.chunks++
	return w.add(ChunkEntry, id, kind, raw, payload)
}

// AddManifest appends a record that AppendManifest made for the content id.
func (w *Writer) AddManifest(id blob.ID, record []byte) {
	w.add(ManifestEntry, id, blob.Raw, uint32(len(record)), record)
}

func (w *Writer) add(t EntryType, id blob.ID, kind blob.Kind, raw uint32, payload []byte) blob.Location {
	if w.done {
		panic("pack: add after finish")
	}
	loc := blob.Location{
		Pack:   w.id,
		Offset: uint32(len(w.buf)),
		Stored: uint32(len(payload)),
		Size:   raw,
		Kind:   kind,
	}
	w.grow(len(payload))
	w.buf = append(w.buf, payload...)
	w.entries = append(w.entries, Entry{Type: t, ID: id, Location: loc})
	return loc
}

// grow makes room for n bytes more. Packs are small or full: after the first MiB
// it takes all that a pack may need, where append would copy a dozen times.
func (w *Writer) grow(n int) {
	need := len(w.buf) + n
	if need <= cap(w.buf) {
		return
	}
	size := 2 * need
	if need > 1<<20 {
		size = max(need, TargetSize)
	}
	w.buf = append(make([]byte, 0, size), w.buf...)
}

// ID returns the id of the pack.
func (w *Writer) ID() blob.PackID { return w.id }

// Chunks returns how many chunks were added.
func (w *Writer) Chunks() int { return w.chunks }

// Records returns how many records of any type were added.
func (w *Writer) Records() int { return len(w.entries) }

// Len returns how many bytes Finish would return.
func (w *Writer) Len() int {
	if w.done {
		return len(w.buf)
	}
	return len(w.buf) + len(w.entries)*EntrySize + trailerSize
}

// Finish completes the pack and returns it. The bytes belong to the Writer and
// are good until Reset. A second Finish returns the same bytes.
func (w *Writer) Finish() []byte {
	if w.done {
		return w.buf
	}
	dirAt := len(w.buf)
	w.grow(w.Len() - dirAt)
	for _, e := range w.entries {
		w.buf = appendEntry(w.buf, e)
	}
	end := len(w.buf)
	h := blob.NewHasher()
	h.Write(w.buf)
	bodySum := h.Sum()

	w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(dirAt))
	w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(end-dirAt))
	w.buf = binary.LittleEndian.AppendUint64(w.buf, uint64(end+trailerSize))
	w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(w.chunks))
	w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(len(w.entries)-w.chunks))
	w.buf = append(w.buf, make([]byte, 14)...) // reserved
	w.buf = binary.LittleEndian.AppendUint16(w.buf, version)
	w.buf = append(w.buf, bodySum[:]...)
	dirSum := sumDirectory(w.buf[:headerSize], w.buf[dirAt:end], w.buf[end:])
	w.buf = append(w.buf, dirSum[:]...)
	w.buf = append(w.buf, make([]byte, 8)...) // reserved
	w.buf = append(w.buf, trailerMagic...)
	w.sum = bodySum
	w.done = true
	return w.buf
}

// Sum returns the BLAKE3-256 of all that is before the trailer, the same as
// Directory.Sum. It is the zero ID before Finish.
func (w *Writer) Sum() blob.ID { return w.sum }

func appendEntry(b []byte, e Entry) []byte {
	b = append(b, byte(e.Type), byte(e.Kind), 0, 0) // no encryption; reserved
	b = binary.LittleEndian.AppendUint32(b, e.Offset)
	b = binary.LittleEndian.AppendUint32(b, e.Stored)
	b = binary.LittleEndian.AppendUint32(b, e.Size)
	b = append(b, e.ID[:]...)
	return append(b, make([]byte, 32)...) // key id, nonce, reserved
}

// sumDirectory covers everything but the records: header, directory, and the
// trailer up to where this sum is stored. The checksum of the whole is in there,
// so that it cannot change unseen either.
func sumDirectory(header, directory, trailer []byte) blob.ID {
	h := blob.NewHasher()
	h.Write(header)
	h.Write(directory)
	h.Write(trailer[:trailerSumAt])
	return h.Sum()
}
