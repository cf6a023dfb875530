package volume

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/cache"
	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
)

// The I/O modes of a node. A node has one mode from its first handle to its last:
//
//	draft    written to: the draft file, by the kernel itself where it can
//	whole    only read, sealed and local: the cached file, by the kernel itself
//	small    only read, sealed and small: the page cache serves it; the file is
//	         opened when the first read comes to us
//	partial  only read, sealed, large and not local: served while it arrives
//
// A writer that comes to a whole node turns it into a draft without a change for
// the kernel: the file stays the same. A writer that comes to a small or partial
// node gets a draft that is served by us until the last handle is gone.

const (
	// SmallFile is the size in bytes up to which reading through the page cache is
	// cheaper than the system calls of passthrough.
	SmallFile = 128 << 10
	// fetchWhole is the size in bytes up to which evicted content is brought back
	// before open returns.
	fetchWhole = 4 << 20
	// waitForSeal is the size in bytes up to which a writer that comes back to a
	// finished save waits until it is sealed.
	waitForSeal = 512 << 20
)

// Handle is an open file. Exactly one Release must follow. Its methods may be
// called from many goroutines.
type Handle struct {
	v     *Volume
	n     *node
	write bool
	sync  bool // O_SYNC or O_DSYNC
}

// writable reports whether open flags ask for writing.
func writable(flags int) bool {
	return flags&unix.O_ACCMODE != unix.O_RDONLY || flags&unix.O_TRUNC != 0
}

// Open opens a regular file. flags are those of open(2); it waits for evicted
// content and for the seal of a finished save where it must, and gives up when ctx
// ends.
func (v *Volume) Open(ctx context.Context, i catalog.Inode, flags int, who Caller) (h *Handle, err error) {
	v.ops.Add(1)
	if writable(flags) {
		if err := v.sealer.admit(ctx); err != nil {
			return nil, err
		}
		v.identify(&who)
	}
	n := v.nodes.acquire(i)
	n.mu.Lock()
	defer func() {
		if err != nil {
			n.mu.Unlock()
			v.nodes.release(n)
		}
	}()
	v.raise(n)
	h = &Handle{v: v, n: n, write: writable(flags), sync: flags&(unix.O_SYNC|unix.O_DSYNC) != 0}
	if h.write {
		err = v.openWrite(ctx, n, flags&unix.O_TRUNC != 0, who)
	} else {
		err = v.openRead(ctx, n)
	}
	if err != nil {
		return nil, err
	}
	n.opens++
	n.mu.Unlock()
	return h, nil
}

// raise makes a node that has just lost its last name an orphan again, so that the
// kernel, which looked the name up before, can open what it found.
func (v *Volume) raise(n *node) {
	if n.orphan != nil {
		return
	}
	if _, err := v.row(n); !errors.Is(err, ErrNotExist) {
		return
	}
	if ghost, ok := v.ghosts.get(n.ino); ok && ghost.IsRegular() {
		n.orphan = &orphan{row: ghost, attrs: make(map[string][]byte)}
		v.cat.View(func(tx *catalog.Tx) error { // a finished save that is still to be sealed
			_, err := tx.Draft(n.ino, ghost.Gen)
			n.orphan.detached = ghost.Gen != 0 && err == nil
			return nil
		})
	}
}

func (v *Volume) openWrite(ctx context.Context, n *node, trunc bool, who Caller) error {
	if err := v.beginWrite(ctx, n, trunc, who); err != nil {
		return err
	}
	if trunc {
		if err := v.resize(n, 0); err != nil {
			v.endWrite(n)
			return err
		}
	}
	if n.opens == 0 {
		n.pass = v.passthrough.Load()
	}
	return nil
}

// openRead makes n readable. n.mu is held, and let go while waiting.
func (v *Volume) openRead(ctx context.Context, n *node) error {
	if n.opens > 0 {
		return nil // the mode is in force
	}
	for {
		row, err := v.row(n)
		if err != nil {
			return err
		}
		if !row.IsRegular() {
			return notRegular(&row)
		}
		switch {
		case row.Gen != 0:
			if err := v.openDraft(n, &row); err != nil {
				return err
			}
			n.pass = v.passthrough.Load()
			return nil
		case row.Size <= SmallFile:
			n.pass = false
			return nil
		}
		if n.file != nil { // another opener was faster while we waited
			n.pass = v.passthrough.Load()
			return nil
		}
		f, err := v.sealedFile(n, &row)
		if err == nil {
			if n.file, n.pass = f, v.passthrough.Load(); n.pass {
				v.stream(f, row.Size)
			}
			return nil
		}
		if !errors.Is(err, blob.ErrNotFound) {
			return err
		}
		if row.Size > fetchWhole {
			p, err := v.cache.Partial(ctx, liveKey(n.ino), row.Content)
			if err != nil {
				return err
			}
			n.partial, n.pass = p, false
			return nil
		}
		if err := v.fetch(ctx, n, row.Content); err != nil {
			return err
		}
		if n.opens > 0 {
			return nil
		}
	}
}

func notRegular(row *catalog.Node) error {
	if row.IsDir() {
		return ErrIsDir
	}
	return ErrInvalid
}

func liveKey(i catalog.Inode) cache.Key { return cache.Key{Ino: uint64(i)} }

// fetch brings a content into the cache. n.mu is let go while it waits.
func (v *Volume) fetch(ctx context.Context, n *node, id blob.ID) error {
	n.mu.Unlock()
	f, err := v.cache.Fetch(ctx, liveKey(n.ino), id)
	n.mu.Lock()
	if err != nil {
		return fmt.Errorf("bring back inode %d: %w", n.ino, err)
	}
	return f.Close()
}

// sealedFile opens the local file of sealed bytes: in the cache, or still among
// the drafts when it was sealed just now.
func (v *Volume) sealedFile(n *node, row *catalog.Node) (*os.File, error) {
	if n.draft != "" {
		return openFile(n.draft, os.O_RDONLY)
	}
	return v.cache.Get(liveKey(n.ino), row.Content, row.Size, os.O_RDONLY)
}

// openDraft opens the draft of n. n.mu is held.
func (v *Volume) openDraft(n *node, row *catalog.Node) error {
	n.draft, n.gen = v.drafts.path(n.ino, row.Gen), row.Gen
	if n.file != nil {
		return nil
	}
	f, err := openFile(n.draft, os.O_RDONLY)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("draft %s: %w", n.draft, ErrLost)
		}
		return err
	}
	s, err := fstat(f)
	if err != nil {
		f.Close()
		return err
	}
	n.file = f
	n.note(s) // a mapping may have outlived the last writer
	return nil
}
