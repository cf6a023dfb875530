package catalog

import (
	"encoding/binary"
	"fmt"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

// Tx reads and, inside Update, writes the catalog. It is valid until the function
// it was handed to returns, and is for one goroutine.
type Tx struct {
	kv   *kv.Tx
	c    *Catalog
	at   Epoch  // Live, or the epoch whose end is read
	feed []byte // keys that this Tx changed, for the change feed
}

// At returns a Tx that reads the state at the end of epoch e. It must not write.
func (t *Tx) At(e Epoch) *Tx { return &Tx{kv: t.kv, c: t.c, at: e} }

// Epoch returns the epoch that is open now, to which an Update's rows will belong.
func (t *Tx) Epoch() Epoch { return t.c.epoch }

// Counters returns the totals.
func (t *Tx) Counters() Counters { return t.c.count }

// get returns the payload of a temporal row at t's epoch, or nil.
func (t *Tx) get(key []byte) []byte {
	row := t.kv.Get(key)
	if t.at == Live {
		if row == nil {
			return nil
		}
		return payload(row)
	}
	if row != nil && bornOf(row) <= t.at {
		return payload(row)
	}
	return t.getPast(key)
}

// getPast returns the row of key that was true at t.at and is no more: of the
// rows that died later than t.at the first one, if it was born by then.
func (t *Tx) getPast(key []byte) (p []byte) {
	t.kv.Ascend(appendPast(nil, key, t.at+1), pastEnd(nil, key), func(_, row []byte) bool {
		if bornOf(row) <= t.at {
			p = payload(row)
		}
		return false
	})
	return p
}

// put writes a temporal row, moving the one it replaces to the past. row must
// have been begun with t.row.
func (t *Tx) put(key []byte, row []byte) {
	if old := t.kv.Get(key); t.retire(key, old) {
		t.changed(key)
	}
	t.kv.Put(key, row)
}

// delete removes a temporal row, moving it to the past. It reports whether there was one.
func (t *Tx) delete(key []byte) bool {
	old := t.kv.Get(key)
	if old == nil {
		return false
	}
	if t.retire(key, old) {
		t.changed(key)
	}
	t.kv.Delete(key)
	return true
}

// retire keeps the old row of key in the past, unless it was born in the open
// epoch: then nobody can ask for it. It reports whether this is the first change
// of key in this epoch.
func (t *Tx) retire(key, old []byte) bool {
	if old == nil {
		return true
	}
	if bornOf(old) >= t.c.epoch {
		return false
	}
	t.kv.Put(appendPast(nil, key, t.c.epoch), append([]byte(nil), old...))
	return true
}

func (t *Tx) changed(key []byte) {
	t.feed = binary.AppendUvarint(t.feed, uint64(len(key)))
	t.feed = append(t.feed, key...)
}

// row begins a temporal row.
func (t *Tx) row(size int) writer {
	w := make(writer, 0, size+5)
	w.uint(uint64(t.c.epoch))
	return w
}

// scan yields the temporal rows whose keys start with prefix, from the key from
// on, as they are at t's epoch.
func (t *Tx) scan(prefix, from []byte, yield func(key, payload []byte) bool) {
	end := prefixEnd(prefix)
	if t.at == Live {
		t.kv.Ascend(from, end, func(k, v []byte) bool { return yield(k, payload(v)) })
		return
	}
	t.scanPast(from, end, yield)
}

// NewInode returns a number that no inode and no file had before.
func (t *Tx) NewInode() Inode { return t.c.NewInode() }

// Node returns the node row of i.
func (t *Tx) Node(i Inode) (n Node, err error) {
	p := t.get(nodeKey(i))
	if p == nil {
		return n, ErrNotExist
	}
	return n, n.decode(p)
}

// PutNode writes the node row of i.
func (t *Tx) PutNode(i Inode, n *Node) {
	key := nodeKey(i)
	old := t.kv.Get(key)
	if old == nil {
		t.c.count.Nodes++
	}
	if t.retire(key, old) {
		t.changed(key)
	}
	w := t.row(96 + len(n.Target))
	n.encode(&w)
	t.kv.Put(key, w)
}

// DeleteNode removes the node row of i.
func (t *Tx) DeleteNode(i Inode) {
	if t.delete(nodeKey(i)) {
		t.c.count.Nodes--
	}
}

// Nodes yields all nodes from inode from on, in ascending order.
func (t *Tx) Nodes(from Inode, yield func(Inode, *Node) bool) error {
	var err error
	t.scan([]byte{byte(tableNode)}, nodeKey(from), func(k, p []byte) bool {
		var n Node
		i := Inode(be.Uint64(k[1:]))
		if err = n.decode(p); err != nil {
			err = fmt.Errorf("inode %d: %w", i, err)
			return false
		}
		return yield(i, &n)
	})
	return err
}

func corrupt(what string) error {
	return fmt.Errorf("catalog: %s: %w", what, blob.ErrCorrupt)
}

// damaged stops a View or an Update, which then returns the error.
func damaged(what string) { panic(kv.Fault{Err: corrupt(what)}) }

// wantKey stops a View or an Update that met a key shorter than min bytes.
func wantKey(k []byte, min int, what string) {
	if len(k) < min {
		damaged(what)
	}
}
