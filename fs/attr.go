package fs

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/rdfs/rdfs/internal/volume"
)

const errCrossDevice = syscall.EXDEV

// GetAttr implements fuse.RawFileSystem.
func (d *door) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	i, ok := live(in.NodeId)
	if n := d.metaOf(in.NodeId); n != nil {
		return d.getattrMeta(n, in.Uid, out)
	}
	if !ok {
		return d.getattrVirtual(in.NodeId, out)
	}
	a, err := d.vol.Getattr(i)
	if err != nil {
		return d.reportNode("getattr", in.NodeId, err)
	}
	setAttrOut(&a, out)
	return fuse.OK
}

// SetAttr implements fuse.RawFileSystem. With CAP_HANDLE_KILLPRIV_V2 the kernel
// leaves the set-id bits to us: a request that changes nothing (valid 0) says that
// a program without privileges is about to write.
func (d *door) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	i, ok := live(in.NodeId)
	if !ok {
		return fuse.EROFS
	}
	var s volume.SetAttr
	if in.Valid&fuse.FATTR_MODE != 0 {
		s.Mode = &in.Mode
	}
	if in.Valid&fuse.FATTR_UID != 0 {
		s.UID = &in.Uid
	}
	if in.Valid&fuse.FATTR_GID != 0 {
		s.GID = &in.Gid
	}
	if in.Valid&fuse.FATTR_SIZE != 0 {
		size := int64(in.Size)
		s.Size = &size
	}
	now := d.vol.Now()
	if in.Valid&fuse.FATTR_ATIME != 0 {
		t := joinTime(in.Atime, in.Atimensec)
		if in.Valid&fuse.FATTR_ATIME_NOW != 0 {
			t = now
		}
		s.Atime = &t
	}
	if in.Valid&fuse.FATTR_MTIME != 0 {
		t := joinTime(in.Mtime, in.Mtimensec)
		if in.Valid&fuse.FATTR_MTIME_NOW != 0 {
			t = now
		}
		s.Mtime = &t
	}
	s.KillPriv = in.Valid == 0 || in.Valid&fuse.FATTR_KILL_SUIDGID != 0
	a, err := d.vol.Setattr(request(cancel), i, s, caller(&in.InHeader))
	if err != nil {
		return d.reportNode("setattr", in.NodeId, err)
	}
	setAttrOut(&a, out)
	return fuse.OK
}

// StatFs implements fuse.RawFileSystem.
func (d *door) StatFs(_ <-chan struct{}, in *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	s, err := d.vol.Statfs()
	if err != nil {
		return d.report("statfs", in.NodeId, err)
	}
	out.Bsize, out.Frsize = 4096, 4096
	out.Blocks = uint64(s.Total / 4096)
	out.Bfree = uint64(s.Free / 4096)
	out.Bavail = uint64(s.Avail / 4096)
	out.Files, out.Ffree = s.Files, s.FilesFree
	out.NameLen = volume.MaxName
	return fuse.OK
}
