package volume

import (
	"context"
	"errors"
	"os"

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
	whole := v.noteCopy(src, srcOff, dst, dstOff)
	if whole && srcOff == 0 && dstOff == 0 {
		if a, err := src.Attr(); err == nil && a.Size <= size && unix.IoctlFileClone(int(out.Fd()), int(in.Fd())) == nil {
			v.stampCopy(dst)
			return a.Size, nil
		}
	}
	n, err := copyRange(in, srcOff, out, dstOff, size)
	if whole {
		v.stampCopy(dst)
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

// noteCopy reports whether the copy makes dst continue to be a copy of the sealed
// content of src from its first byte on.
func (v *Volume) noteCopy(src *Handle, srcOff int64, dst *Handle, dstOff int64) bool {
	if src.n == dst.n || srcOff != dstOff {
		return false
	}
	src.n.mu.Lock()
	row, err := v.row(src.n)
	sealed := err == nil && row.Gen == 0 && src.n.writers == 0 && !row.Content.IsZero()
	src.n.mu.Unlock()
	if !sealed {
		return false
	}
	d := dst.n
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := fstat(d.file)
	if err != nil || d.writers != 1 || s.size != dstOff {
		return false
	}
	if dstOff == 0 {
		d.copied = copied{content: row.Content, size: row.Size}
		return true
	}
	return d.copied.content == row.Content && d.copied.stamp == s
}

func (v *Volume) stampCopy(dst *Handle) {
	d := dst.n
	d.mu.Lock()
	defer d.mu.Unlock()
	s, err := fstat(d.file)
	if err != nil {
		d.copied = copied{}
		return
	}
	d.copied.stamp = s
	d.note(s)
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
