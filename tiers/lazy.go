package tiers

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"

	"github.com/rdfs/rdfs/internal/blob"
)

// Lazy is a Store that is opened when it is first used, and tried again while it
// cannot be: a disk that is not mounted yet is no obstacle to the tiers beside it.
type Lazy struct {
	open func() (Store, error)

	mu    sync.Mutex
	store Store // nil: it could not be opened so far
}

var _ Store = (*Lazy)(nil)

// NewLazy returns a Lazy that open opens. Until that succeeds every method returns its
// error.
func NewLazy(open func() (Store, error)) *Lazy { return &Lazy{open: open} }

func (l *Lazy) get() (Store, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.store != nil {
		return l.store, nil
	}
	s, err := l.open()
	if err != nil {
		if !errors.Is(err, blob.ErrOffline) && !errors.Is(err, blob.ErrCorrupt) {
			err = errors.Join(blob.ErrOffline, err)
		}
		return nil, err
	}
	l.store = s
	return s, nil
}

// Close closes the Store, if it was opened and can be closed.
func (l *Lazy) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c, ok := l.store.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Put implements Store.
func (l *Lazy) Put(ctx context.Context, key string, src io.ReaderAt, size int64) error {
	s, err := l.get()
	if err != nil {
		return err
	}
	return s.Put(ctx, key, src, size)
}

// ReadAt implements Store.
func (l *Lazy) ReadAt(ctx context.Context, key string, p []byte, off int64) error {
	s, err := l.get()
	if err != nil {
		return err
	}
	return s.ReadAt(ctx, key, p, off)
}

// Stat implements Store.
func (l *Lazy) Stat(ctx context.Context, key string) (Info, error) {
	s, err := l.get()
	if err != nil {
		return Info{}, err
	}
	return s.Stat(ctx, key)
}

// Delete implements Store.
func (l *Lazy) Delete(ctx context.Context, key string) error {
	s, err := l.get()
	if err != nil {
		return err
	}
	return s.Delete(ctx, key)
}

// List implements Store.
func (l *Lazy) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	s, err := l.get()
	if err != nil {
		return func(yield func(Info, error) bool) { yield(Info{}, err) }
	}
	return s.List(ctx, prefix)
}

// Recall implements Store.
func (l *Lazy) Recall(ctx context.Context, keys ...string) error {
	s, err := l.get()
	if err != nil {
		return err
	}
	return s.Recall(ctx, keys...)
}
