package volume

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/rdfs/rdfs/catalog"
)

// A file, or a directory with all below it, is made again what it was at an epoch,
// entry by entry, each in a transaction of its own and in this order: what is missing
// is made or renamed back, and what differs is brought back; then what was not there
// then is removed as a user would, so that it can be undeleted; then directories get
// their attributes. What is already as it was is passed over. So a restore that was
// interrupted, at any moment, has lost nothing, and is completed by doing it again.

// TreeRequest asks to bring back what was at a path.
type TreeRequest struct {
	Path   string `json:"path"` // relative to the root of the drive
	At     Moment `json:"at"`
	To     string `json:"to,omitempty"` // another path, where nothing is; empty: in place
	DryRun bool   `json:"dry_run,omitempty"`
	Requester
}

// TreeResult says what was done, or would be.
type TreeResult struct {
	Path    string             `json:"path"` // that is now as it was
	Count   map[TreeAction]int `json:"count"`
	Steps   []TreeStep         `json:"steps"`             // at most maxSteps of them
	Version uint32             `json:"version,omitempty"` // of a single file that was brought back
}

// TreeAction is something that a restore does to one path.
type TreeAction string

// The actions.
const (
	TreeMake   TreeAction = "make"   // it is not there
	TreeBytes  TreeAction = "bytes"  // other bytes, as a new version
	TreeAttrs  TreeAction = "attrs"  // mode, owner, times, extended attributes
	TreeRename TreeAction = "rename" // it has another name now
	TreeRemove TreeAction = "remove" // it was not there then
)

// TreeStep is one action.
type TreeStep struct {
	Action TreeAction `json:"action"`
	Path   string     `json:"path"`
	From   string     `json:"from,omitempty"` // of what is renamed
}

// maxSteps bounds the steps that a result tells one by one.
const maxSteps = 10_000

// restorer brings a tree back. It is for one goroutine.
type restorer struct {
	v        *Volume
	past     Past
	who      Requester
	fresh    bool // the result is a copy beside what there is: nothing is renamed to it
	dry      bool
	program  string
	top      string // path that is brought back
	progress func(Progress)
	apart    bool // list yields names of different moments
	// list yields what a directory held, and the epoch at whose end it was that. Nil: all
	// that it held in past.
	list func(ctx context.Context, then *Attr, yield func(name string, a *Attr, e catalog.Epoch) error) error

	res     TreeResult
	denied  []string                        // paths that are not the requester's
	links   map[catalog.Inode]catalog.Inode // then -> now, of files that had several names
	renamed map[catalog.Inode]bool          // by a dry run: they are not where they seem to be
	extra   []place                         // to be removed
	dirs    []dirThere                      // to get their attributes
}

// place is a name in a directory of the live tree.
type place struct {
	dir  catalog.Inode
	name string
	path string
	ino  catalog.Inode // that it means
}

type dirThere struct {
	ino   catalog.Inode
	then  Attr
	epoch catalog.Epoch
	path  string
}

// RestoreTree makes what is at a path what it was, without copying bytes: contents come
// back as new versions, with attributes, modes, owners and times as they were, and hard
// links as hard links. In place, what was not there then is moved to the trash. Somebody
// who is not root restores what is theirs: if anything is not, nothing is done, and the
// error names it.
func (v *Volume) RestoreTree(ctx context.Context, r TreeRequest, progress func(Progress)) (TreeResult, error) {
	e, err := v.Epoch(r.At)
	if err != nil {
		return TreeResult{}, err
	}
	if e == catalog.Live {
		return TreeResult{}, fmt.Errorf("%w: %s is what it is now; say a moment of the past", ErrInvalid, r.Path)
	}
	if err := v.storeFirst(ctx, r.DryRun, progress); err != nil {
		return TreeResult{}, err
	}
	then, err := v.pathThen(e, r.Path)
	if err != nil {
		return TreeResult{}, err
	}
	to := r.Path
	if r.To != "" {
		to = r.To
	}
	return v.bringBack(ctx, e, &then, to, restorer{who: r.Requester, fresh: r.To != "", dry: r.DryRun, program: "rdfs restore", progress: progress})
}

// storeFirst makes versions of what is there now, before something takes its place, and
// of what was saved last before it was deleted.
func (v *Volume) storeFirst(ctx context.Context, dry bool, progress func(Progress)) error {
	if err := v.sealer.flush(ctx, 0, progress); err != nil && !dry && !errors.Is(err, errPoisoned) {
		return fmt.Errorf("what was saved last could not be stored, so nothing was restored: %w", err)
	}
	return nil
}

// pathThen returns what was at a path at the end of an epoch, or else what the file or
// directory was that is there now: it may have had another name, or, if it is a file,
// another inode.
func (v *Volume) pathThen(e catalog.Epoch, p string) (a Attr, err error) {
	past := v.Past(e)
	a, err = past.Getattr(catalog.Root)
	for _, name := range strings.Split(strings.Trim(path.Clean("/"+p), "/"), "/") {
		if err == nil && name != "" {
			a, err = past.Lookup(a.Ino, name)
		}
	}
	if errors.Is(err, ErrNotExist) && !errors.Is(err, catalog.ErrForgotten) {
		if i, now, liveErr := v.Resolve(p); liveErr == nil {
			if then, thenErr := past.Getattr(i); thenErr == nil {
				return then, nil
			}
			if ver, ok := v.versionAt(now.File, e); ok && now.IsRegular() {
				now.Gen, now.Content, now.Seq, now.Size, now.Mtime = 0, ver.Content, ver.Seq, ver.Size, ver.Mtime
				return now, nil
			}
		}
	}
	if err != nil {
		err = fmt.Errorf("%s at that time: %w", p, err)
	}
	return a, err
}

// versionAt returns the version of a file that was the newest at the end of an epoch.
func (v *Volume) versionAt(f catalog.FileID, e catalog.Epoch) (ver catalog.Version, ok bool) {
	v.cat.View(func(tx *catalog.Tx) error {
		at, err := tx.EpochTime(e)
		if err != nil {
			return err
		}
		return tx.Versions(f, 0, func(x *catalog.Version) bool {
			if x.Saved <= at {
				ver, ok = *x, true
			}
			return x.Saved <= at
		})
	})
	return ver, ok
}

// bringBack makes the path to what then is; r says how.
func (v *Volume) bringBack(ctx context.Context, e catalog.Epoch, then *Attr, to string, r restorer) (TreeResult, error) {
	r.v, r.past, r.top = v, v.Past(e), strings.Trim(path.Clean("/"+to), "/")
	if r.list == nil {
		r.list = r.all
	}
	dry := r.dry
	r.dry = true // first see whether all of it may be done
	if err := r.run(ctx, then); err != nil {
		return TreeResult{}, err
	}
	if len(r.denied) > 0 {
		return TreeResult{}, r.notTheirs()
	}
	if dry {
		return r.res, nil
	}
	r.dry = false
	if err := r.run(ctx, then); err != nil {
		return r.res, err
	}
	return r.res, v.cat.Sync(ctx)
}

func (r *restorer) notTheirs() error {
	const shown = 10
	list := strings.Join(r.denied[:min(shown, len(r.denied))], ", ")
	if more := len(r.denied) - shown; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Errorf("nothing was restored: not yours, or not yours then: %s: %w", list, ErrPerm)
}

func (r *restorer) run(ctx context.Context, then *Attr) error {
	defer func(past Past) { r.past = past }(r.past)
	r.res = TreeResult{Path: r.top, Count: make(map[TreeAction]int), Steps: []TreeStep{}}
	r.denied, r.extra, r.dirs = nil, nil, nil
	r.links, r.renamed = make(map[catalog.Inode]catalog.Inode), make(map[catalog.Inode]bool)
	if r.top == "" {
		if !then.IsDir() {
			return fmt.Errorf("the root of the drive: %w", ErrExist)
		}
		if err := r.dir(ctx, then, catalog.Root, ""); err != nil {
			return err
		}
	} else {
		dir, name, err := r.v.resolveParent(r.top)
		if err != nil {
			return fmt.Errorf("%w: make the directory again, or give another place with --to", err)
		}
		if err := checkName(name); err != nil {
			return fmt.Errorf("%s: %w", r.top, err)
		}
		if r.fresh {
			if _, err := r.v.Lookup(dir, name); err == nil {
				return fmt.Errorf("%s: %w", r.top, ErrExist)
			}
		}
		if err := r.entry(ctx, dir, name, then, r.top); err != nil {
			return err
		}
	}
	for _, p := range r.extra {
		if err := r.remove(ctx, p); err != nil {
			return err
		}
	}
	for _, d := range slices.Backward(r.dirs) {
		r.past = r.v.Past(d.epoch)
		if err := r.attrs(ctx, d.ino, &d.then, d.path, true); err != nil { // its times say what was done in it
			return err
		}
	}
	return ctx.Err()
}

// did notes a step.
func (r *restorer) did(a TreeAction, p, from string) {
	r.res.Count[a]++
	if len(r.res.Steps) < maxSteps {
		r.res.Steps = append(r.res.Steps, TreeStep{a, p, from})
	}
	if r.progress != nil && !r.dry {
		n := 0
		for _, c := range r.res.Count {
			n += c
		}
		r.progress(Progress{Phase: "restoring", Done: int64(n), Unit: "steps", Item: p})
	}
}

// deny notes that something is not the requester's.
func (r *restorer) deny(p string) { r.denied = append(r.denied, p) }

// may reports whether the requester may do to a node what only its owner may.
func (r *restorer) may(a *Attr) bool { return r.who.UID == 0 || r.who.UID == a.UID }

// restorePage is how many entries of a directory are read at a time.
const restorePage = 500

// dir makes the live directory now (0: it is still to be made) what then was.
func (r *restorer) dir(ctx context.Context, then *Attr, now catalog.Inode, p string) error {
	if !May(&then.Node, r.who.identity(), 5) {
		r.deny(p)
		return nil
	}
	were := make(map[string]bool)
	here := r.past
	err := r.list(ctx, then, func(name string, a *Attr, e catalog.Epoch) error {
		were[name], r.past = true, r.v.Past(e)
		if err := r.entry(ctx, now, name, a, path.Join(p, name)); err != nil {
			return fmt.Errorf("%s: %w", path.Join(p, name), err)
		}
		return nil
	})
	if r.past = here; err != nil {
		return err
	}
	if now == 0 {
		return nil
	}
	for after, n := "", restorePage; n == restorePage; {
		page, err := r.v.ReadDir(now, after, restorePage, true)
		if err != nil {
			return err
		}
		n = len(page)
		for k := range page {
			after = page[k].Name
			// What is no data is not of the past, and stays.
			if !were[after] && !r.renamed[page[k].Ino] && page[k].IsData() {
				r.extra = append(r.extra, place{now, after, path.Join(p, after), page[k].Ino})
			}
		}
	}
	r.dirs = append(r.dirs, dirThere{now, *then, here.Epoch(), p})
	return nil
}

// all yields all that a directory held in past.
func (r *restorer) all(ctx context.Context, then *Attr, yield func(string, *Attr, catalog.Epoch) error) error {
	past := r.past
	for after, n := "", restorePage; n == restorePage; {
		if err := ctx.Err(); err != nil {
			return err
		}
		page, err := past.ReadDir(then.Ino, after, restorePage, true)
		if err != nil {
			return err
		}
		n = len(page)
		for k := range page {
			after = page[k].Name
			if err := yield(after, &page[k].Attr, past.Epoch()); err != nil {
				return err
			}
		}
	}
	return nil
}

// entry makes a name in a live directory (0: it is still to be made) what then was.
func (r *restorer) entry(ctx context.Context, dir catalog.Inode, name string, then *Attr, p string) error {
	var now Attr
	err := error(ErrNotExist)
	if dir != 0 {
		now, err = r.v.Lookup(dir, name)
	}
	if err != nil && !errors.Is(err, ErrNotExist) {
		return err
	}
	if err == nil && !r.fits(&now, then) {
		if err := r.remove(ctx, place{dir, name, p, now.Ino}); err != nil {
			return err
		}
		now = Attr{}
	}
	if now.Ino == 0 {
		return r.missing(ctx, dir, name, then, p)
	}
	if then.IsDir() {
		return r.dir(ctx, then, now.Ino, p)
	}
	return r.same(ctx, dir, name, &now, then, p)
}

// fits reports whether a live node can become what then was: it is of the same type, and
// has the other names that then had, as far as they are known.
func (r *restorer) fits(now, then *Attr) bool {
	if now.Node.Type() != then.Node.Type() || now.Target != then.Target || now.Rdev != then.Rdev {
		return false
	}
	if then.IsDir() || now.Nlink == 1 && then.Nlink == 1 {
		return true
	}
	if first, ok := r.links[then.Ino]; ok {
		return first == now.Ino
	}
	return now.Ino == then.Ino || now.Nlink == 1 || r.sameNames(now.Ino, then.Ino)
}

// sameNames reports whether all names of a live file are paths that then led to one file.
func (r *restorer) sameNames(now, then catalog.Inode) (same bool) {
	r.v.cat.View(func(tx *catalog.Tx) error {
		was := tx.At(r.past.Epoch())
		tx.Names(now, func(n catalog.Name) bool {
			p, err := tx.Path(n.Dir)
			i := catalog.Root
			for _, name := range strings.Split(p, "/") {
				if name != "" && err == nil {
					i, err = was.Lookup(i, name)
				}
			}
			if err == nil {
				i, err = was.Lookup(i, n.Name)
			}
			same = err == nil && i == then
			return same
		})
		return nil
	})
	return same
}

// linked remembers which live node a file with several names has become.
func (r *restorer) linked(then *Attr, now catalog.Inode) {
	if !then.IsDir() && (then.Nlink > 1 || r.apart) && r.links[then.Ino] == 0 {
		r.links[then.Ino] = now
	}
}
