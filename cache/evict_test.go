package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
)

// here returns which of the inodes 1..n have a whole file.
func (r *rig) here(n uint64) string {
	var b strings.Builder
	for ino := range n {
		if _, err := os.Lstat(r.file(live(ino + 1))); err == nil {
			fmt.Fprintf(&b, "%d ", ino+1)
		}
	}
	return strings.TrimSpace(b.String())
}

// fill10 adopts inodes 1..10 of 1 MiB each, used one hour after the other.
func (r *rig) fill10() {
	r.counted()
	for ino := range uint64(10) {
		r.adopt(live(ino+1), noise(ino, 1<<20))
		r.clock.add(time.Hour)
	}
}

func TestEvictKeepsTheLimits(t *testing.T) {
	tests := []struct {
		name   string
		limits func(o *Options)
		before func(r *rig)
		want   string
		files  int64
		left   bool
	}{
		{"no limit", func(o *Options) {}, nil, "1 2 3 4 5 6 7 8 9 10", 0, false},
		{"size not reached", func(o *Options) { o.MaxSize = 20 << 20 }, nil, "1 2 3 4 5 6 7 8 9 10", 0, false},
		{"size", func(o *Options) { o.MaxSize = 5 << 20 }, nil, "7 8 9 10", 6, false},
		{"a use counts", func(o *Options) { o.MaxSize = 5 << 20 }, func(r *rig) { r.wantWhole(live(1), noise(0, 1<<20)) }, "1 8 9 10", 6, false},
		{"free bytes", func(o *Options) { o.MinFree = 1 << 60 }, nil, "", 10, true},
		{"free inodes", func(o *Options) { o.MinFreeInodes = 1 << 60 }, nil, "", 10, true},
		{"what may not be evicted stays", func(o *Options) {
			o.MaxSize = 5 << 20
			o.Evictable = func(k Key, id blob.ID) bool { return k.Ino%2 == 0 && id.IsZero() }
		}, nil, "1 3 5 7 9", 5, true},
		{"nothing may be evicted unless somebody says so", func(o *Options) {
			o.MaxSize = 1
			o.Evictable = nil
		}, nil, "1 2 3 4 5 6 7 8 9 10", 0, true},
		{"what was just used stays", func(o *Options) { o.MinFree = 1 << 60 }, func(r *rig) {
			for _, ino := range []uint64{3, 4} {
				r.wantWhole(live(ino), noise(ino-1, 1<<20))
			}
		}, "3 4", 8, true},
		{"suspects count too", func(o *Options) { o.MaxSize = 5 << 20 }, func(r *rig) {
			r.reopen(false)
			r.counted()
			for ino := range uint64(10) {
				if _, err := os.Lstat(r.path(place{gen: 1}, live(ino+1))); err == nil {
					r.wantWhole(live(ino+1), noise(ino, 1<<20))
				}
			}
			r.clock.add(time.Hour)
		}, "", 6, false},
		{"a removed directory frees everything", func(o *Options) { o.MaxSize = 5 << 20 }, func(r *rig) {
			must(r.t, os.RemoveAll(r.opt.Dir))
		}, "", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.fill10()
			if tt.before != nil {
				tt.before(r)
			}
			r.idle()
			tt.limits(&r.o)
			rep, err := r.Evict(t.Context())
			must(t, err)
			if tt.name == "suspects count too" {
				tt.want = r.here(10) // all were used in the same second
				if n := len(strings.Fields(tt.want)); n != 4 {
					t.Errorf("%d files are left", n)
				}
			}
			if got := r.here(10); got != tt.want || rep.Files != tt.files || rep.Left.met() == tt.left {
				t.Errorf("left %q, report %+v; want %q, %d files", got, rep, tt.want, tt.files)
			}
			if u := r.Usage(); u.Files != 10-tt.files && u.Files != 0 || u.Evicted != tt.files || u.EvictedBytes != tt.files<<20 {
				t.Errorf("usage: %+v", u)
			}
		})
	}
}

func TestBackgroundKeepsTheSize(t *testing.T) {
	r := newRig(t, func(o *Options) { o.MaxSize = 4 << 20 })
	r.counted()
	for ino := range uint64(10) {
		r.adopt(live(ino+1), noise(ino, 1<<20))
		r.clock.add(time.Hour)
		for r.Usage().Bytes > 4<<20 {
			<-tick()
		}
	}
	if got := r.here(10); !strings.HasSuffix(got, "8 9 10") {
		t.Errorf("left: %s", got)
	}
}

func TestEvictingOpenFilesIsHarmless(t *testing.T) {
	r := newRig(t)
	r.fill10()
	f, err := r.Get(live(1), blob.Sum(noise(0, 1<<20)), 1<<20, os.O_RDONLY)
	must(t, err)
	big := noise(77, 20*kib64)
	id := r.src.add(big, kib64)
	p := r.partial(live(50), id)
	r.wantRead(p, big, 0, 100)
	r.clock.add(time.Hour)
	_, err = r.evict(t.Context(), 1<<50, r.clock.now())
	must(t, err)
	if got := r.here(10); got != "" {
		t.Errorf("left: %s", got)
	}
	r.wantBytes(f, noise(0, 1<<20))
	r.wantRead(p, big, 0, len(big))
	must(t, p.Close())
	r.wantWhole(live(50), big) // it was being filled, so it stayed
	p = r.partial(live(51), id)
	r.wantRead(p, big, 0, 100)
	must(t, p.Close())
	r.clock.add(time.Hour)
	_, err = r.evict(t.Context(), 1<<50, r.clock.now())
	must(t, err)
	if got := r.files(); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
	if u := r.Usage(); u.Files != 0 || u.Bytes != 0 {
		t.Errorf("usage: %+v", u)
	}
}

// A file that is taken, changed and adopted again between the plan and its
// execution must stay.
func TestEvictDoesNotTouchWhatWasReplacedMeanwhile(t *testing.T) {
	r := newRig(t)
	r.idle()
	data := noise(5, 1<<20)
	r.o.Evictable = func(k Key, _ blob.ID) bool { // called between plan and unlink
		if k.Ino == 2 {
			r.adopt(live(2), data)
		}
		if k.Ino == 3 {
			r.wantWhole(live(3), noise(2, 1<<20))
		}
		return true
	}
	r.fill10()
	rep, err := r.evict(t.Context(), 1<<50, r.clock.now())
	must(t, err)
	if got := r.here(10); got != "2 3" || rep.Files != 8 {
		t.Errorf("left %q, report %+v", got, rep)
	}
	r.wantWhole(live(2), data)
}

func TestEvictWorksOffMoreFilesThanItRemembers(t *testing.T) {
	r := newRig(t)
	r.idle()
	r.remember = 500
	const n = 1800
	r.link(n, 1)
	r.clock.set(time.Now())
	var asked sync.Map
	r.o.Evictable = func(k Key, _ blob.ID) bool {
		if _, twice := asked.LoadOrStore(k, true); twice {
			t.Errorf("inode %d was decided on twice", k.Ino)
		}
		return k.Ino > 1200 // those that rank last
	}
	r.o.MinFreeInodes = 1 << 60
	for ino := range uint64(1200) {
		must(t, os.Chtimes(r.file(live(ino+1)), r.clock.now().Add(-2*time.Hour), time.Time{}))
	}
	r.clock.add(time.Hour)
	rep, err := r.Evict(t.Context())
	must(t, err)
	if rep.Kept != 1200 || rep.Files != 600 {
		t.Errorf("report: %+v", rep)
	}
}

// link makes n cached files, of which each group of that size are hard links of
// one, because that is quick.
func (r *rig) link(n, group int) {
	r.t.Helper()
	for s := range shards {
		must(r.t, os.MkdirAll(filepath.Dir(r.file(live(uint64(s+1)))), 0o700))
	}
	var from string
	for i := range n {
		if i%group == 0 {
			from = filepath.Join(r.drafts, fmt.Sprint(i))
			must(r.t, os.WriteFile(from, nil, 0o600))
		}
		must(r.t, os.Link(from, r.file(live(uint64(i+1)))))
	}
}

func TestMemoryIsBoundedAtManyFiles(t *testing.T) {
	r := newRig(t)
	const n = 200000
	r.link(n, 30000)
	r.clock.set(time.Now())
	must(t, r.Close())
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	r.open()
	if u := r.counted(); u.Files != n {
		t.Errorf("counted %d files, want %d", u.Files, n)
	}
	if got := heap() - before; got > 2<<20 {
		t.Errorf("%d bytes of heap for %d files at rest", got, n)
	}
	r.idle()
	r.clock.add(time.Hour)
	var during int64
	ctx, cancel := context.WithCancel(t.Context())
	r.o.Evictable = func(k Key, _ blob.ID) bool { // when the candidates are known
		during = heap() - before
		cancel()
		return false
	}
	r.o.MinFreeInodes = 1 << 60
	if rep, err := r.Evict(ctx); !errors.Is(err, context.Canceled) || rep.Walked != n {
		t.Errorf("report: %+v, %v", rep, err)
	}
	if during > 32<<20 {
		t.Errorf("%d bytes of heap during an eviction pass", during)
	}
	r.reopen(false) // set aside, and looked at one by one
	if got := heap() - before; got > 2<<20 {
		t.Errorf("%d bytes of heap after a power loss", got)
	}
	t.Logf("%d files: %d KiB during a pass", n, during>>10)
}

func TestWalkNamesEveryFile(t *testing.T) {
	r := newRig(t)
	data := noise(1, 20*kib64)
	id := r.src.add(data, kib64)
	r.adopt(live(300), data)
	f, err := r.Fetch(t.Context(), Key{ID: id}, id)
	must(t, err)
	f.Close()
	p := r.partial(live(9), id)
	r.wantRead(p, data, 0, 100)
	must(t, p.Close())
	must(t, os.WriteFile(filepath.Join(r.opt.Dir, "live", "2c", "README"), nil, 0o600))
	got := map[string]Entry{}
	must(t, r.Walk(func(e Entry) bool {
		rel, _ := filepath.Rel(r.opt.Dir, e.Path)
		got[rel] = e
		if err := r.Verify(t.Context(), e, id, int64(len(data))); err != nil {
			t.Errorf("verify: %v", err)
		}
		return true
	}))
	for path, k := range map[string]Key{"live/2c/300": live(300), Key{ID: id}.String(): {ID: id}, "partial/live/09/9": live(9)} {
		if e, ok := got[path]; !ok || e.Key != k || e.Size != int64(len(data)) || e.Partial != strings.HasPrefix(path, "partial") {
			t.Errorf("%s: %+v", path, e)
		}
	}
	if len(got) != 3 {
		t.Errorf("walked %d files", len(got))
	}
	n := 0
	must(t, r.Walk(func(Entry) bool { n++; return n < 2 }))
	if n != 2 {
		t.Errorf("walked %d files after being stopped", n)
	}
	// A partial file with a bad chunk.
	path := r.path(place{partial: true}, live(9))
	b, err := os.ReadFile(path)
	must(t, err)
	b[5] ^= 1
	must(t, os.WriteFile(path, b, 0o600))
	err = r.Verify(t.Context(), Entry{Key: live(9), Path: path, Partial: true}, id, int64(len(data)))
	if err == nil || !strings.Contains(err.Error(), path) || !bytes.Contains([]byte(err.Error()), []byte("chunk 0")) {
		t.Errorf("verify of a bad partial file: %v", err)
	}
}
