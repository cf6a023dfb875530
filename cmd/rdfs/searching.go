package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/internal/search"
	"github.com/rdfs/rdfs/internal/search/embedapi"
	"github.com/rdfs/rdfs/internal/search/semantic"
	"github.com/rdfs/rdfs/internal/search/synonym"
	"github.com/rdfs/rdfs/internal/search/uselite"
	"github.com/rdfs/rdfs/internal/volume"
)

// searchMade is raised when documents are made in another way.
const searchMade = "2 "

// newSearch returns the search of a volume. An index that was made with another
// rdfs.yaml is not used.
func newSearch(v *volume.Volume, o *openOptions) (*search.Search, *semantic.Index) {
	made := searchMade
	if b, err := os.ReadFile(filepath.Join(o.Dir, config.FileName)); err == nil {
		made += blob.Sum(b).String()
	}
	so := search.Options{Volume: v, Schema: o.Config.Metadata, Dir: filepath.Join(o.Dir, "search"), Made: made, Now: o.Now, Logger: o.Logger,
		TextWeight: o.Config.Search.TextWeight, MeaningWeight: o.Config.Search.SemanticWeight}
	var s *search.Search
	if o.Config.Search.Semantic {
		meaning, err := openMeaning(o, so.Dir, func(ctx context.Context, add func(string) error) error { return s.Descriptions(ctx, add) })
		if err != nil { // files are found by words all the same
			o.Logger.Error("files are not found by what they mean", "err", err)
		}
		so.Meaning = meaning
	}
	s = search.New(so)
	return s, so.Meaning
}

// openMeaning returns what finds descriptions by what they mean, kept in dir.
func openMeaning(o *openOptions, dir string, sweep func(context.Context, func(string) error) error) (*semantic.Index, error) {
	c := o.Config.Search
	var model semantic.Embedder = uselite.Encoder{}
	if c.Model != config.BuiltinModel {
		key := embedapi.Key{}
		if name, ok := strings.CutPrefix(c.APIKey, "env:"); ok {
			key.Env = name
		} else if path, ok := strings.CutPrefix(c.APIKey, "file:"); ok {
			key.File = c.In(o.Dir, path)
		}
		threshold := float32(0.7) // of most models; search.threshold says another
		if c.Threshold > 0 {
			threshold = float32(c.Threshold)
		}
		model = embedapi.New(embedapi.Options{Endpoint: c.Endpoint, Model: c.Model, Dim: c.Dimensions, Threshold: threshold, Key: key, Timeout: c.Timeout})
	}
	path := c.In(o.Dir, c.Synonyms)
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	table, err := synonym.Parse(path, string(text))
	if err != nil {
		return nil, err
	}
	if err := disk.MkdirAll(disk.OS, dir, 0o700); err != nil {
		return nil, err
	}
	return semantic.Open(semantic.Options{FS: disk.OS, Path: filepath.Join(dir, "vectors"), Model: model, Synonyms: table,
		Threshold: float32(c.Threshold), Log: o.Logger, Now: o.Now, Sweep: sweep})
}

// closeSearch writes down what the search knows.
func (d *openVolume) closeSearch(ctx context.Context) error {
	d.search.Close(ctx)
	if d.meaning == nil {
		return nil
	}
	return d.meaning.Close()
}

// runSearch keeps the index of a mounted drive up to date.
func (d *openVolume) runSearch(ctx context.Context) {
	d.following.Store(true)
	var all sync.WaitGroup
	if d.meaning != nil {
		all.Go(func() { d.meaning.Run(ctx) })
	}
	d.search.Run(ctx)
	all.Wait()
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
