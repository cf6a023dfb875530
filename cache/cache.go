package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
)

// Source brings back what is not here. It is called from many goroutines at
// once, and must return soon after ctx has ended.
type Source interface {
	// Manifest returns the chunk list of content id.
	Manifest(ctx context.Context, id blob.ID) (blob.Manifest, error)
	// Chunks calls yield once for each of chunks, in their order, with the
	// verified bytes, which are valid until yield returns. It stops at the first
	// error, its own or yield's, and returns it.
	Chunks(ctx context.Context, chunks []blob.Chunk, yield func(i int, p []byte) error) error
}

// Options configures a Cache. Dir, Source and Now must be set.
type Options struct {
	Dir    string // made when missing
	Source Source
	Ring   *crypt.Ring // says what bytes are called; nil: by their BLAKE3

	MaxSize       int64 // bytes on disk that the cache may take; 0: no limit
	MinFree       int64 // bytes that must stay free on Dir's filesystem
	MinFreeInodes int64 // inodes that must stay free there

	// Trusted says that the machine has not lost power since the last run, or that
	// the last run ended cleanly: files may be used after a cheap check. Otherwise
	// each file that is here now is hashed at its first use.
	Trusted bool

	// Evictable reports whether the file of a key may be evicted: whether a tier
	// holds its content. The id is zero if it is not known, as for every live file.
	// It is called without any lock of the cache. nil: nothing may be evicted.
	Evictable func(Key, blob.ID) bool

	Now    func() time.Time
	Logger *slog.Logger // nil: quiet
}

// A Cache keeps sealed bytes on local disk. Make one with Open.
//
// Locks, in the order in which they may be taken together: a stripe of
// Cache.keys, then Cache.mu, then counter.mu. A fill's mu and a flights' mu are
// taken alone. None is held while the network is used, bytes are hashed, or a
// callback of Options is called.
type Cache struct {
	o   Options
	log *slog.Logger

	// keys serializes what changes the files of one key: rename, unlink, stamp.
	keys [64]sync.Mutex

	// suspects are the numbers of the directories below suspect/, newest first.
	suspects atomic.Pointer[[]int]

	settles flights[keyID, struct{}] // hashing of files that are not known to be good
	fetches flights[keyID, int64]    // returns the size
	temps   atomic.Uint64            // numbers the files in tmp/

	mu    sync.Mutex    // guards fills, and refs and closing of each
	fills map[Key]*fill // that are open

	use     usage
	pass    chan struct{} // holds a token while an eviction pass runs
	kick    chan struct{} // wakes the background goroutine
	noRoom  atomic.Int64  // ns since 1970: until then makeRoom has nothing to evict
	stop    context.CancelFunc
	stopped chan struct{}

	// Seams for tests, which change them only while nothing runs.
	writeAt  func(f *os.File, p []byte, off int64) (int, error)
	remember int // candidates of an eviction pass
}

// keyID names one content in the file of one key.
type keyID struct {
	key Key
	id  blob.ID
}

// Open opens the cache in o.Dir, and starts to count and to evict in the
// background. The caller must Close it.
func Open(o Options) (*Cache, error) {
	if o.Dir == "" || o.Source == nil || o.Now == nil {
		return nil, errors.New("cache: open: Dir, Source and Now must be set")
	}
	c := &Cache{
		o:       o,
		log:     o.Logger,
		fills:   make(map[Key]*fill),
		pass:    make(chan struct{}, 1),
		kick:    make(chan struct{}, 1),
		stopped: make(chan struct{}),
		writeAt: (*os.File).WriteAt, remember: candidates,
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("cache: open: %w", err)
	}
	if err := os.RemoveAll(filepath.Join(o.Dir, "tmp")); err != nil {
		return nil, fmt.Errorf("cache: open: %w", err)
	}
	if err := c.setAside(); err != nil {
		return nil, fmt.Errorf("cache: open: %w", err)
	}
	if err := c.probeStamps(); err != nil {
		return nil, fmt.Errorf("cache: open: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	go c.background(ctx)
	return c, nil
}

// Close stops the background work; what is asked for is still done. Files that were handed out stay valid; every
// Partial must have been closed before. Close may be called more than once.
func (c *Cache) Close() error {
	c.stop()
	<-c.stopped
	return nil
}

// lock locks the stripe of k and returns its unlock.
func (c *Cache) lock(k Key) func() {
	m := &c.keys[k.shard()%len(c.keys)]
	m.Lock()
	return m.Unlock
}

// temp creates a new file in tmp/.
func (c *Cache) temp() (*os.File, error) {
	dir := filepath.Join(c.o.Dir, "tmp")
	path := filepath.Join(dir, fmt.Sprint(c.temps.Add(1)))
	var f *os.File
	err := withDir(dir, func() (err error) {
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
		return err
	})
	return f, err
}

// probeStamps finds out whether the filesystem keeps stamps.
func (c *Cache) probeStamps() error {
	f, err := c.temp()
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	var st unix.Stat_t
	id := blob.Sum(nil)
	if err := c.stamp(int(f.Fd()), id); err != nil {
		return fmt.Errorf("set times of %s: %w", f.Name(), err)
	}
	if err := unix.Stat(f.Name(), &st); err != nil {
		return err
	}
	if !fresh(&st, id, 0) {
		c.log.Warn("the filesystem of the cache does not keep modification times exactly: every open of a cached file will hash it", "dir", c.o.Dir)
	}
	return nil
}
