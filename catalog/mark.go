package catalog

import (
	"bytes"

	"github.com/rdfs/rdfs/internal/blob"
)

// OnRefer makes fn be told, from now on, of every content that a node or a version is
// given and of every content and chunk that is written, before the Update that does it
// returns. It is called with the store's lock held. Nil ends it.
func (c *Catalog) OnRefer(fn func(blob.ID)) error {
	return c.Update(func(*Tx) error { c.refer = fn; return nil })
}

// refers tells who marks that id is referred to.
func (t *Tx) refers(id blob.ID) {
	if t.c.refer != nil && !id.IsZero() {
		t.c.refer(id)
	}
}

// PastNodes yields the rows of nodes in the past that a Keeping keeps, up to limit of
// all, and returns where to go on: nil at the end. from is nil at the beginning.
func (t *Tx) PastNodes(k *Keeping, from []byte, limit int, yield func(Inode, *Node)) (next []byte, err error) {
	prefix := []byte{byte(tablePast), byte(tableNode)}
	if from == nil {
		from = prefix
	}
	t.kv.Ascend(from, prefixEnd(prefix), func(key, row []byte) bool {
		if limit--; limit < 0 {
			next = bytes.Clone(key)
			return false
		}
		born, p := split(row)
		live, died := splitPast(key)
		if k.Row(t, live, born, died) == Forgettable {
			return true
		}
		var n Node
		if err = n.decode(p); err != nil {
			err = corrupt("past row of a node")
			return false
		}
		yield(Inode(be.Uint64(live[1:])), &n)
		return true
	})
	return next, err
}

// DeleteContent removes the chunk list of a content.
func (t *Tx) DeleteContent(id blob.ID) {
	for part := uint32(0); t.kv.Get(keyContent(id, part)) != nil; part++ {
		t.remove(keyContent(id, part))
	}
}

// DeleteChunk removes what is known of a chunk.
func (t *Tx) DeleteChunk(id blob.ID) { t.remove(keyID(tableChunk, id)) }

// DeletePack removes what is known of a pack. That no chunk is in it is the caller's
// care.
func (t *Tx) DeletePack(id blob.PackID) error {
	p, err := t.Pack(id)
	if err != nil {
		return err
	}
	t.c.count.Packs--
	t.c.count.PackBytes -= uint64(p.Size)
	t.remove(keyPack(id))
	return nil
}
