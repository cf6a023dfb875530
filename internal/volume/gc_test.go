package volume

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers/pack"
)

// limited keeps the newest version of each file, and no object for its age.
func limited(o *Options) {
	o.GC = GCOptions{Grace: -1, Versions: KeepVersions{Limited: true, Last: 1}}
}

func (r *rig) gc() GCResult {
	r.t.Helper()
	res, err := r.v.GC(bg(r.t), false, nil)
	if err != nil {
		r.t.Fatalf("gc: %v", err)
	}
	return res
}

// later lets the window of time travel pass over all that happened.
func (r *rig) later() {
	r.t.Helper()
	r.sync()
	r.clock.advance(8 * 24 * time.Hour)
	r.commit()
}

func (r *rig) objects() (keys []string) {
	for info, err := range r.mem.List(bg(r.t), "") {
		if err != nil {
			r.t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

func (r *rig) knows(id blob.ID) bool { return r.v.hasContent(id) }

// bytesOf returns bytes that do not compress, others for each seed.
func bytesOf(seed string, size int) string {
	id := blob.Sum([]byte(seed))
	return random(size, binary.BigEndian.Uint64(id[:]))
}

func TestGCFreesWhatNothingRefersTo(t *testing.T) {
	r := newRig(t, limited)
	old, now := bytesOf("old", 3<<20), bytesOf("new", 3<<20)
	r.write("f", old)
	r.write("gone", bytesOf("gone", 100))
	r.sync()
	first := r.attr("f").Content
	r.write("f", now)
	r.sync()
	r.unlink("gone")
	if res := r.gc(); res.ContentsGone+res.ChunksGone+res.PacksGone > 0 || !r.knows(first) {
		t.Errorf("within the time of time travel: %+v", res)
	}
	r.later()
	dry, err := r.v.GC(bg(t), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !r.knows(first) {
		t.Fatal("a dry run removed a content")
	}
	res := r.gc()
	if r.knows(first) || res.VersionsGone != 1 || res.ContentsGone != 1 || res.PacksGone == 0 || res.FreedBytes < 3<<20 {
		t.Errorf("got %+v, want the old version and its pack gone", res)
	}
	if dry.VersionsGone != res.VersionsGone || dry.ContentsGone != res.ContentsGone || dry.ChunksGone != res.ChunksGone {
		t.Errorf("the dry run said %+v, the real one %+v", dry, res)
	}
	if res.LiveBytes < 3<<20 || res.Reclaimable > 1<<20 {
		t.Errorf("costs: %d live, %d reclaimable", res.LiveBytes, res.Reclaimable)
	}
	r.dropCache()
	r.wantBytes("f", now)
	// The removed file is remembered: it is one of the last versions.
	if list, err := r.v.Log(bg(t), "gone"); err != nil || len(list) != 1 {
		t.Errorf("the removed file: got %v, %v, want its version", list, err)
	}
	if again := r.gc(); again.ContentsGone+again.ChunksGone+again.PacksGone+again.VersionsGone > 0 {
		t.Errorf("the second run removed more: %+v", again)
	}
}

func TestGCKeepsAllVersionsByDefault(t *testing.T) {
	r := newRig(t, func(o *Options) { o.GC.Grace = -1 })
	for k := range 5 {
		r.write("f", bytesOf(fmt.Sprint(k), 1000))
		r.sync()
	}
	r.unlink("f")
	r.later()
	if res := r.gc(); res.VersionsGone+res.ContentsGone+res.ChunksGone+res.PacksGone+res.OrphansGone > 0 {
		t.Errorf("got %+v, want nothing removed but the past", res)
	}
	r.dropCache()
	r.wantHistory("f", bytesOf("0", 1000), bytesOf("1", 1000), bytesOf("2", 1000), bytesOf("3", 1000), bytesOf("4", 1000))
}

func TestGCKeepsWhatASnapshotShows(t *testing.T) {
	r := newRig(t, limited)
	old := bytesOf("old", 1<<20)
	r.write("f", old)
	info := r.snapshot("s")
	id := r.attr("f").Content
	r.write("f", "new")
	r.sync()
	r.unlink("f")
	r.later()
	r.gc()
	r.v.cat.View(func(tx *catalog.Tx) error {
		at := tx.At(catalog.Epoch(info.Epoch))
		i, err := at.Lookup(catalog.Root, "f")
		if err != nil {
			t.Fatal(err)
		}
		if row, err := at.Node(i); err != nil || row.Content != id {
			t.Errorf("f in the snapshot: %+v, %v", row, err)
		} else if ver, err := tx.Version(row.File, row.Seq); err != nil || ver.Content != id {
			t.Errorf("its version: %+v, %v", ver, err)
		}
		return nil
	})
	r.dropCache()
	if got := r.content(id, int64(len(old))); got != old {
		t.Error("the snapshot shows other bytes")
	}
	if err := r.v.DropSnapshot(bg(t), "s", root); err != nil {
		t.Fatal(err)
	}
	r.later()
	if r.gc(); r.knows(id) {
		t.Error("the content stays when the snapshot is gone")
	}
}

func TestGCKeepsWhatIsHeld(t *testing.T) {
	r := newRig(t, limited)
	r.mkdir("d")
	for k := range 3 {
		r.write("d/f", fmt.Sprint("version ", k))
		r.sync()
	}
	r.hold("d", r.clock.now().Add(30*24*time.Hour))
	r.later()
	if res := r.gc(); res.VersionsKept[keepHeld] != 3 || res.VersionsGone > 0 {
		t.Errorf("held: got %+v", res)
	}
	r.wantHistory("d/f", "version 0", "version 1", "version 2")
	r.clock.advance(30 * 24 * time.Hour)
	if res := r.gc(); res.VersionsGone != 2 {
		t.Errorf("when the hold is over: got %+v, want two versions gone", res)
	}
}

// A save counts on a chunk that is stored, and that chunk is collected before the save
// is committed.
func TestASaveThatCountsOnGarbageIsStoredAnew(t *testing.T) {
	shared := bytesOf("shared", 300<<10)
	for _, tc := range []struct{ name, data string }{
		{"the whole content", shared},
		{"a part of the content", bytesOf("first", 2<<20) + shared},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, limited)
			r.write("f", tc.data)
			r.sync()
			r.write("f", "other")
			r.later()
			// Now its content is garbage; it is saved again, and the pack of something
			// else in the same batch waits.
			r.store.close()
			r.write("g", tc.data)
			r.write("h", bytesOf("h", 1000))
			r.hurryAll()
			r.awaitPut()
			if res := r.gc(); res.ChunksGone == 0 {
				t.Fatalf("nothing was collected: %+v", res)
			}
			r.store.open()
			r.sync()
			r.dropCache()
			r.wantBytes("g", tc.data)
		})
	}
}

func TestACopyOfGarbageIsStoredAnew(t *testing.T) {
	r := newRig(t, limited)
	data := bytesOf("data", 100<<10)
	r.write("f", data)
	r.sync()
	src := r.handle("f", unix.O_RDONLY)
	dst := r.handle("g", unix.O_RDWR|unix.O_CREAT)
	r.copyAll(src, dst, int64(len(data)))
	r.release(src)
	r.write("f", "other")
	r.sync()
	r.clock.advance(8 * 24 * time.Hour)
	r.commit()
	if res := r.gc(); res.ChunksGone == 0 {
		t.Fatalf("nothing was collected: %+v", res)
	}
	r.release(dst)
	r.sync()
	r.dropCache()
	r.wantBytes("g", data)
}

func TestGCKeepsWhatIsOpen(t *testing.T) {
	r := newRig(t, limited)
	large, small := bytesOf("large", fetchWhole+2<<20), bytesOf("small", 1000)
	r.write("f", large)
	r.write("u", small+"u")
	r.sync()
	id := r.attr("f").Content
	r.write("f", "other")
	r.later()
	r.dropCache()
	c, err := r.v.OpenContent(bg(t), id, int64(len(large)))
	if err != nil {
		t.Fatal(err)
	}
	if c.partial == nil {
		t.Fatal("the content was fetched whole: the test shows nothing")
	}
	h := r.handle("u", unix.O_RDONLY)
	orphan := r.attr("u").Content
	r.unlink("u")
	r.later()
	r.gc()
	r.gc()
	if got, err := readAll(bg(t), c.ReadAt); err != nil || got != large {
		t.Errorf("an open version: got %d bytes, %v", len(got), err)
	}
	if !r.knows(orphan) {
		t.Error("what an open file without a name holds is gone")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	r.release(h)
	if r.gc(); r.knows(id) {
		t.Error("it stays when nobody reads it any more")
	}
	if _, err := r.v.OpenContent(bg(t), id, int64(len(large))); !errors.Is(err, ErrForgotten) {
		r.dropCache()
		if _, err = r.v.OpenContent(bg(t), id, int64(len(large))); !errors.Is(err, ErrForgotten) {
			t.Errorf("opened again: got %v, want ErrForgotten", err)
		}
	}
}

// Files of which most are removed share a pack; the others are read while it is
// replaced.
func TestRepackedChunksAreFound(t *testing.T) {
	repackedChunksAreFound(newRig(t, limited))
}

func TestRepackedChunksOfAnEncryptedDriveAreFound(t *testing.T) {
	repackedChunksAreFound(newRig(t, limited, encrypted))
}

func repackedChunksAreFound(r *rig) {
	t := r.t
	// A large content whose chunks are in packs with much else.
	a, b := bytesOf("a", 2<<20), bytesOf("b", 2<<20)
	r.write("ab", a+b)
	r.sync()
	r.write("b", b)
	r.sync()
	r.write("ab", "other")
	r.later()
	var m blob.Manifest
	r.v.cat.View(func(tx *catalog.Tx) (err error) { m, err = tx.Content(r.attr2(tx, "b").Content); return err })
	r.dropCache()
	before := r.objects()
	read := 0
	err := (*source)(r.v).Chunks(bg(t), m.Chunks, func(i int, p []byte) error {
		if read == 0 {
			if res := r.gc(); res.Repacked == 0 {
				t.Errorf("nothing was repacked: %+v", res)
			}
		}
		if i != read || !r.v.ring.IsChunk(m.Chunks[i].ID, p) {
			t.Errorf("chunk %d: got %d", read, i)
		}
		read++
		return nil
	})
	if err != nil || read != len(m.Chunks) {
		t.Errorf("read %d of %d chunks: %v", read, len(m.Chunks), err)
	}
	after := strings.Join(r.objects(), " ")
	for _, key := range before {
		if _, isPack := pack.ParseKey(key); isPack && strings.Contains(after, key) {
			info, _ := r.mem.Stat(bg(t), key)
			if info.Size > 1<<20 {
				t.Errorf("the old pack %s is still there", key)
			}
		}
	}
	r.dropCache()
	r.wantBytes("b", b)
}

func TestGCRemovesOrphansOfATimeInUseOnly(t *testing.T) {
	r := newRig(t, func(o *Options) { o.GC.Grace = time.Hour })
	r.write("f", "x")
	r.sync()
	orphan := func() string {
		w := pack.NewWriter(r.v.newPackID(), nil)
		r.v.packing.drop(w.ID())
		data := "orphan"
		w.Add(blob.Sum([]byte(data)), blob.Raw, uint32(len(data)), []byte(data))
		p := w.Finish()
		if err := r.mem.Put(bg(t), pack.Key(w.ID()), strings.NewReader(string(p)), int64(len(p))); err != nil {
			t.Fatal(err)
		}
		return pack.Key(w.ID())
	}
	has := func(key string) bool { _, err := r.mem.Stat(bg(t), key); return err == nil }
	left := orphan()
	r.clock.advance(30 * time.Minute)
	if r.gc(); !has(left) {
		t.Error("a young orphan was removed")
	}
	r.clock.advance(24 * time.Hour)
	strange := orphan() // nobody has used the drive for a day
	r.clock.advance(24 * time.Hour)
	r.write("g", "y")
	r.sync()
	res := r.gc()
	if has(left) || res.OrphansGone != 1 {
		t.Errorf("what a crash has left stays: %+v", res)
	}
	if !has(strange) || res.Unexplained != 1 {
		t.Errorf("a pack of an unknown time is gone: %+v", res)
	}
	r.later()
	r.gc() // also when the epochs of that time are forgotten
	r.later()
	if res := r.gc(); !has(strange) || res.Unexplained != 1 {
		t.Errorf("later it is gone: %+v", res)
	}
}

func TestGCWaitsForNobodyAndOneRunsAtATime(t *testing.T) {
	r := newRig(t, limited)
	r.write("f", "x")
	r.v.collecting.Lock()
	_, err := r.v.GC(bg(t), false, nil)
	r.v.collecting.Unlock()
	if !errors.Is(err, ErrBusy) {
		t.Errorf("a second run: got %v, want ErrBusy", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.v.GC(ctx, false, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped before it began: got %v", err)
	}
}

// A copy of the catalog elsewhere must not name objects that are gone.
func TestGCRemovesNoObjectBeforeCopiesOfTheCatalogKnow(t *testing.T) {
	fails, published := errors.New("offline"), 0
	var r *rig
	r = newRig(t, limited, func(o *Options) {
		o.GC.Publish = func(context.Context) error {
			published++
			r.v.cat.View(func(tx *catalog.Tx) error {
				if tx.Counters().Packs > 1 {
					t.Error("the rows of the packs are there")
				}
				return nil
			})
			return fails
		}
	})
	r.write("f", bytesOf("old", 1<<20))
	r.sync()
	r.write("f", "new")
	r.later()
	before := len(r.objects())
	if res := r.gc(); res.PacksGone == 0 || res.FreedBytes > 0 || len(r.objects()) != before || published == 0 {
		t.Errorf("%d of %d objects are left, %+v", len(r.objects()), before, res)
	}
	fails = nil
	r.clock.advance(time.Minute)
	if res := r.gc(); res.OrphansGone == 0 || len(r.objects()) >= before {
		t.Errorf("%d of %d objects are left, %+v", len(r.objects()), before, res)
	}
}
