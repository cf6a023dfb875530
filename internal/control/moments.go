package control

import (
	"context"

	"github.com/rdfs/rdfs/internal/volume"
)

// Moments is the part of a Drive that speaks of snapshots and of the past. The server
// puts in who asks; the volume decides who may do what.
type Moments interface {
	TakeSnapshot(ctx context.Context, req volume.SnapshotRequest) (volume.SnapshotInfo, error)
	// Snapshots returns all snapshots, oldest first.
	Snapshots(ctx context.Context) ([]volume.SnapshotInfo, error)
	DropSnapshots(ctx context.Context, req volume.SnapshotsRequest) ([]volume.SnapshotInfo, error)
	PinSnapshots(ctx context.Context, req volume.SnapshotsRequest) ([]volume.SnapshotInfo, error)
	PruneSnapshots(ctx context.Context, req volume.PruneRequest) ([]volume.PruneDecision, error)
	// RestoreTree makes what is at a path what it was.
	RestoreTree(ctx context.Context, req volume.TreeRequest, progress func(volume.Progress)) (volume.TreeResult, error)
	// Trash returns what was deleted, newest first.
	Trash(ctx context.Context, req volume.TrashRequest) (volume.TrashResult, error)
	// Undelete brings back what was deleted last from a path.
	Undelete(ctx context.Context, req volume.UndeleteRequest, progress func(volume.Progress)) (volume.TreeResult, error)
	// PlaceHold keeps what is at a path from being removed or forgotten.
	PlaceHold(ctx context.Context, req volume.HoldRequest) (volume.HoldInfo, error)
	// Holds returns all holds.
	Holds() ([]volume.HoldInfo, error)
	// Diff returns how the tree differs between two moments.
	Diff(ctx context.Context, req volume.DiffRequest) (volume.DiffResult, error)
}

// routeMoments adds the routes of Moments.
func (s *Server) routeMoments() {
	d := s.o.Drive
	s.mux.HandleFunc("GET /v1/snapshots", answer(func(ctx context.Context, _ request) ([]volume.SnapshotInfo, error) { return d.Snapshots(ctx) }))
	s.mux.HandleFunc("POST /v1/snapshots/take", asked(s, "take snapshot", func(r *volume.SnapshotRequest) *volume.Requester { return &r.Requester }, d.TakeSnapshot))
	s.mux.HandleFunc("POST /v1/snapshots/drop", asked(s, "drop snapshots", func(r *volume.SnapshotsRequest) *volume.Requester { return &r.Requester }, d.DropSnapshots))
	s.mux.HandleFunc("POST /v1/snapshots/pin", asked(s, "pin snapshots", func(r *volume.SnapshotsRequest) *volume.Requester { return &r.Requester }, d.PinSnapshots))
	s.mux.HandleFunc("POST /v1/snapshots/prune", asked(s, "prune snapshots", func(r *volume.PruneRequest) *volume.Requester { return &r.Requester }, d.PruneSnapshots))
	s.mux.HandleFunc("POST /v1/restore-tree", stream(s, s.restoreTree))
	s.mux.HandleFunc("POST /v1/trash", asked(s, "trash", func(r *volume.TrashRequest) *volume.Requester { return &r.Requester }, d.Trash,
		func(r *volume.TrashRequest) string { return r.Path }))
	s.mux.HandleFunc("POST /v1/undelete", stream(s, s.undelete))
	s.mux.HandleFunc("POST /v1/holds/place", asked(s, "place hold", func(r *volume.HoldRequest) *volume.Requester { return &r.Requester }, d.PlaceHold,
		func(r *volume.HoldRequest) string { return r.Path }))
	s.mux.HandleFunc("GET /v1/holds", answer(func(context.Context, request) ([]volume.HoldInfo, error) { return d.Holds() }))
	s.mux.HandleFunc("POST /v1/diff", asked(s, "diff", func(r *volume.DiffRequest) *volume.Requester { return &r.Requester }, d.Diff,
		func(r *volume.DiffRequest) string { return r.Path }))
}

func (s *Server) restoreTree(ctx context.Context, req request) (res volume.TreeResult, err error) {
	var r volume.TreeRequest
	if err := req.body(&r); err != nil {
		return res, err
	}
	r.Requester = volume.Requester{UID: req.who.UID, GID: req.who.GID, Groups: req.who.Groups}
	for _, p := range []string{r.Path, r.To} {
		if err := s.reach(ctx, req.who, p); err != nil {
			return res, err
		}
	}
	s.o.Logger.Info("restore", "path", r.Path, "at", r.At, "to", r.To, "dry_run", r.DryRun, "uid", r.UID)
	return s.o.Drive.RestoreTree(ctx, r, req.progress)
}

func (s *Server) undelete(ctx context.Context, req request) (res volume.TreeResult, err error) {
	var r volume.UndeleteRequest
	if err := req.body(&r); err != nil {
		return res, err
	}
	r.Requester = volume.Requester{UID: req.who.UID, GID: req.who.GID, Groups: req.who.Groups}
	for _, p := range []string{r.Path, r.To} {
		if err := s.reach(ctx, req.who, p); err != nil {
			return res, err
		}
	}
	s.o.Logger.Info("undelete", "path", r.Path, "to", r.To, "dry_run", r.DryRun, "uid", r.UID)
	return s.o.Drive.Undelete(ctx, r, req.progress)
}

// TakeSnapshot implements Moments.
func (c *Client) TakeSnapshot(ctx context.Context, req volume.SnapshotRequest) (info volume.SnapshotInfo, err error) {
	err = c.call(ctx, "POST", "snapshots/take", req, &info, nil)
	return info, err
}

// Snapshots implements Moments.
func (c *Client) Snapshots(ctx context.Context) (list []volume.SnapshotInfo, err error) {
	err = c.call(ctx, "GET", "snapshots", nil, &list, nil)
	return list, err
}

// DropSnapshots implements Moments.
func (c *Client) DropSnapshots(ctx context.Context, req volume.SnapshotsRequest) (list []volume.SnapshotInfo, err error) {
	err = c.call(ctx, "POST", "snapshots/drop", req, &list, nil)
	return list, err
}

// PinSnapshots implements Moments.
func (c *Client) PinSnapshots(ctx context.Context, req volume.SnapshotsRequest) (list []volume.SnapshotInfo, err error) {
	err = c.call(ctx, "POST", "snapshots/pin", req, &list, nil)
	return list, err
}

// RestoreTree implements Moments.
func (c *Client) RestoreTree(ctx context.Context, req volume.TreeRequest, progress func(volume.Progress)) (res volume.TreeResult, err error) {
	err = c.call(ctx, "POST", "restore-tree", req, &res, progress)
	return res, err
}

// Trash implements Moments.
func (c *Client) Trash(ctx context.Context, req volume.TrashRequest) (res volume.TrashResult, err error) {
	err = c.call(ctx, "POST", "trash", req, &res, nil)
	return res, err
}

// Undelete implements Moments.
func (c *Client) Undelete(ctx context.Context, req volume.UndeleteRequest, progress func(volume.Progress)) (res volume.TreeResult, err error) {
	err = c.call(ctx, "POST", "undelete", req, &res, progress)
	return res, err
}

// PlaceHold implements Moments.
func (c *Client) PlaceHold(ctx context.Context, req volume.HoldRequest) (info volume.HoldInfo, err error) {
	err = c.call(ctx, "POST", "holds/place", req, &info, nil)
	return info, err
}

// Holds implements Moments.
func (c *Client) Holds() (list []volume.HoldInfo, err error) {
	err = c.call(context.Background(), "GET", "holds", nil, &list, nil)
	return list, err
}

// Diff implements Moments.
func (c *Client) Diff(ctx context.Context, req volume.DiffRequest) (res volume.DiffResult, err error) {
	err = c.call(ctx, "POST", "diff", req, &res, nil)
	return res, err
}

// PruneSnapshots implements Moments.
func (c *Client) PruneSnapshots(ctx context.Context, req volume.PruneRequest) (list []volume.PruneDecision, err error) {
	err = c.call(ctx, "POST", "snapshots/prune", req, &list, nil)
	return list, err
}
