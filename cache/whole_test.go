package cache

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

func TestAdoptedFileIsTheDraftsOwnFile(t *testing.T) {
	r := newRig(t)
	data := noise(1, 5000)
	from := filepath.Join(r.drafts, "d")
	must(t, os.WriteFile(from, data, 0o600))
	before, err := os.Stat(from)
	must(t, err)
	must(t, r.Adopt(live(7), blob.Sum(data), 5000, from))
	after, err := os.Stat(r.file(live(7)))
	must(t, err)
	if !os.SameFile(before, after) {
		t.Error("the adopted file is a copy")
	}
	if _, err := os.Stat(from); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the draft is still there: %v", err)
	}
	r.wantWhole(live(7), data)
	if u := r.Usage(); u.Files != 1 || u.Hits != 1 || u.Misses != 0 {
		t.Errorf("usage: %+v", u)
	}
}

func TestAdoptOfAnotherSizeLeavesTheDraft(t *testing.T) {
	r := newRig(t)
	from := filepath.Join(r.drafts, "d")
	must(t, os.WriteFile(from, []byte("four"), 0o600))
	if err := r.Adopt(live(7), blob.Sum([]byte("four")), 5, from); err == nil {
		t.Error("adopt succeeded")
	}
	if b, err := os.ReadFile(from); err != nil || string(b) != "four" {
		t.Errorf("draft: %q, %v", b, err)
	}
}

func TestAdoptReplacesTheOlderFileAndCountsItOnce(t *testing.T) {
	r := newRig(t)
	r.counted()
	r.adopt(live(7), noise(1, 100000))
	r.adopt(live(7), noise(2, 50000))
	r.wantWhole(live(7), noise(2, 50000))
	if u := r.Usage(); u.Files != 1 || u.Bytes < 50000 || u.Bytes > 60000 {
		t.Errorf("usage: %+v", u)
	}
}

func TestTakeGivesTheSameFileBackForWriting(t *testing.T) {
	r := newRig(t)
	r.counted()
	data := noise(1, 5000)
	id := r.adopt(live(7), data)
	before, err := os.Stat(r.file(live(7)))
	must(t, err)
	to := filepath.Join(r.drafts, "again")
	f, err := r.Take(live(7), id, 5000, to)
	must(t, err)
	defer f.Close()
	if _, err := f.WriteAt([]byte("new"), 0); err != nil {
		t.Error(err)
	}
	after, err := os.Stat(to)
	must(t, err)
	if !os.SameFile(before, after) {
		t.Error("the draft is a copy")
	}
	r.wantMissing(live(7), data)
	if u := r.Usage(); u.Files != 0 || u.Bytes != 0 {
		t.Errorf("usage: %+v", u)
	}
	if _, err := r.Take(live(7), id, 5000, to); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("second take: %v", err)
	}
}

func TestTakeOfABadFileIsNotFoundAndLeavesNoDraft(t *testing.T) {
	r := newRig(t)
	data := noise(1, 5000)
	id := r.adopt(live(7), data)
	must(t, os.WriteFile(r.file(live(7)), noise(2, 5000), 0o600))
	to := filepath.Join(r.drafts, "again")
	if _, err := r.Take(live(7), id, 5000, to); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("take: %v", err)
	}
	if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("draft: %v", err)
	}
}

func TestTakeToAMissingDirectoryKeepsTheFile(t *testing.T) {
	r := newRig(t)
	data := noise(1, 500)
	id := r.adopt(live(7), data)
	if _, err := r.Take(live(7), id, 500, filepath.Join(r.drafts, "none", "x")); err == nil || errors.Is(err, blob.ErrNotFound) {
		t.Errorf("take: %v", err)
	}
	r.wantWhole(live(7), data)
}

func TestLiveAndContentNeverShareAFile(t *testing.T) {
	r := newRig(t)
	data := noise(1, 500)
	id := r.src.add(data, 100)
	r.adopt(live(7), data)
	f, err := r.Fetch(t.Context(), Key{ID: id}, id)
	must(t, err)
	a, err := f.Stat()
	must(t, err)
	b, err := os.Stat(r.file(live(7)))
	must(t, err)
	if os.SameFile(a, b) {
		t.Error("one file for both")
	}
	r.wantBytes(f, data)
}

// What somebody does to a cached file behind our back, and what Get says next.
func TestDamage(t *testing.T) {
	data := noise(1, 200000)
	id := blob.Sum(data)
	keepTime := func(t *testing.T, path string, do func()) {
		st, err := lstat(path)
		must(t, err)
		do()
		must(t, unix.UtimesNano(path, []unix.Timespec{st.Atim, st.Mtim}))
	}
	flip := func(t *testing.T, path string) {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		must(t, err)
		defer f.Close()
		_, err = f.WriteAt([]byte{data[777] ^ 1}, 777)
		must(t, err)
	}
	tests := []struct {
		name    string
		damage  func(t *testing.T, path string)
		found   bool // Get still returns the file
		logged  bool
		removed bool
	}{
		{"nothing", func(t *testing.T, path string) {}, true, false, false},
		{"time changed only", func(t *testing.T, path string) {
			must(t, os.Chtimes(path, time.Time{}, time.Unix(5, 0)))
		}, true, false, false},
		{"rewritten with the same bytes", func(t *testing.T, path string) {
			must(t, os.WriteFile(path, data, 0o600))
		}, true, false, false},
		{"byte flipped", flip, false, true, true},
		{"truncated", func(t *testing.T, path string) { must(t, os.Truncate(path, 1000)) }, false, true, true},
		{"truncated, time preserved", func(t *testing.T, path string) {
			keepTime(t, path, func() { must(t, os.Truncate(path, 1000)) })
		}, false, true, true},
		{"truncated and extended", func(t *testing.T, path string) {
			must(t, os.Truncate(path, 1000))
			must(t, os.Truncate(path, 200000))
		}, false, true, true},
		{"appended", func(t *testing.T, path string) { must(t, os.Truncate(path, 200001)) }, false, true, true},
		{"removed", func(t *testing.T, path string) { must(t, os.Remove(path)) }, false, false, true},
		{"replaced by a link", func(t *testing.T, path string) {
			must(t, os.Rename(path, path+".x"))
			must(t, os.Symlink(path+".x", path))
		}, false, true, true},
		{"replaced by another content's file with its stamp", func(t *testing.T, path string) {
			other := noise(2, 200000)
			must(t, os.WriteFile(path, other, 0o600))
			must(t, unix.UtimesNano(path, []unix.Timespec{{}, stampOf(blob.Sum(other))}))
		}, false, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.counted()
			r.adopt(live(7), data)
			path := r.file(live(7))
			tt.damage(t, path)
			for range 2 { // the second time must say the same
				if tt.found {
					r.wantWhole(live(7), data)
				} else {
					r.wantMissing(live(7), data)
				}
			}
			if tt.found {
				if st, err := lstat(path); err != nil || !fresh(&st, id, int64(len(data))) {
					t.Errorf("the file is not stamped again: %v", err)
				}
			}
			if _, err := os.Lstat(path); tt.removed != errors.Is(err, fs.ErrNotExist) {
				t.Errorf("removed: %v, want %v", err, tt.removed)
			}
			log := r.log.String()
			if got := strings.Contains(log, path) && strings.Contains(log, "ERROR"); got != tt.logged {
				t.Errorf("logged %v, want %v: %s", got, tt.logged, log)
			}
		})
	}
	t.Run("byte flipped, time preserved: only Verify finds it", func(t *testing.T) {
		r := newRig(t)
		r.adopt(live(7), data)
		path := r.file(live(7))
		keepTime(t, path, func() { flip(t, path) })
		f, err := r.Get(live(7), id, 200000, os.O_RDONLY)
		must(t, err)
		f.Close()
		n := 0
		must(t, r.Walk(func(e Entry) bool {
			n++
			if err := r.Verify(t.Context(), e, id, 200000); !errors.Is(err, blob.ErrCorrupt) || !strings.Contains(err.Error(), path) {
				t.Errorf("verify: %v", err)
			}
			return true
		}))
		if n != 1 {
			t.Errorf("walked %d files", n)
		}
		must(t, r.Remove(live(7)))
		r.wantMissing(live(7), data)
	})
	t.Run("byte flipped, time preserved, after a power loss", func(t *testing.T) {
		r := newRig(t)
		r.adopt(live(7), data)
		path := r.file(live(7))
		keepTime(t, path, func() { flip(t, path) })
		r.reopen(false)
		r.wantMissing(live(7), data)
		if len(r.files()) != 0 {
			t.Errorf("left: %v", r.files())
		}
	})
}

func TestRemovingTheDirectoryWhileInUseLosesNothing(t *testing.T) {
	r := newRig(t)
	data, big := noise(1, 5000), noise(3, 1<<20)
	id, bigID := r.src.add(data, 1000), r.src.add(big, 64<<10)
	r.adopt(live(7), data)
	open, err := r.Get(live(7), id, 5000, os.O_RDONLY)
	must(t, err)
	p, err := r.Partial(t.Context(), live(8), bigID)
	must(t, err)
	buf := make([]byte, 100)
	_, err = p.ReadAt(t.Context(), buf, 0)
	must(t, err)

	must(t, os.RemoveAll(r.opt.Dir))

	r.wantBytes(open, data)
	r.wantMissing(live(7), data)
	got := make([]byte, len(big))
	if _, err := p.ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, big) {
		t.Errorf("partial read: %v", err)
	}
	must(t, p.Close())
	f, err := r.Fetch(t.Context(), live(7), id)
	must(t, err)
	r.wantBytes(f, data)
	must(t, os.RemoveAll(r.opt.Dir))
	r.adopt(live(9), data)
	r.wantWhole(live(9), data)
	must(t, r.Remove(live(7)))
	must(t, os.RemoveAll(r.opt.Dir))
	if _, err := r.Evict(t.Context()); err != nil {
		t.Errorf("evict: %v", err)
	}
	must(t, r.Walk(func(e Entry) bool { t.Errorf("walked %s", e.Path); return true }))
	p, err = r.Partial(t.Context(), live(8), bigID)
	must(t, err)
	if _, err := p.ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, big) {
		t.Errorf("partial read: %v", err)
	}
	must(t, p.Close())
	r.wantWhole(live(8), big)
	if u := r.Usage(); u.Files != 1 {
		t.Errorf("usage after all this: %+v", u)
	}
}

// Everything at once, while somebody keeps removing the directory.
func TestRemovingTheDirectoryAgainAndAgain(t *testing.T) {
	r := newRig(t)
	const files = 6
	var data [files][]byte
	var id [files]blob.ID
	for i := range data {
		data[i] = noise(uint64(i), 40000)
		id[i] = r.src.add(data[i], 5000)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var rm, wg sync.WaitGroup
	rm.Go(func() {
		for ctx.Err() == nil {
			os.RemoveAll(r.opt.Dir)
			time.Sleep(2 * time.Millisecond)
		}
	})
	for w := range 4 {
		wg.Go(func() {
			for n := range 100 {
				i := (n + w) % files
				k := live(uint64(100*(n%2) + i))
				if k.Ino == 0 {
					k = Key{ID: id[0]}
				}
				switch n % 3 {
				case 0, 1:
					f, err := r.Fetch(t.Context(), k, id[i])
					if errors.Is(err, errGone) || missing(err) {
						continue // removed again and again before it was opened
					}
					if err != nil {
						t.Errorf("fetch: %v", err)
						continue
					}
					r.wantBytes(f, data[i])
				case 2:
					p, err := r.Partial(t.Context(), k, id[i])
					if missing(err) {
						continue
					}
					if err != nil {
						t.Errorf("partial: %v", err)
						continue
					}
					got := make([]byte, len(data[i]))
					if _, err := p.ReadAt(t.Context(), got, 0); err != nil || !bytes.Equal(got, data[i]) {
						t.Errorf("partial read: %v", err)
					}
					p.Close()
				}
			}
		})
	}
	wg.Wait()
	cancel()
	rm.Wait()
}

func TestUseIsNotedAtMostOnceAMinute(t *testing.T) {
	r := newRig(t)
	data := noise(1, 500)
	r.adopt(live(7), data)
	used := func() time.Time {
		st, err := lstat(r.file(live(7)))
		must(t, err)
		return time.Unix(st.Atim.Unix())
	}
	open := func() { // without reading, which the kernel notes in its own way
		f, err := r.Get(live(7), blob.Sum(data), 500, os.O_RDONLY)
		must(t, err)
		f.Close()
	}
	start := r.clock.now()
	for _, step := range []struct{ after, want time.Duration }{
		{0, 0}, {59 * time.Second, 0}, {2 * time.Second, 61 * time.Second}, {30 * time.Second, 61 * time.Second}, {time.Hour, 3691 * time.Second},
	} {
		r.clock.add(step.after)
		open()
		if got := used().Sub(start); got != step.want {
			t.Errorf("after %s: used at %s, want %s", step.after, got, step.want)
		}
	}
}

func TestVerifyIsNotAUse(t *testing.T) {
	r := newRig(t)
	data := noise(1, 500)
	id := r.adopt(live(7), data)
	before, err := lstat(r.file(live(7)))
	must(t, err)
	must(t, r.Walk(func(e Entry) bool { must(t, r.Verify(t.Context(), e, id, 500)); return true }))
	after, err := lstat(r.file(live(7)))
	must(t, err)
	if before.Atim != after.Atim {
		t.Error("the access time has moved")
	}
}

func TestStampOf(t *testing.T) {
	tests := []struct {
		name string
		id   blob.ID
		want unix.Timespec
	}{
		{"zero", blob.ID{}, unix.Timespec{Sec: 268435456, Nsec: 0}},
		{"ones", blob.ID{255, 255, 255, 255, 255, 255, 255, 255}, unix.Timespec{Sec: 805306367, Nsec: 496729500}},
		{"of nothing", blob.Sum(nil), unix.Timespec{Sec: 521357753, Nsec: 677776600}},
	}
	for _, tt := range tests {
		if got := stampOf(tt.id); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestOpenNeedsItsOptions(t *testing.T) {
	if _, err := Open(Options{Dir: t.TempDir()}); err == nil {
		t.Error("opened")
	}
}
