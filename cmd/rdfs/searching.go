package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/search"
	"github.com/rdfs/rdfs/internal/volume"
)

// searchMade is raised when documents are made in another way.
const searchMade = "1 "

// newSearch returns the search of a volume. An index that was made with another
// rdfs.yaml is not used.
func newSearch(v *volume.Volume, o *openOptions) *search.Search {
	made := searchMade
	if b, err := os.ReadFile(filepath.Join(o.Dir, config.FileName)); err == nil {
		made += blob.Sum(b).String()
	}
	return search.New(search.Options{Volume: v, Schema: o.Config.Metadata, Dir: filepath.Join(o.Dir, "search"), Made: made, Now: o.Now, Logger: o.Logger})
}

// runSearch keeps the index of a mounted drive up to date.
func (d *openVolume) runSearch(ctx context.Context) {
	d.following.Store(true)
	d.search.Run(ctx)
	d.following.Store(false)
}

// Find implements control.Finder. Where nothing keeps the index up to date, it is now.
func (d *openVolume) Find(ctx context.Context, r search.Request) (search.Result, error) {
	if !d.following.Load() {
		if err := d.search.Ready(ctx); err != nil {
			return search.Result{}, err
		}
	}
	res, err := d.search.Find(ctx, r)
	if errors.Is(err, search.ErrNotReady) { // the mount has just begun
		if err := d.search.Ready(ctx); err != nil {
			return search.Result{}, err
		}
		return d.search.Find(ctx, r)
	}
	return res, err
}

// Reindex implements control.Finder.
func (d *openVolume) Reindex(ctx context.Context) (files int, err error) {
	return d.search.Reindex(ctx)
}
