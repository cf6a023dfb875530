package loopback

import (
	"context"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

const (
	// long is the timeout of what only this mount changes.
	long = time.Hour
	// smallFile is the size in bytes up to which a file opened read-only is served from the page cache.
	smallFile = 128 << 10
)

// node is a file or directory. It embeds go-fuse's loopback node and adds flags and timeouts to its answers.
type node struct {
	*fs.LoopbackNode
	table *openTable
}

var (
	_ fs.NodeWrapChilder    = (*node)(nil)
	_ fs.NodeLookuper       = (*node)(nil)
	_ fs.NodeOpener         = (*node)(nil)
	_ fs.NodeCreater        = (*node)(nil)
	_ fs.NodeGetattrer      = (*node)(nil)
	_ fs.NodeSetattrer      = (*node)(nil)
	_ fs.NodeGetxattrer     = (*node)(nil)
	_ fs.NodeSetxattrer     = (*node)(nil)
	_ fs.NodeOpendirHandler = (*node)(nil)
)

func (n *node) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{LoopbackNode: ops.(*fs.LoopbackNode), table: n.table}
}

// attrTimeout is zero while the file is open for writing: stores through a mapping change its times and blocks unseen.
func (n *node) attrTimeout(ino uint64) time.Duration {
	if n.table.written(ino) {
		return 0
	}
	return long
}

// entry sets the timeouts of a reply that names a child.
func (n *node) entry(ch *fs.Inode, out *fuse.EntryOut, errno syscall.Errno) (*fs.Inode, syscall.Errno) {
	if errno == 0 {
		out.SetEntryTimeout(long)
		out.SetAttrTimeout(n.attrTimeout(ch.StableAttr().Ino))
	}
	return ch, errno
}

func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	ch, errno := n.LoopbackNode.Lookup(ctx, name, out)
	return n.entry(ch, out, errno)
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	ch, errno := n.LoopbackNode.Mkdir(ctx, name, mode, out)
	return n.entry(ch, out, errno)
}

func (n *node) Mknod(ctx context.Context, name string, mode, dev uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	ch, errno := n.LoopbackNode.Mknod(ctx, name, mode, dev, out)
	return n.entry(ch, out, errno)
}

func (n *node) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	ch, errno := n.LoopbackNode.Symlink(ctx, target, name, out)
	return n.entry(ch, out, errno)
}

func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	ch, errno := n.LoopbackNode.Link(ctx, target, name, out)
	return n.entry(ch, out, errno)
}

// Create opens the new file for the kernel to write by itself.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	ch, fh, _, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	h := n.open(ch.StableAttr().Ino, fh.(*fs.LoopbackFile), passthrough, flags)
	out.SetEntryTimeout(long)
	// Unlike elsewhere, although the file is open for writing: an empty file has nothing to map, and whatever gives it a page,
	// or maps it, makes the kernel ask again. Zero would cost a GETATTR before the first write.
	out.SetAttrTimeout(long)
	return ch, h, fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_NOFLUSH, 0
}

func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	fh, _, errno := n.LoopbackNode.Open(ctx, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	f := fh.(*fs.LoopbackFile)
	fd, _ := f.PassthroughFd()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		f.Release(ctx)
		return nil, 0, fs.ToErrno(err)
	}
	if caller, ok := fuse.FromContext(ctx); ok && flags&syscall.O_TRUNC != 0 && caller.Uid != 0 {
		// ATOMIC_O_TRUNC: the kernel leaves the set-id bits to whoever truncates.
		if mode := withoutSetID(st.Mode); mode != st.Mode {
			if err := unix.Fchmod(fd, mode&07777); err != nil {
				f.Release(ctx)
				return nil, 0, fs.ToErrno(err)
			}
		}
	}
	want := passthrough
	if flags&syscall.O_ACCMODE == syscall.O_RDONLY && flags&syscall.O_DIRECT == 0 && st.Size <= smallFile {
		want = cached
	}
	h := n.open(n.StableAttr().Ino, f, want, flags)
	if h.mode == cached && flags&syscall.O_DIRECT != 0 {
		// The kernel's buffers are not aligned for the backing file.
		clearDirect(fd)
	}
	return h, fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_NOFLUSH, 0
}

// open counts the handle and settles its mode.
func (n *node) open(ino uint64, f *fs.LoopbackFile, want ioMode, flags uint32) *handle {
	h := &handle{LoopbackFile: f, table: n.table, ino: ino, writer: flags&syscall.O_ACCMODE != syscall.O_RDONLY}
	h.mode = n.table.acquire(ino, want, h.writer)
	return h
}

func clearDirect(fd int) {
	if fl, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err == nil {
		unix.FcntlInt(uintptr(fd), unix.F_SETFL, fl&^unix.O_DIRECT)
	}
}

func (n *node) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	errno := n.LoopbackNode.Getattr(ctx, f, out)
	if errno == 0 {
		out.SetTimeout(n.attrTimeout(n.StableAttr().Ino))
	}
	return errno
}

// Setattr clears set-id bits where HANDLE_KILLPRIV_V2 obliges the daemon to: when the kernel says so, and before a write through
// passthrough, which it announces by a SETATTR that sets nothing.
func (n *node) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	errno := n.LoopbackNode.Setattr(ctx, f, in, out)
	if errno != 0 {
		return errno
	}
	if in.Valid == 0 || in.Valid&fuse.FATTR_KILL_SUIDGID != 0 {
		if mode := withoutSetID(out.Mode); mode != out.Mode {
			kill := &fuse.SetAttrIn{}
			kill.Valid = fuse.FATTR_MODE
			kill.Mode = mode & 07777
			if errno := n.LoopbackNode.Setattr(ctx, f, kill, out); errno != 0 {
				return errno
			}
		}
	}
	out.SetTimeout(n.attrTimeout(n.StableAttr().Ino))
	return 0
}

// withoutSetID is the mode after a write by somebody without the privilege to keep the bits.
func withoutSetID(mode uint32) uint32 {
	if mode&syscall.S_IFMT != syscall.S_IFREG {
		return mode
	}
	mode &^= syscall.S_ISUID
	if mode&syscall.S_IXGRP != 0 {
		mode &^= syscall.S_ISGID
	}
	return mode
}

// refused reports attributes that are not offered, so that tools stop asking for them.
func refused(attr string) bool {
	return strings.HasPrefix(attr, "security.") || strings.HasPrefix(attr, "system.posix_acl_")
}

func (n *node) Getxattr(ctx context.Context, attr string, dest []byte) (uint32, syscall.Errno) {
	if refused(attr) {
		return 0, syscall.EOPNOTSUPP
	}
	return n.LoopbackNode.Getxattr(ctx, attr, dest)
}

func (n *node) Setxattr(ctx context.Context, attr string, data []byte, flags uint32) syscall.Errno {
	if refused(attr) {
		return syscall.EOPNOTSUPP
	}
	return n.LoopbackNode.Setxattr(ctx, attr, data, flags)
}

// OpendirHandle lets the kernel keep the listing. The stream reads the directory at its first entry, not here: a list taken
// before a change would fill the cache after it.
func (n *node) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	fh, _, errno := n.LoopbackNode.OpendirHandle(ctx, flags)
	return fh, fuse.FOPEN_CACHE_DIR | fuse.FOPEN_KEEP_CACHE, errno
}

// CopyFileRange copies between backing files.
func (n *node) CopyFileRange(ctx context.Context, fhIn fs.FileHandle, offIn uint64, out *fs.Inode, fhOut fs.FileHandle, offOut, size, flags uint64) (uint32, syscall.Errno) {
	in, ok1 := fhIn.(*handle)
	to, ok2 := fhOut.(*handle)
	if !ok1 || !ok2 {
		return 0, syscall.EOPNOTSUPP
	}
	return n.LoopbackNode.CopyFileRange(ctx, in.LoopbackFile, offIn, out, to.LoopbackFile, offOut, size, flags)
}
