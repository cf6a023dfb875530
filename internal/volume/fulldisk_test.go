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
		o.Store, o.Engine, o.Now = store, kv.NewMemory(), clock.now
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
