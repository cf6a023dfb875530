package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rdfs/rdfs/catalog"
)

// Resolve returns the inode at a path from the root of the drive. Symbolic links
// are not followed.
func (v *Volume) Resolve(p string) (catalog.Inode, Attr, error) {
	i := catalog.Root
	for _, name := range strings.Split(path.Clean("/" + p)[1:], "/") {
		if name == "" {
			continue
		}
		next, err := v.resolve(i, name)
		if err != nil {
			return 0, Attr{}, fmt.Errorf("%s: %w", p, err)
		}
		i = next
	}
	a, err := v.Getattr(i)
	return i, a, err
}

// resolveParent returns the directory of a path and its last name.
func (v *Volume) resolveParent(p string) (catalog.Inode, string, error) {
	dir, name := path.Split(path.Clean("/" + p))
	if name == "" {
		return 0, "", fmt.Errorf("%s: %w", p, ErrIsDir)
	}
	i, a, err := v.Resolve(dir)
	if err == nil && !a.IsDir() {
		err = fmt.Errorf("%s: %w", dir, ErrNotDir)
	}
	return i, name, err
}

// versioned returns the file at a path, also when it or a directory above it was
// deleted: what is there now counts first, then what was there last.
func (v *Volume) versioned(p string) (dir catalog.Inode, name string, a Attr, err error) {
	above, name := path.Split(path.Clean("/" + p))
	if name == "" {
		return 0, "", a, fmt.Errorf("%s: %w", p, ErrIsDir)
	}
	dirs := []catalog.Inode{catalog.Root}
	for _, elem := range strings.Split(strings.Trim(above, "/"), "/") {
		if elem != "" {
			dirs = v.everNamed(dirs, elem)
		}
	}
	for _, dir := range dirs {
		if a, err = v.Versioned(dir, name); err == nil {
			return dir, name, a, nil
		}
	}
	return 0, "", a, fmt.Errorf("%s: %w", p, ErrNotExist)
}

// maxEver bounds the directories that versioned looks into.
const maxEver = 16

// everNamed returns the inodes that a name in one of the directories means, or meant
// when it was last taken away.
func (v *Volume) everNamed(dirs []catalog.Inode, name string) (all []catalog.Inode) {
	v.cat.View(func(tx *catalog.Tx) error {
		for _, dir := range dirs {
			if i, err := tx.Lookup(dir, name); err == nil {
				all = append(all, i)
			}
			if i, _, ok := tx.LastAt(dir, name, 0); ok && !slices.Contains(all, i) && len(all) < maxEver {
				all = append(all, i)
			}
		}
		return nil
	})
	return all
}

// Log returns the versions of the file at a path, oldest first; then, with number 0,
// the saves that are not sealed yet, or wait for one that is not.
func (v *Volume) Log(ctx context.Context, p string) ([]VersionInfo, error) {
	dir, name, a, err := v.versioned(p)
	if err != nil {
		return nil, err
	}
	list := []VersionInfo{}
	for after := catalog.Seq(0); ; {
		page, err := v.Versions(a.File, after, 1000)
		if err != nil {
			return nil, err
		}
		for k := range page {
			list = append(list, describe(&page[k]))
			after = page[k].Seq
		}
		if len(page) < 1000 {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	var now *Attr
	if there, err := v.Lookup(dir, name); err == nil { // otherwise it is deleted, and no version is current
		now = &there
	}
	list = append(list, v.unnumbered(a.File, now, list)...)
	v.showSums(list)
	return list, nil
}

// unnumbered returns the saves of a file that are no versions yet, and marks the one,
// or the version in list, that the node now holds; nil: no node does.
func (v *Volume) unnumbered(f catalog.FileID, now *Attr, list []VersionInfo) (waiting []VersionInfo) {
	add := func(ver catalog.Version, note string) {
		info := describe(&ver)
		if ver.Content.IsZero() {
			info.Content = ""
		}
		info.Note = note
		waiting = append(waiting, info)
	}
	draft := func(tx *catalog.Tx, i catalog.Inode, gen uint32, mtime catalog.Time, size int64) {
		if d, err := tx.Draft(i, gen); err == nil {
			add(catalog.Version{Mtime: mtime, Size: size, UID: d.UID, GID: d.GID, Program: d.Program}, "not sealed yet")
		}
	}
	v.cat.View(func(tx *catalog.Tx) error {
		tx.Saves(f, func(s *catalog.Save) bool {
			if s.Sealed() {
				add(s.Version, "sealed, and an earlier save is not yet")
			} else if st, err := os.Stat(v.drafts.path(s.Inode, s.Gen)); err == nil {
				draft(tx, s.Inode, s.Gen, catalog.TimeOf(st.ModTime()), st.Size())
			}
			return true
		})
		if now != nil && now.Gen != 0 {
			draft(tx, now.Ino, now.Gen, now.Mtime, now.Size)
		}
		return nil
	})
	switch {
	case now == nil:
	case now.Gen != 0 || now.Seq == 0:
		if len(waiting) > 0 {
			waiting[len(waiting)-1].Current = true
		}
	default:
		for k := range list {
			list[k].Current = list[k].Seq == uint32(now.Seq)
		}
	}
	return waiting
}

func describe(ver *catalog.Version) VersionInfo {
	return VersionInfo{Seq: uint32(ver.Seq), Time: ver.Mtime.Time(), Sealed: ver.Sealed.Time(), Size: ver.Size,
		UID: ver.UID, Author: UserName(ver.UID), Program: ver.Program, Content: ver.Content.String(), Note: ver.Note}
}

// pick returns the version that a request means.
func (v *Volume) pick(f catalog.FileID, r *RestoreRequest) (ver catalog.Version, err error) {
	if r.Seq != 0 {
		if ver, err = v.Version(f, catalog.Seq(r.Seq)); err != nil {
			err = fmt.Errorf("%s has no version %d (`rdfs log` lists them): %w", r.Path, r.Seq, ErrNotExist)
		}
		return ver, err
	}
	at := catalog.TimeOf(r.At)
	err = v.cat.View(func(tx *catalog.Tx) error {
		return tx.Versions(f, 0, func(x *catalog.Version) bool {
			if x.Saved > at {
				return false
			}
			ver = *x
			return true
		})
	})
	if err == nil && ver.Seq == 0 {
		err = fmt.Errorf("%s has no version from %s or before (`rdfs log` lists them): %w", r.Path, r.At.Format(time.RFC3339), ErrNotExist)
	}
	return ver, err
}

// Restore makes an earlier version the newest one, without copying bytes. What the
// file holds now stays a version as well.
func (v *Volume) Restore(ctx context.Context, r RestoreRequest) (res RestoreResult, err error) {
	_, _, a, err := v.versioned(r.Path)
	if err != nil {
		return res, err
	}
	if r.UID != 0 && r.UID != a.UID {
		return res, fmt.Errorf("%s belongs to %s: %w", r.Path, UserName(a.UID), ErrPerm)
	}
	ver, err := v.pick(a.File, &r)
	if err != nil {
		return res, err
	}
	var (
		dir  catalog.Inode
		name string
	)
	res = RestoreResult{Path: r.Path, From: describe(&ver)}
	v.showSum(&res.From)
	if r.To == "" {
		// The version may have been in a directory that is gone.
		if dir, name, err = v.resolveParent(r.Path); err != nil {
			return res, fmt.Errorf("%w: make the directory again, or give another place with --to", err)
		}
	} else {
		res.Path = r.To
		if dir, name, err = v.resolveParent(r.To); err != nil {
			return res, err
		}
		if err := checkName(name); err != nil {
			return res, fmt.Errorf("%s: %w", r.To, err)
		}
	}
	target, err := v.Lookup(dir, name)
	exists := err == nil
	switch {
	case err != nil && !errors.Is(err, ErrNotExist):
		return res, err
	case exists && !target.IsRegular():
		return res, fmt.Errorf("%s: %w", res.Path, ErrIsDir)
	case exists && r.UID != 0 && r.UID != target.UID:
		return res, fmt.Errorf("%s belongs to %s: %w", res.Path, UserName(target.UID), ErrPerm)
	case !exists:
		if err := v.mayCreate(dir, &r); err != nil {
			return res, fmt.Errorf("%s: %w", res.Path, err)
		}
	}
	if exists { // what is there now must be a version before it is replaced
		if !r.DryRun {
			if err := v.sealOpen(target.Ino); err != nil {
				return res, fmt.Errorf("%s: %w", res.Path, err)
			}
		}
		if err := v.sealer.flush(ctx, target.Ino, nil); err != nil && !errors.Is(err, errPoisoned) {
			return res, err
		}
		if target, err = v.Lookup(dir, name); err != nil {
			return res, err
		}
		if target.Gen == 0 && target.Content == ver.Content {
			return res, nil
		}
	} else if err := v.sealer.flushFile(ctx, a.File); err != nil { // the saves before it have their numbers first
		return res, err
	}
	res.Changed = true
	if r.DryRun {
		return res, nil
	}
	seq, err := v.restore(dir, name, &target, exists, &ver, &a, &r)
	if err != nil {
		return res, err
	}
	if err := v.cat.Sync(ctx); err != nil {
		return res, err
	}
	if seq == 0 { // a save came in between, and has to be sealed first
		if now, err := v.Lookup(dir, name); err == nil && v.sealer.flush(ctx, now.Ino, nil) == nil {
			now, _ = v.Lookup(dir, name)
			seq = now.Seq
		}
	}
	res.NewSeq = uint32(seq)
	return res, nil
}

// mayCreate reports whether the requester may make a name in a directory.
func (v *Volume) mayCreate(dir catalog.Inode, r *RestoreRequest) error {
	p, err := v.Getattr(dir)
	if err != nil {
		return err
	}
	if !May(&p.Node, Identity{UID: r.UID, Groups: append(r.Groups, r.GID)}, 3) {
		return ErrAccess
	}
	return nil
}

// restore gives the name the content of a version: to the same inode when it is not
// open, otherwise to a new inode that replaces it, as a program would that saves by
// renaming.
func (v *Volume) restore(dir catalog.Inode, name string, target *Attr, exists bool, ver *catalog.Version, of *Attr, r *RestoreRequest) (seq catalog.Seq, err error) {
	nodes, unlock := v.acquire(target.Ino)
	defer func() {
		unlock()
		if err == nil {
			v.entryChanged(dir, name)
			if exists {
				v.contentChanged(target.Ino)
			}
		}
	}()
	now := v.timeNow()
	add := func(tx *catalog.Tx, row *catalog.Node, f catalog.FileID, hint catalog.Seq) error {
		if !tx.HasContent(ver.Content) { // since the version was read
			return fmt.Errorf("version %d of %s %w", ver.Seq, r.Path, ErrForgotten)
		}
		note := fmt.Sprintf("restored from version %d", ver.Seq)
		if f != ver.File {
			note += " of " + r.Path
		}
		seq = v.record(tx, catalog.Version{File: f, Content: ver.Content, Size: ver.Size, Mtime: now, Saved: now, Sealed: now,
			UID: r.UID, GID: r.GID, Program: "rdfs restore", Note: note}, hint)
		row.File, row.Seq, row.Content, row.Size = f, seq, ver.Content, ver.Size
		row.Mtime, row.Ctime = now, now
		return nil
	}
	if n := nodes[target.Ino]; exists && n.opens == 0 && n.job == nil {
		_, err = v.modify(n, func(tx *catalog.Tx, row *catalog.Node) error {
			if row.Gen != 0 {
				return ErrBusy
			}
			return add(tx, row, row.File, row.Seq)
		})
		v.cache.Remove(liveKey(target.Ino))
		return seq, err
	}
	var lost fate
	q := v.ask(opRestore, Caller{UID: r.UID, GID: r.GID, Program: "rdfs restore"})
	defer func() { err = q.answered(err) }()
	err = v.cat.Update(func(tx *catalog.Tx) error {
		p, err := parent(tx, dir)
		if err != nil {
			return err
		}
		i := tx.NewInode()
		row := catalog.Node{Mode: of.Mode, Nlink: 1, UID: of.UID, GID: of.GID, Atime: now, Btime: now}
		f, hint := of.File, ver.Seq
		if !exists && r.To != "" { // what comes back to its place was right when it was made
			verdict, err := q.judge(tx, dir, name, row.Mode, "")
			if err != nil {
				return err
			}
			shape(&row, verdict)
		}
		switch cur, lookupErr := tx.Lookup(dir, name); {
		case exists && (lookupErr != nil || cur != target.Ino), !exists && lookupErr == nil:
			return ErrBusy
		case exists:
			old, err := tx.Node(cur)
			if err != nil {
				return notExist(err)
			}
			if old.Nlink > 1 { // the history would be that of two files
				return fmt.Errorf("it is open and has other names: close it first, or restore with --to: %w", ErrBusy)
			}
			row.Mode, row.UID, row.GID, f, hint = old.Mode, old.UID, old.GID, old.File, old.Seq
			tx.DeleteNameBy(dir, name, r.UID)
			lost = v.dropLink(tx, nodes[cur], &old, now, old.File)
		case r.To != "" || hasHolder(tx, f): // it moved, and took its history along
			f, hint = catalog.FileID(i), 0
			tx.At(ver.Epoch).Attrs(ver.File, func(key string, value []byte) bool { tx.PutAttr(f, key, value); return true })
		default: // it was deleted: its attributes come back with it
			tx.At(ver.Epoch).Attrs(ver.File, func(key string, value []byte) bool { tx.PutAttr(f, key, value); return true })
		}
		if err := add(tx, &row, f, hint); err != nil {
			return err
		}
		tx.PutNode(i, &row)
		tx.PutName(dir, name, i, row.Mode)
		touch(tx, dir, &p, now)
		return nil
	})
	if err == nil && exists {
		v.finish(nodes[target.Ino], lost)
	}
	return seq, err
}

// hasHolder reports whether a node has the history now.
func hasHolder(tx *catalog.Tx, f catalog.FileID) bool { _, held := tx.Holder(f); return held }

// Seal makes what a file holds now a version, also while it is open for writing,
// and returns the newest version. A copy of an open file is taken; what a program
// writes during that moment may or may not be in it.
func (v *Volume) Seal(ctx context.Context, p string) (info VersionInfo, err error) {
	i, a, err := v.Resolve(p)
	if err != nil {
		return info, err
	}
	if !a.IsRegular() {
		return info, fmt.Errorf("/%s: only a regular file has versions: %w", p, ErrInvalid)
	}
	if err := v.sealOpen(i); err != nil {
		return info, fmt.Errorf("%s: %w", p, err)
	}
	if err := v.sealer.flush(ctx, i, nil); err != nil {
		return info, err
	}
	if err := v.cat.Sync(ctx); err != nil {
		return info, err
	}
	var ver catalog.Version
	err = v.cat.View(func(tx *catalog.Tx) (err error) {
		row, err := tx.Node(i)
		if err != nil {
			return err
		}
		ver, err = tx.Version(row.File, tx.LastSeq(row.File, row.Seq))
		return err
	})
	info = describe(&ver)
	v.showSum(&info)
	return info, notExist(err)
}

// sealOpen queues a copy of the draft of i if the file is open for writing.
func (v *Volume) sealOpen(i catalog.Inode) error {
	n := v.nodes.lookup(i)
	if n == nil {
		return nil
	}
	defer v.nodes.release(n)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.writers == 0 || n.draft == "" {
		return nil
	}
	if err := n.observe(); err != nil || n.pristine {
		return err
	}
	row, err := v.row(n)
	if err != nil || row.Keep != catalog.KeepData {
		return err
	}
	n.show(&row)
	gen := row.LastGen + 1
	path := v.drafts.path(i, gen)
	if err := copyFile(n.draft, path); err != nil {
		return err
	}
	v.drafts.noteClosed(path)
	if err := v.addDetached(n, gen, &row); err != nil {
		v.removeLater(path)
		return err
	}
	return nil
}
