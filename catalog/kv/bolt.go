package kv

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

// BoltOptions tune OpenBolt. The zero value is right for a catalog.
type BoltOptions struct {
	Timeout time.Duration // how long to wait for another process that has the file open; default 500 ms
	Reserve int64         // bytes held back on the disk for the last commits when it is full; default 16 MiB, less than 0: none
	Log     int64         // bytes of the log of small groups; default 4 MiB, less than 0: none
	Logger  *slog.Logger  // default: quiet

	mapSize int                                             // tests: instead of mapMax
	openLog func(path string, create bool) (logFile, error) // tests: instead of openLogFile
}

const (
	// The whole address range the file may ever need is mapped at once: bbolt
	// waits for all read transactions before it maps again, and a DB always has
	// one open. It is halved where the process may not map as much, and the
	// file can then not grow beyond it.
	mapMax = 1 << (40 * (strconv.IntSize / 64)) << (30 * (1 - strconv.IntSize/64))
	mapMin = 256 << 20

	allocSize   = 64 << 20 // the file grows by this
	risingFill  = 0.9      // of a page, in tables whose keys rise
	defaultWait = 500 * time.Millisecond
	defaultHold = 16 << 20
)

type boltEngine struct {
	path   string
	o      BoltOptions
	db     *bolt.DB
	file   *os.File // bbolt's own descriptor
	logger *slog.Logger
	used   atomic.Int64 // bytes below the file's high-water mark

	tables map[byte]TableSpec // set by Declare

	// commit admits one Commit, and keeps the metas in the file in step with a
	// read transaction that is just being opened. It is never held for long.
	commit  sync.Mutex
	reserve reserve // guarded by commit

	// Guarded by commit: what is durable in the log and not in bbolt. See bolt_log.go.
	groups *groupLog // nil: no log
	logged *table    // its rows
	lap    uint64    // of the log, as bbolt knows it; 0: there never was one
	lost   error     // a commit ended in an unknown state

	closed chan struct{} // closed by Close, with commit held

	// broken is set after bbolt panicked. Its locks may be held for ever then,
	// so nothing may be called that takes one.
	broken atomic.Pointer[error]
}

// OpenBolt opens the bbolt file at path and creates it if there is none. The
// error wraps ErrLocked when another process has it open, ErrFormat when it was
// not written by this package, and blob.ErrCorrupt when it is damaged.
func OpenBolt(path string, o BoltOptions) (Engine, error) {
	if o.Timeout <= 0 {
		o.Timeout = defaultWait
	}
	if o.Reserve == 0 {
		o.Reserve = defaultHold
	}
	if o.Log == 0 {
		o.Log = defaultLog
	}
	if o.openLog == nil {
		o.openLog = openLogFile
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		err = createBolt(path, o.Timeout)
	case err == nil && info.Size() == 0:
		// A new file gets its name only when it is whole, so this one lost it all.
		err = fmt.Errorf("%w: the file is empty", blob.ErrCorrupt)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	e := &boltEngine{path: path, o: o, logger: o.Logger, logged: &table{}, closed: make(chan struct{}), reserve: reserve{path: path + ".reserve", size: o.Reserve}}
	if o.mapSize == 0 {
		o.mapSize = mapMax
		var limit unix.Rlimit
		if unix.Getrlimit(unix.RLIMIT_AS, &limit) == nil {
			for uint64(o.mapSize) > limit.Cur/4 && o.mapSize > mapMin {
				o.mapSize /= 2 // the rest of the process needs room too
			}
		}
	}
	for size := o.mapSize; ; size /= 2 {
		e.db, e.file, err = openBolt(path, o.Timeout, size)
		if err == nil || !errors.Is(err, syscall.ENOMEM) || size <= mapMin {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := e.inspect(); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), e.Close())
	}
	if err := e.replay(); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), e.Close())
	}
	if err := e.reserve.fill(); err != nil {
		e.logger.Warn("no room held back for a full disk", "store", path, "err", err)
	}
	go e.releaser()
	return e, nil
}

// openBolt opens an existing file with a mapping of size bytes.
func openBolt(path string, timeout time.Duration, size int) (db *bolt.DB, f *os.File, err error) {
	defer func(onFault bool) {
		r := recover()
		debug.SetPanicOnFault(onFault)
		if r == nil {
			return
		}
		err = fmt.Errorf("%w: %v", blob.ErrCorrupt, r)
		if f != nil {
			letGo(f) // after an error bbolt has closed it, after a panic not
		}
	}(debug.SetPanicOnFault(true))
	db, err = bolt.Open(path, 0o600, &bolt.Options{
		Timeout:         timeout,
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: size,
		MaxSize:         size - 1, // so that it fails instead of mapping again, which would wait for our own snapshots
		NoStatistics:    true,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			var err error
			f, err = os.OpenFile(name, flag, mode)
			return f, err
		},
	})
	switch {
	case err == nil:
		db.AllocSize = allocSize
		return db, f, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, f, fmt.Errorf("%w%s", ErrLocked, lockHolder(path))
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch), isTooSmall(err):
		return nil, f, fmt.Errorf("%w: %w", blob.ErrCorrupt, err)
	}
	return nil, f, err
}

// letGo closes a file that bbolt cannot close any more. The mapping stays until
// the process ends, and would hold the lock as long.
func letGo(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}

// isTooSmall recognises a file cut off within its first pages, for which bbolt
// has no error value.
func isTooSmall(err error) bool { return strings.HasPrefix(err.Error(), "file size too small") }

// createBolt makes an empty file that appears under its name only when whole.
func createBolt(path string, timeout time.Duration) error {
	temp := path + ".new"
	for again := true; ; again = false {
		db, _, err := openBolt(temp, timeout, 0)
		if err == nil {
			if err := db.Close(); err != nil {
				return err
			}
			break
		}
		if !again || !errors.Is(err, blob.ErrCorrupt) {
			return err
		}
		if err := os.Remove(temp); err != nil { // a crash left it half written
			return err
		}
	}
	// A link does not replace a file that another process made meanwhile.
	if err := os.Link(temp, path); err != nil && !errors.Is(err, os.ErrExist) && !errors.Is(err, os.ErrNotExist) {
		if err := os.Rename(temp, path); err != nil {
			return err
		}
	}
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return syncDir(path)
}

func (e *boltEngine) Name() string { return e.path }
func (e *boltEngine) Size() int64  { return e.used.Load() }

// CopyTo writes the file as of now, without the room it has grown in advance.
func (e *boltEngine) CopyTo(w io.Writer) (err error) {
	if err := e.isBroken(); err != nil {
		return err
	}
	tx, err := e.whole()
	if err != nil {
		return err
	}
	defer e.end(tx)
	if _, err := tx.WriteTo(w); err != nil {
		return fmt.Errorf("copy %s: %w", e.path, err)
	}
	return nil
}

// Close leaves the reserve behind for the next start.
func (e *boltEngine) Close() error {
	e.closeLog()
	e.commit.Lock()
	select {
	case <-e.closed:
	default:
		close(e.closed)
	}
	e.commit.Unlock()
	if e.isBroken() != nil {
		return letGo(e.file)
	}
	if err := e.db.Close(); err != nil {
		return fmt.Errorf("close %s: %w", e.path, err)
	}
	return nil
}

func (e *boltEngine) begin() (tx *bolt.Tx, err error) {
	defer e.guard("read", &err, debug.SetPanicOnFault(true))
	return e.db.Begin(false)
}

func (e *boltEngine) end(tx *bolt.Tx) {
	if e.isBroken() == nil {
		_ = tx.Rollback()
	}
}

// guard turns a panic inside bbolt into an error, and refuses to use the
// database again: the panic may have left bbolt's locks held. It is deferred
// around calls that take locks, with what debug.SetPanicOnFault(true) returned.
func (e *boltEngine) guard(op string, err *error, onFault bool) {
	r := recover()
	debug.SetPanicOnFault(onFault)
	if r == nil {
		return
	}
	*err = fmt.Errorf("%s %s: %w: %v", op, e.path, blob.ErrCorrupt, r)
	e.broken.Store(err)
}

func (e *boltEngine) isBroken() error {
	if p := e.broken.Load(); p != nil {
		return *p
	}
	return nil
}
