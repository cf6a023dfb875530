package catalog

import "slices"

// upgrade1 makes a catalog of format 1 one of format 2, which has the tables of
// holders and of saves. What they say follows from the nodes and the drafts.
func (t *Tx) upgrade1() error {
	var holders []Save // only File and Inode
	err := t.Nodes(0, func(i Inode, n *Node) bool {
		if n.IsRegular() && n.File != 0 && n.File != FileID(i) {
			holders = append(holders, Save{File: n.File, Inode: i})
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, h := range holders {
		t.noteHolder(h.File, h.Inode)
	}
	var drafts []Draft
	err = t.Drafts(0, 0, func(d *Draft) bool {
		if d.Detached || len(d.Also) > 0 {
			drafts = append(drafts, *d)
		}
		return true
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(drafts, func(a, b Draft) int { return int(min(max(a.Opened-b.Opened, -1), 1)) })
	for k := range drafts {
		d := &drafts[k]
		if d.Detached {
			t.PutSave(&Save{File: d.File, Order: uint64(t.NewInode()), Inode: d.Inode, Gen: d.Gen})
		}
		for _, f := range d.Also {
			t.PutSave(&Save{File: f, Order: uint64(t.NewInode()), Inode: d.Inode, Gen: d.Gen})
		}
	}
	var v writer
	v.uint(formatVersion)
	t.store(keyMeta("format"), v)
	return nil
}
