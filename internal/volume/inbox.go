package volume

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/rdfs/rdfs/catalog"
)

// A staged file that never got its right name is moved to the inbox, where people find
// it: .rdfs/inbox at the root. It is an ordinary directory of the tree, below a name
// that nobody can make and that no listing shows; what is in it can be read, deleted
// and, by renaming it, be given its right place.

// inbox moves what has waited too long.
type inbox struct {
	wg sync.WaitGroup
}

// The directories above the inbox.
const (
	metaName  = ".rdfs"
	inboxName = "inbox"
)

// sweepEvery is how often the volume looks for what has waited too long.
const sweepEvery = 10 * time.Minute

func (v *Volume) startInbox() {
	if v.names.scheme == nil {
		return
	}
	v.inbox.wg.Add(1)
	go func() {
		defer v.inbox.wg.Done()
		tick := time.NewTicker(min(sweepEvery, max(v.o.StagedFor/4, time.Second)))
		defer tick.Stop()
		for {
			select {
			case <-v.ctx.Done():
				return
			case <-tick.C:
				if err := v.sweepStaged(); err != nil {
					v.log.Warn("staged files could not be moved to the inbox", "err", err)
				}
			}
		}
	}()
}

// sweepStaged moves every staged file that has rested for StagedFor to the inbox.
func (v *Volume) sweepStaged() error {
	limit := v.timeNow() - catalog.Time(v.o.StagedFor)
	var old []catalog.Inode
	err := v.cat.View(func(tx *catalog.Tx) error {
		box, _ := findInbox(tx)
		return tx.Drafts(0, 0, func(d *catalog.Draft) bool {
			row, err := tx.Node(d.Inode)
			if err != nil || row.Keep != catalog.KeepStaged || max(d.Opened, row.Mtime, row.Ctime) > limit {
				return true
			}
			there := false
			tx.Names(d.Inode, func(n catalog.Name) bool { there = n.Dir == box && box != 0; return !there })
			if !there {
				old = append(old, d.Inode)
			}
			return true
		})
	})
	for _, i := range old {
		_, failed := v.toInbox(i)
		err = errors.Join(err, failed)
	}
	return err
}

// findInbox returns the inbox, and the directory above it, as far as they are there.
func findInbox(tx *catalog.Tx) (box, meta catalog.Inode) {
	meta, err := tx.Lookup(catalog.Root, metaName)
	if err != nil {
		return 0, 0
	}
	box, _ = tx.Lookup(meta, inboxName)
	return box, meta
}

// Inbox returns the directory of files that waited too long for their right name;
// ErrNotExist when there was none yet.
func (v *Volume) Inbox() (i catalog.Inode, err error) {
	err = v.cat.View(func(tx *catalog.Tx) error {
		if i, _ = findInbox(tx); i == 0 {
			return ErrNotExist
		}
		return nil
	})
	return i, err
}

// makeInbox makes the inbox. Everybody may take out what is theirs.
func (v *Volume) makeInbox(tx *catalog.Tx) (box catalog.Inode, err error) {
	box, meta := findInbox(tx)
	now := v.timeNow()
	mkdir := func(dir catalog.Inode, name string, perm uint32) (catalog.Inode, error) {
		p, err := tx.Node(dir)
		if err != nil {
			return 0, err
		}
		i := tx.NewInode()
		row := newNode(&p, catalog.TypeDir|perm, Caller{UID: p.UID, GID: p.GID}, now)
		row.File, row.Nlink, row.Parent, row.Keep = catalog.FileID(i), 2, dir, catalog.KeepLocal
		p.Nlink++
		tx.PutNode(i, &row)
		tx.PutNode(dir, &p)
		tx.PutName(dir, name, i, row.Mode)
		return i, nil
	}
	if meta == 0 {
		if meta, err = mkdir(catalog.Root, metaName, 0o755); err != nil {
			return 0, err
		}
	}
	if box == 0 {
		box, err = mkdir(meta, inboxName, 0o1777)
	}
	return box, err
}

// toInbox moves a staged file that nobody has open, and reports whether it did.
func (v *Volume) toInbox(i catalog.Inode) (moved bool, err error) {
	n := v.nodes.acquire(i)
	defer v.nodes.release(n)
	n.mu.Lock()
	var from catalog.Name
	var to, was string
	var box catalog.Inode
	err = errInUse
	if n.opens == 0 && n.orphan == nil {
		err = v.cat.Update(func(tx *catalog.Tx) (err error) {
			row, err := tx.Node(i)
			if err != nil || row.Keep != catalog.KeepStaged || row.Nlink != 1 {
				return errInUse // it has gone, or got its right name
			}
			tx.Names(i, func(name catalog.Name) bool { from = name; return false })
			if was, err = tx.Path(i); err != nil {
				return err
			}
			if box, err = v.makeInbox(tx); err != nil {
				return err
			}
			to = freeName(tx, box, strings.ReplaceAll(was, "/", "%2F"))
			now := v.timeNow()
			for _, dir := range []catalog.Inode{from.Dir, box} {
				p, err := parent(tx, dir)
				if err != nil {
					return err
				}
				touch(tx, dir, &p, now)
			}
			tx.DeleteName(from.Dir, from.Name)
			tx.PutName(box, to, i, row.Mode)
			row.Ctime = max(now, row.Ctime)
			tx.PutNode(i, &row)
			return nil
		})
	}
	n.mu.Unlock()
	if errors.Is(err, errInUse) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", was, err)
	}
	v.log.Warn("a temporary file never got its right name and was moved to the inbox", "path", was, "inbox", path.Join(metaName, inboxName, to))
	v.entryChanged(from.Dir, from.Name)
	v.entryChanged(box, to)
	return true, nil
}

// errInUse: a staged file is not at rest.
var errInUse = errors.New("in use")

// freeName returns a name in a directory like the one that is wanted, shortened from its front.
func freeName(tx *catalog.Tx, dir catalog.Inode, want string) string {
	for k := 1; ; k++ {
		mark := ""
		if k > 1 {
			mark = fmt.Sprintf("~%d", k)
		}
		name := want
		if over := len(name) + len(mark) - MaxName; over > 0 {
			name = strings.ToValidUTF8(name[over:], "")
		}
		if _, err := tx.Lookup(dir, name+mark); err != nil {
			return name + mark
		}
	}
}
