package volume

import (
	"context"
	"errors"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
)

// Limits of names, as statfs(2) and pathconf(3) tell them.
const (
	MaxName   = 255  // bytes
	MaxTarget = 4095 // bytes of a symbolic link
	maxLinks  = 1 << 30
)

// Reserved reports whether a name belongs to the drive in every directory.
func Reserved(name string) bool {
	return name == ".versions" || name == ".snapshots" || name == ".rdfs"
}

// checkName refuses names that nothing can be called.
func checkName(name string) error {
	switch {
	case len(name) > MaxName:
		return ErrTooLong
	case name == "" || name == "." || name == "..":
		return ErrInvalid
	case Reserved(name):
		return ErrReserved
	case !utf8.ValidString(name):
		return ErrNotUTF8
	}
	return nil
}

func notExist(err error) error {
	if errors.Is(err, catalog.ErrNotExist) {
		return ErrNotExist
	}
	return err
}

// Lookup returns the inode behind a name and its attributes.
func (v *Volume) Lookup(dir catalog.Inode, name string) (Attr, error) {
	if len(name) > MaxName {
		return Attr{}, ErrTooLong
	}
	var (
		i   catalog.Inode
		row catalog.Node
	)
	err := v.cat.View(func(tx *catalog.Tx) (err error) {
		if i, err = tx.Lookup(dir, name); err != nil {
			return err
		}
		row, err = tx.Node(i)
		return err
	})
	if err != nil {
		return Attr{}, notExist(err)
	}
	return v.overlaid(i, &row), nil
}

// parent returns the row of a directory in which a name is to be changed.
func parent(tx *catalog.Tx, dir catalog.Inode) (catalog.Node, error) {
	row, err := tx.Node(dir)
	if err != nil {
		return row, notExist(err)
	}
	if !row.IsDir() {
		return row, ErrNotDir
	}
	return row, nil
}

// touch notes that the names in a directory changed now.
func touch(tx *catalog.Tx, dir catalog.Inode, row *catalog.Node, now catalog.Time) {
	row.Mtime = max(now, row.Mtime)
	row.Ctime = max(now, row.Ctime)
	tx.PutNode(dir, row)
}

// newNode returns the row of a node that who makes in a directory.
func newNode(dir *catalog.Node, mode uint32, who Caller, now catalog.Time) catalog.Node {
	n := catalog.Node{Mode: mode, Nlink: 1, UID: who.UID, GID: who.GID, Atime: now, Mtime: now, Ctime: now, Btime: now}
	if dir.Mode&setGID != 0 {
		n.GID = dir.GID
		if n.IsDir() {
			n.Mode |= setGID
		}
	}
	return n
}

// make makes a node that is not a regular file with bytes, under a name.
func (v *Volume) make(dir catalog.Inode, name string, mode uint32, who Caller, set func(*catalog.Node)) (Attr, error) {
	if err := checkName(name); err != nil {
		return Attr{}, err
	}
	op := opMknod
	switch mode & catalog.TypeMask {
	case catalog.TypeDir:
		op = opMkdir
	case catalog.TypeSymlink:
		op = opSymlink
	}
	q := v.ask(op, who)
	now := v.timeNow()
	var (
		i   catalog.Inode
		row catalog.Node
	)
	err := v.cat.Update(func(tx *catalog.Tx) error {
		p, err := parent(tx, dir)
		if err != nil {
			return err
		}
		if _, err := tx.Lookup(dir, name); err == nil {
			return ErrExist
		}
		verdict, err := q.judge(tx, dir, name, mode, "")
		if err != nil {
			return err
		}
		i = tx.NewInode()
		row = newNode(&p, mode, who, now)
		shape(&row, verdict)
		row.File = catalog.FileID(i)
		if row.IsDir() {
			row.Nlink, row.Parent = 2, dir
			p.Nlink++
		}
		if set != nil {
			set(&row)
		}
		tx.PutNode(i, &row)
		tx.PutName(dir, name, i, row.Mode)
		touch(tx, dir, &p, now)
		return nil
	})
	if err == nil {
		v.names.made(dir, name)
	}
	return attr(i, &row), q.answered(err)
}

// Mkdir makes a directory.
func (v *Volume) Mkdir(dir catalog.Inode, name string, perm uint32, who Caller) (Attr, error) {
	return v.make(dir, name, catalog.TypeDir|perm&permMask, who, nil)
}

// Mknod makes a FIFO, a socket, a device, or an empty regular file.
func (v *Volume) Mknod(ctx context.Context, dir catalog.Inode, name string, mode, rdev uint32, who Caller) (Attr, error) {
	switch mode & catalog.TypeMask {
	case catalog.TypeRegular, 0:
		h, a, err := v.Create(ctx, dir, name, mode, unix.O_WRONLY|unix.O_EXCL, who)
		if err != nil {
			return Attr{}, err
		}
		return a, h.Release()
	case catalog.TypeFIFO, catalog.TypeSocket, catalog.TypeChar, catalog.TypeBlock:
	default:
		return Attr{}, ErrInvalid
	}
	return v.make(dir, name, mode, who, func(n *catalog.Node) { n.Rdev = rdev })
}

// Symlink makes a symbolic link.
func (v *Volume) Symlink(dir catalog.Inode, name, target string, who Caller) (Attr, error) {
	if target == "" {
		return Attr{}, ErrNotExist
	}
	if len(target) > MaxTarget {
		return Attr{}, ErrTooLong
	}
	return v.make(dir, name, catalog.TypeSymlink|0o777, who, func(n *catalog.Node) { n.Target = target })
}

// Readlink returns the target of a symbolic link.
func (v *Volume) Readlink(i catalog.Inode) (string, error) {
	a, err := v.Getattr(i)
	if err != nil {
		return "", err
	}
	if a.Type() != catalog.TypeSymlink {
		return "", ErrInvalid
	}
	return a.Target, nil
}

// Link gives an inode another name.
func (v *Volume) Link(i, dir catalog.Inode, name string, who Caller) (a Attr, err error) {
	if err := checkName(name); err != nil {
		return Attr{}, err
	}
	q := v.ask(opLink, who)
	defer func() { err = q.answered(err) }()
	n := v.nodes.acquire(i)
	defer v.nodes.release(n)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.orphan != nil && (n.opens == 0 || n.orphan.detached) {
		return Attr{}, ErrNotExist
	}
	if err := n.observe(); err != nil {
		return Attr{}, err
	}
	now := v.timeNow()
	var row catalog.Node
	err = v.cat.Update(func(tx *catalog.Tx) (err error) {
		if n.orphan != nil {
			row = n.orphan.row
		} else if row, err = tx.Node(i); err != nil {
			return notExist(err)
		}
		p, err := parent(tx, dir)
		switch {
		case err != nil:
			return err
		case row.IsDir():
			return ErrPerm
		case row.Nlink >= maxLinks:
			return ErrTooMany
		}
		if _, err := tx.Lookup(dir, name); err == nil {
			return ErrExist
		}
		verdict, err := q.judge(tx, dir, name, row.Mode, "")
		if err != nil {
			return err
		}
		if n.orphan != nil {
			shape(&row, verdict)
		} else {
			v.rekeep(&row, verdict, false)
		}
		v.drafts.noteRenamed(n)
		n.settle(&row)
		row.Nlink++
		row.Ctime = max(now, row.Ctime)
		if o := n.orphan; o != nil {
			from, fromSeq := row.File, row.Seq
			row.File, row.Seq = v.inherit(tx, dir, name, i, &row)
			o.meta.File, o.meta.Also = row.File, nil
			if row.Gen != 0 {
				tx.PutDraft(&o.meta)
			} else { // others may have saved under the name, or under the one it had
				v.commitMoved(tx, &row, from, fromSeq)
			}
			for k, val := range o.attrs {
				tx.PutAttr(row.File, k, val)
			}
		}
		tx.PutNode(i, &row)
		tx.PutName(dir, name, i, row.Mode)
		touch(tx, dir, &p, now)
		return nil
	})
	if err != nil {
		return Attr{}, err
	}
	v.names.made(dir, name)
	n.changed()
	n.orphan = nil
	v.promote(n, &row) // its last writer may have gone before
	return v.attrWith(n, &row)
}

// Rmdir removes an empty directory.
func (v *Volume) Rmdir(dir catalog.Inode, name string, who Caller) error {
	if Reserved(name) {
		return ErrReserved
	}
	now := v.timeNow()
	var (
		i   catalog.Inode
		row catalog.Node
	)
	err := v.cat.Update(func(tx *catalog.Tx) error {
		p, err := parent(tx, dir)
		if err != nil {
			return err
		}
		if i, err = tx.Lookup(dir, name); err != nil {
			return notExist(err)
		}
		if row, err = tx.Node(i); err != nil {
			return notExist(err)
		}
		if !row.IsDir() {
			return ErrNotDir
		}
		if !tx.Empty(i) {
			return ErrNotEmpty
		}
		if err := v.held(tx, dir, name, &row); err != nil {
			return err
		}
		tx.DeleteNameBy(dir, name, who.UID)
		removeDir(tx, i, &row)
		p.Nlink--
		touch(tx, dir, &p, now)
		return nil
	})
	if err == nil {
		v.ghosts.keep(i, row)
	}
	v.logHeld(dir, err)
	return err
}

func removeDir(tx *catalog.Tx, i catalog.Inode, row *catalog.Node) {
	tx.DeleteAttrs(row.File)
	tx.DeleteNode(i)
}

// Unlink removes a name of something that is not a directory.
func (v *Volume) Unlink(dir catalog.Inode, name string, who Caller) error {
	if Reserved(name) {
		return ErrReserved
	}
	for {
		i, err := v.resolve(dir, name)
		if err != nil {
			return err
		}
		if done, err := v.unlink(dir, name, i, who); done {
			return err
		}
	}
}

func (v *Volume) resolve(dir catalog.Inode, name string) (i catalog.Inode, err error) {
	err = v.cat.View(func(tx *catalog.Tx) (err error) { i, err = tx.Lookup(dir, name); return err })
	return i, notExist(err)
}

// unlink removes the name if it still means i.
func (v *Volume) unlink(dir catalog.Inode, name string, i catalog.Inode, who Caller) (done bool, err error) {
	n := v.nodes.acquire(i)
	defer v.nodes.release(n)
	n.mu.Lock()
	defer n.mu.Unlock()
	now := v.timeNow()
	done = true
	var fate fate
	err = v.cat.Update(func(tx *catalog.Tx) error {
		p, err := parent(tx, dir)
		if err != nil {
			return err
		}
		j, err := tx.Lookup(dir, name)
		if err != nil {
			return notExist(err)
		}
		if j != i {
			done = false
			return ErrBusy
		}
		row, err := tx.Node(i)
		if err != nil {
			return notExist(err)
		}
		if row.IsDir() {
			return ErrIsDir
		}
		if err := v.held(tx, dir, name, &row); err != nil {
			return err
		}
		tx.DeleteNameBy(dir, name, who.UID)
		fate = v.dropLink(tx, n, &row, now, row.File)
		if row.IsRegular() {
			v.tombs.put(tx, dir, name, newTomb(tx, name, i, &row, fate.gone, now))
		}
		if fate.gone {
			tx.DeleteAttrs(row.File)
		} else if row.Nlink == 1 && row.IsRegular() {
			v.lastName(tx, n, &row, name)
		}
		touch(tx, dir, &p, now)
		return nil
	})
	if err == nil {
		v.finish(n, fate)
	}
	v.logHeld(dir, err)
	return done, err
}
