package loopback

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// handle is an open file.
type handle struct {
	*fs.LoopbackFile
	table  *openTable
	ino    uint64
	mode   ioMode
	writer bool
}

var (
	_ fs.FilePassthroughFder = (*handle)(nil)
	_ fs.FileReader          = (*handle)(nil)
	_ fs.FileReleaser        = (*handle)(nil)
)

// PassthroughFd offers the backing file to the kernel, in passthrough mode.
func (h *handle) PassthroughFd() (int, bool) {
	if h.mode != passthrough {
		return 0, false
	}
	return h.LoopbackFile.PassthroughFd()
}

// Read fills the page cache. For a small file a copy is cheaper than a splice through two pipes.
func (h *handle) Read(ctx context.Context, buf []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	fd, ok := h.LoopbackFile.PassthroughFd()
	if !ok || len(buf) > smallFile {
		return h.LoopbackFile.Read(ctx, buf, off)
	}
	n, err := unix.Pread(fd, buf, off)
	if err != nil {
		return nil, fs.ToErrno(err)
	}
	return fuse.ReadResultData(buf[:n]), fs.OK
}

// Release closes the backing file. The handle stays counted until go-fuse has finished the request.
func (h *handle) Release(ctx context.Context) syscall.Errno {
	h.table.releaseBegins(ctx.Done(), h)
	return h.LoopbackFile.Release(ctx)
}

// rawFS sees both ends of a RELEASE.
type rawFS struct {
	fuse.RawFileSystem
	table *openTable
}

func (r *rawFS) Release(cancel <-chan struct{}, in *fuse.ReleaseIn) {
	r.RawFileSystem.Release(cancel, in)
	r.table.releaseEnds(cancel)
}
