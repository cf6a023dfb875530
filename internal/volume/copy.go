package volume

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

// maxCopy bounds the bytes of one call of CopyRange: the protocol counts them in 32 bits.
const maxCopy = 1 << 30

// CopyRange copies size bytes from one open file to another, as copy_file_range(2),
// and returns how many it copied. A whole sealed content that is copied into an
// empty file costs the tiers nothing: the copy is sealed as the same content. Its
// local bytes are shared with the source's where the filesystem can, and copied by
// the kernel where not.
func (v *Volume) CopyRange(ctx context.Context, src *Handle, srcOff int64, dst *Handle, dstOff, size int64) (int64, error) {
	if !dst.write {
		return 0, ErrPerm
	}
	size = min(size, maxCopy)
	in, part, err := src.backing(ctx)
	if err != nil {
		return 0, err
	}
	dst.n.mu.Lock()
	out, err := dst.n.writeFile()
	dst.n.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if part != nil {
		return copyPartial(ctx, src, srcOff, out, dstOff, size)
	}
	from, whole := v.noteCopy(src, in, srcOff, dst, dstOff)
	if whole && srcOff == 0 && dstOff == 0 {
		if a, err := src.Attr(); err == nil && a.Size <= size && unix.IoctlFileClone(int(out.Fd()), int(in.Fd())) == nil {
			v.stampCopy(src, from, dst)
			return a.Size, nil
		}
	}
	n, err := copyRange(in, srcOff, out, dstOff, size)
	if errors.Is(err, unix.ENOSPC) && v.cache.MakeRoom(ctx, out.Name(), size) {
		n, err = copyRange(in, srcOff, out, dstOff, size)
	}
	if whole {
		v.stampCopy(src, from, dst)
	}
	return n, err
}

func copyRange(in *os.File, inOff int64, out *os.File, outOff, size int64) (done int64, err error) {
	for done < size {
		n, err := unix.CopyFileRange(int(in.Fd()), &inOff, int(out.Fd()), &outOff, int(size-done), 0)
		if err != nil {
			if done > 0 {
				return done, nil
			}
			return 0, &os.PathError{Op: "copy_file_range", Path: out.Name(), Err: err}
		}
		if n == 0 {
			break
		}
		done += int64(n)
	}
	return done, nil
}

func copyPartial(ctx context.Context, src *Handle, srcOff int64, out *os.File, dstOff, size int64) (done int64, err error) {
	buf := make([]byte, min(size, 1<<20))
	for done < size {
		n, err := src.ReadAt(ctx, buf[:min(int64(len(buf)), size-done)], srcOff+done)
		if err == nil && n > 0 {
			_, err = out.WriteAt(buf[:n], dstOff+done)
		}
		if err != nil {
			if done > 0 {
				return done, nil
			}
			return 0, err
		}
		if n == 0 {
			break
		}
		done += int64(n)
	}
	return done, nil
}

// copied notes that a draft holds the first bytes of a sealed content, and what
// fstat said of the draft then.
type copied struct {
	content blob.ID
	size    int64
	stamp   stamp
}

// origin is the sealed file that a copy is made from.
type origin struct {
	file    *os.File
	content blob.ID
	size    int64
	changes int // of the node
}

// origin returns what n holds, if it is sealed and nobody writes to it.
func (v *Volume) origin(n *node) (o origin, sealed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	row, err := v.row(n)
	sealed = err == nil && row.Gen == 0 && n.writers == 0 && !row.Content.IsZero()
	return origin{n.file, row.Content, row.Size, n.changes}, sealed
}

// noteCopy reports whether a copy from the file in of src makes dst continue to be a
// copy of sealed content from its first byte on.
func (v *Volume) noteCopy(src *Handle, in *os.File, srcOff int64, dst *Handle, dstOff int64) (from origin, whole bool) {
	if src.n == dst.n || srcOff != dstOff {
		return from, false
	}
	from, sealed := v.origin(src.n)
	if !sealed || from.file != in {
		return from, false
	}
	d := dst.n
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := fstat(d.file)
	if err != nil || d.writers != 1 || s.size != dstOff {
		return from, false
	}
	if dstOff == 0 {
		d.copied = copied{content: from.content, size: from.size}
		return from, true
	}
	return from, d.copied.content == from.content && d.copied.stamp == s
}

// copyTime is the modification time on disk of a copy that nobody has written to. The
// kernel's clock may stand still for some milliseconds: a write in the same tick as
// the copy would not move the time, if it were that of the copy.
var copyTime = time.Unix(1, 1)

// stampCopy notes that dst was copied to, unless somebody came to write to the source
// meanwhile.
func (v *Volume) stampCopy(src *Handle, from origin, dst *Handle) {
	now, sealed := v.origin(src.n)
	d := dst.n
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := fstat(d.file)
	if err != nil {
		d.copied = copied{}
		return
	}
	d.note(s)
	if !sealed || now != from {
		d.copied = copied{}
		return
	}
	if err := os.Chtimes(d.draft, time.Time{}, copyTime); err != nil {
		d.copied = copied{}
		return
	}
	if s, err = fstat(d.file); err != nil {
		d.copied = copied{}
		return
	}
	d.copied.stamp, d.seen = s, s
}

// cloneFile makes path, which must not exist, a file that shares the blocks of from.
// When it fails there is no such file.
func cloneFile(from, path string) error {
	return newCopy(from, path, func(in, out *os.File) error { return unix.IoctlFileClone(int(out.Fd()), int(in.Fd())) })
}

// copyFile makes path, which must not exist, a copy of from, sharing blocks where the
// filesystem can. When it fails there is no such file.
func copyFile(from, path string) error {
	return newCopy(from, path, func(in, out *os.File) error {
		if unix.IoctlFileClone(int(out.Fd()), int(in.Fd())) == nil {
			return nil
		}
		s, err := fstat(in)
		if err == nil {
			_, err = copyRange(in, 0, out, 0, s.size)
		}
		if err == nil {
			err = out.Truncate(s.size)
		}
		return err
	})
}

func newCopy(from, path string, fill func(in, out *os.File) error) error {
	in, err := openFile(from, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := openFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	if err = errors.Join(fill(in, out), out.Close()); err != nil {
		os.Remove(path)
	}
	return err
}
