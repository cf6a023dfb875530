package catalog

import (
	"errors"
	"fmt"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

// HasChunk reports whether a chunk is stored durably.
func (t *Tx) HasChunk(id blob.ID) bool { return t.kv.Get(keyID(tableChunk, id)) != nil }

// Chunk returns where a chunk is stored.
func (t *Tx) Chunk(id blob.ID) (blob.Location, error) {
	row := t.kv.Get(keyID(tableChunk, id))
	if row == nil {
		return blob.Location{}, fmt.Errorf("chunk %s: %w", id.Short(), ErrNotExist)
	}
	l, err := decodeLocation(row)
	if err != nil {
		return blob.Location{}, fmt.Errorf("catalog: chunk %s: %w", id.Short(), err)
	}
	return l, nil
}

// PutChunk writes where a chunk is stored.
func (t *Tx) PutChunk(id blob.ID, l blob.Location) {
	t.refers(id)
	w := make(writer, 0, 32)
	encodeLocation(&w, l)
	t.store(keyID(tableChunk, id), w)
}

// Chunks yields all chunks after the given one, in order of id.
func (t *Tx) Chunks(after blob.ID, yield func(blob.ID, blob.Location) bool) error {
	var err error
	from := append(keyID(tableChunk, after), 0)
	t.kv.Ascend(from, nil, func(k, row []byte) bool {
		wantKey(k, 1+blob.IDSize, "key of a chunk")
		id := blob.ID(k[1:])
		var l blob.Location
		if l, err = decodeLocation(row); err != nil {
			err = fmt.Errorf("catalog: chunk %s: %w", id.Short(), err)
			return false
		}
		return yield(id, l)
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
	if err := p.decode(row); err != nil {
		return Pack{}, fmt.Errorf("catalog: pack %s: %w", id, err)
	}
	return p, nil
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
	t.store(key, w)
}

// Packs yields all packs after the given one, oldest first.
func (t *Tx) Packs(after blob.PackID, yield func(*Pack) bool) error {
	var err error
	t.kv.Ascend(append(keyPack(after), 0), nil, func(k, row []byte) bool {
		wantKey(k, 1+len(after), "key of a pack")
		p := Pack{ID: blob.PackID(k[1:])}
		if err = p.decode(row); err != nil {
			err = fmt.Errorf("catalog: pack %s: %w", p.ID, err)
			return false
		}
		return yield(&p)
	})
	return err
}
