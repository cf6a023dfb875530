package volume

import (
	"context"
	"errors"
	"fmt"

	"github.com/rdfs/rdfs/catalog"
)

// SnapshotsRequest names snapshots to drop, pin or unpin.
type SnapshotsRequest struct {
	Names  []string `json:"names"`
	Pinned bool     `json:"pinned,omitempty"` // what PinSnapshots makes them
	DryRun bool     `json:"dry_run,omitempty"`
	Requester
}

// DropSnapshot removes a snapshot, for a door that removes one at a time.
func (v *Volume) DropSnapshot(ctx context.Context, name string, who Requester) error {
	_, err := v.DropSnapshots(ctx, SnapshotsRequest{Names: []string{name}, Requester: who})
	return err
}

// DropSnapshots removes all of the snapshots, or none, and returns them. Nothing of the
// tree is removed by it: what only they showed can be collected then. Root, the owner of
// the root directory and who took a snapshot may drop it; nobody a pinned one.
func (v *Volume) DropSnapshots(ctx context.Context, r SnapshotsRequest) ([]SnapshotInfo, error) {
	list, err := v.changeSnapshots(ctx, &r, func(tx *catalog.Tx, s *catalog.Snapshot) error {
		if s.Pinned {
			return fmt.Errorf("snapshot %s is pinned, `rdfs snapshot unpin` lets it go: %w", s.Name, ErrPerm)
		}
		if !r.DryRun {
			tx.DeleteSnapshot(s.Name)
		}
		return nil
	})
	for k := range list {
		v.snapshotChanged(list[k].Name)
	}
	return list, err
}

// PinSnapshots pins or unpins all of the snapshots, or none, and returns them as they
// are then. Who may drop a snapshot may do so.
func (v *Volume) PinSnapshots(ctx context.Context, r SnapshotsRequest) ([]SnapshotInfo, error) {
	return v.changeSnapshots(ctx, &r, func(tx *catalog.Tx, s *catalog.Snapshot) error {
		if s.Pinned != r.Pinned {
			s.Pinned = r.Pinned
			tx.PutSnapshot(s)
		}
		return nil
	})
}

// changeSnapshots calls change with each snapshot in one transaction, and makes that
// durable.
func (v *Volume) changeSnapshots(ctx context.Context, r *SnapshotsRequest, change func(*catalog.Tx, *catalog.Snapshot) error) (list []SnapshotInfo, err error) {
	err = v.cat.Update(func(tx *catalog.Tx) error {
		root, err := tx.Node(catalog.Root)
		if err != nil {
			return err
		}
		var all []error
		for _, name := range r.Names {
			s, err := tx.Snapshot(name)
			switch {
			case errors.Is(err, catalog.ErrNotExist):
				all = append(all, fmt.Errorf("snapshot %s: %w", name, ErrNotExist))
				continue
			case err != nil:
				return err
			case r.UID != 0 && r.UID != root.UID && r.UID != s.UID:
				all = append(all, fmt.Errorf("snapshot %s was taken by %s: %w", name, UserName(s.UID), ErrPerm))
				continue
			}
			if err := change(tx, &s); err != nil {
				all = append(all, err)
				continue
			}
			list = append(list, snapshotInfo(&s))
		}
		return errors.Join(all...)
	})
	if err != nil {
		return nil, err
	}
	// It is one commit; whoever gives up waiting for it would not know whether it happened.
	return list, v.cat.Sync(context.WithoutCancel(ctx))
}
