package volume

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rdfs/rdfs/catalog"
)

// GCOptions say what is kept, and how garbage is collected.
type GCOptions struct {
	// TimeTravel is for how long every moment can be read. Default 7 days, at least
	// minTimeTravel.
	TimeTravel time.Duration
	Versions   KeepVersions
	// Grace is how old an object of the tier must be before it may be removed.
	// Default 1 h; below 0: no age is asked for.
	Grace time.Duration
	// Repack is the share of a pack, in percent, that must be garbage before what is
	// left of it is moved. Default 50; above 100: never.
	Repack int
	// Publish is called before objects are removed, when all that refers to them has
	// durably gone from the catalog: copies of the catalog must be brought up to that,
	// too. When it fails the objects stay until the next run. Nil: there are no copies.
	Publish func(context.Context) error
	// Every is how often a mounted volume collects by itself; 0: never.
	Every time.Duration
}

// minTimeTravel leaves room for what looks at the last minute of the past: a path
// keeps its history when it comes back within inheritFor.
const minTimeTravel = 10 * time.Minute

func (o *GCOptions) fill() {
	if o.TimeTravel == 0 {
		o.TimeTravel = 7 * 24 * time.Hour
	}
	o.TimeTravel = max(o.TimeTravel, minTimeTravel)
	switch {
	case o.Grace == 0:
		o.Grace = time.Hour
	case o.Grace < 0:
		o.Grace = 0
	}
	if o.Repack == 0 {
		o.Repack = 50
	}
}

// GCResult says what a collection did, or would do.
type GCResult struct {
	DryRun  bool      `json:"dry_run"`
	Time    time.Time `json:"time"`    // when it began
	Horizon time.Time `json:"horizon"` // every moment from here on can be read

	PastKept      map[string]int64 `json:"past_kept"`      // rows of the past, by why
	PastForgotten int64            `json:"past_forgotten"` // rows of the past, the feed and the epochs
	VersionsKept  map[string]int64 `json:"versions_kept"`  // by why; empty when all are kept
	VersionsGone  int64            `json:"versions_forgotten"`

	ContentsGone int64 `json:"contents_removed"` // files' contents that nothing needs
	ChunksGone   int64 `json:"chunks_removed"`
	PacksGone    int64 `json:"packs_removed"`   // of these, repacked ones
	Repacked     int64 `json:"packs_repacked"`  // what was needed of them was moved
	OrphansGone  int64 `json:"objects_removed"` // of the tier that no row named
	Unexplained  int64 `json:"objects_unexplained,omitempty"`
	FreedBytes   int64 `json:"freed_bytes"` // in the tier

	LiveBytes    int64 `json:"live_bytes"`        // in packs, that the live tree needs
	HistoryBytes int64 `json:"history_bytes"`     // that only versions and snapshots need
	Reclaimable  int64 `json:"reclaimable_bytes"` // that nothing needs and that is still there
}

// collector is one run of the garbage collection.
//
// It forgets, marks and sweeps. Forgetting removes rows of the past and versions; each
// of its steps leaves a consistent catalog. Marking finds all contents that a row, an
// open file or a handle refers to. From its beginning on the catalog tells of every
// reference that is written (OnRefer), so that what is neither marked nor told of had
// no reference when the mark began and has none now. Sweeping removes it: the rows of
// contents, then those of chunks, then packs without chunks.
//
// What is stored already is not stored again, so a save may count on a chunk that
// nothing refers to yet. Each sweep that removes rows raises Volume.swept while it
// has the catalog's lock, and a save that sees another number there than when it
// began looks for its chunks again before it commits (intact).
type collector struct {
	v        *Volume
	ctx      context.Context
	progress func(Progress)
	dry      bool
	r        GCResult
	start    catalog.Time

	keeping  catalog.Keeping
	covered  *covered // by holds; nil: nothing
	doomed   idSet    // versions that a real run would have removed
	contents idSet    // that are needed; the lowest bit says by the live tree
	chunks   idSet
	told     told
	packs    []packUse // sorted by id
	moving   mover
	hold     error // why no object may be removed; nil: it may
	busy     struct {
		ops   int64
		since time.Time
	}
}

// GC forgets what is no longer kept, and removes from the tier what nothing refers to.
// With dry it changes nothing. It can be stopped at any point, and runs beside all
// other work. One runs at a time: another returns ErrBusy.
func (v *Volume) GC(ctx context.Context, dry bool, progress func(Progress)) (GCResult, error) {
	if progress == nil {
		progress = func(Progress) {}
	}
	if !v.collecting.TryLock() {
		return GCResult{}, fmt.Errorf("a garbage collection is running already: %w", ErrBusy)
	}
	defer v.collecting.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(v.ctx, cancel)()
	g := &collector{v: v, ctx: ctx, progress: progress, dry: dry, start: v.timeNow()}
	g.r = GCResult{DryRun: dry, Time: g.start.Time(), PastKept: map[string]int64{}, VersionsKept: map[string]int64{}}
	err := g.run()
	if g.moving.w != nil {
		v.packing.drop(g.moving.w.ID())
	}
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("garbage collection: %w", err)
	}
	return g.r, err
}

func (g *collector) run() error {
	// A mark that begins in the middle of a commit of a batch would be too early for it.
	if err := g.v.cat.OnRefer(g.told.add); err != nil {
		return err
	}
	defer g.v.cat.OnRefer(nil)
	for _, phase := range []func() error{g.raiseHorizon, g.versions, g.past, g.mark, g.sweepContents, g.sweepChunks, g.sweepPacks, g.orphans, g.costs} {
		if err := errors.Join(g.ctx.Err(), phase()); err != nil {
			return err
		}
	}
	return nil
}

// pause gives way to others: while programs use the drive, a step is followed by a
// rest as long as the step.
func (g *collector) pause() error {
	now, ops := g.v.now(), g.v.ops.Load()
	took := now.Sub(g.busy.since)
	busy := ops != g.busy.ops
	g.busy.ops = ops
	if busy && took > 0 {
		select {
		case <-time.After(min(took, 20*time.Millisecond)):
		case <-g.ctx.Done():
		}
		now = g.v.now()
	}
	g.busy.since = now
	return g.ctx.Err()
}
