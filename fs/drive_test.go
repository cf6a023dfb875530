package fs_test

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/fs"
	"github.com/rdfs/rdfs/internal/volume"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/dir"
)

// drive is a repository that a test mounts in its own process.
type drive struct {
	t     testing.TB
	repo  string
	mnt   string
	vol   *volume.Volume
	mount *fs.Mount
	opts  fs.Options
}

const repoID = "01JTESTTESTTESTTESTTESTTES"

// newDrive makes a repository and mounts it; the test's end unmounts it.
func newDrive(t testing.TB, o fs.Options) *drive {
	t.Helper()
	d := &drive{t: t, repo: t.TempDir(), mnt: t.TempDir(), opts: o}
	for _, sub := range []string{"catalog", "drafts", "cache"} {
		if err := os.Mkdir(filepath.Join(d.repo, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := dir.Create(d.blobs(), repoID, dir.Options{}); err != nil {
		t.Fatal(err)
	}
	d.open(volume.StopClean)
	t.Cleanup(d.close)
	return d
}

func (d *drive) blobs() string { return filepath.Join(d.repo, "blobs") }

func (d *drive) open(last volume.Stop) {
	d.t.Helper()
	store, err := dir.Open(d.blobs(), repoID, dir.Options{})
	if err != nil {
		d.t.Fatal(err)
	}
	engine, err := kv.OpenBolt(filepath.Join(d.repo, "catalog", "catalog.db"), kv.BoltOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(testLog{d.t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	d.vol, err = volume.Open(volume.Options{Repository: d.repo, ID: repoID, Engine: engine, Tiers: tiers.Only(store),
		DraftDir: filepath.Join(d.repo, "drafts"), CacheDir: filepath.Join(d.repo, "cache"),
		SealAfter: 50 * time.Millisecond, LastStop: last, Logger: log})
	if err != nil {
		d.t.Fatal(err)
	}
	o := d.opts
	o.Source, o.AllowOther, o.Logger = d.repo, os.Geteuid() == 0, log
	if d.mount, err = fs.New(d.vol, d.mnt, o); err != nil {
		d.vol.Close(context.Background(), nil)
		d.t.Fatal(err)
	}
}

func (d *drive) close() {
	if d.mount == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := d.mount.Unmount(ctx); err != nil {
		d.t.Errorf("unmount: %v", err)
	}
	d.mount.Wait()
	if err := d.vol.Close(ctx, nil); err != nil {
		d.t.Errorf("close: %v", err)
	}
	d.mount = nil
}

func (d *drive) remount() {
	d.t.Helper()
	d.close()
	d.open(volume.StopClean)
}

func (d *drive) sync() {
	d.t.Helper()
	if err := d.vol.Sync(context.Background(), "", nil); err != nil {
		d.t.Fatal(err)
	}
}

func (d *drive) path(elem ...string) string {
	return filepath.Join(append([]string{d.mnt}, elem...)...)
}

type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) { l.t.Logf("%s", p); return len(p), nil }

// bothWays runs a test on a mount with passthrough and on one without.
func bothWays(t *testing.T, test func(t *testing.T, d *drive)) {
	t.Run("passthrough", func(t *testing.T) {
		d := newDrive(t, fs.Options{})
		if why := d.mount.WhyNoPassthrough(); why != "" {
			t.Fatalf("no passthrough: %s", why)
		}
		test(t, d)
	})
	t.Run("through the daemon", func(t *testing.T) { test(t, newDrive(t, fs.Options{NoPassthrough: true})) })
}

// eventually waits for what the kernel does in its own time.
func eventually(ok func() bool) bool {
	for range 2000 {
		if ok() {
			return true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}

// The library writes into the log of the process what goes wrong with a reply.
func TestLargeReadsAreAnsweredWithoutAWord(t *testing.T) {
	d := newDrive(t, fs.Options{NoPassthrough: true})
	data := bytes.Repeat([]byte("0123456789abcdef"), 256<<10)
	if err := os.WriteFile(d.path("f"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	var said lockedBuffer
	log.SetOutput(&said)
	defer log.SetOutput(os.Stderr)
	f, err := os.OpenFile(d.path("f"), os.O_RDONLY|unix.O_DIRECT, 0) // each read is a request
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page, err := unix.Mmap(-1, 0, len(data), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(page)
	if n, err := f.Read(page); err != nil || !bytes.Equal(page[:n], data) {
		t.Errorf("read %d bytes, %v; want the %d that were written", n, err, len(data))
	}
	if s := said.String(); s != "" {
		t.Errorf("the log says:\n%s", s)
	}
}

// lockedBuffer is a buffer that many goroutines write to.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
