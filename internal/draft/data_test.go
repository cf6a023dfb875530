package draft

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
)

// memStore is a Store in memory. before, when set, is called by each Put first.
type memStore struct {
	mu      sync.Mutex
	objects map[string][]byte
	reads   int
	before  func(ctx context.Context, key string) error
}

func newMemStore() *memStore { return &memStore{objects: make(map[string][]byte)} }

func (s *memStore) Put(ctx context.Context, key string, src io.ReaderAt, size int64) error {
	if s.before != nil {
		if err := s.before(ctx, key); err != nil {
			return err
		}
	}
	b := make([]byte, size)
	if n, err := src.ReadAt(b, 0); int64(n) < size {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.objects[key]; !ok {
		s.objects[key] = b
	}
	return nil
}

func (s *memStore) ReadAt(_ context.Context, key string, p []byte, off int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	b, ok := s.objects[key]
	if !ok {
		return fmt.Errorf("read %s: %w", key, blob.ErrNotFound)
	}
	if off > int64(len(b)) || copy(p, b[off:]) < len(p) {
		return fmt.Errorf("read %s: %w", key, io.ErrUnexpectedEOF)
	}
	return nil
}

func (s *memStore) Stat(_ context.Context, key string) (tiers.Info, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return tiers.Info{Key: key, Size: int64(len(s.objects[key]))}, nil
}

func (s *memStore) Delete(_ context.Context, key string) error { delete(s.objects, key); return nil }

func (s *memStore) List(_ context.Context, prefix string) iter.Seq2[tiers.Info, error] {
	return func(yield func(tiers.Info, error) bool) {
		for _, k := range slices.Sorted(maps.Keys(s.objects)) {
			if strings.HasPrefix(k, prefix) && !yield(tiers.Info{Key: k, Size: int64(len(s.objects[k]))}, nil) {
				return
			}
		}
	}
}

func (s *memStore) Recall(context.Context, ...string) error { return nil }

// nullStore forgets what it is given.
type nullStore struct{ *memStore }

func (nullStore) Put(context.Context, string, io.ReaderAt, int64) error { return nil }

// table is what a catalog knows: which chunks are stored, and where.
type table struct {
	mu     sync.Mutex
	chunks map[blob.ID]blob.Location
}

func newTable() *table { return &table{chunks: make(map[blob.ID]blob.Location)} }

func (t *table) has(id blob.ID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.chunks[id]
	return ok
}

func (t *table) commit(s Stored) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range s.Chunks {
		t.chunks[c.ID] = c.Location
	}
}

func (t *table) locate(m blob.Manifest) []Located {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]Located, len(m.Chunks))
	for i, c := range m.Chunks {
		list[i] = Located{Chunk: c, Location: t.chunks[c.ID]}
	}
	return list
}

func newPackID() blob.PackID { return blob.PackID(ulid.Make()) }

// seal seals one content in a batch of its own.
func seal(t testing.TB, p *Pipeline, tab *table, content []byte) (blob.Manifest, Stored) {
	t.Helper()
	b := p.Begin()
	b.Use(p.o.Ring.Own())
	defer b.Discard()
	m, err := b.Add(t.Context(), bytes.NewReader(content), int64(len(content)), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tab.commit(s)
	return m, s
}

func reassemble(t testing.TB, r *Reader, tab *table, m blob.Manifest) []byte {
	t.Helper()
	out := make([]byte, 0, m.Size)
	err := r.Chunks(t.Context(), tab.locate(m), func(i int, raw []byte) error {
		out = append(out, raw...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func packBytes(s Stored) (n int64) {
	for _, p := range s.Packs {
		n += p.Size
	}
	return n
}

func random(seed uint64, n int) []byte {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b)
	return b
}

// smooth32 is a signal as an instrument gives it: waves with a little noise, in
// float32.
func smooth32(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, 0, n+4)
	for i := 0; len(b) < n; i++ {
		x := float64(i)
		v := 20 + 5*math.Sin(x/900) + 0.7*math.Sin(x/37) + 0.001*r.NormFloat64()
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
	}
	return b[:n]
}

func smooth64(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, 0, n+8)
	for i := 0; len(b) < n; i++ {
		x := float64(i)
		v := 20 + 5*math.Sin(x/900) + 0.7*math.Sin(x/37) + 0.001*r.NormFloat64()
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b[:n]
}

// csv is a table of measurements as people export it.
func csv(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	b := make([]byte, 0, n+200)
	b = append(b, "time,subject,session,condition,trial,reaction_ms,accuracy,temperature\n"...)
	conditions := []string{"control", "stimulus_a", "stimulus_b", "sham"}
	temperature := 36.5
	for i := 0; len(b) < n; i++ {
		temperature += 0.01 * r.NormFloat64()
		b = append(b, "2026-03-"...)
		b = fmt.Appendf(b, "%02dT%02d:%02d:%02d", 1+i/86400%28, i/3600%24, i/60%60, i%60)
		b = fmt.Appendf(b, ",sub-%02d,ses-%d,%s,%d,", i/2000%40, i/500%4, conditions[r.IntN(4)], i%500)
		b = strconv.AppendFloat(b, 350+60*r.NormFloat64(), 'f', 2, 64)
		b = append(b, ',')
		b = strconv.AppendInt(b, int64(r.IntN(10)/2&1), 10)
		b = append(b, ',')
		b = strconv.AppendFloat(b, temperature, 'f', 2, 64)
		b = append(b, '\n')
	}
	return b[:n]
}
