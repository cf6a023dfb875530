package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/tiers"
)

// Options of a Store. The zero value is ready to use.
type Options struct {
	FS        disk.FS          // default disk.OS
	Now       func() time.Time // default time.Now
	Log       *slog.Logger     // default: quiet
	OpenFiles int              // objects that stay open between reads; default 64
}

func (o Options) withDefaults() Options {
	if o.FS == nil {
		o.FS = disk.OS
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OpenFiles <= 0 {
		o.OpenFiles = 64
	}
	return o
}

// Store is a tier in a directory. It implements tiers.Store and is safe for
// concurrent use. Close it in the end.
type Store struct {
	fs     disk.FS
	log    *slog.Logger
	root   string
	repoID string

	open handles
	puts keyLocks

	// mu guards durable: the directories, below the root, that this Store has made
	// or found and whose names it has synced. After a Put fails nothing is known.
	mu      sync.Mutex
	durable map[string]bool
}

var _ tiers.Store = (*Store)(nil)

// Open returns the tier in path, which Create has made for the repository with
// the id repoID, and removes what was left unfinished in it. The error wraps
// blob.ErrOffline if there is no tier, as when a disk is not mounted, and
// ErrForeign if it is another repository's.
func Open(path, repoID string, o Options) (*Store, error) {
	o = o.withDefaults()
	if err := checkMarker(o.FS, path, repoID); err != nil {
		return nil, fmt.Errorf("open tier %s: %w", path, err)
	}
	s := &Store{fs: o.FS, log: o.Log, root: path, repoID: repoID, durable: map[string]bool{}}
	s.open.init(o.OpenFiles)
	// What stays, for instance because the disk is read-only, harms nobody.
	if n, err := disk.RemoveTemps(o.FS, path); err != nil {
		o.Log.Warn("unfinished objects stay", "tier", path, "err", err)
	} else if n > 0 {
		o.Log.Info("removed unfinished objects", "tier", path, "count", n)
	}
	return s, nil
}

// Close closes the objects that are kept open. No method may be called afterwards;
// a second Close does nothing.
func (s *Store) Close() error { return s.open.close() }

// path returns where the object of a key is.
func (s *Store) path(key string) (string, error) {
	if err := tiers.CheckKey(key); err != nil {
		return "", err
	}
	if key == markerName {
		return "", fmt.Errorf("bad key %q: it names the marker of the tier", key)
	}
	return filepath.Join(s.root, filepath.FromSlash(key)), nil
}

// begin is what every operation on a key starts with.
func (s *Store) begin(ctx context.Context, key string) (path string, err error) {
	path, err = s.path(key)
	if err == nil {
		err = ctx.Err()
	}
	return path, err
}

// ReadAt implements tiers.Store.
func (s *Store) ReadAt(ctx context.Context, key string, p []byte, off int64) error {
	path, err := s.begin(ctx, key)
	if err == nil && off < 0 {
		err = fmt.Errorf("offset %d", off)
	}
	if err == nil {
		err = s.readAt(key, path, p, off)
	}
	return s.failed("read", key, err)
}

func (s *Store) readAt(key, path string, p []byte, off int64) error {
	h, err := s.open.acquire(key, func() (disk.File, int64, error) { return openObject(s.fs, path) })
	if err != nil {
		return s.notFound(err)
	}
	defer s.open.release(h)
	if off > h.size || int64(len(p)) > h.size-off {
		return fmt.Errorf("%d bytes at %d of %d: %w", len(p), off, h.size, io.ErrUnexpectedEOF)
	}
	n, err := h.file.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	s.open.forget(key) // it may have been replaced by hand; look again next time
	if err == nil || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %s was shortened from %d bytes", blob.ErrCorrupt, path, h.size)
	}
	return err
}

// openObject opens a regular file for reading and returns its size in bytes.
func openObject(fsys disk.FS, path string) (disk.File, int64, error) {
	f, err := fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// Stat implements tiers.Store. Modified is when the bytes were written.
func (s *Store) Stat(ctx context.Context, key string) (tiers.Info, error) {
	path, err := s.begin(ctx, key)
	if err != nil {
		return tiers.Info{}, s.failed("stat", key, err)
	}
	info, err := s.fs.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return tiers.Info{}, s.failed("stat", key, s.notFound(err))
	}
	return tiers.Info{Key: key, Size: info.Size(), Modified: info.ModTime()}, nil
}

// Delete implements tiers.Store. It does not wait for the disk.
func (s *Store) Delete(ctx context.Context, key string) error {
	path, err := s.begin(ctx, key)
	if err == nil {
		err = s.remove(path)
		// Also after an error: the object may be gone all the same.
		s.open.forget(key)
	}
	if err = s.notFound(err); errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	return s.failed("delete", key, err)
}

func (s *Store) remove(path string) error {
	info, err := s.fs.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() { // which Remove would take too, if it is empty
		return fs.ErrNotExist
	}
	return s.fs.Remove(path)
}

// Recall implements tiers.Store: what is in a directory can be read.
func (s *Store) Recall(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if _, err := s.begin(ctx, key); err != nil {
			return s.failed("recall", key, err)
		}
	}
	return nil
}
