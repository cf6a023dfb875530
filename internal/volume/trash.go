package volume

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rdfs/rdfs/catalog"
)

// The trash is no place: it is the past of the tree. What was deleted and can be brought
// back is read from the names that were taken away.

// TrashRequest asks what was deleted.
type TrashRequest struct {
	Path  string `json:"path,omitempty"`  // in the directory of this path, and below it
	Limit int    `json:"limit,omitempty"` // at most so many, the newest; 0: maxTrash
	Requester
}

// Trashed is something that was deleted. What was deleted in a directory that was
// deleted itself is told with the directory.
type Trashed struct {
	Path    string    `json:"path"`
	Type    string    `json:"type"` // file, directory, symlink or special
	Size    int64     `json:"size"` // bytes
	Deleted time.Time `json:"deleted"`
	UID     *uint32   `json:"uid,omitempty"`  // who did it, where known
	User    string    `json:"user,omitempty"` // name of UID
	Until   time.Time `json:"until,omitzero"` // it can be brought back at least until then; zero: nothing removes it
}

// TrashResult lists what was deleted, newest first.
type TrashResult struct {
	Items []Trashed `json:"items"`
	More  int       `json:"more,omitempty"` // how many older ones are left out
}

// maxTrash bounds what Trash returns.
const maxTrash = 10_000

// trashStep is how many names are looked at in one transaction.
const trashStep = 1000

// Trash returns what was deleted and can be brought back by Undelete, newest first.
// Somebody who is not root sees what was in directories that they can list. It takes
// time in proportion to all the names that were ever taken away, or, below a path, to
// those of its directories.
func (v *Volume) Trash(ctx context.Context, r TrashRequest) (res TrashResult, err error) {
	if r.Limit <= 0 || r.Limit > maxTrash {
		r.Limit = maxTrash
	}
	sight := v.sight(catalog.Live, r.identity())
	items := []trashItem{}
	add := func(x trashItem) {
		if r.UID != 0 && !sight.lists(x.taken.Dir) {
			return
		}
		items = append(items, x)
		if len(items) >= 2*r.Limit {
			res.More += keepNewest(&items, r.Limit)
		}
	}
	if p := strings.Trim(path.Clean("/"+r.Path), "/"); p == "" {
		err = v.eachDeleted(ctx, 0, false, add)
	} else {
		err = v.deletedBelow(ctx, p, add)
	}
	if err != nil {
		return res, err
	}
	res.More += keepNewest(&items, r.Limit)
	res.Items = []Trashed{}
	err = v.cat.View(func(tx *catalog.Tx) error {
		for k := range items {
			if t, ok := items[k].describe(tx); ok {
				t.Until = v.keptUntil(&items[k], t.Deleted)
				res.Items = append(res.Items, t)
			}
		}
		return nil
	})
	return res, err
}

// trashItem is a name whose node was deleted with it.
type trashItem struct {
	taken catalog.Taken
	node  catalog.Node // when it was deleted
}

func keepNewest(items *[]trashItem, limit int) (dropped int) {
	slices.SortFunc(*items, func(a, b trashItem) int {
		return cmp.Or(-cmp.Compare(a.taken.Died, b.taken.Died), cmp.Compare(a.taken.Dir, b.taken.Dir), strings.Compare(a.taken.Name, b.taken.Name))
	})
	dropped = max(0, len(*items)-limit)
	*items = (*items)[:len(*items)-dropped]
	return dropped
}

func (x *trashItem) describe(tx *catalog.Tx) (t Trashed, ok bool) {
	dir, err := tx.Path(x.taken.Dir)
	if err != nil {
		if dir, err = tx.At(x.taken.Died - 1).Path(x.taken.Dir); err != nil {
			return t, false
		}
	}
	died, _ := tx.EpochTime(x.taken.Died)
	t = Trashed{Path: path.Join(dir, x.taken.Name), Type: typeName(x.node.Type()), Size: x.node.Size, Deleted: died.Time()}
	if x.taken.HasBy {
		t.UID, t.User = &x.taken.By, UserName(x.taken.By)
	}
	return t, true
}

// keptUntil returns until when at least what was deleted stays: a file as long as its
// versions do, everything else as long as every moment can be read.
func (v *Volume) keptUntil(x *trashItem, deleted time.Time) (t time.Time) {
	keep := &v.o.GC.Versions
	if x.node.IsRegular() && (!keep.Limited || keep.Last > 0) {
		return t
	}
	t = deleted.Add(v.o.GC.TimeTravel)
	if saved := x.node.Mtime.Time().Add(keep.Within); x.node.IsRegular() && saved.After(t) {
		t = saved
	}
	return t
}

// typeName returns a word for the type bits of a mode.
func typeName(mode uint32) string {
	switch mode {
	case catalog.TypeRegular:
		return "file"
	case catalog.TypeDir:
		return "directory"
	case catalog.TypeSymlink:
		return "symlink"
	}
	return "special"
}

// deletedBelow yields what was deleted in the directory at a path, which may be deleted
// itself, and in the live directories below it.
func (v *Volume) deletedBelow(ctx context.Context, p string, yield func(trashItem)) error {
	i, a, err := v.Resolve(p)
	if err != nil || !a.IsDir() {
		x, findErr := v.findDeleted(p)
		if err == nil && findErr != nil {
			return fmt.Errorf("%s: %w", p, ErrNotDir)
		}
		if findErr != nil {
			return err
		}
		if !x.node.IsDir() {
			yield(x)
			return nil
		}
		return v.eachDeleted(ctx, x.taken.Ino, true, yield)
	}
	for dirs := []catalog.Inode{i}; len(dirs) > 0; {
		i, dirs = dirs[len(dirs)-1], dirs[:len(dirs)-1]
		if err := v.eachDeleted(ctx, i, false, yield); err != nil {
			return err
		}
		for after, n := "", restorePage; n == restorePage; {
			page, err := v.ReadDir(i, after, restorePage, false)
			if err != nil {
				return err
			}
			n = len(page)
			for k := range page {
				if after = page[k].Name; page[k].IsDir() {
					dirs = append(dirs, page[k].Ino)
				}
			}
		}
	}
	return nil
}

// eachDeleted yields what was deleted from one directory (0: from all), and is not there
// again. Of directories that were deleted themselves only if dead is set.
func (v *Volume) eachDeleted(ctx context.Context, only catalog.Inode, dead bool, yield func(trashItem)) error {
	dir, after := only, ""
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var found []trashItem
		more = false
		err := v.cat.View(func(tx *catalog.Tx) error {
			n := 0
			tx.Taken(dir, after, func(x catalog.Taken) bool {
				if only != 0 && x.Dir != only {
					return false
				}
				if n >= trashStep && (x.Dir != dir || x.Name != after) { // all of a name together
					more = true
					return false
				}
				n++
				dir, after = x.Dir, x.Name
				if item, ok := deletion(tx, x); ok && !thereAgain(tx, &item) && (dead || isThere(tx, x.Dir)) {
					found = append(found, item)
				}
				return true
			})
			return nil
		})
		if err != nil {
			return err
		}
		for _, x := range found {
			yield(x)
		}
	}
	return nil
}

func isThere(tx *catalog.Tx, i catalog.Inode) bool { _, err := tx.Node(i); return err == nil }

// deletion reports whether a name was deleted: its node went with it, and nothing that
// came into its place continues the file.
func deletion(tx *catalog.Tx, x catalog.Taken) (item trashItem, ok bool) {
	was, err := tx.At(x.Died - 1).Node(x.Ino)
	if err != nil {
		return item, false // what there was is forgotten
	}
	if was.Keep != catalog.KeepData {
		return item, false // a dropping, or a save that was not finished
	}
	now := tx.At(x.Died)
	if _, err := now.Node(x.Ino); err == nil {
		return item, false // it was renamed, or has other names
	}
	if i, err := now.Lookup(x.Dir, x.Name); err == nil {
		if n, err := now.Node(i); err == nil && n.File == was.File {
			return item, false // it was saved anew
		}
	}
	return trashItem{x, was}, true
}

// unlinked reports whether a name was deleted of a file that had others.
func unlinked(tx *catalog.Tx, x catalog.Taken) (item trashItem, ok bool) {
	was, err := tx.At(x.Died - 1).Node(x.Ino)
	_, gone := tx.At(x.Died).Lookup(x.Dir, x.Name)
	return trashItem{x, was}, err == nil && x.HasBy && gone != nil && !was.IsDir()
}

// thereAgain reports whether what was deleted is not missed any more, or never was.
func thereAgain(tx *catalog.Tx, x *trashItem) bool {
	if x.node.IsRegular() {
		return hasHolder(tx, x.node.File) || tx.LastSeq(x.node.File, x.node.Seq) == 0 && x.node.Content.IsZero()
	}
	i, err := tx.Lookup(x.taken.Dir, x.taken.Name)
	if err != nil {
		return false
	}
	n, err := tx.Node(i)
	return err == nil && n.Type() == x.node.Type()
}

// findDeleted returns what was deleted last from a path.
func (v *Volume) findDeleted(p string) (last trashItem, err error) {
	above, name := path.Split(path.Clean("/" + p))
	dirs := []catalog.Inode{catalog.Root}
	for _, elem := range strings.Split(strings.Trim(above, "/"), "/") {
		if elem != "" {
			dirs = v.everNamed(dirs, elem)
		}
	}
	err = v.cat.View(func(tx *catalog.Tx) error {
		for _, dir := range dirs {
			tx.TakenFrom(dir, name, 0, func(x catalog.Taken) bool {
				if item, ok := deletion(tx, x); ok && x.Died > last.taken.Died {
					last = item
				}
				return true
			})
		}
		return nil
	})
	if err == nil && last.taken.Died == 0 {
		err = fmt.Errorf("%s was not deleted, or what there was is no longer kept: %w", p, ErrNotExist)
	}
	return last, err
}
