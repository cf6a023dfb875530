package catalog

// A history (FileID) is held by at most one node: the one whose versions the next
// saves of the file will be. Mostly the node has the number of the history. Where it
// has not, a row in the table of holders leads from the history to the node. PutNode
// and DeleteNode keep it. A row may be out of date: what the node says counts.

// Holder returns the node that holds a history; false when none does, and the
// history may be given to one.
func (t *Tx) Holder(f FileID) (Inode, bool) {
	if v := t.kv.Get(appendKey(t.buf[:0], tableHolder, uint64(f))); v != nil {
		r := reader{b: v}
		i := Inode(r.uint())
		if r.done() != nil {
			damaged("row of a holder")
		}
		if t.isHolder(i, f) {
			return i, true
		}
	}
	return Inode(f), t.isHolder(Inode(f), f)
}

func (t *Tx) isHolder(i Inode, f FileID) bool {
	n, err := t.Node(i)
	return err == nil && n.File == f
}

// noteHolder notes that node i has the history f, which is not the one of its number.
func (t *Tx) noteHolder(f FileID, i Inode) {
	key := key1(tableHolder, uint64(f))
	var w writer
	w.uint(uint64(i))
	if string(t.kv.Get(key)) != string(w) {
		t.store(key, w)
	}
}

// dropHolder forgets that node i, which is going, has a history.
func (t *Tx) dropHolder(i Inode, row []byte) {
	_, p := split(row)
	var n Node
	if n.decode(p) != nil || n.File == FileID(i) {
		return
	}
	key := key1(tableHolder, uint64(n.File))
	if r := (reader{b: t.kv.Get(key)}); len(r.b) > 0 && r.uint() == uint64(i) {
		t.remove(key)
	}
}
