package sealed

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"iter"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
	"github.com/rdfs/rdfs/tiers"
)

const (
	magic    = "RDFSSEAL"
	version  = 1
	saltAt   = 16
	headSize = 32
	// overhead is how many bytes longer an object is under it.
	overhead = headSize + crypt.Overhead
)

// Store is a tiers.Store over another one.
type Store struct {
	under tiers.Store
	ring  *crypt.Ring
	ready func(context.Context) error
}

var _ tiers.Store = (*Store)(nil)

// New returns a Store over under that seals with the ring's own key. ready is called
// before each Put, which fails with its error: it sees to it that the key will be found
// again.
func New(under tiers.Store, ring *crypt.Ring, ready func(context.Context) error) *Store {
	return &Store{under, ring, ready}
}

// Put implements tiers.Store.
func (s *Store) Put(ctx context.Context, key string, src io.ReaderAt, size int64) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if size < 0 {
		return fmt.Errorf("put %s: negative size %d", key, size)
	}
	data := make([]byte, headSize+size, overhead+size)
	copy(data, magic)
	binary.LittleEndian.PutUint16(data[8:], version)
	n := s.ring.Own()
	binary.LittleEndian.PutUint32(data[12:], uint32(n))
	rand.Read(data[saltAt:headSize])
	if n, err := src.ReadAt(data[headSize:], 0); int64(n) < size {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("put %s: %w", key, err)
	}
	box, err := s.ring.Box(n, crypt.Object, data[saltAt:headSize])
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	data = box.Seal(data[:headSize], 0, data[headSize:], bound(data, key))
	return s.under.Put(ctx, key, bytes.NewReader(data), int64(len(data)))
}

// bound is what an object is bound to.
func bound(data []byte, key string) []byte {
	return append(append(make([]byte, 0, headSize+len(key)), data[:headSize]...), key...)
}

// ReadAt implements tiers.Store.
func (s *Store) ReadAt(ctx context.Context, key string, p []byte, off int64) error {
	plain, err := s.open(ctx, key)
	if err != nil {
		return err
	}
	if off < 0 || off > int64(len(plain)) || copy(p, plain[off:]) < len(p) {
		return fmt.Errorf("read %s at %d: %w", key, off, io.ErrUnexpectedEOF)
	}
	return nil
}

func (s *Store) open(ctx context.Context, key string) ([]byte, error) {
	info, err := s.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	data := make([]byte, info.Size+overhead)
	if err := s.under.ReadAt(ctx, key, data, 0); err != nil {
		return nil, err
	}
	if string(data[:len(magic)]) != magic {
		return nil, fmt.Errorf("%s: %w: it is not encrypted, and the repository is", key, blob.ErrCorrupt)
	}
	if v := binary.LittleEndian.Uint16(data[8:]); v != version {
		return nil, fmt.Errorf("%s: encrypted in version %d, and this rdfs knows %d: use a newer rdfs", key, v, version)
	}
	box, err := s.ring.Box(crypt.Number(binary.LittleEndian.Uint32(data[12:])), crypt.Object, data[saltAt:headSize])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	plain, err := box.Open(0, data[headSize:], bound(data, key))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return plain, nil
}

// Stat implements tiers.Store.
func (s *Store) Stat(ctx context.Context, key string) (tiers.Info, error) {
	info, err := s.under.Stat(ctx, key)
	if err == nil && info.Size < overhead {
		err = fmt.Errorf("%s: %w: it is not encrypted, and the repository is", key, blob.ErrCorrupt)
	}
	info.Size -= overhead
	return info, err
}

// Delete implements tiers.Store.
func (s *Store) Delete(ctx context.Context, key string) error { return s.under.Delete(ctx, key) }

// List implements tiers.Store.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[tiers.Info, error] {
	return func(yield func(tiers.Info, error) bool) {
		for info, err := range s.under.List(ctx, prefix) {
			if err == nil {
				info.Size = max(0, info.Size-overhead)
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

// Recall implements tiers.Store.
func (s *Store) Recall(ctx context.Context, keys ...string) error {
	return s.under.Recall(ctx, keys...)
}
