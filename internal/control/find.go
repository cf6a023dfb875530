package control

import (
	"context"

	"github.com/rdfs/rdfs/internal/search"
	"github.com/rdfs/rdfs/internal/volume"
)

// Finder is the part of a Drive that finds files. The server puts in who asks; the drive
// shows nobody what they may not see.
type Finder interface {
	Find(ctx context.Context, req search.Request) (search.Result, error)
	// Reindex makes the index anew, and returns how many files can be found.
	Reindex(ctx context.Context) (files int, err error)
}

// routeFinder adds the routes of Finder. What people look for is not logged.
func (s *Server) routeFinder() {
	s.mux.HandleFunc("POST /v1/find", asked(s, "find", func(r *search.Request) *volume.Requester { return &r.Requester }, s.o.Drive.Find,
		func(r *search.Request) string { return r.Under }))
	s.mux.HandleFunc("POST /v1/reindex", answer(func(ctx context.Context, req request) (int, error) {
		if err := s.owner(req.who, "reindex"); err != nil {
			return 0, err
		}
		return s.o.Drive.Reindex(ctx)
	}))
}

// Find implements Finder.
func (c *Client) Find(ctx context.Context, req search.Request) (res search.Result, err error) {
	err = c.call(ctx, "POST", "find", req, &res, nil)
	return res, err
}

// Reindex implements Finder.
func (c *Client) Reindex(ctx context.Context) (files int, err error) {
	err = c.call(ctx, "POST", "reindex", nil, &files, nil)
	return files, err
}
