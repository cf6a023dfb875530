package cache

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

func TestFetchBringsTheWholeContentBack(t *testing.T) {
	tests := []struct {
		name string
		data []byte
	}{
		{"empty", nil},
		{"one byte", []byte{7}},
		{"one chunk", noise(1, 100000)},
		{"many chunks", noise(1, 1234567)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			id := r.src.add(tt.data, 100000)
			for _, k := range []Key{live(7), {ID: id}} {
				r.wantMissing(k, tt.data)
				f, err := r.Fetch(t.Context(), k, id)
				must(t, err)
				r.wantBytes(f, tt.data)
				r.wantWhole(k, tt.data)
			}
			sent := r.src.total()
			f, err := r.Fetch(t.Context(), live(7), id)
			must(t, err)
			r.wantBytes(f, tt.data)
			if r.src.total() != sent {
				t.Error("fetched again what is here")
			}
			r.counted()
			if u := r.Usage(); u.Files != 2 || u.FetchedBytes != 2*int64(len(tt.data)) {
				t.Errorf("usage: %+v", u)
			}
		})
	}
}

func TestConcurrentFetchesShareOneTransfer(t *testing.T) {
	r := newRig(t)
	data := noise(1, 500000)
	id := r.src.add(data, 50000)
	gate := make(chan struct{})
	r.src.set(func(context.Context, blob.Chunk) error { <-gate; return nil }, nil)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			f, err := r.Fetch(t.Context(), live(7), id)
			if err != nil {
				t.Error(err)
				return
			}
			r.wantBytes(f, data)
		})
	}
	close(gate)
	wg.Wait()
	if got := r.src.total(); got != 10 {
		t.Errorf("%d chunks were sent, want 10", got)
	}
}

func TestFailedFetchGivesAnErrorAndLeavesNothing(t *testing.T) {
	boom := errors.New("boom")
	at := func(n int, err error) func(context.Context, blob.Chunk) error {
		var mu sync.Mutex
		return func(context.Context, blob.Chunk) error {
			mu.Lock()
			defer mu.Unlock()
			if n--; n < 0 {
				return err
			}
			return nil
		}
	}
	tests := []struct {
		name   string
		before func(context.Context, blob.Chunk) error
		mangle func([]byte) []byte
		full   int // pwrites until the disk is full; 0: never
		want   error
	}{
		{"source fails at once", at(0, boom), nil, 0, boom},
		{"source fails mid-way", at(5, boom), nil, 0, boom},
		{"source is offline", at(5, blob.ErrOffline), nil, 0, blob.ErrOffline},
		{"source lies", nil, func(p []byte) []byte { p[len(p)/2] ^= 4; return p }, 0, blob.ErrCorrupt},
		{"source sends less", nil, func(p []byte) []byte { return p[1:] }, 0, blob.ErrCorrupt},
		{"source sends more", nil, func(p []byte) []byte { return append(p, 0) }, 0, blob.ErrCorrupt},
		{"disk full", nil, nil, 4, unix.ENOSPC},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			data := noise(1, 500000)
			id := r.src.add(data, 50000)
			r.src.set(tt.before, tt.mangle)
			if n := tt.full; n > 0 {
				r.writeAt = func(f *os.File, p []byte, off int64) (int, error) {
					if n--; n < 0 {
						return 0, &os.PathError{Op: "write", Path: f.Name(), Err: unix.ENOSPC}
					}
					return f.WriteAt(p, off)
				}
			}
			if _, err := r.Fetch(t.Context(), live(7), id); !errors.Is(err, tt.want) || !strings.Contains(err.Error(), "live/07/7") {
				t.Errorf("got error %v, want %v naming the file", err, tt.want)
			}
			if got := r.files(); len(got) != 0 {
				t.Errorf("left: %v", got)
			}
			r.src.set(nil, nil)
			r.writeAt = (*os.File).WriteAt
			f, err := r.Fetch(t.Context(), live(7), id)
			must(t, err)
			r.wantBytes(f, data)
		})
	}
}

func TestFetchOfAnUnknownContentIsNotFound(t *testing.T) {
	r := newRig(t)
	if _, err := r.Fetch(t.Context(), live(7), blob.Sum(nil)); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := r.Partial(t.Context(), live(7), blob.Sum(nil)); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestFullDiskEvictsAndTriesAgain(t *testing.T) {
	r := newRig(t)
	r.adopt(live(1), noise(9, 3<<20))
	r.clock.add(1e12)
	data := noise(1, 500000)
	id := r.src.add(data, 50000)
	r.writeAt = func(f *os.File, p []byte, off int64) (int, error) {
		if _, err := os.Stat(r.file(live(1))); err == nil {
			return 0, unix.ENOSPC
		}
		return f.WriteAt(p, off)
	}
	f, err := r.Fetch(t.Context(), live(7), id)
	must(t, err)
	r.wantBytes(f, data)
	r.adopt(live(1), noise(9, 3<<20))
	r.clock.add(1e12)
	p, err := r.Partial(t.Context(), live(8), id)
	must(t, err)
	defer p.Close()
	buf := make([]byte, 100)
	if _, err := p.ReadAt(t.Context(), buf, 1000); err != nil || string(buf) != string(data[1000:1100]) {
		t.Errorf("partial read: %v", err)
	}
}

func TestCancelledFetch(t *testing.T) {
	r := newRig(t)
	data := noise(1, 500000)
	id := r.src.add(data, 50000)
	started := make(chan struct{}, 100)
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

	// One of two waiters goes away: the other gets the content.
	ctx1, cancel1 := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := r.Fetch(ctx1, live(7), id); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled fetch: %v", err)
		}
	})
	<-started
	joined := make(chan struct{})
	wg.Go(func() {
		close(joined)
		f, err := r.Fetch(t.Context(), live(7), id)
		if err != nil {
			t.Errorf("other fetch: %v", err)
			return
		}
		r.wantBytes(f, data)
	})
	<-joined
	for r.fetches.waiting(keyID{live(7), id}) < 2 {
		<-tick()
	}
	cancel1()
	for r.fetches.waiting(keyID{live(7), id}) > 1 {
		<-tick()
	}
	close(gate)
	wg.Wait()
	if got := r.src.total(); got != 10 {
		t.Errorf("%d chunks were sent, want 10", got)
	}

	// The only waiter goes away: the transfer ends and leaves nothing.
	must(t, r.Remove(live(7)))
	gate = make(chan struct{})
	for len(started) > 0 {
		<-started
	}
	ctx2, cancel2 := context.WithCancel(t.Context())
	wg.Go(func() {
		if _, err := r.Fetch(ctx2, live(7), id); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled fetch: %v", err)
		}
	})
	<-started
	cancel2()
	wg.Wait()
	for len(r.files()) > 0 {
		<-tick()
	}
}

func TestZerosStayHoles(t *testing.T) {
	r := newRig(t)
	data := make([]byte, 16<<20)
	copy(data[5<<20:], noise(1, 100000))
	data[len(data)-1] = 1
	id := r.src.add(data, 1<<20)
	f, err := r.Fetch(t.Context(), live(7), id)
	must(t, err)
	r.wantBytes(f, data)
	p, err := r.Partial(t.Context(), live(8), id)
	must(t, err)
	got := make([]byte, len(data))
	if _, err := p.ReadAt(t.Context(), got, 0); err != nil || string(got) != string(data) {
		t.Errorf("partial: %v", err)
	}
	must(t, p.Close())
	r.wantWhole(live(8), data)
	for _, ino := range []uint64{7, 8} {
		st, err := lstat(r.file(live(ino)))
		must(t, err)
		if onDisk(&st) > 400000 {
			t.Errorf("inode %d: %d bytes on disk", ino, onDisk(&st))
		}
	}
}

func TestFetchKeepsTheReserveFreeAsFarAsItCan(t *testing.T) {
	r := newRig(t)
	r.idle()
	r.o.MinFree = 1 << 60
	r.adopt(live(1), noise(1, 1<<20))
	r.clock.add(time.Hour)
	walked := 0
	r.o.Evictable = func(Key, blob.ID) bool { walked++; return true }
	for ino := range uint64(3) {
		data := noise(ino, 1000)
		f, err := r.Fetch(t.Context(), live(ino+2), r.src.add(data, 100))
		must(t, err)
		r.wantBytes(f, data)
	}
	if _, err := os.Stat(r.file(live(1))); err == nil {
		t.Error("the old file is still there")
	}
	if walked != 1 {
		t.Errorf("%d files were asked for, want 1: after a pass in vain there is a pause", walked)
	}
}
