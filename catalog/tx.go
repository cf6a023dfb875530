package catalog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

// Tx reads and, inside Update, writes the catalog. It is valid until the function
// it was handed to returns, and is for one goroutine.
type Tx struct {
	kv  *kv.Tx
	c   *Catalog
	at  Epoch    // Live, or the epoch whose end is read
	err error    // why nothing of the Update may be kept
	buf [64]byte // for keys that are only looked up
}

// At returns a Tx that reads the state at the end of epoch e. It must not write.
func (t *Tx) At(e Epoch) *Tx { return &Tx{kv: t.kv, c: t.c, at: e} }

// Epoch returns the epoch that is open now, to which an Update's rows will belong.
func (t *Tx) Epoch() Epoch { return t.c.epoch }

// Counters returns the totals.
func (t *Tx) Counters() Counters {
	n := t.c.count
	n.NextInode = t.c.next.Load()
	return n
}

// get returns the payload of a temporal row at t's epoch, or nil.
func (t *Tx) get(key []byte) []byte {
	if row := t.kv.Get(key); row != nil {
		born, p := split(row)
		if born <= t.at {
			return p
		}
	}
	if t.at == Live {
		return nil
	}
	return t.getPast(key)
}

// getPast returns the row of key that was true at t.at and is no more: of the
// rows that died later than t.at the first one, if it was born by then.
func (t *Tx) getPast(key []byte) (p []byte) {
	t.kv.Ascend(appendPast(nil, key, t.at+1), pastEnd(nil, key), func(_, row []byte) bool {
		if born, was := split(row); born <= t.at {
			p = bytes.Clone(was) // valid only here
		}
		return false
	})
	return p
}

// put writes a temporal row, moving the one it replaces to the past. row must
// have been begun with t.row. It reports whether there was a row before.
func (t *Tx) put(key, row []byte) (replaced bool) {
	old := t.kv.Get(key)
	t.retire(key, old, nil)
	t.store(key, row)
	return old != nil
}

// delete removes a temporal row, moving it to the past. It reports whether there was one.
func (t *Tx) delete(key []byte) bool { return t.deleteNoting(key, nil) }

// deleteNoting is delete, and appends note to the row of the past.
func (t *Tx) deleteNoting(key, note []byte) bool {
	old := t.kv.Get(key)
	if old == nil {
		return false
	}
	t.retire(key, old, note)
	t.remove(key)
	return true
}

// retire keeps the old row of key, if there is one, in the past with a note behind its
// last field, and key in the feed. A row that was born in the open epoch is not kept:
// nobody can ask for it, and the feed has its key.
func (t *Tx) retire(key, old, note []byte) {
	if old != nil {
		if born, _ := split(old); born >= t.c.epoch {
			return
		}
		b := appendPast(make([]byte, 0, len(key)+pastExtra+len(old)+len(note)), key, t.c.epoch)
		n := len(b)
		b = append(append(b, old...), note...)
		t.store(b[:n:n], b[n:])
	}
	if table(key[0]) != tableParent { // it changes with its name
		t.changed(key)
	}
}

// changed adds key to the feed of the open epoch.
func (t *Tx) changed(key []byte) {
	f := binary.AppendUvarint(t.c.feed, uint64(len(key)))
	t.c.feed = append(f, key...)
}

// store writes a row and takes ownership of both slices. What kv would refuse is
// found out here, so that Update knows.
func (t *Tx) store(key, value []byte) {
	t.mustBeLive()
	if len(key) > kv.MaxKey || len(value) > kv.MaxValue {
		t.refuse(fmt.Errorf("catalog: row %x: %d bytes, at most %d are allowed", key[:min(len(key), 64)], len(value), kv.MaxValue))
		return
	}
	t.kv.Put(key, value)
}

// remove removes a row.
func (t *Tx) remove(key []byte) {
	t.mustBeLive()
	t.kv.Delete(key)
}

func (t *Tx) mustBeLive() {
	if t.at != Live {
		panic("catalog: write to the past")
	}
}

// refuse makes the Update fail.
func (t *Tx) refuse(err error) { t.err = errors.Join(t.err, err) }

// maxName is the length in bytes of the longest name of a file or an attribute.
const maxName = 255

// nameable makes the Update fail, and returns false, if name cannot be part of a
// key: a NUL would mix its past rows with those of other names.
func (t *Tx) nameable(name string) bool {
	if len(name) == 0 || len(name) > maxName || strings.IndexByte(name, 0) >= 0 {
		t.refuse(fmt.Errorf("catalog: name %q: must have 1 to %d bytes and no NUL", name, maxName))
		return false
	}
	return true
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
		t.kv.Ascend(from, end, func(k, v []byte) bool {
			_, p := split(v)
			return yield(k, p)
		})
		return
	}
	t.scanPast(from, end, yield)
}

// NewInode returns a number that no inode and no file had before.
func (t *Tx) NewInode() Inode { return t.c.NewInode() }

// Node returns the node row of i.
func (t *Tx) Node(i Inode) (n Node, err error) {
	p := t.get(appendKey(t.buf[:0], tableNode, uint64(i)))
	if p == nil {
		return n, ErrNotExist
	}
	if err := n.decode(p); err != nil {
		return Node{}, fmt.Errorf("catalog: node %d: %w", i, err)
	}
	return n, nil
}

// PutNode writes the node row of i, and notes whose history it has.
func (t *Tx) PutNode(i Inode, n *Node) {
	t.refers(n.Content)
	w := t.row(64 + len(n.Target) + blob.IDSize)
	n.encode(&w)
	if !t.put(nodeKey(i), w) {
		t.c.count.Nodes++
	}
	if n.File != FileID(i) && n.IsRegular() {
		t.noteHolder(n.File, i)
	}
}

// DeleteNode removes the node row of i.
func (t *Tx) DeleteNode(i Inode) {
	key := nodeKey(i)
	old := t.kv.Get(key)
	if old == nil {
		return
	}
	t.dropHolder(i, old)
	t.delete(key)
	t.c.count.Nodes--
}

// Nodes yields all nodes from inode from on, in ascending order.
func (t *Tx) Nodes(from Inode, yield func(Inode, *Node) bool) error {
	var err error
	t.scan([]byte{byte(tableNode)}, nodeKey(from), func(k, p []byte) bool {
		wantKey(k, 9, "key of a node")
		var n Node
		i := Inode(be.Uint64(k[1:]))
		if err = n.decode(p); err != nil {
			err = fmt.Errorf("catalog: node %d: %w", i, err)
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

// wantKey stops a View or an Update that met a key of less than n bytes.
func wantKey(k []byte, n int, what string) {
	if len(k) < n {
		damaged(what)
	}
}
