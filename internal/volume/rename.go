package volume

import (
	"github.com/rdfs/rdfs/catalog"
)

// Flags of Rename, as in renameat2(2).
const (
	RenameNoReplace = 1 << iota
	RenameExchange

	// renameBack keeps the history of what is renamed, whatever was under the new name
	// lately. It is a flag of its own.
	renameBack = 1 << 31
)

// Rename moves a name, replacing what the new name meant.
func (v *Volume) Rename(dir catalog.Inode, name string, newDir catalog.Inode, newName string, flags uint32, who Caller) error {
	if Reserved(name) {
		return ErrReserved
	}
	if err := checkName(newName); err != nil {
		return err
	}
	if flags&^(RenameNoReplace|RenameExchange) != 0 || flags == RenameNoReplace|RenameExchange {
		return ErrInvalid
	}
	for {
		src, err := v.resolve(dir, name)
		if err != nil {
			return err
		}
		dst, err := v.resolve(newDir, newName)
		if err != nil && err != ErrNotExist {
			return err
		}
		done, err := v.rename(dir, name, src, newDir, newName, dst, flags, who)
		if done {
			return err
		}
	}
}

// rename renames if the names still mean src and dst (0: nothing).
func (v *Volume) rename(dir catalog.Inode, name string, src catalog.Inode, newDir catalog.Inode, newName string, dst catalog.Inode, flags uint32, who Caller) (done bool, err error) {
	nodes, unlock := v.acquire(src, dst)
	q := v.ask(opRename, who)
	r := renaming{v: v, nodes: nodes, dir: dir, newDir: newDir, name: name, newName: newName, src: src, dst: dst, who: who, now: v.timeNow(), back: flags == renameBack}
	defer func() {
		unlock()
		v.promoteLater(r.later)
		if n := v.notifier.Load(); n != nil && err == nil && r.remoded {
			(*n).AttrChanged(src)
		}
		err = q.answered(err)
	}()
	done = true
	err = v.cat.Update(func(tx *catalog.Tx) error {
		if i, _ := tx.Lookup(dir, name); i != src {
			done = false
			return ErrBusy
		}
		if i, _ := tx.Lookup(newDir, newName); i != dst {
			done = false
			return ErrBusy
		}
		if err := r.read(tx); err != nil {
			return err
		}
		switch {
		case flags == RenameExchange && dst == 0:
			return ErrNotExist
		case flags == RenameNoReplace && dst != 0:
			return ErrExist
		case src == dst:
			return nil
		}
		if err := r.check(tx, flags == RenameExchange); err != nil {
			return err
		}
		if err := v.held(tx, dir, name, &r.srcRow); err != nil {
			return err
		}
		if dst != 0 {
			if err := v.held(tx, newDir, newName, &r.dstRow); err != nil {
				return err
			}
		}
		if err := r.judge(tx, q, flags == RenameExchange); err != nil {
			return err
		}
		if flags == RenameExchange {
			r.exchange(tx)
		} else {
			r.replace(tx)
		}
		r.touch(tx)
		return nil
	})
	if err != nil || src == dst {
		v.logHeld(dir, err)
		return done, err
	}
	nodes[src].changed()
	if dst != 0 {
		nodes[dst].changed()
		if flags != RenameExchange {
			if r.dstRow.IsDir() {
				v.ghosts.keep(dst, r.dstRow)
			} else {
				v.finish(nodes[dst], r.fate)
			}
		}
	}
	r.settleNames()
	return done, nil
}

// renaming is one rename within its transaction.
type renaming struct {
	v             *Volume
	nodes         map[catalog.Inode]*node
	dir, newDir   catalog.Inode
	name, newName string
	src, dst      catalog.Inode
	who           Caller
	now           catalog.Time
	back          bool // see renameBack

	from, to       catalog.Node // the directories; the same variable is used when they are one
	srcRow, dstRow catalog.Node
	fate           fate

	promoted []catalog.Inode // have become data by the rename
	later    []catalog.Inode // of these, the ones that are not locked
	remoded  bool            // src got the permissions of its rule
}

func (r *renaming) read(tx *catalog.Tx) (err error) {
	if r.from, err = parent(tx, r.dir); err != nil {
		return err
	}
	if r.to, err = parent(tx, r.newDir); err != nil {
		return err
	}
	if r.srcRow, err = tx.Node(r.src); err != nil {
		return notExist(err)
	}
	if r.dst != 0 {
		if r.dstRow, err = tx.Node(r.dst); err != nil {
			return notExist(err)
		}
	}
	return nil
}

func (r *renaming) check(tx *catalog.Tx, exchange bool) error {
	if r.srcRow.IsDir() {
		if err := outside(tx, r.src, r.newDir); err != nil {
			return err
		}
	}
	if r.dst == 0 {
		return nil
	}
	if exchange {
		if r.dstRow.IsDir() {
			return outside(tx, r.dst, r.dir)
		}
		return nil
	}
	switch {
	case r.srcRow.IsDir() && !r.dstRow.IsDir():
		return ErrNotDir
	case !r.srcRow.IsDir() && r.dstRow.IsDir():
		return ErrIsDir
	case r.dstRow.IsDir() && !tx.Empty(r.dst):
		return ErrNotEmpty
	}
	return nil
}

// outside refuses to move the directory i into itself.
func outside(tx *catalog.Tx, i, dir catalog.Inode) error {
	for dir != catalog.Root {
		if dir == i {
			return ErrInvalid
		}
		n, err := tx.Node(dir)
		if err != nil {
			return notExist(err)
		}
		dir = n.Parent
	}
	return nil
}

// replace moves src to the new name and drops what was there.
func (r *renaming) replace(tx *catalog.Tx) {
	from, fromSeq := r.srcRow.File, r.srcRow.Seq
	n := r.nodes[r.src]
	if r.srcRow.IsRegular() {
		if n.writers > 0 {
			n.observe()
		}
		r.v.drafts.noteRenamed(n)
		n.settle(&r.srcRow)
	}
	tx.DeleteName(r.dir, r.name)
	if r.dst != 0 {
		tx.DeleteNameBy(r.newDir, r.newName, r.who.UID)
		if r.dstRow.IsDir() {
			removeDir(tx, r.dst, &r.dstRow)
			r.to.Nlink--
			if r.dir == r.newDir {
				r.from.Nlink--
			}
		} else {
			file, seq := r.dstRow.File, r.dstRow.Seq
			r.fate = r.v.dropLink(tx, r.nodes[r.dst], &r.dstRow, r.now, file)
			if row, err := tx.Node(r.src); err == nil {
				r.srcRow.Seq, fromSeq = row.Seq, row.Seq // a draft that went may have kept it waiting for its number
			}
			if r.continues(tx) {
				if !r.fate.gone { // a hard link was its backup
					r.v.split(tx, r.dst, &r.dstRow)
				}
				adopt(tx, r.src, &r.srcRow, file, seq)
			} else if r.fate.gone {
				tx.DeleteAttrs(r.dstRow.File)
			}
		}
	} else if r.srcRow.IsRegular() && r.srcRow.Nlink == 1 && !r.back && !isBackup(r.name, r.newName) {
		if file, seq := r.v.inherit(tx, r.newDir, r.newName, r.src, &r.srcRow); file != r.srcRow.File {
			adopt(tx, r.src, &r.srcRow, file, seq)
		}
	}
	if r.srcRow.File != from {
		r.v.bring(tx, n, &r.srcRow, from, fromSeq)
	}
	tx.PutName(r.newDir, r.newName, r.src, r.srcRow.Mode)
	if r.srcRow.IsDir() && r.dir != r.newDir {
		r.srcRow.Parent = r.newDir
		r.from.Nlink--
		r.to.Nlink++
	}
	r.srcRow.Ctime = max(r.now, r.srcRow.Ctime)
	tx.PutNode(r.src, &r.srcRow)
	if r.srcRow.IsRegular() {
		was := r.srcRow
		was.File, was.Seq = from, fromSeq
		r.v.tombs.put(tx, r.dir, r.name, newTomb(tx, r.name, r.src, &was, false, r.now))
	}
}

// continues reports whether src is the next save of the file under the new name,
// from which dst was just taken away: both are files, src has no other name, dst
// none but backups; and src is not itself becoming the backup of the path it leaves.
func (r *renaming) continues(tx *catalog.Tx) bool {
	return r.srcRow.IsRegular() && r.dstRow.IsRegular() && r.srcRow.Nlink == 1 &&
		!isBackup(r.name, r.newName) && onlyBackup(tx, r.dst, r.newName)
}

// exchange swaps what the names mean. History stays with the paths of two files.
func (r *renaming) exchange(tx *catalog.Tx) {
	for i, row := range map[catalog.Inode]*catalog.Node{r.src: &r.srcRow, r.dst: &r.dstRow} {
		if n := r.nodes[i]; n.writers > 0 {
			n.observe()
			n.settle(row)
			r.v.drafts.noteRenamed(n)
		}
	}
	if r.srcRow.IsRegular() && r.dstRow.IsRegular() && r.srcRow.Nlink == 1 && r.dstRow.Nlink == 1 {
		r.swapHistory(tx)
	}
	tx.PutName(r.dir, r.name, r.dst, r.dstRow.Mode)
	tx.PutName(r.newDir, r.newName, r.src, r.srcRow.Mode)
	if r.dir != r.newDir {
		if r.srcRow.IsDir() {
			r.srcRow.Parent = r.newDir
			r.from.Nlink--
			r.to.Nlink++
		}
		if r.dstRow.IsDir() {
			r.dstRow.Parent = r.dir
			r.to.Nlink--
			r.from.Nlink++
		}
	}
	r.srcRow.Ctime = max(r.now, r.srcRow.Ctime)
	r.dstRow.Ctime = max(r.now, r.dstRow.Ctime)
	tx.PutNode(r.src, &r.srcRow)
	tx.PutNode(r.dst, &r.dstRow)
}

// swapHistory exchanges the file ids of the two files: what is under a path now is
// the next version of the path's file. So do the attributes, but those that an inode brings win.
func (r *renaming) swapHistory(tx *catalog.Tx) {
	a, b := r.srcRow, r.dstRow
	ofA, ofB := attrsOf(tx, a.File), attrsOf(tx, b.File)
	for name, value := range ofA {
		tx.PutAttr(b.File, name, value)
	}
	for name, value := range ofB {
		tx.PutAttr(a.File, name, value)
	}
	r.v.leave(tx, r.nodes[r.src], &r.srcRow, a.File)
	r.v.leave(tx, r.nodes[r.dst], &r.dstRow, b.File)
	for _, half := range []struct {
		i       catalog.Inode
		row     *catalog.Node
		from    catalog.Node
		to      catalog.FileID
		lastSeq catalog.Seq
	}{
		{r.src, &r.srcRow, a, b.File, b.Seq},
		{r.dst, &r.dstRow, b, a.File, a.Seq},
	} {
		half.row.File, half.row.Seq = half.to, tx.LastSeq(half.to, half.lastSeq)
		if half.row.Gen != 0 {
			if d, err := tx.Draft(half.i, half.row.Gen); err == nil {
				d.File = half.to
				tx.PutDraft(&d)
			}
		}
		r.v.arrive(tx, r.nodes[half.i], half.row, half.from.File, half.from.Seq)
	}
}

func attrsOf(tx *catalog.Tx, f catalog.FileID) map[string][]byte {
	attrs := make(map[string][]byte)
	tx.Attrs(f, func(name string, value []byte) bool { attrs[name] = append([]byte{}, value...); return true })
	return attrs
}

func (r *renaming) touch(tx *catalog.Tx) {
	touch(tx, r.dir, &r.from, r.now)
	if r.dir != r.newDir {
		touch(tx, r.newDir, &r.to, r.now)
	}
}
