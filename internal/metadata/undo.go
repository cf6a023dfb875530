package metadata

import (
	"context"
	"fmt"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/volume"
)

// Op is an operation that can be undone.
type Op struct {
	Op     uint64    `json:"op"`
	Time   time.Time `json:"time"`
	UID    uint32    `json:"uid"`
	User   string    `json:"user"`
	Kind   string    `json:"kind"`
	Files  int       `json:"files"`
	Values int       `json:"values"`
	Undone uint64    `json:"undone,omitempty"` // the operation that took it back
}

// MetaOps returns all operations, oldest first.
func (s *Store) MetaOps(context.Context) ([]Op, error) {
	out := []Op{}
	err := s.vol.Catalog().View(func(tx *catalog.Tx) error {
		return tx.Ops(func(o *catalog.Op) bool {
			out = append(out, Op{uint64(o.Epoch), o.Time.Time(), o.UID, volume.UserName(o.UID), o.Kind, int(o.Files), int(o.Values), uint64(o.Undone)})
			return true
		})
	})
	return out, err
}

// UndoRequest asks to take an operation back.
type UndoRequest struct {
	Op     uint64 `json:"op,omitempty"` // 0: the last one of the user that was not undone and is no undoing
	DryRun bool   `json:"dry_run,omitempty"`
	Who    Who    `json:"who"`
}

const undoKind = "undo"

// UndoMeta gives the values that an operation changed what they were before it. Values
// that were changed since, and those of files that are gone, stay as they are: they
// are Left. Undoing is an operation, too.
func (s *Store) UndoMeta(ctx context.Context, r UndoRequest) (Result, error) {
	op, err := s.opFor(&r)
	if err != nil {
		return Result{}, err
	}
	return s.carryOut(ctx, undoKind, r.DryRun, &r.Who, func() (*plan, error) { return s.planUndo(op.Epoch, &r.Who) },
		func(tx *catalog.Tx, by *catalog.Op) {
			if o, err := tx.Op(op.Epoch); err == nil {
				o.Undone = by.Epoch
				tx.SetOp(&o)
			}
		})
}

// opFor returns the operation that a request is about.
func (s *Store) opFor(r *UndoRequest) (op catalog.Op, err error) {
	err = s.vol.Catalog().View(func(tx *catalog.Tx) error {
		if r.Op != 0 {
			o, err := tx.Op(catalog.Epoch(r.Op))
			if err != nil {
				return fmt.Errorf("there is no operation %d: `rdfs meta ops` lists them: %w", r.Op, volume.ErrNotExist)
			}
			if o.Undone != 0 {
				return fmt.Errorf("operation %d was undone by operation %d already; undo that one to have it back: %w", r.Op, o.Undone, volume.ErrInvalid)
			}
			op = o
			return nil
		}
		err := tx.Ops(func(o *catalog.Op) bool {
			if o.UID == r.Who.UID && o.Undone == 0 && o.Kind != undoKind {
				op = *o
			}
			return true
		})
		if err == nil && op.Epoch == 0 {
			err = fmt.Errorf("there is nothing of yours to undo: `rdfs meta ops` lists the operations: %w", volume.ErrNotExist)
		}
		return err
	})
	return op, err
}

func (s *Store) planUndo(e catalog.Epoch, who *Who) (*plan, error) {
	p := &plan{}
	id := who.identity()
	var ( // of the last file: its values stand together
		file catalog.FileID
		i    catalog.Inode
		row  catalog.Node
		at   string
		ok   bool
	)
	err := s.vol.Catalog().View(func(tx *catalog.Tx) error {
		return tx.OpValues(e, func(v catalog.OpValue) bool {
			field, _ := fieldOf(v.Name)
			if v.File != file {
				file, at = v.File, "(deleted)"
				if i, ok = tx.Holder(file); ok {
					row, _ = tx.Node(i)
					if name, err := tx.Path(i); err == nil {
						at = name
					} else {
						ok = false
					}
				}
			}
			now, err := tx.Attr(v.File, v.Name)
			same := (err == nil) == (v.New != nil) && (v.New == nil || string(now) == *v.New)
			switch {
			case !ok || !same:
				p.res.Left = append(p.res.Left, Diff{at, field, shown(v.New), shown(v.Old)})
			case !volume.May(&row, id, 2):
				p.res.Problems = append(p.res.Problems, Problem{Path: at, Field: field, Text: "permission denied: it cannot be written to"})
			default:
				p.values = append(p.values, catalog.OpValue{File: v.File, Name: v.Name, Old: v.New, New: v.Old})
				p.paths, p.inodes = append(p.paths, at), append(p.inodes, i)
			}
			return len(p.res.Problems) < maxProblems
		})
	})
	return p, err
}
