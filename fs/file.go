package fs

import (
	"context"
	"os"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/volume"
)

// fileHandle is an open file: of the live tree, or sealed (a version, or a file of
// the past).
type fileHandle struct {
	node uint64
	pass bool

	live   *volume.Handle
	sealed *content
	text   *string // of a file in .rdfs
}

func (h *fileHandle) readAt(ctx context.Context, p []byte, off int64) (int, error) {
	if h.sealed != nil {
		return h.sealed.open.ReadAt(ctx, p, off)
	}
	if h.text != nil {
		if off >= int64(len(*h.text)) {
			return 0, nil
		}
		return copy(p, (*h.text)[off:]), nil
	}
	return h.live.ReadAt(ctx, p, off)
}

// opened registers the handle and fills the reply.
func (d *door) opened(h *fileHandle, f *os.File, out *fuse.OpenOut) error {
	out.OpenFlags = fuse.FOPEN_NOFLUSH
	if h.pass {
		id, err := d.backing.acquire(d.server, h.node, f)
		if err != nil {
			return err
		}
		out.OpenFlags |= fuse.FOPEN_PASSTHROUGH
		out.BackingID = id
	} else {
		out.OpenFlags |= fuse.FOPEN_KEEP_CACHE
	}
	out.Fh = d.files.add(h)
	return nil
}

// openedLive does so for a file of the live tree, and releases it if that fails.
func (d *door) openedLive(l *volume.Handle, out *fuse.OpenOut) error {
	h := &fileHandle{node: uint64(l.Inode()), live: l, pass: l.Passthrough()}
	err := d.opened(h, l.File(), out)
	if err != nil {
		l.Release()
	}
	return err
}

// Open implements fuse.RawFileSystem.
func (d *door) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	i, ok := live(in.NodeId)
	if !ok {
		return d.openVirtual(request(cancel), in, out)
	}
	l, err := d.vol.Open(request(cancel), i, int(in.Flags), caller(&in.InHeader))
	if err == nil && in.Flags&unix.O_TRUNC != 0 && in.Mode&fuse.OPEN_KILL_SUIDGID != 0 {
		if _, err = d.vol.Setattr(request(cancel), i, volume.SetAttr{KillPriv: true}, caller(&in.InHeader)); err != nil {
			l.Release()
		}
	}
	if err == nil {
		err = d.openedLive(l, out)
	}
	return d.reportNode("open", in.NodeId, err)
}

// openSealed opens the sealed content of a read-only node.
func (d *door) openSealed(ctx context.Context, node uint64, id blob.ID, size int64, out *fuse.OpenOut) error {
	c := d.contents.acquire(d.vol, node)
	err := c.begin(ctx, id, size)
	if err == nil {
		err = d.opened(&fileHandle{node: node, sealed: c, pass: c.pass}, c.open.File(), out)
	}
	if err != nil {
		d.contents.release(c)
	}
	return err
}

// Create implements fuse.RawFileSystem.
func (d *door) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	dir, ok := live(in.NodeId)
	if !ok {
		return fuse.EROFS
	}
	l, a, err := d.vol.Create(request(cancel), dir, name, in.Mode, int(in.Flags), caller(&in.InHeader))
	return d.created("create", in.NodeId, l, a, err, out)
}

// Tmpfile implements fuse.RawFileSystem.
func (d *door) Tmpfile(cancel <-chan struct{}, in *fuse.CreateIn, out *fuse.CreateOut) fuse.Status {
	dir, ok := live(in.NodeId)
	if !ok {
		return fuse.EROFS
	}
	l, a, err := d.vol.Tmpfile(request(cancel), dir, in.Mode, int(in.Flags), caller(&in.InHeader))
	return d.created("tmpfile", in.NodeId, l, a, err, out)
}

func (d *door) created(op string, dir uint64, l *volume.Handle, a volume.Attr, err error, out *fuse.CreateOut) fuse.Status {
	if err == nil {
		err = d.openedLive(l, &out.OpenOut)
	}
	if err != nil {
		return d.report(op, dir, err)
	}
	setEntry(&a, &out.EntryOut)
	// Whatever changes the new file invalidates its attributes in the kernel, and from
	// then on it asks: a store through a mapping needs a size first.
	out.EntryOut.SetAttrTimeout(cacheFor)
	return fuse.OK
}

// Release implements fuse.RawFileSystem. The kernel does not wait for it.
func (d *door) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	h, ok := d.files.remove(in.Fh)
	if !ok {
		return
	}
	if h.pass {
		d.backing.release(d.server, h.node)
	}
	if h.sealed != nil {
		d.contents.release(h.sealed)
		return
	}
	if h.live == nil {
		return
	}
	if err := h.live.Release(); err != nil {
		d.log.Error("release", "inode", h.node, "err", err)
	}
}

// Read implements fuse.RawFileSystem.
func (d *door) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	h, ok := d.files.get(in.Fh)
	if !ok {
		return nil, fuse.EBADF
	}
	buf = buf[:min(len(buf), int(in.Size))]
	n, err := h.readAt(request(cancel), buf, int64(in.Offset))
	if err != nil {
		return nil, d.report("read", in.NodeId, err)
	}
	return fuse.ReadResultData(buf[:n]), fuse.OK
}

// Write implements fuse.RawFileSystem.
func (d *door) Write(cancel <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	h, ok := d.files.get(in.Fh)
	if !ok || h.live == nil {
		return 0, fuse.EBADF
	}
	if in.WriteFlags&fuse.WRITE_KILL_SUIDGID != 0 {
		if _, err := d.vol.Setattr(request(cancel), volume.Inode(in.NodeId), volume.SetAttr{KillPriv: true}, caller(&in.InHeader)); err != nil {
			return 0, d.report("write", in.NodeId, err)
		}
	}
	n, err := h.live.WriteAt(data, int64(in.Offset))
	return uint32(n), d.report("write", in.NodeId, err)
}

// Lseek implements fuse.RawFileSystem.
func (d *door) Lseek(cancel <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	h, ok := d.files.get(in.Fh)
	if !ok {
		return fuse.EBADF
	}
	if h.text != nil {
		return errNotSup
	}
	var (
		off int64
		err error
	)
	if h.sealed != nil {
		off, err = h.sealed.open.Seek(int64(in.Offset), int(in.Whence))
	} else {
		off, err = h.live.Seek(request(cancel), int64(in.Offset), int(in.Whence))
	}
	out.Offset = uint64(off)
	return d.report("lseek", in.NodeId, err)
}

// CopyFileRange implements fuse.RawFileSystem.
func (d *door) CopyFileRange(cancel <-chan struct{}, in *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	src, ok := d.files.get(in.FhIn)
	dst, ok2 := d.files.get(in.FhOut)
	if !ok || !ok2 {
		return 0, fuse.EBADF
	}
	if src.live == nil || dst.live == nil {
		return 0, errNotSup // the kernel copies by reading and writing
	}
	n, err := d.vol.CopyRange(request(cancel), src.live, int64(in.OffIn), dst.live, int64(in.OffOut), int64(min(in.Len, 1<<30)))
	return uint32(n), d.report("copy_file_range", in.NodeId, err)
}

// Flush implements fuse.RawFileSystem: nothing is kept back that a close must send.
func (d *door) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.ENOSYS }

// Fsync implements fuse.RawFileSystem.
func (d *door) Fsync(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	h, ok := d.files.get(in.Fh)
	if !ok {
		return fuse.EBADF
	}
	if h.live == nil {
		return fuse.OK
	}
	return d.report("fsync", in.NodeId, h.live.Fsync(request(cancel)))
}

// Fallocate implements fuse.RawFileSystem.
func (d *door) Fallocate(_ <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	h, ok := d.files.get(in.Fh)
	if !ok {
		return fuse.EBADF
	}
	if h.live == nil {
		return fuse.EROFS
	}
	return d.report("fallocate", in.NodeId, h.live.Allocate(int64(in.Offset), int64(in.Length), in.Mode))
}

// Ioctl implements fuse.RawFileSystem: there are none.
func (d *door) Ioctl(<-chan struct{}, *fuse.IoctlIn, []byte, *fuse.IoctlOut, []byte) fuse.Status {
	return fuse.Status(unix.ENOTTY)
}
