package catalog

import (
	"errors"
	"fmt"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

// contentPart bounds the bytes of one row of a content's chunk list.
const contentPart = 32 << 10

var emptyContent = blob.Sum(nil)

// HasContent reports whether the chunks of a content are known.
func (t *Tx) HasContent(id blob.ID) bool {
	return id == emptyContent || t.kv.Get(keyContent(id, 0)) != nil || t.HasChunk(id)
}

// Content returns the manifest of a content. A content of one chunk has the id of
// its chunk and no row of its own.
func (t *Tx) Content(id blob.ID) (m blob.Manifest, err error) {
	m.ID = id
	if id == emptyContent {
		return m, nil
	}
	list, found := []byte(nil), false
	t.kv.Ascend(keyContent(id, 0), prefixEnd(keyID(tableContent, id)), func(_, part []byte) bool {
		list, found = append(list, part...), true
		return true
	})
	if !found {
		loc, err := t.Chunk(id)
		if err != nil {
			return m, fmt.Errorf("content %s: %w", id.Short(), err)
		}
		m.Size = int64(loc.Size)
		m.Chunks = []blob.Chunk{{ID: id, Size: loc.Size}}
		return m, nil
	}
	r := reader{b: list}
	m.Size = int64(r.uint())
	m.Chunks, err = blob.ParseChunks(r.b)
	if err != nil {
		return m, fmt.Errorf("catalog: content %s: %w", id.Short(), err)
	}
	return m, r.done("content row")
}

// PutContent writes the chunk list of a content of more than one chunk; for
// others there is nothing to write.
func (t *Tx) PutContent(m *blob.Manifest) {
	if len(m.Chunks) == 0 || len(m.Chunks) == 1 && m.Chunks[0].ID == m.ID {
		return
	}
	var w writer
	w.uint(uint64(m.Size))
	w = blob.AppendChunks(w, m.Chunks)
	for part := uint32(0); len(w) > 0; part++ {
		n := min(len(w), contentPart)
		t.kv.Put(keyContent(m.ID, part), w[:n:n])
		w = w[n:]
	}
}

// Contents yields the ids of the contents that have rows of their own.
func (t *Tx) Contents(after blob.ID, yield func(blob.ID) bool) {
	from := prefixEnd(keyID(tableContent, after))
	if after.IsZero() {
		from = []byte{byte(tableContent)}
	}
	t.kv.Ascend(from, []byte{byte(tableContent) + 1}, func(k, _ []byte) bool {
		if len(k) != 1+blob.IDSize+4 || be.Uint32(k[1+blob.IDSize:]) != 0 {
			return true
		}
		return yield(blob.ID(k[1 : 1+blob.IDSize]))
	})
}

// HasChunk reports whether a chunk is stored durably.
func (t *Tx) HasChunk(id blob.ID) bool { return t.kv.Get(keyID(tableChunk, id)) != nil }

// Chunk returns where a chunk is stored.
func (t *Tx) Chunk(id blob.ID) (blob.Location, error) {
	row := t.kv.Get(keyID(tableChunk, id))
	if row == nil {
		return blob.Location{}, fmt.Errorf("chunk %s: %w", id.Short(), ErrNotExist)
	}
	return decodeLocation(row)
}

// PutChunk writes where a chunk is stored.
func (t *Tx) PutChunk(id blob.ID, l blob.Location) {
	w := make(writer, 0, 32)
	encodeLocation(&w, l)
	t.kv.Put(keyID(tableChunk, id), w)
}

// Chunks yields all chunks after the given one, in order of id.
func (t *Tx) Chunks(after blob.ID, yield func(blob.ID, blob.Location) bool) error {
	var err error
	from := append(keyID(tableChunk, after), 0)
	t.kv.Ascend(from, []byte{byte(tableChunk) + 1}, func(k, row []byte) bool {
		var l blob.Location
		if l, err = decodeLocation(row); err != nil {
			return false
		}
		return yield(blob.ID(k[1:]), l)
	})
	return err
}

// Pack returns what is known of a pack.
func (t *Tx) Pack(id blob.PackID) (p Pack, err error) {
	row := t.kv.Get(keyPack(id))
	if row == nil {
		return p, ErrNotExist
	}
	p.ID = id
	return p, p.decode(row)
}

// PutPack writes a pack row.
func (t *Tx) PutPack(p *Pack) {
	key := keyPack(p.ID)
	switch old, err := t.Pack(p.ID); {
	case errors.Is(err, ErrNotExist):
		t.c.count.Packs++
	case err != nil:
		panic(kv.Fault{Err: err})
	default:
		t.c.count.PackBytes -= uint64(old.Size)
	}
	t.c.count.PackBytes += uint64(p.Size)
	w := make(writer, 0, 48)
	p.encode(&w)
	t.kv.Put(key, w)
}

// Packs yields all packs after the given one, oldest first.
func (t *Tx) Packs(after blob.PackID, yield func(*Pack) bool) error {
	var err error
	t.kv.Ascend(append(keyPack(after), 0), []byte{byte(tablePack) + 1}, func(k, row []byte) bool {
		p := Pack{ID: blob.PackID(k[1:])}
		if err = p.decode(row); err != nil {
			return false
		}
		return yield(&p)
	})
	return err
}
