package volume

import (
	"strings"
	"time"

	"github.com/rdfs/rdfs/catalog"
)

// History belongs to the path. Programs save in four ways, and in all of them the
// file that the person means stays the same file:
//
//	in place, or truncate and write   the inode stays, nothing to do
//	write a temporary, rename it over the inode takes the file id of the one it replaces
//	delete, then create or rename     the name was taken away less than inheritFor ago
//	rename to a backup, then create   the same, and the backup becomes a file of its own

// inheritFor is how long a path keeps its history after its name was taken away.
const inheritFor = 60 * time.Second

// inherit returns the file id and the last version number that a node has under a
// name that does not exist now. If the name was taken away lately it continues the
// file that was there: its history, and its attributes unless row has its own. A
// history that another node holds is never given.
func (v *Volume) inherit(tx *catalog.Tx, dir catalog.Inode, name string, i catalog.Inode, row *catalog.Node) (catalog.FileID, catalog.Seq) {
	own, seq := row.File, row.Seq
	if own == 0 {
		own = catalog.FileID(i)
	} else if holder, held := tx.Holder(own); held && holder != i {
		own, seq = catalog.FileID(tx.NewInode()), 0 // it was given away while the node had no name
	}
	now := v.timeNow()
	t, ok := v.tombs.take(tx, dir, name, now)
	if !ok || t.ino == i || t.kind == tombMoved {
		return own, seq
	}
	holder, held := tx.Holder(t.file)
	switch {
	case !held: // the attributes went with the name; they come back with it
		for key, value := range t.attrs {
			if _, err := tx.Attr(t.file, key); err != nil {
				tx.PutAttr(t.file, key, value)
			}
		}
		return t.file, t.seq
	case t.kind == tombBackup && holder == t.ino && onlyBackup(tx, holder, name):
		heir, err := tx.Node(holder)
		if err != nil {
			return own, seq
		}
		v.split(tx, holder, &heir)
		return t.file, t.seq
	}
	return own, seq
}

// adopt makes the node i, whose row is given, continue the file that it replaces:
// history and attributes stay with the path; attributes that i brings win.
func adopt(tx *catalog.Tx, i catalog.Inode, row *catalog.Node, file catalog.FileID, seq catalog.Seq) {
	if row.File == file {
		return
	}
	type attr struct {
		name  string
		value []byte
	}
	var own []attr
	tx.Attrs(row.File, func(name string, value []byte) bool {
		own = append(own, attr{name, append([]byte{}, value...)})
		return true
	})
	for _, a := range own {
		tx.DeleteAttr(row.File, a.name)
		tx.PutAttr(file, a.name, a.value)
	}
	if row.Gen != 0 {
		if d, err := tx.Draft(i, row.Gen); err == nil {
			d.File = file
			tx.PutDraft(&d)
		}
	}
	row.File, row.Seq = file, tx.LastSeq(file, seq)
}

// lastName looks at the name that is left to the node n after name was removed:
// link(2) and unlink(2) are a rename in two steps, and continue what was under the
// name that is left. n.mu is held.
func (v *Volume) lastName(tx *catalog.Tx, n *node, row *catalog.Node, name string) {
	i := n.ino
	var left catalog.Name
	tx.Names(i, func(n catalog.Name) bool { left = n; return false })
	if isBackup(name, left.Name) {
		return
	}
	file, seq := v.inherit(tx, left.Dir, left.Name, i, row)
	if file == row.File {
		return
	}
	from, fromSeq := row.File, row.Seq
	adopt(tx, i, row, file, seq)
	v.bring(tx, n, row, from, fromSeq)
	tx.PutNode(i, row)
}

// split gives a node that lost its path's history to a new inode a history of its
// own, which begins with what it holds, and copies of the attributes.
func (v *Volume) split(tx *catalog.Tx, i catalog.Inode, row *catalog.Node) {
	old := row.File
	file := catalog.FileID(tx.NewInode())
	tx.Attrs(old, func(name string, value []byte) bool { tx.PutAttr(file, name, value); return true })
	if row.Gen != 0 {
		if d, err := tx.Draft(i, row.Gen); err == nil {
			d.File = file
			if v.sealer.rested(i) {
				also(tx, &d, old)
			}
			tx.PutDraft(&d)
		}
	}
	ver, ok := versionOf(tx, old, row.Seq, row.Content)
	row.File, row.Seq = file, 0
	if ok && row.Keep == catalog.KeepData { // what is no data has no versions
		ver.File, ver.Note = file, "copy kept by a program that saves by renaming"
		row.Seq = v.record(tx, ver, 0)
	}
	tx.PutNode(i, row)
}

// also makes the bytes of a draft that moved away from the path of a file a version
// of that file, too: they are a finished save of it that could not be sealed yet. The
// caller writes d.
func also(tx *catalog.Tx, d *catalog.Draft, old catalog.FileID) {
	var last catalog.Save
	tx.Saves(old, func(s *catalog.Save) bool { last = *s; return true })
	if last.Inode != d.Inode || last.Gen != d.Gen {
		d.Also = append(d.Also, old)
		queueSave(tx, old, d.Inode, d.Gen)
	}
}

// bring sees to it that what the node n holds, and brings under the path of another
// file than before, becomes a version of that file; and that a finished save which
// moves away before it is sealed stays one of the file that it leaves. n.mu is held.
func (v *Volume) bring(tx *catalog.Tx, n *node, row *catalog.Node, from catalog.FileID, fromSeq catalog.Seq) {
	v.leave(tx, n, row, from)
	v.arrive(tx, n, row, from, fromSeq)
}

func (v *Volume) leave(tx *catalog.Tx, n *node, row *catalog.Node, from catalog.FileID) {
	if row.Gen == 0 || !v.isVersion(n) {
		return
	}
	if d, err := tx.Draft(n.ino, row.Gen); err == nil {
		also(tx, &d, from)
		tx.PutDraft(&d)
	}
}

func (v *Volume) arrive(tx *catalog.Tx, n *node, row *catalog.Node, from catalog.FileID, fromSeq catalog.Seq) {
	if row.Gen == 0 || n.pristine && n.writers == 0 {
		v.commitMoved(tx, row, from, fromSeq)
	}
}

// commitMoved records the sealed content that a node brings under another file's
// path as that file's next version, if it differs from the last one.
func (v *Volume) commitMoved(tx *catalog.Tx, row *catalog.Node, from catalog.FileID, fromSeq catalog.Seq) {
	if row.Content.IsZero() {
		return
	}
	now := v.timeNow()
	nv := catalog.Version{File: row.File, Content: row.Content, Size: row.Size, Mtime: row.Mtime,
		Saved: now, Sealed: now, UID: row.UID, GID: row.GID}
	if ver, ok := versionOf(tx, from, fromSeq, row.Content); ok {
		nv.UID, nv.GID, nv.Program = ver.UID, ver.GID, ver.Program
	}
	row.Seq = v.record(tx, nv, row.Seq)
}

// onlyBackup reports whether all names of i are backup names of name.
func onlyBackup(tx *catalog.Tx, i catalog.Inode, name string) bool {
	all := true
	tx.Names(i, func(n catalog.Name) bool { all = isBackup(name, n.Name); return all })
	return all
}

// backupEndings are what programs append to the name of the file that they keep a
// copy of while, or after, they save it.
var backupEndings = []string{"~", ".bak", ".BAK", ".orig", ".old", ".save", ".backup", ".sav", ".tmp"}

// isBackup reports whether a program may have renamed name to backup only to keep
// the old bytes while it saves.
func isBackup(name, backup string) bool {
	if backup == name {
		return false
	}
	for _, end := range backupEndings {
		if backup == name+end || backup == "."+name+end {
			return true
		}
	}
	// vim and emacs number their backups: name.~1~
	if rest, ok := strings.CutPrefix(backup, name+".~"); ok && strings.HasSuffix(rest, "~") {
		return true
	}
	// Microsoft Office: the original becomes eight hexadecimal digits, with or without .tmp.
	base := strings.TrimSuffix(backup, ".tmp")
	return len(base) == 8 && strings.Trim(base, "0123456789abcdefABCDEF") == ""
}
