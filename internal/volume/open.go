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
			n.file, n.pass = f, v.passthrough.Load()
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
	n.file, n.seen = f, s
	return nil
}

// beginWrite makes n a draft that may be written to, and counts a writer. trunc
// says that the bytes will not be needed. n.mu is held, and let go while waiting.
func (v *Volume) beginWrite(ctx context.Context, n *node, trunc bool, who Caller) error {
	for {
		row, err := v.row(n)
		if err != nil {
			return err
		}
		if !row.IsRegular() {
			return notRegular(&row)
		}
		var again bool
		if row.Gen == 0 {
			again, err = v.unseal(ctx, n, &row, trunc, who)
		} else {
			again, err = v.reopen(ctx, n, &row, trunc, who)
		}
		if err != nil {
			return err
		}
		if !again {
			n.writers++
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// reopen opens a draft for writing again. It reports again when it had to wait.
func (v *Volume) reopen(ctx context.Context, n *node, row *catalog.Node, trunc bool, who Caller) (again bool, err error) {
	if n.orphan != nil && n.orphan.detached {
		return false, fmt.Errorf("inode %d was removed and is being sealed: %w", n.ino, ErrBusy)
	}
	if j := n.job; j != nil {
		switch {
		case !v.isVersion(n) && !j.running(v.sealer): // the save goes on
			n.job = nil
			v.sealer.drop(j)
		case trunc && n.opens == 0 && n.orphan == nil:
			return true, v.replaceDraft(n, row, who)
		case row.Size > waitForSeal:
			// Waiting would take too long. Where the filesystem can share blocks the
			// finished save is kept beside; elsewhere it is merged with this one.
			v.keepAside(n, row)
			n.job = nil
			v.sealer.drop(j)
		default:
			v.sealer.hurry(j)
			n.mu.Unlock()
			select {
			case <-j.done:
			case <-ctx.Done():
			}
			n.mu.Lock()
			return true, ctx.Err()
		}
	}
	if err := v.openDraft(n, row); err != nil {
		return false, err
	}
	return false, v.noteWriter(n, row, who)
}

// noteWriter keeps who writes to the draft, for the version that it becomes.
func (v *Volume) noteWriter(n *node, row *catalog.Node, who Caller) error {
	line := who.Program
	set := func(d *catalog.Draft) bool {
		if d.UID == who.UID && d.GID == who.GID && d.Program == line && d.Also == 0 {
			return false
		}
		d.Also = 0 // that save goes on, and is of this file only
		d.UID, d.GID, d.Program, d.Opened = who.UID, who.GID, line, v.timeNow()
		return true
	}
	if n.orphan != nil {
		set(&n.orphan.meta)
		return nil
	}
	return v.cat.Update(func(tx *catalog.Tx) error {
		d, err := tx.Draft(n.ino, row.Gen)
		if err != nil {
			return notExist(err)
		}
		if set(&d) {
			tx.PutDraft(&d)
			n.changed()
		}
		return nil
	})
}

// unseal turns a sealed node into a draft: its cached file is moved among the
// drafts, or a new one made when the bytes are not needed.
func (v *Volume) unseal(ctx context.Context, n *node, row *catalog.Node, trunc bool, who Caller) (again bool, err error) {
	if j := n.job; j != nil { // sealed, but the file is still on its way to the cache
		n.mu.Unlock()
		select {
		case <-j.done:
		case <-ctx.Done():
		}
		n.mu.Lock()
		return true, ctx.Err()
	}
	gen := row.LastGen + 1
	path := v.drafts.path(n.ino, gen)
	fresh := row.Content.IsZero() || row.Size == 0 || trunc && n.opens == 0
	var f *os.File
	switch {
	case n.opens > 0 && n.file != nil:
		// Readers have the file open: it must be the one that is written to.
		moved, err := v.take(n, row, path)
		switch {
		case err == nil && sameFile(moved, n.file):
			moved.Close()
			f = n.file
		case n.pass: // the kernel holds a file that somebody removed from the cache
			if err == nil {
				moved.Close()
				err = v.cache.Adopt(liveKey(n.ino), row.Content, row.Size, path)
			}
			return false, errors.Join(fmt.Errorf("inode %d is being read and its cached file is gone: %w", n.ino, ErrBusy), err)
		case err == nil: // we serve the reads, and go over to this one
			n.stale = append(n.stale, n.file)
			f = moved
		case errors.Is(err, blob.ErrNotFound):
			n.stale = append(n.stale, n.file)
			n.file = nil
			return true, v.fetch(ctx, n, row.Content)
		default:
			return false, err
		}
	case fresh:
		if f, err = v.drafts.create(n.ino, gen); err != nil {
			return false, err
		}
		if !row.Content.IsZero() {
			v.cache.Remove(liveKey(n.ino)) // what stays is found out when it is used
		}
	default:
		f, err = v.take(n, row, path)
		if errors.Is(err, blob.ErrNotFound) {
			return true, v.fetch(ctx, n, row.Content)
		}
		if err != nil {
			return false, err
		}
	}
	s, err := fstat(f)
	if err == nil {
		_, err = v.modify(n, func(tx *catalog.Tx, row *catalog.Node) error {
			row.Gen, row.LastGen = gen, gen
			d := catalog.Draft{Inode: n.ino, Gen: gen, File: row.File, Opened: v.timeNow(), UID: who.UID, GID: who.GID,
				Program: who.Program}
			if tx == nil {
				n.orphan.meta = d
			} else {
				tx.PutDraft(&d)
			}
			return nil
		})
	}
	if err != nil {
		if f != n.file {
			f.Close()
		}
		v.cache.Adopt(liveKey(n.ino), row.Content, row.Size, path) // put it back; if not, it is fetched again
		return false, err
	}
	n.file, n.draft, n.gen = f, path, gen
	n.seen, n.over, n.poison = s, overlay{}, nil
	n.pristine = !fresh
	return false, nil
}

// take moves the cached file of n to path, and opens it for reading.
func (v *Volume) take(n *node, row *catalog.Node, path string) (*os.File, error) {
	moved, err := v.cache.Take(liveKey(n.ino), row.Content, row.Size, path)
	if err != nil {
		return nil, err
	}
	moved.Close()
	return openFile(path, os.O_RDONLY)
}

// replaceDraft gives n a new, empty draft and leaves the old one, a finished save,
// to the sealer.
func (v *Volume) replaceDraft(n *node, row *catalog.Node, who Caller) error {
	gen := row.LastGen + 1
	f, err := v.drafts.create(n.ino, gen)
	if err != nil {
		return err
	}
	var old catalog.Draft
	_, err = v.modify(n, func(tx *catalog.Tx, row *catalog.Node) error {
		d, err := tx.Draft(n.ino, row.Gen)
		if err != nil {
			return notExist(err)
		}
		old = d
		old.Detached, old.Mtime = true, row.Mtime
		tx.PutDraft(&old)
		d.Gen, d.Also = gen, 0
		tx.PutDraft(&d)
		row.Gen, row.LastGen, row.Size = gen, gen, 0
		return nil
	})
	if err != nil {
		f.Close()
		v.removeLater(v.drafts.path(n.ino, gen))
		return err
	}
	j := n.job
	n.job = nil
	v.sealer.detach(j, &old)
	if n.file != nil {
		n.file.Close()
	}
	n.file, n.draft, n.gen = f, v.drafts.path(n.ino, gen), gen
	n.over, n.pristine, n.poison = overlay{}, false, nil
	n.seen, err = fstat(f)
	return err
}

// keepAside clones the draft of n, a finished save, for the sealer, if the
// filesystem can share blocks. Otherwise the save is merged with the next.
func (v *Volume) keepAside(n *node, row *catalog.Node) {
	if n.orphan != nil {
		return
	}
	gen := row.LastGen + 1
	path := v.drafts.path(n.ino, gen)
	err := cloneFile(n.draft, path)
	if err != nil {
		v.log.Info("a save is merged with the next: the file was opened again before it was sealed", "inode", n.ino, "size", row.Size)
		return
	}
	if err := v.addDetached(n, gen, row); err != nil {
		os.Remove(path)
	}
}

// addDetached records the file of another generation as a finished save of n.
func (v *Volume) addDetached(n *node, gen uint32, row *catalog.Node) error {
	var d catalog.Draft
	_, err := v.modify(n, func(tx *catalog.Tx, now *catalog.Node) (err error) {
		if tx == nil {
			return ErrNotExist // without a name there is no history
		}
		if d, err = tx.Draft(n.ino, now.Gen); err != nil {
			return notExist(err)
		}
		d.Gen, d.Detached, d.Mtime = gen, true, row.Mtime
		tx.PutDraft(&d)
		now.LastGen = gen
		return nil
	})
	if err == nil {
		v.sealer.addDetached(&d)
	}
	return err
}

// endWrite uncounts a writer. After the last one the draft is scheduled to be
// sealed, or put back if it was not written to. n.mu is held.
func (v *Volume) endWrite(n *node) error {
	if n.writers--; n.writers > 0 {
		return nil
	}
	err := n.observe()
	if n.w != nil {
		n.w.Close()
		n.w = nil
	}
	if n.orphan != nil {
		n.orphan.row.Gen = n.gen
		n.settle(&n.orphan.row)
		v.closeIdle(n)
		return err
	}
	row, err2 := v.modify(n, func(_ *catalog.Tx, row *catalog.Node) error { n.settle(row); return nil })
	v.drafts.noteClosed(n.draft)
	v.sealer.schedule(n, &row)
	v.closeIdle(n)
	return errors.Join(err, err2)
}

// putBack makes a node whose draft was not written to sealed again, as it was.
func (v *Volume) putBack(n *node) error {
	_, err := v.modify(n, func(tx *catalog.Tx, row *catalog.Node) error {
		if tx == nil {
			return errWriter
		}
		tx.DeleteDraft(n.ino, row.Gen)
		row.Gen = 0
		v.commitMoved(tx, row, row.File, 0) // it may have come under another path meanwhile
		return nil
	})
	return err
}

// closeIdle closes what a node without handles does not need. n.mu is held.
func (v *Volume) closeIdle(n *node) {
	if n.opens > 0 || n.writers > 0 {
		return
	}
	if n.file != nil {
		n.file.Close()
		n.file = nil
	}
	for _, f := range n.stale {
		f.Close()
	}
	n.stale = nil
	if n.partial != nil {
		n.partial.Close()
		n.partial = nil
	}
	n.pass = false
	if o := n.orphan; o != nil {
		n.orphan = nil
		if o.detached && o.row.Gen == o.meta.Gen {
			// The sealer still needs the file, and removes it.
		} else if o.row.Gen != 0 {
			v.removeLater(v.drafts.path(n.ino, o.row.Gen))
		} else {
			v.dropSealed(n, &o.row)
		}
		v.ghosts.keep(n.ino, o.row)
	}
}
