package catalog

import (
	"bytes"
	"fmt"

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

// PastNode is the row of a node in the past, and why it stays there.
type PastNode struct {
	Node
	Inode Inode
	Died  Epoch
	Why   Reason
}

// PastNodes yields the rows of nodes in the past that a Keeping keeps, up to limit of
// all, and returns where to go on: nil at the end. from is nil at the beginning.
func (t *Tx) PastNodes(k *Keeping, from []byte, limit int, yield func(*PastNode)) (next []byte, err error) {
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
		n := PastNode{Inode: Inode(be.Uint64(live[1:])), Died: died, Why: k.Row(t, live, born, died)}
		if n.Why == Forgettable {
			return true
		}
		if err = n.decode(p); err != nil {
			err = fmt.Errorf("catalog: past row of node %d: %w", n.Inode, err)
			return false
		}
		yield(&n)
		return true
	})
	return next, err
}

// EverNamed yields the inodes that names in dir mean or meant, some of them more than
// once, as far as the past is kept.
func (t *Tx) EverNamed(dir Inode, yield func(Inode)) {
	prefix := key1(tableName, uint64(dir))
	meant := func(_, row []byte) bool {
		_, p := split(row)
		i, _ := splitName(p)
		yield(i)
		return true
	}
	t.kv.Ascend(prefix, prefixEnd(prefix), meant)
	t.kv.Ascend(append([]byte{byte(tablePast)}, prefix...), append([]byte{byte(tablePast)}, prefixEnd(prefix)...), meant)
}

// EverNode yields the row of an inode, and those that the past keeps of it.
func (t *Tx) EverNode(i Inode, yield func(*Node)) error {
	var err error
	key := nodeKey(i)
	was := func(_, row []byte) bool {
		_, p := split(row)
		var n Node
		if err = n.decode(p); err != nil {
			err = fmt.Errorf("catalog: node %d: %w", i, err)
			return false
		}
		yield(&n)
		return true
	}
	t.kv.Ascend(key, pastEnd(nil, key)[1:], was)
	if err == nil {
		t.kv.Ascend(appendPast(nil, key, 0), pastEnd(nil, key), was)
	}
	return err
}

// DeleteContent removes the chunk list of a content, and what is known of it.
func (t *Tx) DeleteContent(id blob.ID) {
	t.deleteHeader(id)
	for part := uint32(0); t.kv.Get(keyContent(id, part)) != nil; part++ {
		t.remove(keyContent(id, part))
	}
}

// DeleteChunk removes what is known of a chunk, which may be a whole content.
func (t *Tx) DeleteChunk(id blob.ID) {
	t.deleteHeader(id)
	t.remove(keyID(tableChunk, id))
}

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
	t.DeleteMove(id)
	return nil
}
