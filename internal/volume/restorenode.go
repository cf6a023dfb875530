package volume

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
)

// caller is who takes names away for the restorer.
func (r *restorer) caller() Caller {
	return Caller{UID: r.who.UID, GID: r.who.GID, Program: r.program}
}

// missing brings something to a name that is free in a live directory (0: it is still to
// be made).
func (r *restorer) missing(ctx context.Context, dir catalog.Inode, name string, then *Attr, p string) error {
	if !r.may(then) || !r.mayChange(dir) {
		r.deny(p)
		return nil
	}
	if first, linked := r.links[then.Ino]; linked && !then.IsDir() {
		return r.link(first, dir, name, p)
	}
	if !then.IsDir() && then.Nlink > 1 && r.stands(then) {
		if err := r.link(then.Ino, dir, name, p); err != nil {
			return err
		}
		now, err := r.v.Getattr(then.Ino)
		if err != nil {
			return err
		}
		return r.same(ctx, dir, name, &now, then, p) // its other names come later
	}
	if from, ok := r.movedTo(then); ok {
		done, err := r.back(ctx, from, dir, name, then, p)
		if done || err != nil {
			return err
		}
	}
	r.did(TreeMake, p, "")
	i := catalog.Inode(0)
	if !r.dry {
		var err error
		if i, err = r.make(ctx, dir, name, then, p); err != nil {
			return err
		}
	}
	r.linked(then, i)
	if !r.dry {
		if err := r.putAttrs(i, then); err != nil {
			return err
		}
	}
	if then.IsDir() {
		return r.dir(ctx, then, i, p)
	}
	return nil
}

// link gives a live file one more name.
func (r *restorer) link(i, dir catalog.Inode, name, p string) error {
	r.did(TreeMake, p, "")
	if r.dry {
		return nil
	}
	_, err := r.v.Link(i, dir, name, r.caller())
	r.v.entryChanged(dir, name)
	return err
}

// mayChange reports whether the requester may make and remove names in a live directory.
func (r *restorer) mayChange(dir catalog.Inode) bool {
	if dir == 0 || r.who.UID == 0 {
		return true // it will be theirs
	}
	a, err := r.v.Getattr(dir)
	return err == nil && May(&a.Node, r.who.identity(), 3)
}

// inside reports whether a path of the live tree belongs to what is brought back.
func (r *restorer) inside(p string) bool {
	return r.top == "" || p == r.top || strings.HasPrefix(p, r.top+"/")
}

// stands reports whether a file of several names has one of them still, where it is
// brought back.
func (r *restorer) stands(then *Attr) (ok bool) {
	if r.fresh {
		return false
	}
	r.v.cat.View(func(tx *catalog.Tx) error {
		now, err := tx.Node(then.Ino)
		if err != nil || now.File != then.File {
			return nil
		}
		was := tx.At(r.past.Epoch())
		tx.Names(then.Ino, func(n catalog.Name) bool {
			dir, err := tx.Path(n.Dir)
			i, wasErr := was.Lookup(n.Dir, n.Name)
			ok = err == nil && wasErr == nil && i == then.Ino && r.inside(strings.TrimPrefix(dir+"/"+n.Name, "/"))
			return !ok
		})
		return nil
	})
	return ok
}

// movedTo returns where a node stands now, if it has been renamed within what is brought
// back and nothing else stood at that place then.
func (r *restorer) movedTo(then *Attr) (from place, ok bool) {
	if r.fresh || r.renamed[then.Ino] {
		return from, false
	}
	r.v.cat.View(func(tx *catalog.Tx) error {
		now, err := tx.Node(then.Ino)
		if err != nil || now.File != then.File || now.Type() != then.Node.Type() || !now.IsDir() && now.Nlink != 1 {
			return nil
		}
		p, err := tx.Path(then.Ino)
		if err != nil || !r.inside(p) || p == r.top {
			return nil
		}
		tx.Names(then.Ino, func(n catalog.Name) bool { from = place{n.Dir, n.Name, p, then.Ino}; return false })
		_, err = tx.At(r.past.Epoch()).Lookup(from.dir, from.name)
		ok = err != nil
		return nil
	})
	return from, ok
}

// back renames a node to the name that it had. It is not done when the node would have
// to move into itself.
func (r *restorer) back(ctx context.Context, from place, dir catalog.Inode, name string, then *Attr, p string) (done bool, err error) {
	if !r.mayChange(from.dir) {
		r.deny(from.path)
		return true, nil
	}
	if r.dry {
		err := r.v.cat.View(func(tx *catalog.Tx) error {
			row, err := tx.Node(from.ino)
			if err == nil {
				err = r.v.held(tx, from.dir, from.name, &row)
			}
			return err
		})
		if err != nil {
			return true, err
		}
	} else {
		done, err := r.v.rename(from.dir, from.name, from.ino, dir, name, 0, renameBack, r.caller())
		if !done || errors.Is(err, ErrInvalid) { // one of the names has just changed
			return false, nil
		}
		if err != nil {
			return true, err
		}
		r.v.entryChanged(from.dir, from.name)
		r.v.entryChanged(dir, name)
	}
	r.did(TreeRename, p, from.path)
	r.renamed[from.ino] = true
	if then.IsDir() {
		return true, r.dir(ctx, then, from.ino, p)
	}
	now, err := r.v.Getattr(from.ino)
	if err != nil {
		return true, err
	}
	return true, r.same(ctx, dir, name, &now, then, p)
}

// same makes a live node that is no directory what then was.
func (r *restorer) same(ctx context.Context, dir catalog.Inode, name string, now, then *Attr, p string) (err error) {
	if first, ok := r.links[then.Ino]; ok && first == now.Ino {
		return nil // it was made so under another name
	}
	i, told := now.Ino, r.res.Count[TreeBytes]
	if then.IsRegular() {
		if i, err = r.bytes(ctx, dir, name, now, then, p); err != nil {
			return err
		}
	}
	r.linked(then, i)
	return r.attrs(ctx, i, then, p, r.res.Count[TreeBytes] > told)
}

// version returns what a file of the past held, as a version.
func (r *restorer) version(then *Attr) catalog.Version {
	ver := catalog.Version{File: then.File, Seq: then.Seq, Content: then.Content, Size: then.Size, Mtime: then.Mtime, Epoch: r.past.Epoch()}
	if ver.Content.IsZero() { // nothing of it was ever stored: it was empty, as far as is known
		ver.Content, ver.Size = blob.Sum(nil), 0
	}
	return ver
}

// request is what Volume.restore wants to know.
func (r *restorer) request(p string) *RestoreRequest {
	req := &RestoreRequest{Path: p, UID: r.who.UID, GID: r.who.GID}
	if r.fresh {
		req.To = p
	}
	return req
}

// bytes gives a live file the bytes that it had, as a new version, and returns its
// inode, which may be another one when programs have it open.
func (r *restorer) bytes(ctx context.Context, dir catalog.Inode, name string, now, then *Attr, p string) (catalog.Inode, error) {
	ver := r.version(then)
	if now.Gen == 0 && now.Content == ver.Content {
		return now.Ino, nil
	}
	switch {
	case !r.may(now) || !r.may(then):
		r.deny(p)
		return now.Ino, nil
	case r.dry:
		r.did(TreeBytes, p, "")
		return now.Ino, nil
	}
	if err := r.v.sealOpen(now.Ino); err != nil {
		return 0, err
	}
	if err := r.v.sealer.flush(ctx, now.Ino, nil); err != nil && !errors.Is(err, errPoisoned) {
		return 0, err
	}
	target, err := r.v.Lookup(dir, name)
	if err != nil {
		return 0, err
	}
	if target.Gen == 0 && target.Content == ver.Content {
		return target.Ino, nil
	}
	seq, err := r.v.restore(dir, name, &target, true, &ver, then, r.request(p))
	if err != nil {
		return 0, err
	}
	if p == r.top {
		r.res.Version = uint32(seq)
	}
	r.did(TreeBytes, p, "")
	return r.v.resolve(dir, name)
}

// make makes what then was under a free name. A regular file continues its history
// unless another one has it.
func (r *restorer) make(ctx context.Context, dir catalog.Inode, name string, then *Attr, p string) (i catalog.Inode, err error) {
	if then.IsRegular() {
		if err := r.v.sealer.flushFile(ctx, then.File); err != nil { // the saves before it have their numbers first
			return 0, err
		}
		ver := r.version(then)
		seq, err := r.v.restore(dir, name, &Attr{}, false, &ver, then, r.request(p))
		if err != nil {
			return 0, err
		}
		if p == r.top {
			r.res.Version = uint32(seq)
		}
		return r.v.resolve(dir, name)
	}
	err = r.v.cat.Update(func(tx *catalog.Tx) error {
		above, err := parent(tx, dir)
		if err != nil {
			return err
		}
		if _, err := tx.Lookup(dir, name); err == nil {
			return ErrExist
		}
		i = tx.NewInode()
		row := then.Node
		row.File, row.Nlink, row.Parent = catalog.FileID(i), 1, 0
		if row.IsDir() {
			row.Nlink, row.Parent = 2, dir
			above.Nlink++
		}
		tx.PutNode(i, &row)
		tx.PutName(dir, name, i, row.Mode)
		touch(tx, dir, &above, r.v.timeNow())
		return nil
	})
	r.v.entryChanged(dir, name)
	return i, err
}

// attrs gives a live node the attributes that it had, if they differ. With timeless,
// other times alone are nothing to tell of.
func (r *restorer) attrs(ctx context.Context, i catalog.Inode, then *Attr, p string, timeless bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now, err := r.v.Getattr(i)
	if err != nil {
		return err
	}
	differs := now.Mode != then.Mode || now.UID != then.UID || now.GID != then.GID
	r.v.cat.View(func(tx *catalog.Tx) error {
		was, is := attrsOf(tx.At(r.past.Epoch()), then.File), attrsOf(tx, now.File)
		differs = differs || len(was) != len(is)
		for name, value := range was {
			differs = differs || !bytes.Equal(is[name], value)
		}
		return nil
	})
	times := now.Mtime != then.Mtime
	switch {
	case !differs && !times:
		return nil
	case !r.may(&now) || !r.may(then):
		if differs || !timeless {
			r.deny(p)
		}
		return nil
	case differs || !timeless:
		r.did(TreeAttrs, p, "")
	}
	if r.dry {
		return nil
	}
	return r.putAttrs(i, then)
}

// putAttrs writes the attributes that a node had.
func (r *restorer) putAttrs(i catalog.Inode, then *Attr) error {
	n := r.v.nodes.acquire(i)
	defer r.v.nodes.release(n)
	n.mu.Lock()
	_, err := r.v.modify(n, func(tx *catalog.Tx, row *catalog.Node) error {
		if tx == nil {
			return ErrNotExist // it was removed meanwhile
		}
		now := r.v.timeNow()
		n.settle(row)
		row.Mode, row.UID, row.GID, row.Mtime, row.Atime = then.Mode, then.UID, then.GID, then.Mtime, then.Atime
		row.Ctime = max(now, row.Ctime)
		was, is := attrsOf(tx.At(r.past.Epoch()), then.File), attrsOf(tx, row.File)
		note := func(name string) {
			tx.PutAttrChange(&catalog.AttrChange{File: row.File, Epoch: tx.Epoch(), Name: name, Time: now, UID: r.who.UID, Program: r.program})
		}
		for name, value := range was {
			if old, ok := is[name]; !ok || !bytes.Equal(old, value) {
				tx.PutAttr(row.File, name, value)
				note(name)
			}
			delete(is, name)
		}
		for name := range is {
			tx.DeleteAttr(row.File, name)
			note(name)
		}
		return nil
	})
	n.mu.Unlock()
	if err == nil {
		r.v.contentChanged(i)
	}
	return err
}

// remove takes a name away, and all that is below it, as a user would.
func (r *restorer) remove(ctx context.Context, p place) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a, err := r.v.Lookup(p.dir, p.name)
	switch {
	case errors.Is(err, ErrNotExist), err == nil && (a.Ino != p.ino || r.renamed[a.Ino]):
		return nil // it went where it belongs
	case err != nil:
		return err
	}
	above, err := r.v.Getattr(p.dir)
	if err != nil {
		return err
	}
	if !r.mayChange(p.dir) || above.Mode&sticky != 0 && !r.may(&a) && !r.may(&above) || a.IsDir() && !May(&a.Node, r.who.identity(), 5) {
		r.deny(p.path)
		return nil
	}
	if a.IsDir() {
		for after, n := "", restorePage; n == restorePage; {
			page, err := r.v.ReadDir(a.Ino, after, restorePage, true)
			if err != nil {
				return err
			}
			n = len(page)
			for k := range page {
				after = page[k].Name
				if err := r.remove(ctx, place{a.Ino, after, p.path + "/" + after, page[k].Ino}); err != nil {
					return err
				}
			}
		}
	}
	r.did(TreeRemove, p.path, "")
	if r.dry {
		return r.v.cat.View(func(tx *catalog.Tx) error { return r.v.held(tx, p.dir, p.name, &a.Node) })
	}
	var kept bool
	switch {
	case a.IsDir():
		err = r.v.Rmdir(p.dir, p.name, r.caller())
	case a.Keep == catalog.KeepStaged: // it has no version to bring it back from
		if kept, err = r.v.toInbox(a.Ino); err == nil && !kept {
			err = ErrBusy
		}
	default:
		err = r.v.Unlink(p.dir, p.name, r.caller())
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", p.path, err)
	}
	r.v.entryChanged(p.dir, p.name)
	return nil
}
