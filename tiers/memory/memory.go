package memory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
)

// Op names a method of Store to Options.Fault.
type Op string

// The methods of tiers.Store.
const (
	OpPut    Op = "put"
	OpRead   Op = "read"
	OpStat   Op = "stat"
	OpDelete Op = "delete"
	OpList   Op = "list" // the key is the prefix
	OpRecall Op = "recall"
)

// Options of a Store. The zero value is ready to use.
type Options struct {
	// Now gives objects their time. Default time.Now.
	Now func() time.Time
	// Fault is called before each operation, from many goroutines at once, without
	// a lock held. An error it returns fails the operation, which then changes
	// nothing. Default: no faults.
	Fault func(op Op, key string) error
}

// Store is a tiers.Store in memory.
type Store struct {
	o Options

	mu      sync.RWMutex // guards objects
	objects map[string]object
}

// object is not changed once it is in the map.
type object struct {
	data     []byte
	modified time.Time
}

var _ tiers.Store = (*Store)(nil)

// New returns an empty Store.
func New(o Options) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Fault == nil {
		o.Fault = func(Op, string) error { return nil }
	}
	return &Store{o: o, objects: map[string]object{}}
}

// begin is what every operation on a key starts with.
func (s *Store) begin(ctx context.Context, op Op, key string) error {
	err := tiers.CheckKey(key)
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = s.o.Fault(op, key)
	}
	return failed(op, key, err)
}

func failed(op Op, key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("memory tier: %s %s: %w", op, key, err)
}

// Put implements tiers.Store.
func (s *Store) Put(ctx context.Context, key string, src io.ReaderAt, size int64) error {
	if err := s.begin(ctx, OpPut, key); err != nil {
		return err
	}
	if size < 0 {
		return failed(OpPut, key, fmt.Errorf("size %d", size))
	}
	data := make([]byte, size)
	if n, err := src.ReadAt(data, 0); int64(n) < size {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return failed(OpPut, key, err)
	}
	if err := ctx.Err(); err != nil {
		return failed(OpPut, key, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if o, ok := s.objects[key]; ok {
		if int64(len(o.data)) != size {
			return failed(OpPut, key, fmt.Errorf("%w: %d bytes are stored, not %d", blob.ErrCorrupt, len(o.data), size))
		}
		return nil
	}
	s.objects[key] = object{data, s.o.Now()}
	return nil
}

func (s *Store) get(key string) (object, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	o, ok := s.objects[key]
	if !ok {
		return o, blob.ErrNotFound
	}
	return o, nil
}

// ReadAt implements tiers.Store.
func (s *Store) ReadAt(ctx context.Context, key string, p []byte, off int64) error {
	if err := s.begin(ctx, OpRead, key); err != nil {
		return err
	}
	if off < 0 {
		return failed(OpRead, key, fmt.Errorf("offset %d", off))
	}
	o, err := s.get(key)
	if err != nil {
		return failed(OpRead, key, err)
	}
	if size := int64(len(o.data)); off > size || int64(len(p)) > size-off {
		return failed(OpRead, key, fmt.Errorf("%d bytes at %d of %d: %w", len(p), off, size, io.ErrUnexpectedEOF))
	}
	copy(p, o.data[off:])
	return nil
}

// Stat implements tiers.Store.
func (s *Store) Stat(ctx context.Context, key string) (tiers.Info, error) {
	if err := s.begin(ctx, OpStat, key); err != nil {
		return tiers.Info{}, err
	}
	o, err := s.get(key)
	if err != nil {
		return tiers.Info{}, failed(OpStat, key, err)
	}
	return tiers.Info{Key: key, Size: int64(len(o.data)), Modified: o.modified}, nil
}

// Delete implements tiers.Store.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := s.begin(ctx, OpDelete, key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, key)
	return nil
}

// List implements tiers.Store. Keys that come or go while it runs may be missed.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[tiers.Info, error] {
	return func(yield func(tiers.Info, error) bool) {
		if err := s.o.Fault(OpList, prefix); err != nil {
			yield(tiers.Info{}, failed(OpList, prefix, err))
			return
		}
		s.mu.RLock()
		objects := maps.Clone(s.objects)
		s.mu.RUnlock()
		for _, key := range slices.Sorted(maps.Keys(objects)) {
			if err := ctx.Err(); err != nil {
				yield(tiers.Info{}, failed(OpList, prefix, err))
				return
			}
			o := objects[key]
			if strings.HasPrefix(key, prefix) && !yield(tiers.Info{Key: key, Size: int64(len(o.data)), Modified: o.modified}, nil) {
				return
			}
		}
		// So that an empty store tells of a cancel too.
		if err := ctx.Err(); err != nil {
			yield(tiers.Info{}, failed(OpList, prefix, err))
		}
	}
}

// Recall implements tiers.Store. Everything is readable at once.
func (s *Store) Recall(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := s.begin(ctx, OpRecall, key); err != nil {
			return err
		}
	}
	return nil
}

// Flip inverts the byte at off of an object, and reports whether there is one.
func (s *Store) Flip(key string, off int64) bool {
	return s.damage(key, func(data []byte) ([]byte, bool) {
		if off < 0 || off >= int64(len(data)) {
			return data, false
		}
		data[off] ^= 0xff
		return data, true
	})
}

// Cut shortens an object to size bytes, and reports whether it was longer.
func (s *Store) Cut(key string, size int64) bool {
	return s.damage(key, func(data []byte) ([]byte, bool) {
		if size < 0 || size >= int64(len(data)) {
			return data, false
		}
		return data[:size], true
	})
}

// damage replaces the bytes of an object by those fn makes of a copy.
func (s *Store) damage(key string, fn func(data []byte) ([]byte, bool)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[key]
	if !ok {
		return false
	}
	o.data, ok = fn(slices.Clone(o.data))
	s.objects[key] = o
	return ok
}
