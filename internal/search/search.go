package search

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/internal/schema"
	"github.com/rdfs/rdfs/internal/search/index"
	"github.com/rdfs/rdfs/internal/search/semantic"
	"github.com/rdfs/rdfs/internal/volume"
)

// Options of New. Volume, Dir and Now are required.
type Options struct {
	Volume *volume.Volume
	Schema *schema.Schema // may be nil
	Dir    string         // of the repository: search/, made if need be
	// Made says with what configuration the index is made: one that was made with
	// another is not used.
	Made string
	Now  func() time.Time

	Every time.Duration // between two looks for changes; 0: 200 ms
	Save  time.Duration // between two times that the index is written, if it changed; 0: 5 min
	// Meaning finds descriptions by what they mean; nil: similar: is refused. Its Sweep is
	// Descriptions.
	Meaning                   *semantic.Index
	TextWeight, MeaningWeight float64 // in hybrid mode; both 0: 1

	FS     disk.FS      // default disk.OS
	Logger *slog.Logger // nil: quiet
}

// Search is the index of a volume.
type Search struct {
	o Options

	// work is held by who brings the index up to date. Lock order: work, mu.
	work sync.Mutex
	g    gatherer // guarded by work

	mu       sync.RWMutex
	x        *index.Index  // nil: not read or made yet
	epoch    catalog.Epoch // all changes up to it are in x; written with work and mu held
	building bool          // it is made anew: x is an old one, or not whole
	unsaved  int           // how many times x changed since it was written; -1: never written

	past past
}

// New returns a Search that has no index yet: Run reads or makes it, or Ready.
func New(o Options) *Search {
	if o.Every <= 0 {
		o.Every = 200 * time.Millisecond
	}
	if o.Save <= 0 {
		o.Save = 5 * time.Minute
	}
	if o.FS == nil {
		o.FS = disk.OS
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Search{o: o, g: gatherer{vol: o.Volume, schema: o.Schema, meaning: o.Meaning}}
	s.g.forget()
	return s
}

func (s *Search) empty() *index.Index {
	return index.New(index.Options{Schema: s.o.Schema, Now: s.o.Now})
}

// Run keeps the index up to date until ctx ends, and writes it.
func (s *Search) Run(ctx context.Context) {
	look := time.NewTicker(s.o.Every)
	defer look.Stop()
	save := time.NewTicker(s.o.Save)
	defer save.Stop()
	failing := false
	for {
		err := s.Ready(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			s.o.Logger.Error("search: the index does not follow the catalog", "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		case <-save.C:
			s.save(ctx)
		}
		if failing { // what fails every time is not tried all the time
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	}
}

// Ready returns when the index has all changes that were durable at the call. The first
// time it reads the index, or makes it.
func (s *Search) Ready(ctx context.Context) error {
	s.work.Lock()
	defer s.work.Unlock()
	if s.current() == nil {
		if why := s.load(); why != "" {
			if err := s.rebuild(ctx, why); err != nil {
				return err
			}
		}
	}
	err := s.follow(ctx)
	if errors.Is(err, catalog.ErrForgotten) {
		err = s.rebuild(ctx, "what changed since it was written is forgotten")
	}
	if err == nil && s.current().Sparse() {
		err = s.rebuild(ctx, "most files of it are gone")
	}
	return err
}

// Reindex makes the index anew, and returns how many files can be found.
func (s *Search) Reindex(ctx context.Context) (files int, err error) {
	s.work.Lock()
	defer s.work.Unlock()
	if err := s.rebuild(ctx, "somebody asked for it"); err != nil {
		return 0, err
	}
	err = s.follow(ctx)
	return s.current().Len(), err
}

func (s *Search) current() *index.Index {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.x
}

// Close writes the index, if it changed. Run has ended.
func (s *Search) Close(ctx context.Context) { s.save(ctx) }
