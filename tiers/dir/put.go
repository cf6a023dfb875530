package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/disk"
)

// Put implements tiers.Store.
func (s *Store) Put(ctx context.Context, key string, src io.ReaderAt, size int64) error {
	path, err := s.begin(ctx, key)
	if err == nil && size < 0 {
		err = fmt.Errorf("size %d", size)
	}
	if err == nil {
		err = s.put(ctx, key, path, src, size)
	}
	return s.failed("put", key, err)
}

func (s *Store) put(ctx context.Context, key, path string, src io.ReaderAt, size int64) (err error) {
	// One Put of a key at a time, so that the second finds the first one's object.
	unlock, err := s.puts.lock(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	defer func() {
		if err != nil {
			s.forgetDirs()
		}
	}()

	// Without the marker, what follows would fill the disk beneath the mountpoint.
	if err := s.mounted(); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	info, err := s.fs.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return syscall.EISDIR
	case err == nil && info.Size() != size:
		return fmt.Errorf("%w: %d bytes are stored, not %d", blob.ErrCorrupt, info.Size(), size)
	case err == nil:
		// Its bytes are durable, or it would not have its name. The name may not be:
		// an earlier Put may have failed at that.
		if err := s.makeDirs(dir); err != nil {
			return err
		}
		return s.fs.SyncDir(dir)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := s.makeDirs(dir); err != nil {
		return err
	}
	if err := disk.WriteFileVia(s.fs, s.root, path, &source{r: src, size: size, alive: ctx.Err}, 0o600); err != nil {
		return err
	}
	// If the disk went away since the first look, the object may be beneath.
	return s.mounted()
}

// makeDirs makes dir and what is missing between the root and it, durably.
func (s *Store) makeDirs(dir string) error {
	if dir == filepath.Clean(s.root) || s.isDurable(dir) {
		return nil
	}
	parent := filepath.Dir(dir)
	if err := s.makeDirs(parent); err != nil {
		return err
	}
	if err := s.fs.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Also if it was there: whoever made it may not have come this far.
	if err := s.fs.SyncDir(parent); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.durable[dir] = true
	return nil
}

func (s *Store) isDurable(dir string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.durable[dir]
}

func (s *Store) forgetDirs() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.durable)
}

// source reads exactly size bytes of r, and stops when alive returns an error.
type source struct {
	r     io.ReaderAt
	off   int64
	size  int64
	alive func() error
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.alive(); err != nil {
		return 0, err
	}
	left := s.size - s.off
	if left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), left)]
	n, err := s.r.ReadAt(p, s.off)
	s.off += int64(n)
	switch {
	case n == len(p):
		err = nil // an EOF that comes with the last bytes is for the next Read
	case err == nil || errors.Is(err, io.EOF):
		err = fmt.Errorf("source ends at %d of %d bytes: %w", s.off, s.size, io.ErrUnexpectedEOF)
	}
	return n, err
}

// WriteTo lets io.Copy write in larger pieces than its own.
func (s *source) WriteTo(w io.Writer) (int64, error) {
	p := make([]byte, min(s.size, 256<<10))
	var written int64
	for {
		n, err := s.Read(p)
		if err == io.EOF {
			return written, nil
		}
		if n > 0 {
			m, writeErr := w.Write(p[:n])
			written += int64(m)
			if writeErr != nil {
				return written, writeErr
			}
		}
		if err != nil {
			return written, err
		}
	}
}

// keyLocks is one lock per key. The zero value is ready to use.
type keyLocks struct {
	mu   sync.Mutex
	busy map[string]chan struct{} // closed when the key is free again
}

// lock waits until nobody holds key. On success the caller calls unlock once.
func (l *keyLocks) lock(ctx context.Context, key string) (unlock func(), err error) {
	for {
		l.mu.Lock()
		held, ok := l.busy[key]
		if !ok {
			if l.busy == nil {
				l.busy = map[string]chan struct{}{}
			}
			free := make(chan struct{})
			l.busy[key] = free
			l.mu.Unlock()
			return func() {
				l.mu.Lock()
				delete(l.busy, key)
				l.mu.Unlock()
				close(free)
			}, nil
		}
		l.mu.Unlock()
		select {
		case <-held:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
