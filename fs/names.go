package fs

import (
	"errors"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/rdfs/rdfs/internal/volume"
)

// Lookup implements fuse.RawFileSystem. A name that does not exist is answered
// with node id 0, which the kernel remembers.
func (d *door) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if in.NodeId == uint64(volume.Root) && name == metaName || d.metaOf(in.NodeId) != nil {
		return d.report("lookup", in.NodeId, d.lookupMeta(in, name, out))
	}
	if s, dir, n := d.shelfOf(in.NodeId); s != nil {
		return d.report("lookup", in.NodeId, d.lookupShelf(s, dir, n, in, name, out))
	}
	dir, ok := live(in.NodeId)
	if !ok || volume.Reserved(name) {
		return d.lookupVirtual(in.NodeId, name, out)
	}
	a, err := d.vol.Lookup(dir, name)
	if errors.Is(err, volume.ErrNotExist) {
		out.SetEntryTimeout(cacheFor)
		return fuse.OK
	}
	if err != nil {
		return d.report("lookup", in.NodeId, err)
	}
	setEntry(&a, out)
	return fuse.OK
}

// Forget implements fuse.RawFileSystem.
func (d *door) Forget(node, n uint64) {
	if i, ok := live(node); ok {
		d.vol.Forget(i)
	} else if w, _ := d.views.of(node); w != nil {
		d.views.forget(w, int64(n))
	} else {
		d.virtual.forget(node, n)
	}
}

// made answers an operation that made a node.
func (d *door) made(op string, node uint64, a volume.Attr, err error, out *fuse.EntryOut) fuse.Status {
	if err != nil {
		return d.report(op, node, err)
	}
	setEntry(&a, out)
	return fuse.OK
}

// Mknod implements fuse.RawFileSystem.
func (d *door) Mknod(cancel <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	dir, ok := live(in.NodeId)
	if !ok {
		return fuse.EROFS
	}
	a, err := d.vol.Mknod(request(cancel), dir, name, in.Mode, in.Rdev, caller(&in.InHeader))
	return d.made("mknod", in.NodeId, a, err, out)
}

// Mkdir implements fuse.RawFileSystem.
func (d *door) Mkdir(cancel <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	dir, ok := live(in.NodeId)
	if !ok {
		return d.report("mkdir", in.NodeId, d.makeSnapshot(request(cancel), in.NodeId, name, caller(&in.InHeader), out))
	}
	a, err := d.vol.Mkdir(dir, name, in.Mode, caller(&in.InHeader))
	return d.made("mkdir", in.NodeId, a, err, out)
}

// Symlink implements fuse.RawFileSystem.
func (d *door) Symlink(_ <-chan struct{}, in *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	dir, ok := live(in.NodeId)
	if !ok {
		return fuse.EROFS
	}
	a, err := d.vol.Symlink(dir, name, target, caller(in))
	return d.made("symlink", in.NodeId, a, err, out)
}

// Link implements fuse.RawFileSystem.
func (d *door) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	dir, ok := live(in.NodeId)
	old, ok2 := live(in.Oldnodeid)
	if !ok {
		return fuse.EROFS
	}
	if !ok2 {
		return fuse.Status(errCrossDevice)
	}
	a, err := d.vol.Link(old, dir, name, caller(&in.InHeader))
	return d.made("link", in.NodeId, a, err, out)
}

// Unlink implements fuse.RawFileSystem.
func (d *door) Unlink(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	dir, ok := live(in.NodeId)
	if !ok {
		return fuse.EROFS
	}
	return d.report("unlink", in.NodeId, d.vol.Unlink(dir, name, caller(in)))
}

// Rmdir implements fuse.RawFileSystem.
func (d *door) Rmdir(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	dir, ok := live(in.NodeId)
	if !ok {
		return d.report("rmdir", in.NodeId, d.dropSnapshot(request(cancel), in.NodeId, name, caller(in)))
	}
	return d.report("rmdir", in.NodeId, d.vol.Rmdir(dir, name, caller(in)))
}

// Rename implements fuse.RawFileSystem.
func (d *door) Rename(_ <-chan struct{}, in *fuse.RenameIn, name, newName string) fuse.Status {
	dir, ok := live(in.NodeId)
	newDir, ok2 := live(in.Newdir)
	if !ok || !ok2 {
		return fuse.EROFS
	}
	return d.report("rename", in.NodeId, d.vol.Rename(dir, name, newDir, newName, in.Flags, caller(&in.InHeader)))
}

// Readlink implements fuse.RawFileSystem.
func (d *door) Readlink(_ <-chan struct{}, in *fuse.InHeader) ([]byte, fuse.Status) {
	i, ok := live(in.NodeId)
	if !ok {
		return d.readlinkVirtual(in.NodeId)
	}
	target, err := d.vol.Readlink(i)
	return []byte(target), d.report("readlink", in.NodeId, err)
}
