package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
)

// source is a Source in memory that counts what it is asked for, and fails on demand.
type source struct {
	mu      sync.Mutex
	content map[blob.ID]blob.Manifest
	chunk   map[blob.ID][]byte
	sent    map[blob.ID]int // chunks, by id
	calls   int
	before  func(ctx context.Context, ch blob.Chunk) error // called before a chunk is sent
	mangle  func(p []byte) []byte                          // makes the source lie
}

func newSource() *source {
	return &source{content: map[blob.ID]blob.Manifest{}, chunk: map[blob.ID][]byte{}, sent: map[blob.ID]int{}}
}

// add cuts data into chunks of size bytes and returns its id.
func (s *source) add(data []byte, size int) blob.ID {
	m := blob.Manifest{ID: blob.Sum(data), Size: int64(len(data))}
	for p := data; len(p) > 0; {
		n := min(size, len(p))
		ch := blob.Chunk{ID: blob.Sum(p[:n]), Size: uint32(n)}
		s.chunk[ch.ID] = p[:n]
		m.Chunks = append(m.Chunks, ch)
		p = p[n:]
	}
	s.content[m.ID] = m
	return m.ID
}

func (s *source) Manifest(ctx context.Context, id blob.ID) (blob.Manifest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.content[id]
	if !ok {
		return m, blob.ErrNotFound
	}
	return m, ctx.Err()
}

func (s *source) Chunks(ctx context.Context, chunks []blob.Chunk, yield func(int, []byte) error) error {
	s.mu.Lock()
	s.calls++
	before, mangle := s.before, s.mangle
	s.mu.Unlock()
	for i, ch := range chunks {
		if before != nil {
			if err := before(ctx, ch); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		s.mu.Lock()
		p := s.chunk[ch.ID]
		s.sent[ch.ID]++
		s.mu.Unlock()
		if mangle != nil {
			p = mangle(bytes.Clone(p))
		}
		if err := yield(i, p); err != nil {
			return err
		}
	}
	return nil
}

// total returns how many chunks were sent.
func (s *source) total() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.sent {
		n += k
	}
	return n
}

func (s *source) set(before func(context.Context, blob.Chunk) error, mangle func([]byte) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before, s.mangle = before, mangle
}

// clock is a Now that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time  { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) set(t time.Time) { c.mu.Lock(); defer c.mu.Unlock(); c.t = t }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// logbook keeps what was logged.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }
func (l *logbook) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

// rig is a cache under test. drafts is a directory beside it.
type rig struct {
	*Cache
	t      testing.TB
	src    *source
	clock  *clock
	log    *logbook
	opt    Options
	drafts string
}

func newRig(t testing.TB, change ...func(*Options)) *rig {
	t.Helper()
	top := t.TempDir()
	r := &rig{
		t: t, src: newSource(), log: &logbook{}, drafts: filepath.Join(top, "drafts"),
		clock: &clock{t: time.Now().UTC()}, // the kernel notes uses by the real one
	}
	must(t, os.Mkdir(r.drafts, 0o700))
	r.opt = Options{
		Dir: filepath.Join(top, "cache"), Source: r.src, Trusted: true, Now: r.clock.now,
		Evictable: func(Key, blob.ID) bool { return true },
		Logger:    slog.New(slog.NewTextHandler(r.log, nil)),
	}
	for _, f := range change {
		f(&r.opt)
	}
	r.open()
	r.counted() // so that the usage is exact from now on
	t.Cleanup(func() { r.Close() })
	return r
}

func (r *rig) open() {
	r.t.Helper()
	c, err := Open(r.opt)
	must(r.t, err)
	r.Cache = c
}

// reopen closes the cache and opens it again.
func (r *rig) reopen(trusted bool) {
	r.t.Helper()
	must(r.t, r.Close())
	r.opt.Trusted = trusted
	r.open()
}

// idle stops the background work, so that a test may change r.o.
func (r *rig) idle() { r.t.Helper(); must(r.t, r.Close()) }

// counted waits until the count at Open has ended.
func (r *rig) counted() Usage {
	for {
		if u := r.Usage(); u.Counted {
			return u
		}
		time.Sleep(time.Millisecond)
	}
}

// adopt makes a draft of data and has it adopted.
func (r *rig) adopt(k Key, data []byte) blob.ID {
	r.t.Helper()
	from := filepath.Join(r.drafts, k.name())
	must(r.t, os.WriteFile(from, data, 0o600))
	id := blob.Sum(data)
	must(r.t, r.Adopt(k, id, int64(len(data)), from))
	return id
}

// file returns where the whole file of k is.
func (r *rig) file(k Key) string { return r.path(place{}, k) }

// wantWhole checks that Get returns data.
func (r *rig) wantWhole(k Key, data []byte) {
	r.t.Helper()
	f, err := r.Get(k, blob.Sum(data), int64(len(data)), os.O_RDONLY)
	must(r.t, err)
	r.wantBytes(f, data)
}

func (r *rig) wantBytes(f *os.File, data []byte) {
	r.t.Helper()
	defer f.Close()
	got, err := io.ReadAll(f)
	must(r.t, err)
	if !bytes.Equal(got, data) {
		r.t.Errorf("%s: got %d other bytes, want %d", f.Name(), len(got), len(data))
	}
}

// wantMissing checks that Get says that the file is not here.
func (r *rig) wantMissing(k Key, data []byte) {
	r.t.Helper()
	f, err := r.Get(k, blob.Sum(data), int64(len(data)), os.O_RDONLY)
	if err == nil {
		f.Close()
	}
	if !errors.Is(err, blob.ErrNotFound) {
		r.t.Errorf("get %s: got error %v, want not found", k, err)
	}
}

// files returns the paths of all files below the cache directory.
func (r *rig) files() []string {
	r.t.Helper()
	var all []string
	must(r.t, filepath.WalkDir(r.opt.Dir, func(path string, d os.DirEntry, err error) error {
		if missing(err) {
			return nil // an empty directory of suspects is removed meanwhile
		}
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(r.opt.Dir, path)
			all = append(all, rel)
		}
		return err
	}))
	return all
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// noise returns n bytes that depend on seed only.
func noise(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1], key[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b)
	return b
}

func live(ino uint64) Key { return Key{Ino: ino} }

// waiting returns how many callers wait for the flight of key.
func (g *flights[K, V]) waiting(key K) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if fl := g.m[key]; fl != nil {
		return fl.waiters
	}
	return 0
}

// tick ends a moment later.
func tick() <-chan time.Time { return time.After(time.Millisecond) }
