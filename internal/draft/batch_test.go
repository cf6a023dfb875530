package draft

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers/pack"
)

func TestRandomFilesInOneBatchReadBackTheSame(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	store, tab := newMemStore(), newTable()
	p := New(Options{Store: store, Has: tab.has, NewPackID: newPackID, PackSize: 1 << 20})
	b := p.Begin()
	defer b.Discard()
	var manifests []blob.Manifest
	var contents [][]byte
	for range 40 {
		var content []byte
		for range r.IntN(6) {
			n := r.IntN(1 << (8 + r.IntN(13)))
			switch r.IntN(6) {
			case 0:
				content = append(content, random(r.Uint64(), n)...)
			case 1:
				content = append(content, make([]byte, n)...) // a hole
			case 2:
				content = append(content, smooth32(r.Uint64(), n)...)
			case 3:
				content = append(content, csv(r.Uint64(), n)...)
			case 4:
				content = append(content, bytes.Repeat([]byte{byte(r.Uint32())}, n)...)
			case 5:
				if len(contents) > 0 { // what another file begins with
					other := contents[r.IntN(len(contents))]
					content = append(content, other[:min(n, len(other))]...)
				}
			}
		}
		m, err := b.Add(t.Context(), bytes.NewReader(content), int64(len(content)), nil)
		if err != nil {
			t.Fatal(err)
		}
		manifests, contents = append(manifests, m), append(contents, content)
	}
	s, err := b.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tab.commit(s)
	reader := NewReader(store, nil)
	for i, m := range manifests {
		if m.ID != blob.Sum(contents[i]) || m.Size != int64(len(contents[i])) {
			t.Fatalf("file %d: content is %s of %d bytes", i, m.ID, m.Size)
		}
		if !bytes.Equal(reassemble(t, reader, tab, m), contents[i]) {
			t.Fatalf("file %d: read back other bytes", i)
		}
		for _, l := range tab.locate(m) {
			raw, err := reader.Chunk(t.Context(), l.Chunk, l.Location, nil)
			if err != nil || blob.Sum(raw) != l.ID {
				t.Fatalf("file %d, chunk %s: %v", i, l.ID.Short(), err)
			}
		}
	}
	checkPacks(t, store, s)
	rebuild(t, store, tab, manifests)
}

// checkPacks compares what a batch says of its packs with the packs.
func checkPacks(t *testing.T, store *memStore, s Stored) {
	t.Helper()
	chunks := make(map[blob.ID]blob.Location)
	for _, info := range s.Packs {
		data := store.objects[pack.Key(info.ID)]
		d, err := pack.Verify(nil, bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range d.Entries {
			if e.Type == pack.ChunkEntry {
				n++
				chunks[e.ID] = e.Location
			}
		}
		if d.Pack != info.ID || d.Size != info.Size || d.Sum != info.Sum || n != info.Chunks {
			t.Fatalf("pack %s is %+v, said to be %+v", info.ID, d, info)
		}
	}
	if len(chunks) != len(s.Chunks) {
		t.Fatalf("packs hold %d chunks, said to hold %d", len(chunks), len(s.Chunks))
	}
	for _, c := range s.Chunks {
		if chunks[c.ID] != c.Location {
			t.Fatalf("chunk %s is at %+v, said to be at %+v", c.ID.Short(), chunks[c.ID], c.Location)
		}
	}
}

// rebuild makes chunk table and manifests from the store alone.
func rebuild(t *testing.T, store *memStore, tab *table, want []blob.Manifest) {
	t.Helper()
	chunks := make(map[blob.ID]blob.Location)
	parts := make(map[blob.ID][]pack.ManifestPart)
	for info, err := range store.List(t.Context(), "packs/") {
		if err != nil {
			t.Fatal(err)
		}
		d, err := pack.Load(t.Context(), store, nil, info.Key, info.Size)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range d.Entries {
			if e.Type == pack.ChunkEntry {
				chunks[e.ID] = e.Location
				continue
			}
			record := make([]byte, e.Stored)
			if err := store.ReadAt(t.Context(), info.Key, record, int64(e.Offset)); err != nil {
				t.Fatal(err)
			}
			p, err := pack.ParseManifest(nil, e, record)
			if err != nil {
				t.Fatal(err)
			}
			parts[e.ID] = append(parts[e.ID], p)
		}
	}
	for id, loc := range tab.chunks {
		if chunks[id] != loc {
			t.Fatalf("chunk %s: the store says %+v, the table %+v", id.Short(), chunks[id], loc)
		}
	}
	for _, m := range want {
		if len(m.Chunks) < 2 {
			continue
		}
		got, err := pack.JoinManifest(parts[m.ID])
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(m) {
			t.Fatalf("content %s: the store says %v, want %v", m.ID.Short(), got, m)
		}
	}
}

func TestChunksOfManyNeighboursAreFewReads(t *testing.T) {
	store, tab := newMemStore(), newTable()
	p := New(Options{Store: store, Has: tab.has, NewPackID: newPackID})
	content := random(1, 12<<20)
	m, _ := seal(t, p, tab, content)
	store.reads = 0
	if !bytes.Equal(reassemble(t, NewReader(store, nil), tab, m), content) {
		t.Fatal("read back other bytes")
	}
	if store.reads > 4 {
		t.Fatalf("%d reads for %d chunks in one pack", store.reads, len(m.Chunks))
	}
}

func TestAFileOfAnotherSizeIsRefused(t *testing.T) {
	p := New(Options{Store: newMemStore(), NewPackID: newPackID})
	for _, size := range []int{0, 1, 4096, singleChunk, singleChunk + 1, 3 << 20} {
		content := random(1, size+1)
		for _, c := range []struct {
			name string
			real []byte
		}{{"longer", content}, {"shorter", content[:max(0, size-1)]}, {"much shorter", content[:size/2]}} {
			if len(c.real) == size {
				continue
			}
			b := p.Begin()
			if _, err := b.Add(t.Context(), bytes.NewReader(c.real), int64(size), nil); !errors.Is(err, ErrChanged) {
				t.Errorf("%d bytes, %s: got %v, want ErrChanged", size, c.name, err)
			}
			// The batch is as good as before.
			if _, err := b.Add(t.Context(), bytes.NewReader(content), int64(size+1), nil); err != nil {
				t.Errorf("%d bytes, %s: afterwards: %v", size, c.name, err)
			}
			if _, err := b.Finish(t.Context()); err != nil {
				t.Errorf("%d bytes, %s: finish: %v", size, c.name, err)
			}
		}
	}
}

// shrinking is a file that is truncated after it was read n times.
type shrinking struct {
	*bytes.Reader
	n int
}

func (s *shrinking) ReadAt(p []byte, off int64) (int, error) {
	if s.n--; s.n < 0 {
		return 0, io.EOF
	}
	return s.Reader.ReadAt(p, off)
}

func TestAFileTruncatedWhileItIsSealedIsRefused(t *testing.T) {
	p := New(Options{Store: newMemStore(), NewPackID: newPackID})
	for n := range 3 {
		b := p.Begin()
		src := &shrinking{bytes.NewReader(random(1, 5<<20)), n}
		if _, err := b.Add(t.Context(), src, src.Size(), nil); !errors.Is(err, ErrChanged) {
			t.Errorf("after %d reads: got %v, want ErrChanged", n, err)
		}
		b.Discard()
	}
}

func TestAWriterThatComesBackStopsAdd(t *testing.T) {
	store, tab := newMemStore(), newTable()
	p := New(Options{Store: store, Has: tab.has, NewPackID: newPackID})
	back := errors.New("a writer came back")
	for _, size := range []int{100, 2 << 20} {
		content := random(uint64(size), size)
		calls := 0
		still := func() error { calls++; return nil }
		b := p.Begin()
		if _, err := b.Add(t.Context(), bytes.NewReader(content), int64(size), still); err != nil {
			t.Fatal(err)
		}
		b.Discard()
		for stop := range calls {
			b := p.Begin()
			n := 0
			still := func() error {
				if n++; n > stop {
					return back
				}
				return nil
			}
			if _, err := b.Add(t.Context(), bytes.NewReader(content), int64(size), still); !errors.Is(err, back) {
				t.Fatalf("%d bytes, call %d: got %v", size, stop, err)
			}
			m, err := b.Add(t.Context(), bytes.NewReader(content), int64(size), nil)
			if err != nil {
				t.Fatal(err)
			}
			s, err := b.Finish(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			own := newTable()
			own.commit(s)
			if !bytes.Equal(reassemble(t, NewReader(store, nil), own, m), content) {
				t.Fatal("read back other bytes")
			}
		}
	}
}

func TestAReadErrorIsReturned(t *testing.T) {
	p := New(Options{Store: newMemStore(), NewPackID: newPackID})
	for _, size := range []int64{10, 1 << 20} {
		b := p.Begin()
		src := readerFunc(func(p []byte, off int64) (int, error) { return 3, syscall.EIO })
		if _, err := b.Add(t.Context(), src, size, nil); !errors.Is(err, syscall.EIO) {
			t.Errorf("%d bytes: got %v, want EIO", size, err)
		}
		b.Discard()
	}
}

type readerFunc func(p []byte, off int64) (int, error)

func (f readerFunc) ReadAt(p []byte, off int64) (int, error) { return f(p, off) }

func TestAFullStoreFailsTheWholeBatch(t *testing.T) {
	for fail := range 3 {
		store := newMemStore()
		n := 0
		store.before = func(context.Context, string) error {
			if n++; n > fail {
				return fmt.Errorf("put: %w", syscall.ENOSPC)
			}
			return nil
		}
		p := New(Options{Store: store, NewPackID: newPackID, PackSize: 1 << 20})
		b := p.Begin()
		var err error
		for i := 0; i < 8 && err == nil; i++ {
			_, err = b.Add(t.Context(), bytes.NewReader(random(uint64(i), 900<<10)), 900<<10, nil)
		}
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), ".pack") && !strings.Contains(err.Error(), "pack ") {
			t.Fatalf("put %d fails: Add got %v, want ENOSPC and the pack", fail, err)
		}
		if _, err := b.Add(t.Context(), bytes.NewReader(nil), 0, nil); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("put %d fails: next Add got %v, want ENOSPC", fail, err)
		}
		if _, err := b.Finish(t.Context()); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("put %d fails: Finish got %v, want ENOSPC", fail, err)
		}
		if _, err := b.Finish(t.Context()); !errors.Is(err, ErrEnded) {
			t.Fatalf("second Finish got %v, want ErrEnded", err)
		}
	}
	store := newMemStore()
	store.before = func(context.Context, string) error { return blob.ErrOffline }
	b := New(Options{Store: store, NewPackID: newPackID}).Begin()
	if _, err := b.Add(t.Context(), strings.NewReader("x"), 1, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Finish(t.Context()); !errors.Is(err, blob.ErrOffline) {
		t.Fatalf("offline: Finish got %v, want ErrOffline", err)
	}
}

func TestDiscardEndsAPutThatHangs(t *testing.T) {
	store := newMemStore()
	started := make(chan struct{}, 10)
	store.before = func(ctx context.Context, _ string) error {
		started <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	p := New(Options{Store: store, NewPackID: newPackID, PackSize: 1 << 20})
	b := p.Begin()
	if _, err := b.Add(t.Context(), bytes.NewReader(random(1, 3<<19)), 3<<19, nil); err != nil {
		t.Fatal(err)
	}
	<-started
	// Add waits for the pack before last, but not beyond its context.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Add(ctx, strings.NewReader("x"), 1, nil); !errors.Is(err, context.Canceled) {
		t.Fatalf("Add got %v, want Canceled", err)
	}
	if _, err := b.Finish(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("Finish got %v, want Canceled", err)
	}
	b.Discard()
	b.Discard()
	if len(store.objects) != 0 {
		t.Fatal("something was stored")
	}
}

func TestTheContextOfAnAddDoesNotEndItsPacks(t *testing.T) {
	store, tab := newMemStore(), newTable()
	release := make(chan struct{})
	store.before = func(ctx context.Context, _ string) error { <-release; return ctx.Err() }
	p := New(Options{Store: store, NewPackID: newPackID, PackSize: 1 << 20})
	b := p.Begin()
	content := random(1, 3<<19)
	ctx, cancel := context.WithCancel(t.Context())
	m, err := b.Add(ctx, bytes.NewReader(content), int64(len(content)), nil)
	cancel()
	close(release)
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tab.commit(s)
	if !bytes.Equal(reassemble(t, NewReader(store, nil), tab, m), content) {
		t.Fatal("read back other bytes")
	}
}

func TestABatchOfNothingNewStoresNothing(t *testing.T) {
	store, tab := newMemStore(), newTable()
	p := New(Options{
		Store: store, Has: tab.has, NewPackID: newPackID,
		HasContent: func(blob.ID) bool { return len(store.objects) > 0 },
	})
	content := random(1, 1<<20)
	if _, s := seal(t, p, tab, content); len(s.Packs) != 1 {
		t.Fatalf("%d packs, want 1", len(s.Packs))
	}
	if _, s := seal(t, p, tab, content); len(s.Packs) != 0 || len(s.Chunks) != 0 {
		t.Fatalf("sealing again stored %+v", s)
	}
	if _, s := seal(t, p, tab, nil); len(s.Packs) != 0 {
		t.Fatalf("an empty file stored %+v", s)
	}
}

func TestManySmallFilesShareAPack(t *testing.T) {
	store := newMemStore()
	b := New(Options{Store: store, NewPackID: newPackID}).Begin()
	defer b.Discard()
	for i := range 1000 {
		if _, err := b.Add(t.Context(), bytes.NewReader(random(uint64(i%500), 4096)), 4096, nil); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Packs) != 1 || len(s.Chunks) != 500 {
		t.Fatalf("%d packs and %d chunks, want 1 and 500", len(s.Packs), len(s.Chunks))
	}
}

func TestBatchesAtOnce(t *testing.T) {
	store, tab := newMemStore(), newTable()
	p := New(Options{Store: store, Has: tab.has, NewPackID: newPackID, PackSize: 1 << 20})
	reader := NewReader(store, nil)
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			for round := range uint64(3) {
				b := p.Begin()
				var manifests []blob.Manifest
				var contents [][]byte
				for i := range uint64(4) {
					// Half of the files are the same in all goroutines.
					content := append(random(i*(g%2)+round, 600<<10), smooth32(g, 300<<10)...)
					m, err := b.Add(t.Context(), bytes.NewReader(content), int64(len(content)), nil)
					if err != nil {
						t.Error(err)
						return
					}
					manifests, contents = append(manifests, m), append(contents, content)
				}
				if g == 3 && round == 1 {
					b.Discard()
					continue
				}
				s, err := b.Finish(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				tab.commit(s)
				for i, m := range manifests {
					var got []byte
					err := reader.Chunks(t.Context(), tab.locate(m), func(_ int, raw []byte) error {
						got = append(got, raw...)
						return nil
					})
					if err != nil || !bytes.Equal(got, contents[i]) {
						t.Errorf("read back other bytes, or %v", err)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestDamageInThePackIsAnErrorNotWrongBytes(t *testing.T) {
	store, tab := newMemStore(), newTable()
	p := New(Options{Store: store, Has: tab.has, NewPackID: newPackID})
	content := append(smooth32(1, 300<<10), random(1, 300<<10)...)
	m, s := seal(t, p, tab, content)
	key := pack.Key(s.Packs[0].ID)
	whole := store.objects[key]
	reader := NewReader(store, nil)
	read := func() error {
		return reader.Chunks(t.Context(), tab.locate(m), func(int, []byte) error { return nil })
	}
	for _, c := range s.Chunks {
		damaged := bytes.Clone(whole)
		damaged[c.Offset+c.Stored/2] ^= 0x10
		store.objects[key] = damaged
		if err := read(); !errors.Is(err, blob.ErrCorrupt) || !strings.Contains(err.Error(), c.Pack.String()) {
			t.Errorf("flipped: got %v, want ErrCorrupt and the pack", err)
		}
		if _, err := reader.Chunk(t.Context(), blob.Chunk{ID: c.ID, Size: c.Size}, c.Location, nil); !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("flipped: got %v, want ErrCorrupt", err)
		}
	}
	store.objects[key] = whole[:len(whole)/2]
	if err := read(); !errors.Is(err, blob.ErrCorrupt) {
		t.Errorf("truncated: got %v, want ErrCorrupt", err)
	}
	delete(store.objects, key)
	if err := read(); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("gone: got %v, want ErrNotFound", err)
	}
}
