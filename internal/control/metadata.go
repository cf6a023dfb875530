package control

import (
	"context"

	"github.com/rdfs/rdfs/internal/metadata"
	"github.com/rdfs/rdfs/internal/volume"
)

// Metadata is the part of a Drive that is about what people say about files.
// *metadata.Store is one. The server puts in who asks.
type Metadata interface {
	GetMeta(ctx context.Context, q metadata.Query) ([]metadata.File, error)
	ChangeMeta(ctx context.Context, r metadata.Request) (metadata.Result, error)
	UndoMeta(ctx context.Context, r metadata.UndoRequest) (metadata.Result, error)
	// MetaOps returns the operations that can be undone, oldest first.
	MetaOps(ctx context.Context) ([]metadata.Op, error)
	// MetaLog returns the changes of a file's metadata, oldest first.
	MetaLog(ctx context.Context, path string) ([]metadata.Event, error)
	// Tags returns the tags in use below the paths of a query.
	Tags(ctx context.Context, q metadata.Query) ([]metadata.Tag, error)
	RenameTag(ctx context.Context, r metadata.RenameTagRequest) (metadata.Result, error)
	// CheckNames says which files lack metadata, or have names that are wrong by now.
	CheckNames(ctx context.Context, q metadata.NamesQuery, progress func(volume.Progress)) (metadata.NamesReport, error)
	// RestoreMeta gives a file the metadata of a version.
	RestoreMeta(ctx context.Context, r metadata.RestoreRequest) (metadata.Result, error)
}

// maxChange bounds the bytes of one change of metadata: some hundred thousand rows.
const maxChange = 256 << 20

func (s *Server) metaWho(c Caller) metadata.Who {
	return metadata.Who{UID: c.UID, GID: c.GID, Groups: c.Groups, Program: "rdfs meta"}
}

func (s *Server) query(ctx context.Context, req request) (q metadata.Query, err error) {
	if err := req.large(&q, maxChange); err != nil {
		return q, err
	}
	q.Who = s.metaWho(req.who)
	for _, p := range q.Paths {
		if err := s.reach(ctx, req.who, p); err != nil {
			return q, err
		}
	}
	return q, nil
}

func (s *Server) metaGet(ctx context.Context, req request) ([]metadata.File, error) {
	q, err := s.query(ctx, req)
	if err != nil {
		return nil, err
	}
	return s.o.Drive.GetMeta(ctx, q)
}

func (s *Server) tags(ctx context.Context, req request) ([]metadata.Tag, error) {
	q, err := s.query(ctx, req)
	if err != nil {
		return nil, err
	}
	return s.o.Drive.Tags(ctx, q)
}

// metaChange leaves the permissions of each path to the drive, which looks all of
// them up.
func (s *Server) metaChange(ctx context.Context, req request) (res metadata.Result, err error) {
	var r metadata.Request
	if err := req.large(&r, maxChange); err != nil {
		return res, err
	}
	r.Who = s.metaWho(req.who)
	s.o.Logger.Info("metadata", "kind", r.Kind, "rows", len(r.Rows), "dry_run", r.DryRun, "uid", req.who.UID)
	return s.o.Drive.ChangeMeta(ctx, r)
}

func (s *Server) metaUndo(ctx context.Context, req request) (res metadata.Result, err error) {
	var r metadata.UndoRequest
	if err := req.body(&r); err != nil {
		return res, err
	}
	r.Who = s.metaWho(req.who)
	s.o.Logger.Info("metadata", "kind", "undo", "op", r.Op, "dry_run", r.DryRun, "uid", req.who.UID)
	return s.o.Drive.UndoMeta(ctx, r)
}

func (s *Server) metaOps(ctx context.Context, _ request) ([]metadata.Op, error) {
	return s.o.Drive.MetaOps(ctx)
}

func (s *Server) metaLog(ctx context.Context, req request) ([]metadata.Event, error) {
	p, err := s.path(ctx, req)
	if err != nil {
		return nil, err
	}
	return s.o.Drive.MetaLog(ctx, p)
}

func (s *Server) renameTag(ctx context.Context, req request) (res metadata.Result, err error) {
	var r metadata.RenameTagRequest
	if err := req.body(&r); err != nil {
		return res, err
	}
	r.Who = s.metaWho(req.who)
	if err := s.reach(ctx, req.who, r.Path); err != nil {
		return res, err
	}
	s.o.Logger.Info("metadata", "kind", "rename tag", "old", r.Old, "new", r.New, "dry_run", r.DryRun, "uid", req.who.UID)
	return s.o.Drive.RenameTag(ctx, r)
}

func (s *Server) checkNames(ctx context.Context, req request) (r metadata.NamesReport, err error) {
	var q metadata.NamesQuery
	if err := req.body(&q); err != nil {
		return r, err
	}
	q.Who = s.metaWho(req.who)
	if err := s.reach(ctx, req.who, q.Path); err != nil {
		return r, err
	}
	return s.o.Drive.CheckNames(ctx, q, req.progress)
}

func (s *Server) metaRestore(ctx context.Context, req request) (res metadata.Result, err error) {
	var r metadata.RestoreRequest
	if err := req.body(&r); err != nil {
		return res, err
	}
	r.Who = s.metaWho(req.who)
	for _, p := range []string{r.Path, r.To} {
		if err := s.reach(ctx, req.who, p); err != nil {
			return res, err
		}
	}
	s.o.Logger.Info("metadata", "kind", "restore", "path", r.Path, "version", r.Seq, "to", r.To, "dry_run", r.DryRun, "uid", req.who.UID)
	return s.o.Drive.RestoreMeta(ctx, r)
}

// GetMeta implements Drive.
func (c *Client) GetMeta(ctx context.Context, q metadata.Query) (fs []metadata.File, err error) {
	err = c.call(ctx, "POST", "meta/get", q, &fs, nil)
	return fs, err
}

// ChangeMeta implements Drive.
func (c *Client) ChangeMeta(ctx context.Context, r metadata.Request) (res metadata.Result, err error) {
	err = c.call(ctx, "POST", "meta/change", r, &res, nil)
	return res, err
}

// UndoMeta implements Drive.
func (c *Client) UndoMeta(ctx context.Context, r metadata.UndoRequest) (res metadata.Result, err error) {
	err = c.call(ctx, "POST", "meta/undo", r, &res, nil)
	return res, err
}

// MetaOps implements Drive.
func (c *Client) MetaOps(ctx context.Context) (ops []metadata.Op, err error) {
	err = c.call(ctx, "GET", "meta/ops", nil, &ops, nil)
	return ops, err
}

// MetaLog implements Drive.
func (c *Client) MetaLog(ctx context.Context, path string) (events []metadata.Event, err error) {
	err = c.call(ctx, "POST", "meta/log", pathRequest{path}, &events, nil)
	return events, err
}

// Tags implements Drive.
func (c *Client) Tags(ctx context.Context, q metadata.Query) (tags []metadata.Tag, err error) {
	err = c.call(ctx, "POST", "tags", q, &tags, nil)
	return tags, err
}

// RenameTag implements Drive.
func (c *Client) RenameTag(ctx context.Context, r metadata.RenameTagRequest) (res metadata.Result, err error) {
	err = c.call(ctx, "POST", "tags/rename", r, &res, nil)
	return res, err
}

// CheckNames implements Drive.
func (c *Client) CheckNames(ctx context.Context, q metadata.NamesQuery, progress func(volume.Progress)) (r metadata.NamesReport, err error) {
	err = c.call(ctx, "POST", "check/names", q, &r, progress)
	return r, err
}

// RestoreMeta implements Drive.
func (c *Client) RestoreMeta(ctx context.Context, r metadata.RestoreRequest) (res metadata.Result, err error) {
	err = c.call(ctx, "POST", "meta/restore", r, &res, nil)
	return res, err
}
