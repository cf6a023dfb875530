package volume

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/cache"
	"github.com/rdfs/rdfs/catalog"
)

// Inode returns the inode of the open file.
func (h *Handle) Inode() catalog.Inode { return h.n.ino }

// Passthrough reports whether the kernel is to read and write the file that File
// returns. It is the same for all handles of a node that are open at one time.
func (h *Handle) Passthrough() bool {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	return h.n.pass
}

// File returns the local file of a handle with passthrough. It stays open until
// the last handle of the inode is released.
func (h *Handle) File() *os.File {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	return h.n.file
}

// Attr returns the attributes of the open file, also when it has no name any more.
func (h *Handle) Attr() (Attr, error) {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	return h.v.attrOf(h.n)
}

// backing returns what serves reads now: exactly one of the two.
func (h *Handle) backing(ctx context.Context) (*os.File, *cache.Partial, error) {
	n, v := h.n, h.v
	n.mu.Lock()
	defer n.mu.Unlock()
	for {
		if n.file != nil {
			return n.file, nil, nil
		}
		if n.partial != nil {
			return nil, n.partial, nil
		}
		row, err := v.row(n)
		if err != nil {
			return nil, nil, err
		}
		if row.Gen != 0 {
			if err := v.openDraft(n, &row); err != nil {
				return nil, nil, err
			}
			continue
		}
		if row.Content.IsZero() {
			return nil, nil, fmt.Errorf("inode %d: %w", n.ino, ErrLost)
		}
		f, err := v.sealedFile(n, &row)
		if err == nil {
			n.file = f
			continue
		}
		if !errors.Is(err, os.ErrNotExist) && !isNotFound(err) {
			return nil, nil, err
		}
		if err := v.fetch(ctx, n, row.Content); err != nil {
			return nil, nil, err
		}
	}
}

// ReadAt reads up to len(p) bytes at off; fewer only at the end of the file.
func (h *Handle) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	f, part, err := h.backing(ctx)
	if err != nil {
		return 0, err
	}
	var n int
	if part != nil {
		n, err = part.ReadAt(ctx, p, off)
	} else {
		n, err = f.ReadAt(p, off)
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// LocalFile returns the file that holds all bytes now, or nil while they arrive.
func (h *Handle) LocalFile(ctx context.Context) (*os.File, error) {
	f, _, err := h.backing(ctx)
	return f, err
}

// WriteAt writes p at off.
func (h *Handle) WriteAt(p []byte, off int64) (int, error) {
	if !h.write {
		return 0, ErrPerm
	}
	h.n.mu.Lock()
	f, err := h.n.writeFile()
	h.n.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := f.WriteAt(p, off)
	if errors.Is(err, unix.ENOSPC) && h.v.cache.MakeRoom(context.Background(), f.Name(), int64(len(p))) {
		n, err = f.WriteAt(p, off)
	}
	if err == nil && h.sync {
		err = h.Fsync(context.Background())
	}
	return n, err
}

// Fsync returns when the bytes and the names of the file survive a power loss.
// After it has failed once it fails until the draft is replaced.
func (h *Handle) Fsync(ctx context.Context) error {
	n, v := h.n, h.v
	n.mu.Lock()
	f, draft, changes, durable := n.file, n.draft, n.changes, n.durable
	dirty := n.draft != "" && f != nil
	n.mu.Unlock()
	sync := unix.Fdatasync
	if changes != durable {
		sync = unix.Fsync // the name of the draft may be as new as the file's
	}
	if err := v.drafts.failure(draft); err != nil {
		return err
	}
	synced := make(chan error, 1)
	if changes != durable {
		go func() { synced <- v.cat.Sync(ctx) }()
	} else {
		synced <- v.cat.Err()
	}
	var before stamp
	if dirty {
		var err error
		if before, err = fstat(f); err == nil {
			err = sync(int(f.Fd()))
		}
		if err != nil {
			if err := v.drafts.fail(draft, err); err != nil {
				v.log.Error("a failed fsync is forgotten when the drive stops", "err", err)
			}
		}
	}
	err2 := <-synced
	if err := v.drafts.failure(draft); err != nil { // of this one, or of the group commit
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if dirty && n.file == f && n.draft == draft {
		n.synced = before
	}
	if err2 == nil && n.durable < changes {
		n.durable = changes
	}
	return err2
}

// Modes of Allocate, as in fallocate(2).
const (
	keepSize  = unix.FALLOC_FL_KEEP_SIZE
	punchHole = unix.FALLOC_FL_PUNCH_HOLE
	zeroRange = unix.FALLOC_FL_ZERO_RANGE
)

// Allocate reserves or frees space, as fallocate(2).
func (h *Handle) Allocate(off, size int64, mode uint32) error {
	if mode&^(keepSize|punchHole|zeroRange) != 0 {
		return ErrNotSup
	}
	if !h.write {
		return ErrPerm
	}
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	w, err := h.n.writeFile()
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(w.Fd()), mode, off, size)
	if err == unix.ENOSPC && h.v.cache.MakeRoom(context.Background(), w.Name(), size) {
		err = unix.Fallocate(int(w.Fd()), mode, off, size)
	}
	if err != nil {
		return &os.PathError{Op: "fallocate", Path: w.Name(), Err: err}
	}
	if mode&keepSize == 0 || mode&(punchHole|zeroRange) != 0 {
		h.n.pristine = false
	}
	return h.n.observe()
}

// Seek finds data or a hole, as lseek(2) with SEEK_DATA and SEEK_HOLE. Content that
// is not local counts as data.
func (h *Handle) Seek(ctx context.Context, off int64, whence int) (int64, error) {
	h.n.mu.Lock()
	f := h.n.file
	h.n.mu.Unlock()
	if f == nil {
		a, err := h.Attr()
		if err != nil {
			return 0, err
		}
		return seekData(a.Size, off, whence)
	}
	return seekFile(f, off, whence)
}

// seekData is lseek(2) on a file of a size that is data throughout.
func seekData(size, off int64, whence int) (int64, error) {
	switch {
	case off < 0 || off >= size:
		return 0, ErrNoData
	case whence == unix.SEEK_HOLE:
		return size, nil
	}
	return off, nil
}

// seekFile is lseek(2) on a file whose descriptor others use: its offset stays.
func seekFile(f *os.File, off int64, whence int) (int64, error) {
	g, err := openFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer g.Close()
	pos, err := unix.Seek(int(g.Fd()), off, whence)
	if err == unix.ENXIO {
		return 0, ErrNoData
	}
	return pos, err
}

// Release ends the handle.
func (h *Handle) Release() error {
	h.n.mu.Lock()
	defer h.n.mu.Unlock()
	return h.release()
}

// release ends the handle; n.mu is held.
func (h *Handle) release() (err error) {
	n, v := h.n, h.v
	n.opens--
	if h.write {
		err = v.endWrite(n)
	} else {
		v.closeIdle(n)
	}
	v.nodes.release(n)
	return err
}
