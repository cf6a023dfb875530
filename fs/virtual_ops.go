package fs

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/volume"
)

// What the kernel asks of nodes that are not live: virtual ones, and files of the
// past. Nothing of them can be changed but by mkdir and rmdir in .snapshots.

// lookupVirtual answers a lookup in such a directory, or of a reserved name.
func (d *door) lookupVirtual(parent uint64, name string, out *fuse.EntryOut) fuse.Status {
	if w, dir := d.past(parent); w != nil {
		return d.lookupPast(w, dir, name, out)
	}
	if p := d.virtual.get(parent); p != nil && p.kind == snapshotsDir {
		return d.report("lookup", parent, d.lookupInstant(p.dir, name, out))
	}
	key, err := d.findVirtual(parent, name)
	if err != nil {
		return d.report("lookup", parent, err)
	}
	return d.report("lookup", parent, d.virtualEntry(key, out))
}

// virtualEntry fills the reply that names a virtual node, and counts a lookup.
func (d *door) virtualEntry(k virtualKey, out *fuse.EntryOut) error {
	a, err := d.virtualAttr(&k)
	if err != nil {
		return err
	}
	out.NodeId = d.virtual.lookup(k).id
	fillAttr(&a, &out.Attr)
	out.SetEntryTimeout(virtualFor)
	out.SetAttrTimeout(virtualFor)
	return nil
}

func (d *door) getattrVirtual(node uint64, out *fuse.AttrOut) fuse.Status {
	if w, i := d.past(node); w != nil {
		return d.getattrPast(w, i, out)
	}
	n := d.virtual.get(node)
	if n == nil {
		return fuse.ENOENT
	}
	a, err := d.virtualAttr(&n.virtualKey)
	if err != nil {
		return d.report("getattr", node, err)
	}
	fillAttr(&a, &out.Attr)
	out.SetTimeout(virtualFor)
	return fuse.OK
}

func (d *door) readlinkVirtual(node uint64) ([]byte, fuse.Status) {
	if w, i := d.past(node); w != nil {
		return d.readlinkPast(w, i)
	}
	n := d.virtual.get(node)
	if n == nil || n.kind != shelfLink {
		return nil, fuse.EINVAL
	}
	to, err := d.shelfTarget(&n.virtualKey)
	return []byte(to), d.report("readlink", node, err)
}

func (d *door) openDirVirtual(in *fuse.InHeader, out *fuse.OpenOut) fuse.Status {
	if w, i := d.past(in.NodeId); w != nil {
		return d.openDirPast(w, i, out)
	}
	n := d.virtual.get(in.NodeId)
	if n == nil {
		return fuse.ENOENT
	}
	var h *dirHandle
	switch n.kind {
	case versionsDir, versionDir:
		h = d.openVersionsDir(n)
	case snapshotsDir:
		h = d.openSnapshotsDir(n.dir)
	case metaDir:
		h = d.openMetaDir(n)
	case shelfDir:
		h = d.openShelf(n, in)
	default:
		return fuse.ENOTDIR
	}
	out.Fh = d.dirs.add(h)
	return fuse.OK
}

func (d *door) openVirtual(ctx context.Context, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	reading := in.Flags&unix.O_ACCMODE == unix.O_RDONLY && in.Flags&unix.O_TRUNC == 0
	if w, i := d.past(in.NodeId); w != nil {
		if !reading {
			return fuse.EROFS
		}
		return d.openPast(ctx, w, i, out)
	}
	n := d.virtual.get(in.NodeId)
	switch {
	case n == nil:
		return fuse.ENOENT
	case n.kind != versionFile && n.kind != metaFile:
		return fuse.Status(syscall.EISDIR)
	case !reading:
		return fuse.EROFS
	case n.kind == metaFile:
		return d.openMeta(n, in.Uid, out)
	}
	ver, err := d.vol.Version(n.file, n.seq)
	if err == nil {
		err = d.openSealed(ctx, in.NodeId, ver.Content, ver.Size, out)
	}
	return d.report("open", in.NodeId, err)
}

func (d *door) getxattrVirtual(node uint64, name string, dest []byte) (uint32, fuse.Status) {
	if w, i := d.past(node); w != nil {
		return d.getxattrPast(w, i, name, dest)
	}
	return d.getxattrVersion(node, name, dest)
}

func (d *door) listxattrVirtual(node uint64, dest []byte) (uint32, fuse.Status) {
	if w, i := d.past(node); w != nil {
		return d.listxattrPast(w, i, dest)
	}
	return d.listxattrVersion(node, dest)
}

// openVersionsDir opens .versions or .versions/FILE.
func (d *door) openVersionsDir(n *virtualNode) *dirHandle {
	h := &dirHandle{
		ino:    func(i volume.Inode) uint64 { return uint64(i) },
		self:   n.ino(),
		parent: func() uint64 { return uint64(n.dir) },
		fill: func(e *volume.Entry, out *fuse.EntryOut) {
			if k, err := d.findVirtual(n.id, e.Name); err == nil {
				d.virtualEntry(k, out) // without attributes if it is gone
			}
		},
	}
	if n.kind == versionsDir {
		h.list = func(after string, limit int, _ bool) ([]volume.Entry, error) { return d.listVersioned(n, after, limit) }
		return h
	}
	up := virtualKey{kind: versionsDir, dir: n.dir}
	h.parent = up.ino
	h.list = func(after string, limit int, _ bool) ([]volume.Entry, error) { return d.listVersions(n, after, limit) }
	return h
}
