package volume

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/memory"
)

// bg is the context of what a test waits for: it ends a test that hangs.
func bg(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// clock is a time that stands still until a test moves it.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	c.t = c.t.Add(d)
	c.mu.Unlock()
}

// gate is a store whose Put waits, or fails, for as long as a test wants.
type gate struct {
	tiers.Store

	mu      sync.Mutex
	err     error
	shut    chan struct{} // not nil: Put waits until it is closed
	waiting chan struct{} // gets a token for each Put that has to wait
	puts    int

	readErr atomic.Pointer[error]
}

func (g *gate) ReadAt(ctx context.Context, key string, p []byte, off int64) error {
	if err := g.readErr.Load(); err != nil && *err != nil {
		return fmt.Errorf("read %s: %w", key, *err)
	}
	return g.Store.ReadAt(ctx, key, p, off)
}

func newGate(s tiers.Store) *gate { return &gate{Store: s, waiting: make(chan struct{}, 1000)} }

func (g *gate) Put(ctx context.Context, key string, src io.ReaderAt, size int64) error {
	g.mu.Lock()
	g.puts++
	err, shut := g.err, g.shut
	g.mu.Unlock()
	if shut != nil {
		g.waiting <- struct{}{}
		select {
		case <-shut:
		case <-ctx.Done():
			return ctx.Err()
		}
		g.mu.Lock()
		err = g.err
		g.mu.Unlock()
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return g.Store.Put(ctx, key, src, size)
}

// fail makes every Put fail from now on; nil heals.
func (g *gate) fail(err error) {
	g.mu.Lock()
	g.err = err
	g.mu.Unlock()
}

// close makes every Put wait from now on.
func (g *gate) close() {
	g.mu.Lock()
	if g.shut == nil {
		g.shut = make(chan struct{})
	}
	g.mu.Unlock()
}

// open lets them go.
func (g *gate) open() {
	g.mu.Lock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
	g.mu.Unlock()
}

// rig is a volume under test with what it stands on.
type rig struct {
	t      testing.TB
	dir    string
	clock  *clock
	engine kv.Engine
	mem    *memory.Store
	store  *gate
	o      Options
	v      *Volume
	broken bool // the test spoils the repository: no audit at the end
	closed bool
}

var ada = Caller{UID: 1000, GID: 1000}

// newRig opens a new volume. The clock stands still, so nothing is sealed before
// sync or before the test moves the clock.
func newRig(t testing.TB, with ...func(*Options)) *rig {
	t.Helper()
	if t, ok := t.(*testing.T); ok {
		t.Parallel()
	}
	r := &rig{t: t, dir: t.TempDir(), clock: newClock(), engine: kv.NewMemory(), mem: memory.New(memory.Options{})}
	r.store = newGate(r.mem)
	r.o = Options{Repository: r.dir, ID: "test", Engine: r.engine, Tiers: tiers.Only(r.store),
		DraftDir: filepath.Join(r.dir, "drafts"), CacheDir: filepath.Join(r.dir, "cache"),
		SealAfter: 5 * time.Millisecond, SealWorkers: 1, LastStop: StopClean, Now: r.clock.now,
		Logger: slog.New(slog.NewTextHandler(logTo{t}, &slog.HandlerOptions{Level: slog.LevelInfo}))}
	for _, w := range with {
		w(&r.o)
	}
	r.open()
	t.Cleanup(r.end)
	return r
}

// logTo writes the log of a volume into that of a test.
type logTo struct{ t testing.TB }

func (l logTo) Write(p []byte) (int, error) {
	l.t.Logf("%s", bytes.TrimRight(p, "\n"))
	return len(p), nil
}

func (r *rig) open() {
	r.t.Helper()
	v, err := Open(r.o)
	if err != nil {
		r.t.Fatalf("open the volume: %v", err)
	}
	r.v, r.closed = v, false
}

func (r *rig) close() {
	r.t.Helper()
	if err := r.v.Close(bg(r.t), nil); err != nil {
		r.t.Errorf("close the volume: %v", err)
	}
	r.closed = true
}

// end is the end of every test: all is sealed, the repository is sound, and
// nothing is left over.
func (r *rig) end() {
	if r.closed {
		return
	}
	r.store.fail(nil)
	r.store.open()
	if !r.broken && !r.t.Failed() {
		r.audit()
	}
	if r.broken || r.t.Failed() {
		r.v.stop()
		return
	}
	r.close()
}

// audit seals everything and checks what must hold then.
func (r *rig) audit() {
	r.t.Helper()
	r.sync()
	res, err := r.v.Check(bg(r.t), true, nil)
	if err != nil {
		r.t.Fatalf("check: %v", err)
	}
	for _, f := range res.Findings {
		r.t.Errorf("check: %s: %s: %s", f.Severity, f.Object, f.Problem)
	}
	r.v.chores.wait()
	inUse := make(map[string]bool)
	for _, n := range r.v.nodes.inUse() {
		n.mu.Lock()
		inUse[n.draft] = n.draft != ""
		if n.opens == 0 {
			r.t.Errorf("node %d is in use though it is closed and sealed (job %v)", n.ino, n.job)
		}
		n.mu.Unlock()
		r.v.nodes.release(n)
	}
	r.v.cat.View(func(tx *catalog.Tx) error { // what is no data stays a draft
		return tx.Nodes(0, func(i catalog.Inode, row *catalog.Node) bool {
			if row.Keep != catalog.KeepData && row.Gen != 0 {
				inUse[r.v.drafts.path(i, row.Gen)] = true
			}
			return true
		})
	})
	left, strange, err := r.v.drafts.list()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range left {
		if !inUse[f.path] {
			r.t.Errorf("a draft is left over: %s", f.path)
		}
	}
	for _, path := range strange {
		r.t.Errorf("a strange file among the drafts: %s", path)
	}
	r.v.cat.View(func(tx *catalog.Tx) error {
		tx.Drafts(0, 0, func(d *catalog.Draft) bool {
			if !inUse[r.v.drafts.path(d.Inode, d.Gen)] {
				r.t.Errorf("a draft row is left over: %+v", *d)
			}
			return true
		})
		return tx.Nodes(0, func(i catalog.Inode, row *catalog.Node) bool {
			if !row.IsRegular() || row.Gen != 0 || row.Keep != catalog.KeepData {
				return true
			}
			p, _ := tx.Path(i)
			ver, err := tx.Version(row.File, row.Seq)
			if err != nil || ver.Content != row.Content {
				r.t.Errorf("%s: its content is not that of its version %d (%v)", p, row.Seq, err)
			}
			if last := tx.LastSeq(row.File, row.Seq); last != row.Seq {
				r.t.Errorf("%s: it is at version %d, and version %d is the last", p, row.Seq, last)
			}
			return true
		})
	})
}

func (r *rig) sync() {
	r.t.Helper()
	err := r.v.Sync(bg(r.t), "", nil)
	if err != nil { // it may tell of a try that was under way when the store healed
		err = r.v.Sync(bg(r.t), "", nil)
	}
	if err != nil {
		r.t.Fatalf("sync: %v", err)
	}
}

// commit ends an epoch and seals nothing.
func (r *rig) commit() {
	r.t.Helper()
	if err := r.v.cat.Sync(bg(r.t)); err != nil {
		r.t.Fatal(err)
	}
}

// at returns the directory and the last name of a path.
func (r *rig) at(p string) (catalog.Inode, string) {
	r.t.Helper()
	dir, name, err := r.v.resolveParent(p)
	if err != nil {
		r.t.Fatal(err)
	}
	return dir, name
}

func (r *rig) attr(p string) Attr {
	r.t.Helper()
	_, a, err := r.v.Resolve(p)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *rig) exists(p string) bool {
	_, _, err := r.v.Resolve(p)
	return err == nil
}

// handle opens a path as open(2) does.
func (r *rig) handle(p string, flags int) *Handle {
	r.t.Helper()
	h, err := r.try(p, flags)
	if err != nil {
		r.t.Fatalf("open %s: %v", p, err)
	}
	return h
}

func (r *rig) try(p string, flags int) (*Handle, error) {
	r.t.Helper()
	dir, name := r.at(p)
	if flags&unix.O_CREAT != 0 {
		h, _, err := r.v.Create(bg(r.t), dir, name, 0o644, flags, ada)
		return h, err
	}
	i, err := r.v.resolve(dir, name)
	if err != nil {
		return nil, err
	}
	return r.v.Open(bg(r.t), i, flags, ada)
}

func (r *rig) put(h *Handle, data string, off int64) {
	r.t.Helper()
	if n, err := h.WriteAt([]byte(data), off); err != nil || n != len(data) {
		r.t.Fatalf("write: %d, %v", n, err)
	}
}

func (r *rig) release(h *Handle) {
	r.t.Helper()
	if err := h.Release(); err != nil {
		r.t.Fatalf("release: %v", err)
	}
}

// write is echo -n data > path.
func (r *rig) write(p, data string) {
	r.t.Helper()
	h := r.handle(p, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC)
	r.put(h, data, 0)
	r.release(h)
}

func (r *rig) get(h *Handle) string {
	r.t.Helper()
	s, err := readAll(bg(r.t), h.ReadAt)
	if err != nil {
		r.t.Fatalf("read: %v", err)
	}
	return s
}

func readAll(ctx context.Context, readAt func(context.Context, []byte, int64) (int, error)) (string, error) {
	var all []byte
	buf := make([]byte, 1<<20)
	for {
		n, err := readAt(ctx, buf, int64(len(all)))
		all = append(all, buf[:n]...)
		if err != nil || n == 0 {
			return string(all), err
		}
	}
}

func (r *rig) read(p string) string {
	r.t.Helper()
	h := r.handle(p, unix.O_RDONLY)
	defer r.release(h)
	return r.get(h)
}

func (r *rig) unlink(p string) {
	r.t.Helper()
	dir, name := r.at(p)
	if err := r.v.Unlink(dir, name, ada); err != nil {
		r.t.Fatalf("unlink %s: %v", p, err)
	}
}

func (r *rig) rename(from, to string) { r.t.Helper(); r.renameFlags(from, to, 0) }

func (r *rig) renameFlags(from, to string, flags uint32) {
	r.t.Helper()
	dir, name := r.at(from)
	newDir, newName := r.at(to)
	if err := r.v.Rename(dir, name, newDir, newName, flags, ada); err != nil {
		r.t.Fatalf("rename %s %s: %v", from, to, err)
	}
}

func (r *rig) link(from, to string) {
	r.t.Helper()
	dir, name := r.at(to)
	if _, err := r.v.Link(r.attr(from).Ino, dir, name, Caller{}); err != nil {
		r.t.Fatalf("link %s %s: %v", from, to, err)
	}
}

func (r *rig) mkdir(p string) {
	r.t.Helper()
	dir, name := r.at(p)
	if _, err := r.v.Mkdir(dir, name, 0o755, ada); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) setxattr(p, name, value string) {
	r.t.Helper()
	if err := r.v.Setxattr(r.attr(p).Ino, name, []byte(value), 0, ada); err != nil {
		r.t.Fatal(err)
	}
}

// xattr returns the value of an attribute, "" when there is none.
func (r *rig) xattr(p, name string) string {
	r.t.Helper()
	val, err := r.v.Getxattr(r.attr(p).Ino, name)
	if err != nil && !errors.Is(err, ErrNoAttr) {
		r.t.Fatal(err)
	}
	return string(val)
}

// content returns the bytes of a version.
func (r *rig) content(id blob.ID, size int64) string {
	r.t.Helper()
	c, err := r.v.OpenContent(bg(r.t), id, size)
	if err != nil {
		r.t.Fatalf("open content %s: %v", id, err)
	}
	defer c.Close()
	s, err := readAll(bg(r.t), c.ReadAt)
	if err != nil {
		r.t.Fatalf("read content %s: %v", id, err)
	}
	if got := blob.Sum([]byte(s)); !r.v.ring.IsContent(id, got) {
		r.t.Fatalf("content %s has other bytes: %s", id, got)
	}
	return s
}

// history returns the bytes of all versions of the file at a path.
func (r *rig) history(p string) []string {
	r.t.Helper()
	list, err := r.v.Log(bg(r.t), p)
	if err != nil {
		r.t.Fatalf("log %s: %v", p, err)
	}
	all := []string{}
	for k, ver := range list {
		if ver.Seq == 0 {
			continue
		}
		if int(ver.Seq) != k+1 {
			r.t.Errorf("%s: version %d is number %d in the list", p, ver.Seq, k+1)
		}
		sum, err := blob.ParseID(ver.Content)
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, r.content(r.stored(sum), ver.Size))
	}
	return all
}

func (r *rig) wantHistory(p string, want ...string) {
	r.t.Helper()
	if got := r.history(p); !slices.Equal(got, want) {
		r.t.Errorf("versions of %s: got %q, want %q", p, brief(got), brief(want))
	}
}

func brief(list []string) []string {
	short := make([]string, len(list))
	for i, s := range list {
		if len(s) > 40 {
			s = fmt.Sprintf("%s... (%d bytes, %s)", s[:20], len(s), blob.Sum([]byte(s)).Short())
		}
		short[i] = s
	}
	return short
}

func (r *rig) wantBytes(p, want string) {
	r.t.Helper()
	if got := r.read(p); got != want {
		r.t.Errorf("%s holds %q, want %q", p, brief([]string{got}), brief([]string{want}))
	}
}

// dropCache is rm -rf cache/* under the running volume.
func (r *rig) dropCache() {
	r.t.Helper()
	entries, err := os.ReadDir(r.o.CacheDir)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(r.o.CacheDir, e.Name())); err != nil {
			r.t.Fatal(err)
		}
	}
}

// names returns the names in a directory.
func (r *rig) names(p string) []string {
	r.t.Helper()
	list, err := r.v.ReadDir(r.attr(p).Ino, "", 1000, true)
	if err != nil {
		r.t.Fatal(err)
	}
	names := []string{}
	for _, e := range list {
		names = append(names, e.Name)
	}
	return names
}

// jobs returns how many drafts wait to be sealed or are being sealed.
func (r *rig) jobs() int {
	r.v.sealer.mu.Lock()
	defer r.v.sealer.mu.Unlock()
	return len(r.v.sealer.jobs)
}

// occupy makes the only worker of the sealer wait in a Put, with another file, so
// that every other job stays in the queue. The returned function lets it go.
func (r *rig) occupy() (release func()) {
	r.t.Helper()
	r.store.close()
	name := "occupied by the sealer " + path.Base(r.t.Name())
	r.write(strings.Map(func(c rune) rune {
		if c == '/' {
			return '_'
		}
		return c
	}, name), name+fmt.Sprint(r.store.puts))
	r.hurryAll()
	r.awaitPut()
	return r.store.open
}

// awaitPut waits until the sealer stands before the closed gate.
func (r *rig) awaitPut() {
	r.t.Helper()
	select {
	case <-r.store.waiting:
	case <-bg(r.t).Done():
		r.t.Fatal("the sealer does not come to the store")
	}
}

// hurryAll puts all jobs in front, as Sync does, and does not wait.
func (r *rig) hurryAll() {
	s := r.v.sealer
	s.mu.Lock()
	for j := range s.jobs {
		s.hurryLocked(j)
	}
	s.changed.Broadcast()
	s.mu.Unlock()
}

// random returns bytes that do not compress, the same for the same seed.
func random(size int, seed uint64) string {
	b := make([]byte, size)
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return string(b)
}
