package volume

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/rdfs/rdfs/catalog"
)

// UndeleteRequest asks to bring back what was deleted from a path.
type UndeleteRequest struct {
	Path   string `json:"path"`
	To     string `json:"to,omitempty"` // another path, where nothing is; empty: in place
	DryRun bool   `json:"dry_run,omitempty"`
	Requester
}

// onePause is the longest pause between two removals that are taken for one: `rm -r` of
// a directory removes what is in it first, and so may a person, by and by.
const onePause = time.Minute

// Undelete brings back what was deleted last from a path: a file continues its history,
// and a directory comes back with what was removed from it and below it in one go with
// it, each as it was just before. What was removed from it earlier stays in the trash.
// Somebody who is not root brings back what was theirs.
func (v *Volume) Undelete(ctx context.Context, r UndeleteRequest, progress func(Progress)) (res TreeResult, err error) {
	to := r.Path
	if r.To != "" {
		to = r.To
	}
	if to = strings.Trim(path.Clean("/"+to), "/"); to == "" {
		return res, fmt.Errorf("the root of the drive: %w", ErrExist)
	}
	if _, _, err := v.Resolve(to); err == nil {
		return res, fmt.Errorf("%s is there: give another place with --to: %w", to, ErrExist)
	}
	if err := v.storeFirst(ctx, r.DryRun, progress); err != nil {
		return res, err
	}
	x, err := v.findDeleted(r.Path)
	if err != nil {
		return res, err
	}
	rs := restorer{who: r.Requester, dry: r.DryRun, apart: true, program: "rdfs undelete", progress: progress}
	if x.node.IsDir() {
		since, err := v.removedSince(ctx, &x)
		if err != nil {
			return res, err
		}
		rs.list = func(ctx context.Context, then *Attr, yield func(string, *Attr, catalog.Epoch) error) error {
			return v.removedFrom(ctx, then.Ino, since, yield)
		}
	}
	then := v.beforeDeath(&x)
	return v.bringBack(ctx, x.taken.Died-1, &then, to, rs)
}

// beforeDeath returns what a name meant just before it was taken away. That is known
// of a deleted file also when the rest of the tree of that time is forgotten.
func (v *Volume) beforeDeath(x *trashItem) Attr {
	row := x.node
	if row.IsRegular() && row.Gen != 0 {
		v.cat.View(func(tx *catalog.Tx) error {
			b := bytesThen(&row, sealedAfter(tx, row.File, x.taken.Died-1), lastSealed(tx, &row))
			b.apply(&row)
			return nil
		})
	}
	return attr(x.taken.Ino, &row)
}

// removedSince returns the first epoch of the removals that a deleted directory went
// with.
func (v *Volume) removedSince(ctx context.Context, x *trashItem) (catalog.Epoch, error) {
	died := []catalog.Epoch{x.taken.Died}
	for dirs := []catalog.Inode{x.taken.Ino}; len(dirs) > 0; {
		dir := dirs[len(dirs)-1]
		dirs = dirs[:len(dirs)-1]
		err := v.eachTaken(ctx, dir, func(item trashItem) error {
			died = append(died, item.taken.Died)
			if item.node.IsDir() {
				dirs = append(dirs, item.taken.Ino)
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	slices.Sort(died)
	died = slices.Compact(died)
	since := x.taken.Died
	err := v.cat.View(func(tx *catalog.Tx) error {
		later, err := tx.EpochTime(since)
		for _, e := range slices.Backward(died) {
			at, timeErr := tx.EpochTime(e)
			if err != nil || timeErr != nil || e > since {
				continue
			}
			if later.Time().Sub(at.Time()) > onePause {
				break
			}
			since, later = e, at
		}
		return nil
	})
	return since, err
}

// eachTaken yields all that was deleted from a directory, also names of files that had
// others.
func (v *Volume) eachTaken(ctx context.Context, dir catalog.Inode, yield func(trashItem) error) error {
	for after, more := "", true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var found []trashItem
		more = false
		v.cat.View(func(tx *catalog.Tx) error {
			n := 0
			tx.Taken(dir, after, func(x catalog.Taken) bool {
				if x.Dir != dir {
					return false
				}
				if n >= trashStep && x.Name != after {
					more = true
					return false
				}
				n++
				after = x.Name
				item, ok := deletion(tx, x)
				if !ok {
					item, ok = unlinked(tx, x)
				}
				if ok {
					found = append(found, item)
				}
				return true
			})
			return nil
		})
		for _, x := range found {
			if err := yield(x); err != nil {
				return err
			}
		}
	}
	return nil
}

// removedFrom yields what was deleted from a directory in an epoch or later, the last of
// each name, with what it was just before.
func (v *Volume) removedFrom(ctx context.Context, dir catalog.Inode, since catalog.Epoch, yield func(string, *Attr, catalog.Epoch) error) error {
	var last *trashItem // of its name, so far
	give := func() error {
		if last == nil {
			return nil
		}
		then := v.beforeDeath(last)
		return yield(last.taken.Name, &then, last.taken.Died-1)
	}
	err := v.eachTaken(ctx, dir, func(x trashItem) error {
		if x.taken.Died < since {
			return nil
		}
		if last != nil && last.taken.Name != x.taken.Name {
			if err := give(); err != nil {
				return err
			}
		}
		last = &x
		return nil
	})
	if err != nil {
		return err
	}
	return give()
}
