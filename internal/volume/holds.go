package volume

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rdfs/rdfs/catalog"
)

// HoldRequest asks for a hold on a file, or on a directory and all below it.
type HoldRequest struct {
	Path   string    `json:"path"`           // relative to the root of the drive
	Until  time.Time `json:"until,omitzero"` // zero: for ever
	Reason string    `json:"reason"`
	DryRun bool      `json:"dry_run,omitempty"`
	Requester
}

// HoldInfo describes a hold.
type HoldInfo struct {
	Path   string    `json:"path"` // when it was placed
	File   uint64    `json:"file"`
	Until  time.Time `json:"until,omitzero"` // zero: for ever
	Placed time.Time `json:"placed"`
	UID    uint32    `json:"uid"`  // who placed it
	User   string    `json:"user"` // name of UID where known
	Reason string    `json:"reason"`
}

func holdInfo(h *catalog.Hold) HoldInfo {
	i := HoldInfo{Path: h.Path, File: uint64(h.File), Placed: h.Placed.Time(), UID: h.UID, User: UserName(h.UID), Reason: h.Reason}
	if h.Until != 0 {
		i.Until = h.Until.Time()
	}
	return i
}

// holdIndex knows which files have a hold, so that where there are none nothing is asked.
type holdIndex struct {
	n atomic.Int64 // of files; read without mu

	mu      sync.Mutex
	files   map[catalog.FileID]catalog.Time // until when; 0: for ever
	changes int                             // counts holds that were placed
}

func (h *holdIndex) put(x *catalog.Hold) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.files == nil {
		h.files = make(map[catalog.FileID]catalog.Time)
	}
	h.files[x.File] = x.Until
	h.changes++
	h.n.Store(int64(len(h.files)))
}

func (h *holdIndex) drop(f catalog.FileID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.files, f)
	h.n.Store(int64(len(h.files)))
}

func (h *holdIndex) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.files)
	h.n.Store(0)
}

// on reports whether the file has a hold that is not over.
func (h *holdIndex) on(f catalog.FileID, now catalog.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	until, ok := h.files[f]
	return ok && (until == 0 || until > now)
}

// version is a number that changes when a hold is placed.
func (h *holdIndex) version() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changes
}

// loadHolds makes the index say what the catalog says.
func (v *Volume) loadHolds() error {
	return v.cat.View(func(tx *catalog.Tx) error {
		v.holds.clear()
		return tx.Holds(func(h *catalog.Hold) bool { v.holds.put(h); return true })
	})
}

// held returns an error that wraps ErrHeld when a hold covers the node, or the
// directory dir, in which a name of it is about to be taken away, or one above.
func (v *Volume) held(tx *catalog.Tx, dir catalog.Inode, name string, row *catalog.Node) error {
	if v.holds.n.Load() == 0 {
		return nil
	}
	h, err := v.holdOver(tx, dir, row)
	if err != nil || h == nil {
		return err
	}
	until := "for ever"
	if h.Until != 0 {
		until = "until " + h.Until.Time().Format(time.RFC3339)
	}
	return fmt.Errorf("%s: %w %s, by a hold on %s: %s", name, ErrHeld, until, h.Path, h.Reason)
}

// logHeld logs what a hold has refused, outside of the transaction.
func (v *Volume) logHeld(dir catalog.Inode, err error) {
	if errors.Is(err, ErrHeld) {
		v.log.Warn("refused", "directory", dir, "because", err)
	}
}

// holdOver returns the hold that covers a node with a name in dir, nil if there is none.
func (v *Volume) holdOver(tx *catalog.Tx, dir catalog.Inode, row *catalog.Node) (*catalog.Hold, error) {
	now := v.timeNow()
	for f, i := row.File, dir; ; {
		if v.holds.on(f, now) {
			h, err := tx.Hold(f)
			return &h, err
		}
		if i == 0 {
			return nil, nil
		}
		up, err := tx.Node(i)
		if err != nil {
			return nil, notExist(err)
		}
		if f = up.File; i == catalog.Root {
			i = 0
		} else {
			i = up.Parent
		}
	}
}

// HoldsOver returns the hold that covers the file or directory at a path: its own,
// or the nearest one above.
func (v *Volume) HoldsOver(p string) (info HoldInfo, held bool, err error) {
	i, _, err := v.Resolve(p)
	if err != nil {
		return info, false, err
	}
	err = v.cat.View(func(tx *catalog.Tx) error {
		row, err := tx.Node(i)
		if err != nil {
			return notExist(err)
		}
		dir := row.Parent
		if i == catalog.Root {
			dir = 0
		} else if !row.IsDir() {
			tx.Names(i, func(n catalog.Name) bool { dir = n.Dir; return false })
		}
		h, err := v.holdOver(tx, dir, &row)
		if h != nil && err == nil {
			info, held = holdInfo(h), true
		}
		return err
	})
	return info, held, err
}

// Holds returns the holds that are not over.
func (v *Volume) Holds() (list []HoldInfo, err error) {
	now := v.timeNow()
	err = v.cat.View(func(tx *catalog.Tx) error {
		return tx.Holds(func(h *catalog.Hold) bool {
			if !h.Over(now) {
				list = append(list, holdInfo(h))
			}
			return true
		})
	})
	return list, err
}

// PlaceHold keeps what is at a path, and all below it, from being removed or
// forgotten. It is durable when it returns. A hold can be made longer, never shorter.
// The owner of the file or directory and root may place one.
func (v *Volume) PlaceHold(ctx context.Context, r HoldRequest) (info HoldInfo, err error) {
	_, a, err := v.Resolve(r.Path)
	if err != nil {
		return info, err
	}
	now := v.timeNow()
	h := catalog.Hold{File: a.File, Placed: now, UID: r.UID, Reason: r.Reason, Path: r.Path}
	if !r.Until.IsZero() {
		h.Until = catalog.TimeOf(r.Until)
	}
	switch {
	case r.UID != 0 && r.UID != a.UID:
		return info, fmt.Errorf("%s belongs to %s: %w", r.Path, UserName(a.UID), ErrPerm)
	case r.Reason == "" || len(r.Reason) > maxMessage:
		return info, fmt.Errorf("%w: a hold needs a reason of at most %d bytes", ErrInvalid, maxMessage)
	case h.Over(now):
		return info, fmt.Errorf("%w: a hold until %s would be over already", ErrInvalid, r.Until.Format(time.RFC3339))
	}
	err = v.cat.Update(func(tx *catalog.Tx) error {
		was, err := tx.Hold(h.File)
		switch {
		case errors.Is(err, catalog.ErrNotExist):
		case err != nil:
			return err
		case !was.Over(now) && h.Until != 0 && (was.Until == 0 || h.Until < was.Until):
			return fmt.Errorf("%s is held for longer already (%s); a hold is never made shorter: %w", r.Path, was.Reason, ErrPerm)
		}
		if !r.DryRun {
			tx.PutHold(&h)
			v.holds.put(&h) // inside: what takes names away and what forgets looks at it there
		}
		return nil
	})
	if err != nil {
		return info, errors.Join(err, v.loadHolds())
	}
	if r.DryRun {
		return holdInfo(&h), nil
	}
	return holdInfo(&h), v.cat.Sync(ctx)
}

// ReleaseExpired removes the holds that are over, and returns them.
func (v *Volume) ReleaseExpired() (list []HoldInfo, err error) {
	now := v.timeNow()
	err = v.cat.Update(func(tx *catalog.Tx) error {
		var over []catalog.Hold
		err := tx.Holds(func(h *catalog.Hold) bool {
			if h.Over(now) {
				over = append(over, *h)
			}
			return true
		})
		for k := range over {
			tx.DeleteHold(over[k].File)
			v.holds.drop(over[k].File)
			list = append(list, holdInfo(&over[k]))
		}
		return err
	})
	return list, err
}

// covered is what holds cover: inodes and files.
type covered struct {
	inodes map[catalog.Inode]struct{}
	files  map[catalog.FileID]struct{}
	at     int // holdIndex.version when it was found
}

func (r *covered) inode(i catalog.Inode) bool { _, ok := r.inodes[i]; return ok }
func (r *covered) file(f catalog.FileID) bool { _, ok := r.files[f]; return ok }

// coveredByHolds finds what the holds cover: what is held, and what is or ever was below it, as
// far as the past is kept. It is nil where there is no hold. It looks at every node
// once and keeps some tens of bytes for each that is held.
func (v *Volume) coveredByHolds(ctx context.Context) (*covered, error) {
	if v.holds.n.Load() == 0 {
		return nil, nil
	}
	r := &covered{inodes: make(map[catalog.Inode]struct{}), files: make(map[catalog.FileID]struct{}), at: v.holds.version()}
	now := v.timeNow()
	var todo []catalog.Inode
	for from := catalog.Inode(0); ; {
		n := 0
		err := v.cat.View(func(tx *catalog.Tx) error {
			return tx.Nodes(from, func(i catalog.Inode, row *catalog.Node) bool {
				from = i + 1
				if v.holds.on(row.File, now) {
					todo = append(todo, i)
				}
				n++
				return n < page
			})
		})
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		if n < page {
			break
		}
	}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if r.inode(i) {
			continue
		}
		r.inodes[i] = struct{}{}
		err := v.cat.View(func(tx *catalog.Tx) error {
			dir := false
			err := tx.EverNode(i, func(row *catalog.Node) {
				r.files[row.File] = struct{}{}
				dir = dir || row.IsDir()
			})
			if dir {
				tx.EverNamed(i, func(j catalog.Inode) { todo = append(todo, j) })
			}
			return err
		})
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}
