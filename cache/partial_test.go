package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

const kib64 = 64 << 10

func (r *rig) partial(k Key, id blob.ID) *Partial {
	r.t.Helper()
	p, err := r.Partial(r.t.Context(), k, id)
	must(r.t, err)
	return p
}

func (r *rig) wantRead(p *Partial, data []byte, off, n int) {
	r.t.Helper()
	b := make([]byte, n)
	if got, err := p.ReadAt(r.t.Context(), b, int64(off)); err != nil || got != n || !bytes.Equal(b, data[off:off+n]) {
		r.t.Errorf("read of %d bytes at %d: got %d, %v, same bytes: %v", n, off, got, err, bytes.Equal(b, data[off:off+n]))
	}
}

func TestPartialBringsOnlyTheChunksThatAreAskedFor(t *testing.T) {
	r := newRig(t)
	data := noise(1, 100*kib64)
	id := r.src.add(data, kib64)
	p := r.partial(live(7), id)
	defer p.Close()
	for _, tt := range []struct{ off, n, sent int }{
		{50*kib64 + 10, 100, 1},
		{50*kib64 + 5000, 100, 1},
		{20*kib64 - 1, 2, 3},
		{80 * kib64, 3 * kib64, 6},
		{80 * kib64, 3 * kib64, 6},
		{99*kib64 + 100, 10, 7},
	} {
		r.wantRead(p, data, tt.off, tt.n)
		if got := r.src.total(); got != tt.sent {
			t.Errorf("after the read at %d: %d chunks were sent, want %d", tt.off, got, tt.sent)
		}
	}
	if p.Complete() || p.Size() != int64(len(data)) {
		t.Errorf("complete %v, size %d", p.Complete(), p.Size())
	}
}

func TestPartialReadsLikeAReaderAt(t *testing.T) {
	r := newRig(t)
	data := noise(1, 3*kib64+5)
	id := r.src.add(data, kib64)
	p := r.partial(live(7), id)
	defer p.Close()
	size := int64(len(data))
	for _, tt := range []struct {
		off  int64
		n    int
		want int
		err  error
	}{
		{0, 0, 0, nil}, {0, 10, 10, nil}, {size - 3, 3, 3, nil}, {size - 3, 10, 3, io.EOF}, {size, 10, 0, io.EOF},
		{size + 100, 10, 0, io.EOF}, {0, int(size) + 1, int(size), io.EOF}, {-1, 1, 0, os.ErrInvalid},
	} {
		b := make([]byte, tt.n)
		n, err := p.ReadAt(t.Context(), b, tt.off)
		if n != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("read of %d at %d: got %d, %v, want %d, %v", tt.n, tt.off, n, err, tt.want, tt.err)
		}
		if n > 0 && !bytes.Equal(b[:n], data[tt.off:tt.off+int64(n)]) {
			t.Errorf("read of %d at %d: other bytes", tt.n, tt.off)
		}
	}
	e := r.partial(live(8), r.src.add(nil, 1))
	if n, err := e.ReadAt(t.Context(), make([]byte, 1), 0); n != 0 || err != io.EOF || !e.Complete() {
		t.Errorf("empty content: %d, %v, complete %v", n, err, e.Complete())
	}
	must(t, e.Close())
	r.wantWhole(live(8), nil)
}

func TestSequentialReaderIsReadAhead(t *testing.T) {
	r := newRig(t)
	data := noise(1, 24<<20)
	id := r.src.add(data, 256<<10)
	p := r.partial(live(7), id)
	const step = 128 << 10
	for off := 0; off < 4*step; off += step {
		r.wantRead(p, data, off, step)
	}
	// Bytes that nobody has asked for come by themselves.
	for r.src.total() < (4*step+aheadMin)/(256<<10) {
		<-tick()
	}
	for off := 4 * step; off < len(data); off += step {
		r.wantRead(p, data, off, step)
	}
	if !p.Complete() {
		t.Error("not complete after it was read from end to end")
	}
	must(t, p.Close())
	if got := r.src.total(); got != 96 {
		t.Errorf("%d chunks were sent, want each of 96 once", got)
	}
	r.wantWhole(live(7), data)
	if got := r.files(); len(got) != 1 {
		t.Errorf("files: %v", got)
	}
	r.counted()
	if u := r.Usage(); u.Files != 1 || u.Bytes < int64(len(data)) || u.Bytes > int64(len(data))+100000 {
		t.Errorf("usage: %+v", u)
	}
}

func TestStreamsAdvance(t *testing.T) {
	type read struct{ off, end, from, to int64 }
	const k, m = 1 << 10, 1 << 20
	tests := []struct {
		name  string
		reads []read
	}{
		{"sequential", []read{
			{0, 128 * k, 0, 0}, {128 * k, 256 * k, 0, 0}, {256 * k, 384 * k, 384 * k, 384*k + 4*m}, {384 * k, 512 * k, 0, 0},
			{512 * k, 3 * m, 384*k + 4*m, 3*m + 8*m},
		}},
		{"from the middle", []read{{9 * m, 10 * m, 0, 0}, {10 * m, 11 * m, 0, 0}, {11 * m, 12 * m, 12 * m, 16 * m}}},
		{"requests that overtake each other", []read{
			{0, 128 * k, 0, 0}, {256 * k, 384 * k, 0, 0}, {128 * k, 256 * k, 0, 0}, {384 * k, 512 * k, 512 * k, 512*k + 4*m},
		}},
		{"random", []read{{50 * m, 51 * m, 0, 0}, {9 * m, 10 * m, 0, 0}, {70 * m, 71 * m, 0, 0}, {30 * m, 31 * m, 0, 0}}},
		{"the header again and again", []read{{0, 4 * k, 0, 0}, {0, 4 * k, 0, 0}, {0, 4 * k, 0, 0}, {0, 4 * k, 0, 0}}},
		{"two readers", []read{
			{0, m, 0, 0}, {90 * m, 91 * m, 0, 0}, {m, 2 * m, 0, 0}, {91 * m, 92 * m, 0, 0}, {2 * m, 3 * m, 3 * m, 7 * m}, {92 * m, 93 * m, 93 * m, 97 * m},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s streams
			for i, rd := range tt.reads {
				if from, to := s.advance(rd.off, rd.end); from != rd.from || to != rd.to {
					t.Errorf("read %d of [%d, %d): ahead [%d, %d), want [%d, %d)", i, rd.off, rd.end, from, to, rd.from, rd.to)
				}
			}
		})
	}
	t.Run("never further than the limit", func(t *testing.T) {
		var s streams
		for off := int64(0); off < 1<<30; off += m {
			if from, to := s.advance(off, off+m); to-(off+m) > aheadMax || from > to || from != to && from < off+m {
				t.Fatalf("read at %d: ahead [%d, %d)", off, from, to)
			}
		}
	})
}

func TestConcurrentReadersBringEachChunkOnce(t *testing.T) {
	r := newRig(t)
	data := noise(1, 6<<20)
	const size = 40000
	id := r.src.add(data, size)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var wg sync.WaitGroup
	for w := range uint64(8) {
		wg.Go(func() {
			p, err := r.Partial(t.Context(), live(7), id)
			if err != nil {
				t.Error(err)
				return
			}
			defer p.Close()
			rng := rand.New(rand.NewPCG(seed, w))
			if w < 2 { // sequential
				for off := 0; off+50000 <= len(data); off += 50000 {
					r.wantRead(p, data, off, 50000)
				}
				return
			}
			for range 200 {
				n := 1 + rng.IntN(100000)
				r.wantRead(p, data, rng.IntN(len(data)-n), n)
			}
		})
	}
	wg.Wait()
	r.src.mu.Lock()
	defer r.src.mu.Unlock()
	for id, n := range r.src.sent {
		if n != 1 {
			t.Errorf("chunk %s came %d times", id.Short(), n)
		}
	}
}

func TestCancelledReadEndsAndOthersGoOn(t *testing.T) {
	r := newRig(t)
	data := noise(1, 10*kib64)
	id := r.src.add(data, kib64)
	started := make(chan struct{}, 10)
	gate := make(chan struct{})
	r.src.set(func(ctx context.Context, _ blob.Chunk) error {
		started <- struct{}{}
		select {
		case <-gate:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}, nil)
	p := r.partial(live(7), id)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := p.ReadAt(ctx, make([]byte, 10), 0); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled read: %v", err)
		}
	})
	<-started
	wg.Go(func() { r.wantRead(p, data, 100, 10) })
	for p.f.waiting(0) < 2 {
		<-tick()
	}
	cancel()
	for p.f.waiting(0) > 1 {
		<-tick()
	}
	close(gate)
	wg.Wait()
	if got := r.src.total(); got != 1 {
		t.Errorf("%d chunks were sent, want 1", got)
	}

	// The only reader of a chunk goes away: the source is told, and the next
	// reader starts afresh.
	gate = make(chan struct{})
	for len(started) > 0 {
		<-started
	}
	ctx, cancel = context.WithCancel(t.Context())
	wg.Go(func() {
		if _, err := p.ReadAt(ctx, make([]byte, 10), 5*kib64); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled read: %v", err)
		}
	})
	<-started
	cancel()
	wg.Wait()
	r.src.set(nil, nil)
	r.wantRead(p, data, 5*kib64, 10)

	// Close ends what is under way.
	r.src.set(func(ctx context.Context, _ blob.Chunk) error { <-ctx.Done(); return ctx.Err() }, nil)
	ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := p.ReadAt(ctx, make([]byte, 10), 9*kib64); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	must(t, p.Close())
}

// waiting returns how many readers wait for chunk i.
func (f *fill) waiting(i int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.pending[i]; a != nil {
		return a.run.waiters
	}
	return 0
}

func TestFailedReadIsAnErrorAndTheNextTryWorks(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name   string
		before func(context.Context, blob.Chunk) error
		mangle func([]byte) []byte
		full   bool
		want   error
	}{
		{"source fails", func(context.Context, blob.Chunk) error { return boom }, nil, false, boom},
		{"source lies", nil, func(p []byte) []byte { p[9] ^= 1; return p }, false, blob.ErrCorrupt},
		{"source sends less", nil, func(p []byte) []byte { return p[1:] }, false, blob.ErrCorrupt},
		{"disk full", nil, nil, true, unix.ENOSPC},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			data := noise(1, 20*kib64)
			id := r.src.add(data, kib64)
			p := r.partial(live(7), id)
			r.wantRead(p, data, 0, kib64)
			r.src.set(tt.before, tt.mangle)
			if tt.full {
				r.writeAt = func(*os.File, []byte, int64) (int, error) { return 0, unix.ENOSPC }
			}
			b := make([]byte, 3*kib64)
			if n, err := p.ReadAt(t.Context(), b, kib64/2); n != 0 || !errors.Is(err, tt.want) || !strings.Contains(err.Error(), "live/07/7") {
				t.Errorf("got %d, %v, want %v naming the file", n, err, tt.want)
			}
			r.wantRead(p, data, 0, kib64) // what is here stays readable
			r.src.set(nil, nil)
			r.writeAt = (*os.File).WriteAt
			r.wantRead(p, data, kib64/2, 3*kib64)
			r.wantRead(p, data, 0, len(data))
			must(t, p.Close())
			r.wantWhole(live(7), data)
		})
	}
}

func TestFillsAreKeptForTheNextTime(t *testing.T) {
	data := noise(1, 20*kib64)
	tests := []struct {
		name    string
		between func(r *rig)
		again   int // chunks that come a second time
	}{
		{"closed and opened", func(r *rig) {}, 0},
		{"cache reopened", func(r *rig) { r.reopen(true); r.counted() }, 0},
		{"fills file lost", func(r *rig) { must(r.t, os.Remove(r.path(place{partial: true}, live(7))+fillsSuffix)) }, 3},
		{"fills file damaged", func(r *rig) {
			path := r.path(place{partial: true}, live(7)) + fillsSuffix
			b, err := os.ReadFile(path)
			must(r.t, err)
			b[len(b)-40] ^= 1
			must(r.t, os.WriteFile(path, b, 0o600))
		}, 3},
		{"one chunk changed", func(r *rig) {
			f, err := os.OpenFile(r.path(place{partial: true}, live(7)), os.O_RDWR, 0)
			must(r.t, err)
			defer f.Close()
			_, err = f.WriteAt(make([]byte, 100), 5*kib64)
			must(r.t, err)
		}, 1},
		{"file cut", func(r *rig) { must(r.t, os.Truncate(r.path(place{partial: true}, live(7)), 100)) }, 3},
		{"removed", func(r *rig) { must(r.t, r.Remove(live(7))) }, 3},
		{"another content in between", func(r *rig) {
			p := r.partial(live(7), r.src.add(noise(2, 1000), 100))
			r.wantRead(p, noise(2, 1000), 5, 5)
			must(r.t, p.Close())
			r.src.sent = map[blob.ID]int{blob.Sum(nil): 3}
		}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.counted()
			id := r.src.add(data, kib64)
			p := r.partial(live(7), id)
			for _, i := range []int{0, 5, 19} {
				r.wantRead(p, data, i*kib64, 100)
			}
			must(t, p.Close())
			tt.between(r)
			p = r.partial(live(7), id)
			for _, i := range []int{0, 5, 19} {
				r.wantRead(p, data, i*kib64, kib64)
			}
			if got := r.src.total() - 3; got != tt.again {
				t.Errorf("%d chunks came again, want %d", got, tt.again)
			}
			r.wantRead(p, data, 0, len(data))
			must(t, p.Close())
			r.wantWhole(live(7), data)
			if got := r.files(); len(got) != 1 {
				t.Errorf("files: %v", got)
			}
			want, _ := lstat(r.file(live(7)))
			if tt.name == "file cut" { // not by us, so only a count sees it
				must(t, r.Walk(func(Entry) bool { return true }))
			}
			if u := r.counted(); u.Files != 1 || u.Bytes != onDisk(&want) {
				t.Errorf("usage: %+v, want 1 file of %d bytes", u, onDisk(&want))
			}
		})
	}
}

func TestPartialThatWasNeverReadLeavesNothing(t *testing.T) {
	r := newRig(t)
	p := r.partial(live(7), r.src.add(noise(1, 1000), 100))
	must(t, p.Close())
	must(t, p.Close())
	if got := r.files(); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
	if u := r.counted(); u.Files != 0 || u.Bytes != 0 {
		t.Errorf("usage: %+v", u)
	}
}

func TestFillsThatCannotBeStoredLeaveNoFile(t *testing.T) {
	r := newRig(t)
	data := noise(1, 10*kib64)
	p := r.partial(live(7), r.src.add(data, kib64))
	r.wantRead(p, data, 0, 100)
	r.writeAt = func(*os.File, []byte, int64) (int, error) { return 0, unix.ENOSPC }
	must(t, p.Close())
	if got := r.files(); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
	if u := r.Usage(); u.Files != 0 || u.Bytes != 0 {
		t.Errorf("usage: %+v", u)
	}
}

func TestPartialsShareUntilTheLastClose(t *testing.T) {
	r := newRig(t)
	data := noise(1, 20*kib64)
	id := r.src.add(data, kib64)
	a, b := r.partial(live(7), id), r.partial(live(7), id)
	r.wantRead(a, data, 0, len(data))
	must(t, a.Close())
	r.wantMissing(live(7), data)
	r.wantRead(b, data, 0, len(data))
	must(t, b.Close())
	r.wantWhole(live(7), data)
	if got := r.src.total(); got != 20 {
		t.Errorf("%d chunks were sent, want 20", got)
	}
	c := r.partial(live(7), id) // of a whole file
	if !c.Complete() {
		t.Error("a whole file is not complete")
	}
	r.wantRead(c, data, 100, 1000)
	must(t, c.Close())
	r.wantWhole(live(7), data)
}

func TestOpenPartialGoesOnWhileItsKeyGetsAnotherContent(t *testing.T) {
	r := newRig(t)
	old, data := noise(1, 20*kib64), noise(2, 10*kib64)
	oldID, id := r.src.add(old, kib64), r.src.add(data, kib64)
	a := r.partial(live(7), oldID)
	r.wantRead(a, old, 0, 10)
	b := r.partial(live(7), id)
	r.wantRead(b, data, 0, len(data))
	r.wantRead(a, old, 0, len(old))
	must(t, b.Close())
	must(t, a.Close())
	r.wantWhole(live(7), data)
	if got := r.files(); len(got) != 1 {
		t.Errorf("files: %v", got)
	}
}

func TestFileThatIsCutWhileOpenIsBroughtAgain(t *testing.T) {
	r := newRig(t)
	data := noise(1, 20*kib64)
	p := r.partial(live(7), r.src.add(data, kib64))
	defer p.Close()
	r.wantRead(p, data, 0, len(data))
	must(t, os.Truncate(r.path(place{partial: true}, live(7)), 3*kib64))
	r.wantRead(p, data, 10*kib64, kib64)
}

func TestKilledProcessKeepsTheStoredFills(t *testing.T) {
	r := newRig(t)
	data := make([]byte, storeEvery+8<<20)
	copy(data, noise(1, 1<<20))
	for i := 0; i < len(data); i += 4096 {
		data[i] = 1
	}
	id := r.src.add(data, 1<<20)
	p := r.partial(live(7), id)
	r.wantRead(p, data, 0, len(data)-1<<20)
	path := r.path(place{partial: true}, live(7))
	for {
		if _, err := os.Stat(path + fillsSuffix); err == nil {
			break
		}
		<-tick()
	}
	// A copy of the directory is what a killed process leaves.
	copied := newRig(t, func(o *Options) { o.Source = r.src })
	must(t, os.CopyFS(copied.opt.Dir, os.DirFS(r.opt.Dir)))
	sent := r.src.total()
	q := copied.partial(live(7), id)
	copied.wantRead(q, data, 0, len(data))
	if got := r.src.total() - sent; got > 9 {
		t.Errorf("%d chunks came again", got)
	}
	if q.f.left != 0 || q.f.claims != 0 {
		t.Errorf("left %d, claims %d", q.f.left, q.f.claims)
	}
	must(t, q.Close())
	must(t, p.Close())
	copied.wantWhole(live(7), data)
}

// A random history of one key, with failures, cancels, closes and restarts:
// every read that succeeds returns the right bytes.
func TestRandomHistoryNeverReturnsWrongBytes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	r := newRig(t)
	contents := [][]byte{noise(1, 30*kib64+7), noise(2, 12*kib64), noise(3, 5)}
	ids := make([]blob.ID, len(contents))
	for i, data := range contents {
		ids[i] = r.src.add(data, 20000)
	}
	fail := errors.New("fail")
	cur := 0
	for step := range 600 {
		k, data, id := live(7), contents[cur], ids[cur]
		switch what := rng.IntN(20); {
		case what < 10:
			p := r.partial(k, id)
			for range rng.IntN(4) {
				n := 1 + rng.IntN(len(data))
				off := rng.IntN(len(data) - n + 1)
				r.wantRead(p, data, off, n)
			}
			must(t, p.Close())
		case what < 13:
			left := rng.IntN(5)
			r.src.set(func(context.Context, blob.Chunk) error {
				r.src.mu.Lock()
				defer r.src.mu.Unlock()
				if left--; left < 0 {
					return fail
				}
				return nil
			}, nil)
			if p, err := r.Partial(t.Context(), k, id); err == nil {
				b := make([]byte, len(data))
				if _, err := p.ReadAt(t.Context(), b, 0); err == nil && !bytes.Equal(b, data) {
					t.Fatalf("step %d: wrong bytes", step)
				} else if err != nil && !errors.Is(err, fail) {
					t.Fatalf("step %d: %v", step, err)
				}
				must(t, p.Close())
			}
			r.src.set(nil, nil)
		case what < 14:
			f, err := r.Fetch(t.Context(), k, id)
			must(t, err)
			r.wantBytes(f, data)
		case what < 15:
			must(t, r.Remove(k))
		case what < 16:
			cur = rng.IntN(len(contents))
		case what < 17:
			cur = rng.IntN(len(contents))
			r.adopt(k, contents[cur])
		case what < 18:
			for _, f := range r.files() {
				if rng.IntN(2) == 0 {
					_ = os.Remove(fmt.Sprintf("%s/%s", r.opt.Dir, f))
				}
			}
		case what < 19:
			r.reopen(rng.IntN(2) == 0)
		default:
			r.clock.add(time.Hour)
			if rng.IntN(4) == 0 {
				_, err := r.evict(t.Context(), 1<<20, r.clock.now())
				must(t, err)
			}
		}
		if f, err := r.Get(k, ids[cur], int64(len(contents[cur])), os.O_RDONLY); err == nil {
			r.wantBytes(f, contents[cur])
		}
		if t.Failed() {
			t.Fatalf("at step %d", step)
		}
	}
}
