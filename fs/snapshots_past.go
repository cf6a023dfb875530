package fs

import (
	"context"
	"errors"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/rdfs/rdfs/internal/volume"
)

// What lies below .snapshots/NAME never changes, so the kernel may believe it for as
// long as it likes. A file whose last save was still to be sealed is the exception.

// past returns the view and the inode of a node of the past, or nil, and notes that
// the view is in use.
func (d *door) past(node uint64) (*view, volume.Inode) {
	w, i := d.views.of(node)
	if w != nil {
		w.used.Store(int64(d.vol.Now()))
	}
	return w, i
}

// fill writes attributes in the kernel's form. The root of the drive shows when the
// snapshot was taken, so that `ls -l .snapshots` does.
func (w *view) fill(a *volume.Attr, out *fuse.Attr) {
	fillAttr(a, out)
	out.Ino = w.ino(a.Ino)
	if w.dir == volume.Root && a.Ino == w.root {
		out.Mtime, out.Mtimensec = split(w.instant.Time)
	}
}

// entry fills the reply that names a node of the past and counts a lookup.
func (w *view) entry(a *volume.Attr, out *fuse.EntryOut) error {
	if a.Ino > maxPastInode {
		return errManyFiles
	}
	w.lookups.Add(1)
	w.reply(a, out)
	out.SetEntryTimeout(cacheFor)
	return nil
}

func (w *view) reply(a *volume.Attr, out *fuse.EntryOut) {
	out.NodeId = w.node(a.Ino)
	w.fill(a, &out.Attr)
	if a.Volatile {
		out.SetAttrTimeout(virtualFor)
	} else {
		out.SetAttrTimeout(cacheFor)
	}
}

func (d *door) lookupPast(w *view, dir volume.Inode, name string, out *fuse.EntryOut) fuse.Status {
	a, err := w.Lookup(dir, name)
	if errors.Is(err, volume.ErrNotExist) {
		out.SetEntryTimeout(cacheFor) // it never was there then
		return fuse.OK
	}
	if err == nil {
		err = w.entry(&a, out)
	}
	return d.report("lookup", w.node(dir), err)
}

func (d *door) getattrPast(w *view, i volume.Inode, out *fuse.AttrOut) fuse.Status {
	a, err := w.Getattr(i)
	if err != nil {
		return d.reportNode("getattr", w.node(i), err)
	}
	w.fill(&a, &out.Attr)
	if a.Volatile {
		out.SetTimeout(virtualFor)
	} else {
		out.SetTimeout(cacheFor)
	}
	return fuse.OK
}

func (d *door) readlinkPast(w *view, i volume.Inode) ([]byte, fuse.Status) {
	target, err := w.Readlink(i)
	return []byte(target), d.reportNode("readlink", w.node(i), err)
}

func (d *door) openDirPast(w *view, i volume.Inode, out *fuse.OpenOut) fuse.Status {
	a, err := w.Getattr(i)
	if err != nil {
		return d.reportNode("opendir", w.node(i), err)
	}
	parent := w.ino(a.Parent)
	if i == w.root {
		up := virtualKey{kind: snapshotsDir, dir: w.dir}
		parent = up.ino()
	}
	h := &dirHandle{
		list: func(after string, limit int, plus bool) ([]volume.Entry, error) {
			return w.ReadDir(i, after, limit, plus)
		},
		fill: func(e *volume.Entry, out *fuse.EntryOut) {
			if err := w.entry(&e.Attr, out); err != nil {
				d.report("readdir", w.node(i), err)
			}
		},
		ino:    w.ino,
		self:   w.ino(i),
		parent: func() uint64 { return parent },
	}
	out.Fh = d.dirs.add(h)
	out.OpenFlags = fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE
	return fuse.OK
}

func (d *door) getxattrPast(w *view, i volume.Inode, name string, dest []byte) (uint32, fuse.Status) {
	value, err := w.Getxattr(i, name)
	if err != nil {
		return 0, d.reportNode("getxattr", w.node(i), err)
	}
	return reply(value, dest)
}

func (d *door) listxattrPast(w *view, i volume.Inode, dest []byte) (uint32, fuse.Status) {
	names, err := w.Listxattr(i)
	if err != nil {
		return 0, d.reportNode("listxattr", w.node(i), err)
	}
	return reply(joinNames(names), dest)
}

func (d *door) openPast(ctx context.Context, w *view, i volume.Inode, out *fuse.OpenOut) fuse.Status {
	a, err := w.Getattr(i)
	if err == nil && !a.IsRegular() {
		err = volume.ErrInvalid
	}
	if err == nil {
		err = d.openSealed(ctx, w.node(i), a.Content, a.Size, out)
	}
	return d.reportNode("open", w.node(i), err)
}
