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
// file that was there: its history, and its attributes unless row has its own.
func (v *Volume) inherit(tx *catalog.Tx, dir catalog.Inode, name string, i catalog.Inode, row *catalog.Node) (catalog.FileID, catalog.Seq) {
	own := row.File
	if own == 0 {
		own = catalog.FileID(i)
	}
	if t, ok := v.tombs.take(dir, name, v.timeNow()); ok && t.ino != i {
		for key, value := range t.attrs {
			if _, err := tx.Attr(t.file, key); err != nil {
				tx.PutAttr(t.file, key, value)
			}
		}
		return t.file, t.seq
	}
	old, died, ok := tx.LastAt(dir, name, tx.Since(v.timeNow()-catalog.Time(inheritFor)))
	if !ok || old == i {
		return own, row.Seq
	}
	if closed, err := tx.EpochTime(died); err == nil && closed < v.timeNow()-catalog.Time(inheritFor) {
		return own, row.Seq // Since is not exact when little happens
	}
	was, err := tx.At(died - 1).Node(old)
	if err != nil || !was.IsRegular() {
		return own, row.Seq
	}
	if heir, err := tx.Node(old); err == nil {
		// The old inode lives on under another name.
		if heir.File != was.File {
			return own, row.Seq // and has already been given another history
		}
		if !onlyBackup(tx, old, name) {
			return own, row.Seq // it was renamed for good and took its history along
		}
		v.split(tx, old, &heir)
		return was.File, was.Seq
	}
	// The attributes went with the name; they come back with it.
	tx.At(died-1).Attrs(was.File, func(key string, value []byte) bool {
		if _, err := tx.Attr(was.File, key); err != nil {
			tx.PutAttr(was.File, key, value)
		}
		return true
	})
	return was.File, was.Seq
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

// lastName looks at the name that is left to the node i after name was removed:
// link(2) and unlink(2) are a rename in two steps, and continue what was under the
// name that is left.
func (v *Volume) lastName(tx *catalog.Tx, i catalog.Inode, row *catalog.Node, name string) {
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
	v.commitMoved(tx, row, from, fromSeq)
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
			if v.timeNow()-row.Mtime >= catalog.Time(v.o.SealAfter) {
				v.also(&d, old)
			}
			tx.PutDraft(&d)
		}
	}
	if last, err := tx.Version(old, row.Seq); err == nil && row.Seq != 0 {
		last.File, last.Seq, last.Epoch = file, 1, tx.Epoch()
		last.Note = "copy kept by a program that saves by renaming"
		tx.PutVersion(&last)
		row.Seq = 1
	}
	row.File = file
	tx.PutNode(i, row)
}

// also makes the bytes of a draft that moved away from the path of a file a version
// of that file, too: they are a finished save of it that could not be sealed yet.
func (v *Volume) also(d *catalog.Draft, old catalog.FileID) {
	if d.Also == 0 {
		d.Also = old
		v.sealer.saves.move(old, d.Inode)
	}
}

// commitMoved records the sealed content that a node brings under another file's
// path as that file's next version, if it differs from the last one.
func (v *Volume) commitMoved(tx *catalog.Tx, row *catalog.Node, from catalog.FileID, fromSeq catalog.Seq) {
	if row.Content.IsZero() || row.Gen != 0 {
		return // the draft becomes the version when it is sealed
	}
	row.Seq = tx.LastSeq(row.File, row.Seq)
	if last, err := tx.Version(row.File, row.Seq); err == nil && last.Content == row.Content {
		return
	}
	now := v.timeNow()
	nv := catalog.Version{File: row.File, Seq: row.Seq + 1, Content: row.Content, Size: row.Size, Mtime: row.Mtime,
		Saved: now, Sealed: now, Epoch: tx.Epoch(), UID: row.UID, GID: row.GID}
	if v, err := tx.Version(from, fromSeq); err == nil {
		nv.UID, nv.GID, nv.Program = v.UID, v.GID, v.Program
	}
	tx.PutVersion(&nv)
	row.Seq = nv.Seq
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
