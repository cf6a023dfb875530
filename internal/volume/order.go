package volume

import (
	"slices"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
)

// Versions of a file are numbered in the order of its saves, and the newest is what
// the path holds. As a rule a file has one draft at a time, and nothing needs to be
// done. But a program may save anew before the last save is sealed (the store is
// slow, or fails), or move sealed content over it. Then the finished saves stand in
// the catalog's table of saves, in their order. They are sealed in any order; what is
// sealed and has an unsealed one before it waits there for its number, and the node
// that holds it says version 0.

// queueSave gives the draft of a node, a finished save of f that f's path has left,
// its place behind the saves of f that wait.
func queueSave(tx *catalog.Tx, f catalog.FileID, i catalog.Inode, gen uint32) {
	tx.PutSave(&catalog.Save{File: f, Order: uint64(tx.NewInode()), Inode: i, Gen: gen})
}

// placeOf returns the place of a draft among the saves of f that wait, 0 if it has none.
func placeOf(tx *catalog.Tx, f catalog.FileID, i catalog.Inode, gen uint32) (order uint64) {
	tx.Saves(f, func(s *catalog.Save) bool {
		if s.Inode == i && s.Gen == gen {
			order = s.Order
		}
		return order == 0
	})
	return order
}

// anyWaits reports whether a save of f waits.
func anyWaits(tx *catalog.Tx, f catalog.FileID) (any bool) {
	tx.Saves(f, func(*catalog.Save) bool { any = true; return false })
	return any
}

// sealedSave returns the version that the sealed bytes of a draft are of a file, but
// for its number.
func (v *Volume) sealedSave(d *catalog.Draft, f catalog.FileID, m *blob.Manifest, mtime catalog.Time) catalog.Version {
	now := v.timeNow()
	saved := mtime
	if saved < d.Opened || saved > now { // somebody set the time, as rsync does
		saved = now
	}
	return catalog.Version{File: f, Content: m.ID, Size: m.Size, Mtime: mtime, Saved: saved, Sealed: now,
		UID: d.UID, GID: d.GID, Program: d.Program}
}

// record makes ver the next version of its file, and returns its number; or 0 if
// it has to wait for saves that were finished before. hint is a number near the last
// one, or 0.
func (v *Volume) record(tx *catalog.Tx, ver catalog.Version, hint catalog.Seq) catalog.Seq {
	return v.recordAt(tx, ver, hint, 0, 0)
}

// recordAt does so for the draft of a node, which may have its place already.
func (v *Volume) recordAt(tx *catalog.Tx, ver catalog.Version, hint catalog.Seq, i catalog.Inode, gen uint32) catalog.Seq {
	if !anyWaits(tx, ver.File) {
		return number(tx, ver, hint)
	}
	order := uint64(0)
	if i != 0 {
		order = placeOf(tx, ver.File, i, gen)
	}
	if order == 0 {
		order = uint64(tx.NewInode())
	}
	tx.PutSave(&catalog.Save{File: ver.File, Order: order, Version: ver})
	return settleSaves(tx, ver.File)
}

// number gives a version the number after the last one of its file. When the content
// is that of the last version there is no new one, unless a note says that somebody
// asked for it.
func number(tx *catalog.Tx, ver catalog.Version, hint catalog.Seq) catalog.Seq {
	last := tx.LastSeq(ver.File, hint)
	if last != 0 {
		if p, err := tx.Version(ver.File, last); err == nil && p.Content == ver.Content && ver.Note == "" {
			return last
		}
	}
	ver.Seq, ver.Epoch = last+1, tx.Epoch()
	tx.PutVersion(&ver)
	return ver.Seq
}

// settleSaves makes versions of the saves of f up to the first one that still has to
// be sealed. It returns the number of the last one, or 0 if some still wait.
func settleSaves(tx *catalog.Tx, f catalog.FileID) (seq catalog.Seq) {
	var ready []catalog.Save
	waiting := false
	tx.Saves(f, func(s *catalog.Save) bool {
		if !s.Sealed() {
			if _, err := tx.Draft(s.Inode, s.Gen); err == nil {
				waiting = true
				return false
			}
		}
		ready = append(ready, *s)
		return true
	})
	for k := range ready {
		s := &ready[k]
		tx.DeleteSave(f, s.Order)
		if s.Sealed() {
			seq = number(tx, s.Version, seq)
		}
	}
	if waiting || seq == 0 {
		return 0
	}
	if i, held := tx.Holder(f); held {
		row, err := tx.Node(i)
		last, err2 := tx.Version(f, seq)
		if err == nil && err2 == nil && row.Content == last.Content && row.Seq != seq {
			row.Seq = seq
			tx.PutNode(i, &row)
		}
	}
	return seq
}

// dropSaves takes a draft, which will not become a version, out of the saves that wait.
func dropSaves(tx *catalog.Tx, d *catalog.Draft) {
	files := slices.Clone(d.Also)
	if d.Detached {
		files = append(files, d.File)
	}
	for _, f := range files {
		for {
			order := placeOf(tx, f, d.Inode, d.Gen)
			if order == 0 {
				break
			}
			tx.DeleteSave(f, order)
		}
		settleSaves(tx, f)
	}
}

// deleteDraft removes the row of a draft, and what waits for it goes on.
func deleteDraft(tx *catalog.Tx, i catalog.Inode, gen uint32) {
	d, err := tx.Draft(i, gen)
	tx.DeleteDraft(i, gen)
	if err == nil && (d.Detached || len(d.Also) > 0) {
		dropSaves(tx, &d)
	}
}

// moveSaves gives the places of a draft to another generation of it.
func moveSaves(tx *catalog.Tx, f catalog.FileID, i catalog.Inode, gen, to uint32) {
	for {
		order := placeOf(tx, f, i, gen)
		if order == 0 {
			return
		}
		tx.PutSave(&catalog.Save{File: f, Order: order, Inode: i, Gen: to})
	}
}

// versionOf returns the version of file f whose content a node holds sealed, also
// when it waits for its number.
func versionOf(tx *catalog.Tx, f catalog.FileID, seq catalog.Seq, content blob.ID) (ver catalog.Version, ok bool) {
	if seq != 0 {
		ver, err := tx.Version(f, seq)
		return ver, err == nil && ver.Content == content
	}
	tx.Saves(f, func(s *catalog.Save) bool {
		if s.Sealed() && s.Version.Content == content {
			ver, ok = s.Version, true
		}
		return true
	})
	return ver, ok
}
