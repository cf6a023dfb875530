package volume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rdfs/rdfs/cache"
	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
	"github.com/rdfs/rdfs/internal/draft"
	"github.com/rdfs/rdfs/internal/naming"
	"github.com/rdfs/rdfs/internal/schema"
	"github.com/rdfs/rdfs/snapshot"
	"github.com/rdfs/rdfs/tiers"
)

// Options of Open. Engine, Tiers, DraftDir and CacheDir are required; the zero
// value of the others takes the default.
type Options struct {
	Repository string // directory, for people
	ID         string // of the repository

	Engine   kv.Engine    // of the catalog; the volume owns it from Open on
	Tiers    []tiers.Tier // the nearest first, which takes what is new
	Copies   int          // of each pack, in as many tiers, at different providers where they can be; default 1
	Keys     Keys         // of an encrypted repository; nil: it is not encrypted
	DraftDir string       // unsealed bytes
	CacheDir string       // sealed bytes; on the same filesystem as DraftDir

	CacheMax      int64 // bytes; 0: no bound but the free space
	CacheMinFree  int64 // bytes
	CacheMinNodes int64 // inodes

	// SealAfter is how long a file must be closed and quiet before what it holds
	// becomes a version. Default 1 s.
	SealAfter time.Duration
	// SealWorkers seal at the same time. Default: half of the processors, 1 at least.
	SealWorkers int
	// CommitEvery is the interval of the catalog's group commits. Default 200 ms.
	CommitEvery time.Duration

	// Schema says what values the metadata fields take that it declares; nil: none.
	Schema *schema.Schema

	// Schedule says when RunSchedule takes snapshots, KeepSnapshots which of them
	// PruneSnapshots keeps.
	Schedule      snapshot.Schedule
	KeepSnapshots snapshot.Retention

	GC GCOptions

	// Naming is the scheme that new names must follow; nil: every name is right.
	Naming      *naming.Scheme
	NamingTitle string // what people call it
	// StagedFor is how long a staged file may rest before it is moved to the inbox.
	// Default 24 h.
	StagedFor time.Duration

	// LastStop says how the last run ended; see Stop.
	LastStop Stop

	Now    func() time.Time
	Logger *slog.Logger
}

// Stop says how a run of the volume ended, as far as the next run can know.
type Stop int

// The ways to stop.
const (
	StopUnknown Stop = iota // perhaps the power failed: un-synced bytes may be torn
	StopKilled              // the process died and the machine did not: files are as they were written
	StopClean               // Close returned nil
)

// Volume is a mounted drive without its door. Its methods may be called from many
// goroutines. Lock order: node.mu (several: by rising inode), then the locks of
// the catalog, the cache and the sealer; none of these is held while waiting for
// the network.
type Volume struct {
	o      Options
	log    *slog.Logger
	now    func() time.Time
	cat    *catalog.Catalog
	store  *tiers.Stack
	cache  *cache.Cache
	pipe   *draft.Pipeline
	reader *draft.Reader
	ring   *crypt.Ring // nil: the repository is not encrypted
	drafts *draftDir
	nodes  nodeTable
	ghosts ghosts
	tombs  tombs
	holds  holdIndex
	pins   pins
	chores chores
	sealer *sealer
	who    programs
	names  names
	inbox  inbox

	rejections rejections
	ctx        context.Context // ends when the volume closes
	cancel     context.CancelFunc

	passthrough atomic.Bool
	notifier    atomic.Pointer[Notifier]
	mountpoint  atomic.Pointer[string]
	collecting  sync.Mutex // held by the one garbage collection that runs
	packing     packing
	copies      copies
	swept       atomic.Uint64 // counts chunks and contents that were removed; raised in Updates
	ops         atomic.Int64  // requests served, to see whether the foreground is busy
}

// Notifier is told when the volume itself changes what a door may have cached.
// Its methods are called without locks held.
type Notifier interface {
	// ContentChanged: the bytes and attributes of the inode are others now.
	ContentChanged(catalog.Inode)
	// AttrChanged: the attributes of the inode are others now, its bytes are not.
	AttrChanged(catalog.Inode)
	// EntryChanged: the name is there now, or means another inode, or is gone.
	EntryChanged(dir catalog.Inode, name string)
	// SnapshotChanged: the snapshot of that name is gone, or there is one now.
	SnapshotChanged(name string)
}

// Open opens the volume and takes up what the last run left unsealed. It fails
// when the catalog cannot be read; it never waits for a store.
func Open(o Options) (*Volume, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.SealAfter <= 0 {
		o.SealAfter = time.Second
	}
	if o.StagedFor <= 0 {
		o.StagedFor = 24 * time.Hour
	}
	if o.SealWorkers <= 0 {
		o.SealWorkers = max(1, runtime.NumCPU()/2)
	}
	o.GC.fill()
	v := &Volume{o: o, log: o.Logger, now: o.Now, ring: ringOf(o.Keys)}
	v.store = tiers.NewStack(tiers.StackOptions{Tiers: o.Tiers, Where: v.whereIs, Stored: v.packStored, Suspect: v.suspectPack, Now: o.Now})
	v.reader = draft.NewReader(v.store, v.ring)
	v.copies.init()
	v.ctx, v.cancel = context.WithCancel(context.Background())
	v.nodes.init()
	v.chores.before = v.settleChores
	v.who.init()
	v.names.init(o.Naming)
	var err error
	if v.drafts, err = openDraftDir(o.DraftDir); err != nil {
		return nil, errors.Join(err, o.Engine.Close())
	}
	v.cat, err = catalog.Open(o.Engine, catalog.Options{ID: o.ID, RootUID: uint32(os.Geteuid()), RootGID: uint32(os.Getegid()), Now: o.Now, Interval: o.CommitEvery,
		BeforeCommit: v.drafts.syncClosed, Logger: o.Logger})
	if err != nil {
		v.drafts.close()
		return nil, err
	}
	if err = v.loadHolds(); err != nil {
		v.drafts.close()
		return nil, errors.Join(err, v.cat.Close())
	}
	v.cache, err = cache.Open(cache.Options{Dir: o.CacheDir, Source: (*source)(v), Ring: v.ring,
		MaxSize: o.CacheMax, MinFree: o.CacheMinFree, MinFreeInodes: o.CacheMinNodes,
		Trusted: o.LastStop != StopUnknown, Evictable: v.evictable, Now: o.Now, Logger: o.Logger})
	if err != nil {
		v.drafts.close()
		return nil, errors.Join(err, v.cat.Close())
	}
	v.cat.View(func(tx *catalog.Tx) error { v.tombs.since = tx.Epoch(); return nil })
	v.pipe = draft.New(draft.Options{Store: v.store, Has: v.hasChunk, HasContent: v.hasContent,
		NewPackID: v.newPackID, Ring: v.ring, Logger: o.Logger})
	v.sealer = newSealer(v)
	if err := v.recover(); err != nil {
		v.stop()
		return nil, fmt.Errorf("recover drafts: %w", err)
	}
	v.sealer.start(o.SealWorkers)
	v.startInbox()
	return v, nil
}

// Close seals what was closed, commits, and ends the volume. Files must not be
// open any more: what is still open for writing stays a draft for the next run.
// When ctx ends early the rest is left unsealed; it is not lost.
func (v *Volume) Close(ctx context.Context, progress func(Progress)) error {
	err := v.Flush(ctx, progress)
	return errors.Join(err, v.stop())
}

func (v *Volume) stop() error {
	v.cancel()
	v.inbox.wg.Wait()
	v.sealer.stop()
	v.chores.wait()
	err := v.cache.Close()
	err = errors.Join(err, v.cat.Close())
	v.drafts.close()
	return err
}

// SetPassthrough says whether the door lets the kernel use the backing files
// itself. It must be called before the first Open.
func (v *Volume) SetPassthrough(on bool) { v.passthrough.Store(on) }

// SetNotifier sets who is told of changes that did not come through the door.
func (v *Volume) SetNotifier(n Notifier) { v.notifier.Store(&n) }

// SetMountpoint is for Status.
func (v *Volume) SetMountpoint(path string) { v.mountpoint.Store(&path) }

// SyncNames returns when every change of names and attributes so far is durable.
func (v *Volume) SyncNames(ctx context.Context) error { return v.cat.Sync(ctx) }

// Catalog gives access to the store of names, for snapshots and followers.
func (v *Volume) Catalog() *catalog.Catalog { return v.cat }

func (v *Volume) contentChanged(i catalog.Inode) {
	if n := v.notifier.Load(); n != nil {
		(*n).ContentChanged(i)
	}
}

func (v *Volume) entryChanged(dir catalog.Inode, name string) {
	if n := v.notifier.Load(); n != nil {
		(*n).EntryChanged(dir, name)
	}
}

func (v *Volume) snapshotChanged(name string) {
	if n := v.notifier.Load(); n != nil {
		(*n).SnapshotChanged(name)
	}
}

func (v *Volume) hasChunk(id blob.ID) (has bool) {
	v.cat.View(func(tx *catalog.Tx) error { has = tx.HasChunk(id); return nil })
	return has
}

// Now returns the time by the volume's clock.
func (v *Volume) Now() catalog.Time { return v.timeNow() }

// DraftDir returns the directory that holds the files the kernel writes to.
func (v *Volume) DraftDir() string { return v.o.DraftDir }

func (v *Volume) hasContent(id blob.ID) (has bool) {
	v.cat.View(func(tx *catalog.Tx) error { has = tx.HasContent(id); return nil })
	return has
}

func (v *Volume) timeNow() catalog.Time { return catalog.TimeOf(v.now()) }

// Forget tells that the door knows the inode no more.
func (v *Volume) Forget(i catalog.Inode) { v.ghosts.drop(i) }

// Passthrough reports whether the kernel uses the backing files itself.
func (v *Volume) Passthrough() bool { return v.passthrough.Load() }
