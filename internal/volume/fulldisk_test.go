package volume

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/dir"
)

// smallDisk mounts a disk of some MiB.
func smallDisk(t *testing.T, mib int) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%dm", mib)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	return disk
}

// Sealed bytes that lie in the cache, and in the tier as well, give way to bytes that
// have nowhere else to go.
func TestFullDiskTakesItsRoomFromTheCache(t *testing.T) {
	clock := newClock()
	r := newRig(t, func(o *Options) {
		disk := smallDisk(t, 64)
		if err := dir.Create(filepath.Join(disk, "blobs"), "test", dir.Options{}); err != nil {
			t.Fatal(err)
		}
		store, err := dir.Open(filepath.Join(disk, "blobs"), "test", dir.Options{})
		if err != nil {
			t.Fatal(err)
		}
		o.Tiers, o.Engine, o.Now = tiers.Only(store), kv.NewMemory(), clock.now
		o.DraftDir, o.CacheDir = filepath.Join(disk, "drafts"), filepath.Join(disk, "cache")
		o.Logger = slog.New(slog.DiscardHandler)
	})
	old := make(map[string]string)
	for k := range 10 { // 20 MiB in the tier, 20 MiB in the cache
		p := fmt.Sprint("old ", k)
		old[p] = random(2<<20, uint64(k))
		r.write(p, old[p])
	}
	r.sync()
	clock.advance(time.Hour)
	data := random(21<<20, 99) // sealing it needs as much again, and there are 3 MiB
	r.write("new", data)
	if err := r.v.Sync(bg(t), "", nil); err != nil {
		t.Errorf("seal: %v", err)
	}
	r.wantBytes("new", data)
	if used := r.v.cache.Usage().Bytes; used > 30<<20 {
		t.Errorf("%d bytes in the cache", used)
	}
	clock.advance(time.Hour)
	h := r.handle("more", unix.O_RDWR|unix.O_CREAT)
	for off := int64(0); off < 12<<20; off += 1 << 20 { // writing takes its room from there, too
		if _, err := h.WriteAt([]byte(data[:1<<20]), off); err != nil {
			t.Fatalf("write at %d: %v", off, err)
		}
	}
	if err := h.Allocate(12<<20, 1<<30, 0); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("what has no room at all: %v", err)
	}
	r.unlink("more")
	r.release(h)
	for p, want := range old {
		clock.advance(time.Hour)
		r.wantBytes(p, want)
	}
}

// Collecting makes room on a disk that has none: what is garbage as a whole goes before
// anything is moved. A move that has no room loses nothing.
func TestGCOnAFullDisk(t *testing.T) {
	var disk string
	r := newRig(t, limited, func(o *Options) {
		disk = smallDisk(t, 64)
		if err := dir.Create(filepath.Join(disk, "blobs"), "test", dir.Options{}); err != nil {
			t.Fatal(err)
		}
		store, err := dir.Open(filepath.Join(disk, "blobs"), "test", dir.Options{})
		if err != nil {
			t.Fatal(err)
		}
		o.Tiers = tiers.Only(store)
	})
	fill := func() (empty func()) {
		name := filepath.Join(disk, "filler")
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, err = f.Write(make([]byte, 64<<10))
		}
		f.Close()
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
		return func() { os.Remove(name) }
	}
	kept := make(map[string]string)
	mixed := func(round int) { // a pack of which a sixth is needed
		for k := range 6 {
			p := fmt.Sprintf("mixed %d %d", round, k)
			r.write(p, random(1<<20, uint64(10*round+k)))
			if k == 3 {
				kept[p] = random(1<<20, uint64(10*round+k))
			}
		}
		r.sync()
		for k := range 6 {
			if p := fmt.Sprintf("mixed %d %d", round, k); kept[p] == "" {
				r.write(p, "small")
			}
		}
		r.sync()
	}
	mixed(1)
	r.write("dead", random(12<<20, 100))
	r.sync()
	r.write("dead", "other")
	r.later()
	empty := fill()
	res := r.gc()
	if res.FreedBytes < 14<<20 || res.Repacked == 0 {
		t.Errorf("got %+v, want the dead packs gone and the other one moved", res)
	}
	empty()

	mixed(2)
	r.later()
	empty = fill()
	if res, err := r.v.GC(bg(t), false, nil); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a move without room: %+v, %v, want ENOSPC", res, err)
	}
	r.dropCache()
	for p, want := range kept {
		r.wantBytes(p, want)
	}
	empty()
	if res := r.gc(); res.Repacked == 0 {
		t.Errorf("when there is room again: %+v", res)
	}
	r.dropCache()
	for p, want := range kept {
		r.wantBytes(p, want)
	}
}
