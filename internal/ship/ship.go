package ship

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/rdfs/rdfs/internal/crypt"
	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/tiers"
)

// Options of a Shipper. All but Every, CopyEvery, Keep and Logger are required.
type Options struct {
	Engine     *Engine
	Store      tiers.Store
	Ring       *crypt.Ring   // of an encrypted repository, whose Store seals: names blocks; nil: by their BLAKE3
	Repository string        // id
	State      string        // path of a file that remembers, from run to run, what is shipped
	Config     func() []byte // the configuration, to be kept with the copies
	NewID      func() string // a ULID; they rise
	Now        func() time.Time

	Every     time.Duration // between two segments; default 60 s
	CopyEvery time.Duration // between two copies; default 24 h
	Keep      int           // copies; default 7

	FS     disk.FS // default disk.OS
	Logger *slog.Logger
}

// Shipper ships what an Engine commits. Run does so by itself.
type Shipper struct {
	o   Options
	log *slog.Logger

	work    sync.Mutex // one at a time ships; guards these:
	before  state      // that the last run left; no Copy: it did not
	resumed bool       // before was looked at
	unsent  []byte     // a segment that could not be stored, or nobody knows

	mu    sync.Mutex // guards what Status shows and the state
	state state
	last  time.Time // when all that was committed was shipped
	err   error     // of the last try
}

// Status says how far the catalog is shipped.
type Status struct {
	Copy    time.Time `json:"copy,omitzero"`    // when the last copy was taken
	Shipped time.Time `json:"shipped,omitzero"` // when all that was committed was in the tier
	Waiting int64     `json:"waiting"`          // bytes
	Due     bool      `json:"due"`              // a new copy is due before anything else can be shipped
	Error   string    `json:"error,omitempty"`  // of the last try
}

// New returns a Shipper that goes on where the last run ended, if it ended in order. The
// engine may still lack its tables.
func New(o Options) *Shipper {
	if o.Every <= 0 {
		o.Every = time.Minute
	}
	if o.CopyEvery <= 0 {
		o.CopyEvery = 24 * time.Hour
	}
	if o.Keep <= 0 {
		o.Keep = 7
	}
	if o.FS == nil {
		o.FS = disk.OS
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Shipper{o: o, log: o.Logger}
	s.before, _ = s.readState()
	return s
}

// resume goes on with the log of the last run, if the catalog is the one that was
// shipped then. s.work is held.
func (s *Shipper) resume() {
	if s.resumed {
		return
	}
	s.resumed = true
	if s.before.Copy == "" || s.before.Head != s.o.Engine.firstHead() {
		s.o.Engine.miss()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.last = s.before, s.before.Shipped
}

// Run ships until ctx ends. It begins with waiting: a drive that was just mounted has
// better things to do.
func (s *Shipper) Run(ctx context.Context) {
	for {
		wait := time.NewTimer(s.o.Every)
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		case <-s.o.Engine.full:
			wait.Stop()
		}
		err := s.Ship(ctx)
		if ctx.Err() != nil {
			return
		}
		s.report(err)
	}
}

// report logs a failure once, and when it is over.
func (s *Shipper) report(err error) {
	s.mu.Lock()
	was := s.err
	s.err = err
	s.mu.Unlock()
	switch {
	case err != nil && (was == nil || was.Error() != err.Error()):
		s.log.Warn("the catalog could not be shipped to the tier; it is tried again", "err", err)
	case err == nil && was != nil:
		s.log.Info("the catalog is shipped to the tier again")
	}
}

// Status may be called at any time.
func (s *Shipper) Status() Status {
	n, gap := s.o.Engine.waiting()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Status{Copy: s.state.Taken, Shipped: s.last, Waiting: int64(n), Due: gap}
	if s.err != nil {
		st.Error = s.err.Error()
	}
	return st
}

// Ship ships what was committed by now: as a segment, or with a copy if one is due.
func (s *Shipper) Ship(ctx context.Context) error {
	s.work.Lock()
	defer s.work.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	s.resume()
	_, gap := s.o.Engine.waiting()
	s.mu.Lock()
	due := s.state.Copy == "" || !s.o.Now().Before(s.state.Taken.Add(s.o.CopyEvery))
	s.mu.Unlock()
	if gap || due {
		if !gap { // what waits still belongs to the log of the old copy
			if err := s.segment(ctx); err != nil {
				return err
			}
		}
		return s.copy(ctx)
	}
	return s.segment(ctx)
}

// segment ships the groups that wait. s.work is held.
func (s *Shipper) segment(ctx context.Context) error {
	for {
		if err := s.send(ctx); err != nil {
			return fmt.Errorf("ship the catalog: %w", err)
		}
		now := s.o.Now()
		groups, gap := s.o.Engine.take()
		if gap {
			return errors.New("ship the catalog: more was changed than could be kept in memory; a copy will be taken")
		}
		if len(groups) == 0 {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.last = now
			return nil
		}
		s.unsent = packSegment(groups)
	}
}

// send stores the segment that is not sent. Whether an earlier try has stored it may not
// be known: so it is never another one that gets its number.
func (s *Shipper) send(ctx context.Context) error {
	if s.unsent == nil {
		return nil
	}
	s.mu.Lock()
	key := segmentKey(s.state.Copy, s.state.Next)
	s.mu.Unlock()
	if err := put(ctx, s.o.Store, key, s.unsent); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsent = nil
	s.state.Next++
	return nil
}

// Close ships what is left, and remembers that the run ended in order. The engine may
// be closed already. When ctx ends early the next run begins with a copy.
func (s *Shipper) Close(ctx context.Context) error {
	s.work.Lock()
	defer s.work.Unlock()
	s.resume()
	if _, gap := s.o.Engine.waiting(); gap {
		return nil // the next run takes a copy; there is nothing to remember
	}
	if err := s.segment(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Copy == "" {
		return nil
	}
	return s.writeState()
}
