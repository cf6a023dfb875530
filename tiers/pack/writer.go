package pack

import (
	"encoding/binary"
	"fmt"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
)

// Writer builds one pack in memory. It is not safe for concurrent use. Reset
// starts the next pack in the same memory.
type Writer struct {
	id      blob.PackID
	ring    *crypt.Ring                // nil: the pack is not encrypted
	boxes   map[crypt.Number]crypt.Box // for the records of this pack
	buf     []byte
	entries []Entry
	chunks  int
	sum     blob.ID
	done    bool
}

// NewWriter returns a Writer of an empty pack, as Reset begins it.
func NewWriter(id blob.PackID, ring *crypt.Ring) *Writer {
	w := new(Writer)
	w.Reset(id, ring)
	return w
}

// Reset forgets everything and starts the pack id. What Finish returned before
// is overwritten. With a ring the pack is encrypted: the directory by the ring's own
// key, each record by that of its chunk. The ring must have all keys that are used.
// Of one id there must never be two packs.
func (w *Writer) Reset(id blob.PackID, ring *crypt.Ring) {
	w.id, w.ring, w.chunks, w.sum, w.done = id, ring, 0, blob.ID{}, false
	clear(w.boxes)
	w.entries = w.entries[:0]
	w.buf = append(w.buf[:0], headerMagic...)
	w.buf = binary.LittleEndian.AppendUint16(w.buf, version)
	flags := uint16(0)
	if ring != nil {
		flags = flagEncrypted
	}
	w.buf = binary.LittleEndian.AppendUint16(w.buf, flags)
	w.buf = append(w.buf, make([]byte, 4)...) // reserved
	w.buf = append(w.buf, id[:]...)
	w.buf = append(w.buf, make([]byte, headerSize-len(w.buf))...)
	binary.LittleEndian.PutUint32(w.buf[headerKeyAt:], uint32(ring.Own()))
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
	return w.add(Entry{Type: ChunkEntry, ID: id, Key: w.ring.KeyOf(id), Location: blob.Location{Kind: kind, Size: raw}}, payload)
}

// AddManifest appends a record that AppendManifest made for the content id, under the
// key of the content's chunks.
func (w *Writer) AddManifest(id blob.ID, key crypt.Number, record []byte) {
	w.add(Entry{Type: ManifestEntry, ID: id, Key: key, Location: blob.Location{Kind: blob.Raw, Size: uint32(len(record))}}, record)
}

// add appends a record; Pack, Offset and Stored of e are not set yet.
func (w *Writer) add(e Entry, payload []byte) blob.Location {
	if w.done {
		panic("pack: add after finish")
	}
	e.Pack, e.Offset, e.Stored = w.id, uint32(len(w.buf)), uint32(len(payload))
	if w.ring == nil {
		w.grow(len(payload))
		w.buf = append(w.buf, payload...)
	} else {
		e.Stored += crypt.Overhead
		w.grow(int(e.Stored))
		w.buf = w.box(e.Key).Seal(w.buf, uint64(e.Offset), payload, e.bound())
	}
	w.entries = append(w.entries, e)
	return e.Location
}

// box returns what seals records of this pack under a key.
func (w *Writer) box(n crypt.Number) crypt.Box {
	b, ok := w.boxes[n]
	if !ok {
		var err error
		if b, err = w.ring.Box(n, crypt.Records, w.id[:]); err != nil {
			panic(fmt.Sprintf("pack: add: %v", err)) // see Reset
		}
		if w.boxes == nil {
			w.boxes = make(map[crypt.Number]crypt.Box)
		}
		w.boxes[n] = b
	}
	return b
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
	n := len(w.buf) + len(w.entries)*EntrySize + trailerSize
	if w.ring != nil {
		n += crypt.Overhead
	}
	return n
}

// Cost returns how many bytes the pack grows by with a record of n bytes.
func (w *Writer) Cost(n int) int {
	if w.ring != nil {
		n += crypt.Overhead
	}
	return n + EntrySize
}

// Finish completes the pack and returns it. The bytes belong to the Writer and
// are good until Reset. A second Finish returns the same bytes.
func (w *Writer) Finish() []byte {
	if w.done {
		return w.buf
	}
	dirAt := len(w.buf)
	w.grow(w.Len() - dirAt)
	end := w.Len() - trailerSize
	for _, e := range w.entries {
		w.buf = appendEntry(w.buf, e)
	}
	var sizes []byte // the first part of the trailer
	sizes = binary.LittleEndian.AppendUint64(sizes, uint64(dirAt))
	sizes = binary.LittleEndian.AppendUint64(sizes, uint64(end-dirAt))
	sizes = binary.LittleEndian.AppendUint64(sizes, uint64(end+trailerSize))
	sizes = binary.LittleEndian.AppendUint32(sizes, uint32(w.chunks))
	sizes = binary.LittleEndian.AppendUint32(sizes, uint32(len(w.entries)-w.chunks))
	if w.ring != nil {
		box, err := w.ring.Box(w.ring.Own(), crypt.Directory, w.id[:])
		if err != nil {
			panic(fmt.Sprintf("pack: finish: %v", err)) // see Reset
		}
		w.buf = box.Seal(w.buf[:dirAt], 0, w.buf[dirAt:], boundDirectory(w.buf[:headerSize], sizes))
	}
	h := blob.NewHasher()
	h.Write(w.buf)
	bodySum := h.Sum()

	w.buf = append(w.buf, sizes...)
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
	encryption := byte(0)
	if e.Key != 0 {
		encryption = aesGCM
	}
	b = append(b, byte(e.Type), byte(e.Kind), encryption, 0)
	b = binary.LittleEndian.AppendUint32(b, e.Offset)
	b = binary.LittleEndian.AppendUint32(b, e.Stored)
	b = binary.LittleEndian.AppendUint32(b, e.Size)
	b = append(b, e.ID[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(e.Key))
	return append(b, make([]byte, 28)...) // reserved
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
