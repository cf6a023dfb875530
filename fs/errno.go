package fs

import (
	"context"
	"errors"
	"io"
	iofs "io/fs"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/volume"
)

// errnos maps errors to what programs see. The first match counts.
var errnos = []struct {
	err   error
	errno syscall.Errno
}{
	{volume.ErrNotExist, syscall.ENOENT},
	{volume.ErrExist, syscall.EEXIST},
	{volume.ErrNotDir, syscall.ENOTDIR},
	{volume.ErrIsDir, syscall.EISDIR},
	{volume.ErrNotEmpty, syscall.ENOTEMPTY},
	{volume.ErrInvalid, syscall.EINVAL},
	{volume.ErrPerm, syscall.EPERM},
	{volume.ErrHeld, syscall.EPERM},
	{volume.ErrForgotten, syscall.ESTALE},
	{volume.ErrReserved, syscall.EPERM},
	{volume.ErrAccess, syscall.EACCES},
	{volume.ErrReadOnly, syscall.EROFS},
	{volume.ErrTooLong, syscall.ENAMETOOLONG},
	{volume.ErrNotUTF8, syscall.EILSEQ},
	{volume.ErrNoAttr, syscall.ENODATA},
	{volume.ErrTooBig, syscall.E2BIG},
	{volume.ErrNotSup, syscall.EOPNOTSUPP},
	{volume.ErrBusy, syscall.EBUSY},
	{volume.ErrTooMany, syscall.EMLINK},
	{volume.ErrNoData, syscall.ENXIO},
	{volume.ErrCrossLink, syscall.EXDEV},
	{volume.ErrLost, syscall.EIO},
	{errManyViews, syscall.ENFILE},
	{errManyFiles, syscall.EOVERFLOW},
	{context.Canceled, syscall.EINTR},
	{context.DeadlineExceeded, syscall.ETIMEDOUT},
	{blob.ErrCorrupt, syscall.EIO},
	{blob.ErrOffline, syscall.EIO},
	{blob.ErrArchived, syscall.ETIMEDOUT},
	{blob.ErrNotFound, syscall.EIO}, // a blob that the catalog refers to
	{io.ErrUnexpectedEOF, syscall.EIO},
}

// status translates an error for the kernel. An error of the operating system
// keeps its number; what nobody foresaw is EIO.
func status(err error) fuse.Status {
	if err == nil {
		return fuse.OK
	}
	for _, e := range errnos {
		if errors.Is(err, e.err) {
			return fuse.Status(e.errno)
		}
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return fuse.Status(errno)
	}
	if errors.Is(err, iofs.ErrNotExist) {
		return fuse.EIO // a backing file that should be there
	}
	return fuse.EIO
}

// reportNode is report for an operation on a node, not on a name. A node that is gone
// has been replaced or removed since the kernel looked its name up: ESTALE makes the
// kernel look again.
func (d *door) reportNode(op string, node uint64, err error) fuse.Status {
	s := d.report(op, node, err)
	if s == fuse.ENOENT {
		return fuse.Status(syscall.ESTALE)
	}
	return s
}

// report translates an error and logs what is the drive's own trouble.
func (d *door) report(op string, node uint64, err error) fuse.Status {
	s := status(err)
	if s == fuse.EIO || s == fuse.Status(syscall.ENOSPC) {
		d.log.Error(op, "inode", node, "err", err)
	}
	return s
}
