package volume

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
)

// Create makes a regular file and opens it; without O_EXCL in flags it opens the
// file that is there.
func (v *Volume) Create(ctx context.Context, dir catalog.Inode, name string, mode uint32, flags int, who Caller) (*Handle, Attr, error) {
	if err := checkName(name); err != nil {
		return nil, Attr{}, err
	}
	for {
		h, a, err := v.create(ctx, dir, name, mode, flags, who)
		if !errors.Is(err, ErrExist) || flags&unix.O_EXCL != 0 {
			return h, a, err
		}
		i, err := v.resolve(dir, name)
		if errors.Is(err, ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, Attr{}, err
		}
		h, err = v.Open(ctx, i, flags, who)
		if errors.Is(err, ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, Attr{}, err
		}
		a, err = h.Attr()
		return h, a, err
	}
}

func (v *Volume) create(ctx context.Context, dir catalog.Inode, name string, mode uint32, flags int, who Caller) (*Handle, Attr, error) {
	v.ops.Add(1)
	if err := v.sealer.admit(ctx); err != nil {
		return nil, Attr{}, err
	}
	v.identify(&who)
	n, meta, err := v.newDraft(who)
	if err != nil {
		return nil, Attr{}, err
	}
	q := v.ask(opCreate, who)
	now := v.timeNow()
	var row catalog.Node
	err = v.cat.Update(func(tx *catalog.Tx) error {
		p, err := parent(tx, dir)
		if err != nil {
			return err
		}
		if _, err := tx.Lookup(dir, name); err == nil {
			return ErrExist
		}
		verdict, err := q.judge(tx, dir, name, catalog.TypeRegular, "")
		if err != nil {
			return err
		}
		row = newNode(&p, catalog.TypeRegular|mode&permMask, who, now)
		shape(&row, verdict)
		row.Gen, row.LastGen = n.gen, n.gen
		row.File, row.Seq = v.inherit(tx, dir, name, n.ino, &row)
		meta.File = row.File
		tx.PutNode(n.ino, &row)
		tx.PutName(dir, name, n.ino, row.Mode)
		tx.PutDraft(&meta)
		touch(tx, dir, &p, now)
		return nil
	})
	if err != nil {
		v.dropDraft(n)
		n.mu.Unlock()
		return nil, Attr{}, q.answered(err)
	}
	defer q.answered(nil)
	defer n.mu.Unlock()
	v.names.made(dir, name)
	n.changed()
	h := v.newHandle(n, flags)
	if h.sync {
		if err := v.cat.Sync(ctx); err != nil {
			return nil, Attr{}, errors.Join(err, h.release())
		}
	}
	return h, v.newAttr(n, &row), nil
}

// newAttr returns the attributes of a draft that nobody has written to.
func (v *Volume) newAttr(n *node, row *catalog.Node) Attr {
	a := attr(n.ino, row)
	a.Volatile = true
	return a
}

// Tmpfile makes a regular file without a name and opens it.
func (v *Volume) Tmpfile(ctx context.Context, dir catalog.Inode, mode uint32, flags int, who Caller) (*Handle, Attr, error) {
	if err := v.sealer.admit(ctx); err != nil {
		return nil, Attr{}, err
	}
	var p catalog.Node
	err := v.cat.View(func(tx *catalog.Tx) (err error) { p, err = parent(tx, dir); return err })
	if err != nil {
		return nil, Attr{}, err
	}
	v.identify(&who)
	n, meta, err := v.newDraft(who)
	if err != nil {
		return nil, Attr{}, err
	}
	defer n.mu.Unlock()
	row := newNode(&p, catalog.TypeRegular|mode&permMask, who, v.timeNow())
	row.Nlink, row.File = 0, catalog.FileID(n.ino)
	row.Gen, row.LastGen = n.gen, n.gen
	n.orphan = &orphan{row: row, meta: meta, attrs: make(map[string][]byte)}
	h := v.newHandle(n, flags)
	return h, v.newAttr(n, &row), nil
}

// newHandle returns the first handle, a writer, of a new draft. n.mu is held.
func (v *Volume) newHandle(n *node, flags int) *Handle {
	n.opens, n.writers, n.pass = 1, 1, v.passthrough.Load()
	return &Handle{v: v, n: n, write: true, sync: flags&(unix.O_SYNC|unix.O_DSYNC) != 0}
}

// firstGen is the generation of the draft that a file begins with. Each further draft
// of the inode has the next one, and Node.LastGen remembers the last: a draft on disk
// with a higher one is newer than what the catalog knows, every other one is stale.
const firstGen = 1

// newDraft makes an empty draft for a new inode, before anything refers to it. The
// node is returned acquired and locked.
func (v *Volume) newDraft(who Caller) (*node, catalog.Draft, error) {
	ino := v.cat.NewInode()
	f, err := v.drafts.create(ino, firstGen)
	if err != nil {
		return nil, catalog.Draft{}, err
	}
	s, err := fstat(f)
	if err != nil {
		f.Close()
		v.removeLater(f.Name())
		return nil, catalog.Draft{}, err
	}
	n := v.nodes.acquire(ino)
	n.mu.Lock()
	n.file, n.draft, n.gen, n.seen = f, f.Name(), firstGen, s
	return n, catalog.Draft{Inode: ino, Gen: firstGen, Opened: v.timeNow(), UID: who.UID, GID: who.GID,
		Program: who.Program}, nil
}

// dropDraft undoes newDraft; the caller still unlocks.
func (v *Volume) dropDraft(n *node) {
	n.file.Close()
	n.file = nil
	v.removeLater(n.draft)
	v.nodes.release(n)
}
