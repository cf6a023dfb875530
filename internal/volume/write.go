package volume

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
)

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
		case n.pristine, !v.isVersion(n) && !j.running(v.sealer): // the save goes on
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
		if d.UID == who.UID && d.GID == who.GID && d.Program == line && len(d.Also) == 0 {
			return false
		}
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
		was := d
		if set(&d) {
			d.Also = nil // that save goes on, and is of this file only
			tx.PutDraft(&d)
			if len(was.Also) > 0 {
				dropSaves(tx, &was)
			}
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
	if err == nil && !fresh {
		// A content that was fetched may not have reached the disk. From now on it is
		// more than a cache; if it is durable already this costs nothing.
		err = unix.Fdatasync(int(f.Fd()))
	}
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
	n.seen, n.over = s, overlay{}
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
		old.Detached, old.File, old.Mtime = true, row.File, row.Mtime
		tx.PutDraft(&old)
		queueSave(tx, old.File, n.ino, old.Gen)
		d.Gen, d.Also = gen, nil
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
	n.over, n.pristine = overlay{}, false
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
		for _, f := range d.Also {
			moveSaves(tx, f, n.ino, d.Gen, gen)
		}
		live := d
		live.Also = nil
		tx.PutDraft(&live)
		d.Gen, d.Detached, d.File, d.Mtime = gen, true, now.File, row.Mtime
		tx.PutDraft(&d)
		queueSave(tx, d.File, n.ino, gen)
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
	if !v.drafts.exact || n.seen != n.synced {
		v.drafts.noteClosed(n.draft)
	}
	row, err2 := v.modify(n, func(_ *catalog.Tx, row *catalog.Node) error { n.settle(row); return nil })
	v.queue(n, &row)
	v.closeIdle(n)
	return errors.Join(err, err2)
}

// putBack makes a node whose draft was not written to sealed again, as it was.
func (v *Volume) putBack(n *node) error {
	_, err := v.modify(n, func(tx *catalog.Tx, row *catalog.Node) error {
		if tx == nil {
			return errWriter
		}
		deleteDraft(tx, n.ino, row.Gen)
		row.Gen = 0
		v.commitMoved(tx, row, row.File, row.Seq) // it may have come under another path meanwhile
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
		if o.detached {
			// The sealer still needs the file, and removes it.
		} else if o.row.Gen != 0 {
			v.removeLater(v.drafts.path(n.ino, o.row.Gen))
		} else {
			v.dropSealed(n, &o.row)
		}
		v.ghosts.keep(n.ino, o.row)
	}
}
