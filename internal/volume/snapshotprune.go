package volume

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/snapshot"
)

// PruneRequest asks to remove the snapshots that no rule keeps.
type PruneRequest struct {
	Keep   *snapshot.Retention `json:"keep,omitempty"` // nil: as the configuration says
	DryRun bool                `json:"dry_run,omitempty"`
	Requester
}

// PruneDecision says what happens to a snapshot, and why.
type PruneDecision struct {
	SnapshotInfo
	Keep bool     `json:"keep"`
	Why  []string `json:"why"`
}

// pruneStep is how many snapshots are removed in one transaction.
const pruneStep = 1000

// PruneSnapshots removes the snapshots that no rule keeps (snapshot.Plan), and returns
// what was decided about each, newest first. Root and the owner of the root directory
// may do so. When ctx ends early some of them are still there.
func (v *Volume) PruneSnapshots(ctx context.Context, r PruneRequest) ([]PruneDecision, error) {
	root, err := v.Getattr(catalog.Root)
	switch {
	case err != nil:
		return nil, err
	case r.UID != 0 && r.UID != root.UID:
		return nil, fmt.Errorf("prune: only root and %s, who owns the root of the drive, may do that: %w", UserName(root.UID), ErrPerm)
	case r.Keep == nil:
		r.Keep = &v.o.KeepSnapshots
	}
	return v.prune(ctx, *r.Keep, r.DryRun)
}

func (v *Volume) prune(ctx context.Context, keep snapshot.Retention, dryRun bool) ([]PruneDecision, error) {
	list, err := v.Snapshots(ctx)
	if err != nil {
		return nil, err
	}
	held, err := v.rootHeld()
	if err != nil {
		return nil, err
	}
	all := make([]snapshot.Snapshot, len(list))
	for k, s := range list {
		all[k] = snapshot.Snapshot{Held: held, Snapshot: catalog.Snapshot{Name: s.Name, Epoch: catalog.Epoch(s.Epoch), Time: catalog.TimeOf(s.Time),
			UID: s.UID, Pinned: s.Pinned, Message: s.Message, Tags: s.Tags}}
	}
	decisions := []PruneDecision{}
	var gone []catalog.Snapshot
	for _, d := range snapshot.Plan(all, keep, v.now()) {
		decisions = append(decisions, PruneDecision{snapshotInfo(&d.Snapshot.Snapshot), d.Keep, d.Why})
		if !d.Keep {
			gone = append(gone, d.Snapshot.Snapshot)
		}
	}
	if dryRun || len(gone) == 0 {
		return decisions, nil
	}
	for len(gone) > 0 && ctx.Err() == nil {
		step := gone[:min(pruneStep, len(gone))]
		gone = gone[len(step):]
		err := v.cat.Update(func(tx *catalog.Tx) error {
			for k := range step {
				// Somebody may have pinned it, or have taken another one of its name.
				if s, err := tx.Snapshot(step[k].Name); err == nil && !s.Pinned && s.Epoch == step[k].Epoch {
					tx.DeleteSnapshot(s.Name)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if err := v.cat.Sync(ctx); err != nil {
		return nil, err
	}
	return decisions, ctx.Err()
}

// rootHeld returns why nothing of the whole drive may be removed, or "": a hold on the
// root directory keeps every snapshot.
func (v *Volume) rootHeld() (why string, err error) {
	err = v.cat.View(func(tx *catalog.Tx) error {
		h, err := tx.Hold(catalog.FileID(catalog.Root))
		switch {
		case errors.Is(err, catalog.ErrNotExist):
			return nil
		case err == nil && !h.Over(v.timeNow()):
			why = h.Reason
			if h.Until != 0 {
				why += " until " + h.Until.Time().Format(time.DateOnly)
			}
		}
		return err
	})
	return why, err
}
