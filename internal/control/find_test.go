package control

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/rdfs/rdfs/internal/search"
	"github.com/rdfs/rdfs/internal/volume"
)

// fakeFinder remembers who asked.
type fakeFinder struct{ req search.Request }

func (f *fakeFinder) Find(_ context.Context, r search.Request) (search.Result, error) {
	f.req = r
	if r.Query == "wrong" {
		return search.Result{}, volume.ErrInvalid
	}
	return search.Result{Total: 1, Hits: []search.Hit{{Path: "a", Fields: map[string][]string{"tags": {"x"}}}}}, nil
}

func (f *fakeFinder) Reindex(context.Context) (int, error) { return 3, nil }

func TestFilesAreFoundForTheCallerWhateverTheRequestSays(t *testing.T) {
	f := &fakeFinder{}
	c := serve(t, repoDir(t), Options{Drive: &fakeDrive{Finder: f}, Owner: uint32(os.Getuid())})
	ctx := t.Context()
	res, err := c.Find(ctx, search.Request{Requester: volume.Requester{UID: 4711}, Query: "q", Under: "d"})
	if err != nil || res.Total != 1 || res.Hits[0].Fields["tags"][0] != "x" {
		t.Errorf("got %+v, %v", res, err)
	}
	if f.req.UID != uint32(os.Getuid()) || f.req.Query != "q" {
		t.Errorf("asked as %+v", f.req)
	}
	if _, err := c.Find(ctx, search.Request{Query: "wrong"}); !errors.Is(err, volume.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	if n, err := c.Reindex(ctx); n != 3 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}
