package volume

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
)

// Attr is what stat(2) shows.
type Attr struct {
	catalog.Node
	Ino    catalog.Inode
	Blocks int64 // of 512 bytes
	// Volatile: the kernel may change size and times without the volume seeing it,
	// so a door must not keep the attributes.
	Volatile bool
}

// IsData reports whether the node's bytes become versions: it is neither staged nor
// local-only.
func (a *Attr) IsData() bool { return a.Keep == catalog.KeepData }

// row reads the node row of n, from memory when it has lost its name. n.mu is held.
func (v *Volume) row(n *node) (catalog.Node, error) {
	if n.orphan != nil {
		return n.orphan.row, nil
	}
	var row catalog.Node
	err := v.cat.View(func(tx *catalog.Tx) (err error) { row, err = tx.Node(n.ino); return err })
	return row, notExist(err)
}

// modify changes the node row of n in one transaction, and returns the new row.
// n.mu is held.
func (v *Volume) modify(n *node, fn func(tx *catalog.Tx, row *catalog.Node) error) (row catalog.Node, err error) {
	n.changed()
	if n.orphan != nil {
		row = n.orphan.row
		if err = fn(nil, &row); err == nil {
			n.orphan.row = row
		}
		return row, err
	}
	err = v.cat.Update(func(tx *catalog.Tx) error {
		if row, err = tx.Node(n.ino); err != nil {
			return notExist(err)
		}
		if err = fn(tx, &row); err == nil {
			tx.PutNode(n.ino, &row)
		}
		return err
	})
	return row, err
}

// Getattr returns the attributes of an inode.
func (v *Volume) Getattr(i catalog.Inode) (Attr, error) {
	if n := v.nodes.lookup(i); n != nil {
		n.mu.Lock()
		defer v.nodes.release(n)
		defer n.mu.Unlock()
		return v.attrOf(n)
	}
	var row catalog.Node
	err := v.cat.View(func(tx *catalog.Tx) (err error) { row, err = tx.Node(i); return err })
	if err != nil {
		if ghost, ok := v.ghosts.get(i); ok {
			return attr(i, &ghost), nil
		}
		return Attr{}, notExist(err)
	}
	return attr(i, &row), nil
}

// attrOf returns the attributes of a node in use. n.mu is held.
func (v *Volume) attrOf(n *node) (Attr, error) {
	row, err := v.row(n)
	if err != nil {
		return Attr{}, err
	}
	return v.attrWith(n, &row)
}

// attrWith returns the attributes of a node in use whose row is known.
func (v *Volume) attrWith(n *node, row *catalog.Node) (Attr, error) {
	if n.writers > 0 {
		if err := n.observe(); err != nil {
			return Attr{}, err
		}
	}
	n.show(row)
	a := attr(n.ino, row)
	a.Volatile = n.writers > 0
	if n.draft != "" && n.file != nil {
		a.Blocks = n.seen.blocks
	}
	return a, nil
}

// attr returns the attributes of a node that is not in use.
func attr(i catalog.Inode, row *catalog.Node) Attr {
	a := Attr{Node: *row, Ino: i}
	switch {
	case row.IsRegular():
		a.Blocks = blocks(row.Size)
	case row.Type() == catalog.TypeSymlink:
		a.Size = int64(len(row.Target))
	case row.IsDir():
		a.Size, a.Blocks = 4096, 8
	}
	return a
}

// blocks returns how many blocks of 512 bytes a file of a size takes on disk.
func blocks(size int64) int64 { return (size + 4095) / 4096 * 8 }

// overlaid returns the attributes of an inode whose row was just read, with what
// the kernel changed since if the node is in use.
func (v *Volume) overlaid(i catalog.Inode, row *catalog.Node) Attr {
	if row.IsRegular() {
		if n := v.nodes.lookup(i); n != nil {
			defer v.nodes.release(n)
			n.mu.Lock()
			defer n.mu.Unlock()
			if a, err := v.attrOf(n); err == nil {
				return a
			}
		}
	}
	return attr(i, row)
}

// SetAttr says which attributes to change. The fields without a flag are taken
// when they are not nil.
type SetAttr struct {
	Mode         *uint32 // permission bits
	UID, GID     *uint32
	Size         *int64
	Atime, Mtime *catalog.Time
	// KillPriv: a program without privileges changed the file, or its owner was
	// changed: clear the set-user-id bit, and the set-group-id bit if the group
	// may execute.
	KillPriv bool
}

const (
	setUID    = 0o4000
	setGID    = 0o2000
	sticky    = 0o1000
	groupExec = 0o010
	permMask  = 0o7777
)

// killPriv returns the mode without set-id bits, as chown(2) and write(2) leave it.
func killPriv(mode uint32) uint32 {
	mode &^= setUID
	if mode&groupExec != 0 {
		mode &^= setGID
	}
	return mode
}

// Setattr changes attributes and returns the new ones.
func (v *Volume) Setattr(ctx context.Context, i catalog.Inode, s SetAttr, who Caller) (Attr, error) {
	if s.Size != nil {
		if err := v.sealer.admit(ctx); err != nil {
			return Attr{}, err
		}
		v.identify(&who)
	}
	n := v.nodes.acquire(i)
	defer v.nodes.release(n)
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.Size != nil {
		if err := v.truncate(ctx, n, *s.Size, who); err != nil {
			return Attr{}, err
		}
		defer v.endWrite(n)
	} else if n.writers > 0 {
		if err := n.observe(); err != nil {
			return Attr{}, err
		}
	}
	if s.KillPriv && s.nothingElse() {
		if row, err := v.row(n); err != nil || row.IsDir() || killPriv(row.Mode) == row.Mode {
			if err != nil {
				return Attr{}, err
			}
			return v.attrWith(n, &row) // nothing to clear
		}
	}
	row, err := v.modify(n, func(_ *catalog.Tx, row *catalog.Node) error {
		if n.settle(row) {
			v.drafts.noteRenamed(n)
		}
		s.apply(row)
		row.Ctime = max(v.timeNow(), row.Ctime)
		return nil
	})
	if err != nil {
		return Attr{}, err
	}
	return v.attrWith(n, &row)
}

func (s *SetAttr) nothingElse() bool {
	return s.Mode == nil && s.UID == nil && s.GID == nil && s.Size == nil && s.Atime == nil && s.Mtime == nil
}

func (s *SetAttr) apply(row *catalog.Node) {
	if s.Mode != nil {
		row.Mode = row.Mode&catalog.TypeMask | *s.Mode&permMask
	}
	if s.UID != nil {
		row.UID = *s.UID
	}
	if s.GID != nil {
		row.GID = *s.GID
	}
	if s.KillPriv && !row.IsDir() {
		row.Mode = killPriv(row.Mode)
	}
	if s.Atime != nil {
		row.Atime = *s.Atime
	}
	if s.Mtime != nil {
		row.Mtime = *s.Mtime
	}
}

// truncate sets the size of a file, which becomes a draft if it is not one; the
// new size is noted in n. When it returns nil, endWrite must follow. n.mu is held.
func (v *Volume) truncate(ctx context.Context, n *node, size int64, who Caller) error {
	if size < 0 {
		return ErrInvalid
	}
	if err := v.beginWrite(ctx, n, size == 0, who); err != nil {
		return err
	}
	if err := v.resize(n, size); err != nil {
		v.endWrite(n)
		return err
	}
	return nil
}

// resize sets the size of the draft of n, whose writer the caller is.
func (v *Volume) resize(n *node, size int64) error {
	w, err := n.writeFile()
	if err != nil {
		return err
	}
	if err := w.Truncate(size); err != nil {
		return err
	}
	s, err := fstat(w)
	if err != nil {
		return err
	}
	n.seen, n.pristine = s, false
	if size == 0 {
		v.drafts.pardon(n.draft) // what could not be written is not wanted any more
	}
	now := max(v.timeNow(), s.mtime)
	n.over = overlay{valid: true, size: size, mtime: now, ctime: now}
	return nil
}

// Space is what statfs(2) shows of the disk under the drafts.
type Space struct {
	Total, Free, Avail int64 // bytes
	Files, FilesFree   uint64
}

// Statfs returns the space that the drive has.
func (v *Volume) Statfs() (Space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(v.o.DraftDir, &st); err != nil {
		return Space{}, &os.PathError{Op: "statfs", Path: v.o.DraftDir, Err: err}
	}
	var nodes uint64
	v.cat.View(func(tx *catalog.Tx) error { nodes = tx.Counters().Nodes; return nil })
	b := int64(st.Bsize)
	return Space{Total: int64(st.Blocks) * b, Free: int64(st.Bfree) * b, Avail: int64(st.Bavail) * b,
		Files: nodes + st.Ffree, FilesFree: st.Ffree}, nil
}

func versionName(seq catalog.Seq, t catalog.Time, ext string) string {
	return fmt.Sprintf("%04d_%s%s", seq, t.Time().Truncate(time.Second).Format("2006-01-02T15-04-05Z"), ext)
}

func versionSeq(ver *catalog.Version) string { return strconv.FormatUint(uint64(ver.Seq), 10) }
