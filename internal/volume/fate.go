package volume

import "github.com/rdfs/rdfs/catalog"

// fate is what became of a node that lost a name.
type fate struct {
	gone     bool // it was the last name
	row      catalog.Node
	meta     catalog.Draft
	attrs    map[string][]byte
	detached *catalog.Draft // its draft lives on until it is sealed
}

// dropLink takes one link from the node i whose name was just deleted. When it was
// the last one the node goes; a draft that has rested long enough to be a version
// becomes a detached one of file. n.mu is held.
func (v *Volume) dropLink(tx *catalog.Tx, n *node, row *catalog.Node, now catalog.Time, file catalog.FileID) (f fate) {
	if n.writers > 0 {
		n.observe()
	}
	if n.settle(row) {
		v.drafts.noteRenamed(n)
	}
	row.Ctime = max(now, row.Ctime)
	if row.Nlink--; row.Nlink > 0 {
		tx.PutNode(n.ino, row)
		f.row = *row
		n.changed()
		return f
	}
	f.gone = true
	if n.opens > 0 {
		f.attrs = make(map[string][]byte)
		tx.Attrs(row.File, func(k string, val []byte) bool { f.attrs[k] = append([]byte{}, val...); return true })
	}
	if row.Gen != 0 {
		if d, err := tx.Draft(n.ino, row.Gen); err == nil {
			f.meta = d
			if v.isVersion(n) {
				d.Detached, d.File, d.Mtime = true, file, row.Mtime
				tx.PutDraft(&d)
				queueSave(tx, file, n.ino, d.Gen)
				f.detached = &d
			} else {
				deleteDraft(tx, n.ino, row.Gen)
			}
		}
	}
	tx.DeleteNode(n.ino)
	f.row = *row
	return f
}

// isVersion reports whether the draft of n has been closed and quiet long enough
// to be a version, though it is not sealed yet. n.mu is held.
func (v *Volume) isVersion(n *node) bool {
	return n.job != nil && n.writers == 0 && !n.pristine && !v.now().Before(n.job.due) && v.drafts.failure(n.draft) == nil
}

// finish does what remains after the transaction in which the node lost a name.
// n.mu is held.
func (v *Volume) finish(n *node, f fate) {
	if !f.gone {
		return
	}
	if n.opens > 0 {
		n.orphan = &orphan{row: f.row, meta: f.meta, attrs: f.attrs, detached: f.detached != nil}
	} else {
		v.ghosts.keep(n.ino, f.row)
	}
	if j := n.job; j != nil {
		n.job = nil
		if f.detached != nil {
			v.sealer.detach(j, f.detached)
		} else {
			v.sealer.drop(j)
		}
	}
	if n.opens > 0 || !f.row.IsRegular() {
		return // the file goes with the last handle
	}
	switch {
	case f.detached != nil: // the sealer removes it
	case f.row.Gen != 0:
		v.removeLater(v.drafts.path(n.ino, f.row.Gen))
	default:
		v.dropSealed(n, &f.row)
	}
}

// dropSealed removes the local file of a sealed node that is no more: from the
// cache, or from among the drafts when it was on its way. n.mu is held.
func (v *Volume) dropSealed(n *node, row *catalog.Node) {
	if n.draft != "" {
		v.removeLater(n.draft)
	}
	if !row.Content.IsZero() {
		v.uncacheLater(n.ino)
	}
}
