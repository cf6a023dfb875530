package catalog

import (
	"fmt"

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
	list, parts, whole := []byte(nil), uint32(0), true
	t.kv.Ascend(keyContent(id, 0), prefixEnd(keyID(tableContent, id)), func(k, part []byte) bool {
		whole = len(k) == 1+blob.IDSize+4 && be.Uint32(k[1+blob.IDSize:]) == parts
		list = append(list, part...)
		parts++
		return whole
	})
	if parts == 0 {
		loc, err := t.Chunk(id)
		if err != nil {
			return m, fmt.Errorf("content %s: %w", id.Short(), err)
		}
		m.Size = int64(loc.Size)
		m.Chunks = []blob.Chunk{{ID: id, Size: loc.Size}}
		return m, nil
	}
	if m, err = parseContent(id, list); err == nil && !whole {
		err = fmt.Errorf("%w: a part of the list is missing", blob.ErrCorrupt)
	}
	if err != nil {
		return blob.Manifest{ID: id}, fmt.Errorf("catalog: content %s: %w", id.Short(), err)
	}
	return m, nil
}

// FirstChunk returns the id of the first chunk of a content. The content of size 0 has
// none: ErrNotExist.
func (t *Tx) FirstChunk(id blob.ID) (blob.ID, error) {
	if row := t.kv.Get(keyContent(id, 0)); row != nil {
		r := reader{b: row}
		r.size()
		chunk := r.id()
		if r.err != nil {
			return blob.ID{}, fmt.Errorf("catalog: content %s: %w", id.Short(), r.err)
		}
		return chunk, nil
	}
	if !t.HasChunk(id) {
		return blob.ID{}, fmt.Errorf("content %s: %w", id.Short(), ErrNotExist)
	}
	return id, nil
}

// parseContent reads the joined parts of a content's chunk list.
func parseContent(id blob.ID, list []byte) (blob.Manifest, error) {
	r := reader{b: list}
	m := blob.Manifest{ID: id, Size: r.size()}
	if err := r.done(); err != nil {
		return m, err
	}
	chunks, err := blob.ParseChunks(r.b)
	if err != nil {
		return m, err
	}
	sum := int64(0)
	for _, c := range chunks {
		sum += int64(c.Size)
	}
	if sum != m.Size {
		return m, fmt.Errorf("%w: the chunks have %d bytes, the content %d", blob.ErrCorrupt, sum, m.Size)
	}
	m.Chunks = chunks
	return m, nil
}

// PutContent writes the chunk list of a content, in place of another one of the
// same content. The content of size 0, and one that has the id of its only chunk,
// need none.
func (t *Tx) PutContent(m *blob.Manifest) {
	t.refers(m.ID)
	if len(m.Chunks) == 0 || len(m.Chunks) == 1 && m.Chunks[0].ID == m.ID {
		return
	}
	if t.c.refer != nil {
		for _, c := range m.Chunks {
			t.refers(c.ID)
		}
	}
	w := make(writer, 0, 10+len(m.Chunks)*(blob.IDSize+5))
	w.uint(uint64(m.Size))
	w = blob.AppendChunks(w, m.Chunks)
	part := uint32(0)
	for ; len(w) > 0; part++ {
		n := min(len(w), contentPart)
		t.store(keyContent(m.ID, part), w[:n:n])
		w = w[n:]
	}
	for t.kv.Get(keyContent(m.ID, part)) != nil { // the other list was longer
		t.remove(keyContent(m.ID, part))
		part++
	}
}

// Contents yields the ids of the contents that have rows of their own.
func (t *Tx) Contents(after blob.ID, yield func(blob.ID) bool) {
	from := prefixEnd(keyID(tableContent, after))
	if after.IsZero() {
		from = []byte{byte(tableContent)}
	}
	t.kv.Ascend(from, nil, func(k, _ []byte) bool {
		wantKey(k, 1+blob.IDSize+4, "key of a content")
		if be.Uint32(k[1+blob.IDSize:]) != 0 {
			return true
		}
		return yield(blob.ID(k[1 : 1+blob.IDSize]))
	})
}
