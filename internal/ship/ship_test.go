package ship

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/memory"
)

const repo = "01JNB7Z0000000000000000000"

// rig is a catalog that is shipped to a store.
type rig struct {
	t     *testing.T
	rng   *rand.Rand
	path  string
	store *faulty
	mu    sync.Mutex
	now   time.Time
	ids   int

	engine  *Engine
	cat     *catalog.Catalog
	shipper *Shipper
}

func newRig(t *testing.T) *rig {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := &rig{t: t, rng: rand.New(rand.NewPCG(seed, 1)), path: filepath.Join(t.TempDir(), "catalog.db"),
		store: &faulty{Store: memory.New(memory.Options{})}, now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	r.open(0)
	t.Cleanup(func() { r.cat.Close() })
	return r
}

// clock is a second later each time that it is asked.
func (r *rig) clock() time.Time { return r.advance(time.Second) }

func (r *rig) advance(d time.Duration) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
	return r.now
}

func (r *rig) open(limit int) {
	r.t.Helper()
	bolt, err := kv.OpenBolt(r.path, kv.BoltOptions{Reserve: -1})
	must(r.t, err)
	r.engine = Wrap(bolt, limit, r.clock)
	r.cat, err = catalog.Open(r.engine, catalog.Options{ID: repo, Now: r.clock, Interval: time.Hour})
	must(r.t, err)
	r.shipper = New(Options{Engine: r.engine, Store: r.store, Repository: repo, State: r.path + ".ship", Now: r.clock,
		Config: func() []byte { return []byte("version: 1\n") }, Keep: 3,
		NewID: func() string { r.ids++; return fmt.Sprintf("COPY%08d", r.ids) }})
}

// close ends the run in order.
func (r *rig) close() {
	r.t.Helper()
	must(r.t, r.cat.Close())
	must(r.t, r.shipper.Close(r.t.Context()))
}

// change commits n groups of random rows.
func (r *rig) change(n int) {
	r.t.Helper()
	for range n {
		err := r.cat.Update(func(tx *catalog.Tx) error {
			for range 1 + r.rng.IntN(20) {
				i := catalog.Inode(2 + r.rng.IntN(200))
				switch r.rng.IntN(4) {
				case 0:
					tx.PutNode(i, &catalog.Node{Mode: catalog.TypeRegular, Size: r.rng.Int64N(1 << 40), File: catalog.FileID(i)})
				case 1:
					tx.DeleteNode(i)
				case 2:
					tx.PutAttr(catalog.FileID(i), "user.k", []byte(strings.Repeat("v", r.rng.IntN(100))))
				case 3:
					tx.PutSnapshot(&catalog.Snapshot{Name: fmt.Sprint("s", i), Epoch: tx.Epoch()})
				}
			}
			return nil
		})
		must(r.t, err)
		must(r.t, r.cat.Sync(r.t.Context()))
	}
}

func (r *rig) ship() {
	r.t.Helper()
	must(r.t, r.shipper.Ship(r.t.Context()))
}

// rows returns all rows of an engine, as text.
func rows(t *testing.T, e kv.Engine) map[string]string {
	t.Helper()
	s, err := e.Snapshot()
	must(t, err)
	defer s.Close()
	all := make(map[string]string)
	for _, table := range catalog.Tables() {
		s.Ascend([]byte{table.ID}, nil, func(k, v []byte) bool { all[string(k)] = string(v); return true })
	}
	return all
}

// recover makes the catalog anew from the store, and returns its rows.
func (r *rig) recover(at time.Time) (map[string]string, Recovered) {
	r.t.Helper()
	path := filepath.Join(r.t.TempDir(), "catalog.db")
	var got map[string]string
	open := func() (kv.Engine, error) { return kv.OpenBolt(path, kv.BoltOptions{Reserve: -1}) }
	res, err := Recover(r.t.Context(), r.store, nil, repo, at, func(from io.Reader) error {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(f, from)
		return err
	}, open, nil)
	must(r.t, err)
	e, err := open()
	must(r.t, err)
	defer e.Close()
	must(r.t, e.Declare(catalog.Tables()))
	got = rows(r.t, e)
	must(r.t, e.Check(r.t.Context(), func(problem string) { r.t.Errorf("the recovered file: %s", problem) }))
	return got, res
}

func (r *rig) want(got, want map[string]string) {
	r.t.Helper()
	for k, v := range want {
		if got[k] != v {
			r.t.Fatalf("row %x: got %x, want %x", k, got[k], v)
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			r.t.Fatalf("row %x should not be there", k)
		}
	}
}

// A run that did nothing but take a copy ends in order, too, and so does one that did
// nothing at all.
func TestNothingIsCopiedTwice(t *testing.T) {
	r := newRig(t)
	r.change(3)
	r.ship()
	for range 3 {
		r.close()
		r.open(0)
		r.ship()
	}
	if ids, err := listCopies(t.Context(), r.store); err != nil || len(ids) != 1 {
		t.Errorf("copies: %v, %v; want one", ids, err)
	}
}

// faulty is a store that fails.
type faulty struct {
	tiers.Store
	mu      sync.Mutex
	offline bool
	lost    bool // what is put is stored, and the answer is lost
	puts    map[string]int
}

func (f *faulty) set(offline, lost bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offline, f.lost = offline, lost
}

func (f *faulty) Put(ctx context.Context, key string, src io.ReaderAt, size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.offline {
		return blob.ErrOffline
	}
	if f.puts == nil {
		f.puts = make(map[string]int)
	}
	f.puts[key]++
	err := f.Store.Put(ctx, key, src, size)
	if err == nil && f.lost {
		return blob.ErrOffline
	}
	return err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatWasShippedComesBack(t *testing.T) {
	r := newRig(t)
	for range 12 {
		r.change(r.rng.IntN(6))
		r.ship()
		want := rows(t, r.engine)
		if r.rng.IntN(3) == 0 {
			r.change(2) // and not shipped
		}
		got, _ := r.recover(time.Time{})
		r.want(got, want)
		switch r.rng.IntN(4) {
		case 0:
			r.close()
			r.open(0)
			got, _ := r.recover(time.Time{})
			r.want(got, rows(t, r.engine))
		case 1: // the process dies
			must(t, r.cat.Close())
			r.open(0)
		case 2:
			r.advance(25 * time.Hour) // another copy is due
		}
	}
}

func TestARunThatEndedInOrderGoesOnWithTheLog(t *testing.T) {
	r := newRig(t)
	r.change(3)
	r.ship()
	r.change(3)
	r.close()
	r.open(0)
	r.change(3)
	r.ship()
	got, res := r.recover(time.Time{})
	r.want(got, rows(t, r.engine))
	if res.Copy != "COPY00000001" || res.Segments < 2 {
		t.Errorf("got %+v, want the first copy and its log", res)
	}
	// A file that is not the catalog that was shipped is copied anew.
	must(t, r.cat.Close())
	must(t, r.shipper.Close(t.Context()))
	bolt, err := kv.OpenBolt(r.path, kv.BoltOptions{Reserve: -1})
	must(t, err)
	c, err := catalog.Open(bolt, catalog.Options{ID: repo, Now: r.clock})
	must(t, err)
	must(t, c.Update(func(tx *catalog.Tx) error { tx.PutAttr(9, "user.elsewhere", nil); return nil }))
	must(t, c.Close())
	r.open(0)
	r.ship()
	got, res = r.recover(time.Time{})
	r.want(got, rows(t, r.engine))
	if res.Copy == "COPY00000001" {
		t.Error("changes that nobody logged were not noticed")
	}
}

func TestRecoverStopsAtAMoment(t *testing.T) {
	r := newRig(t)
	type point struct {
		at   time.Time
		rows map[string]string
	}
	var points []point
	for day := range 3 {
		r.change(2)
		r.ship()
		for range 5 {
			r.change(1 + r.rng.IntN(3))
			points = append(points, point{r.advance(0), rows(t, r.engine)})
			if r.rng.IntN(2) == 0 {
				r.ship()
			}
		}
		r.ship()
		r.advance(time.Duration(day+25) * time.Hour)
	}
	for _, p := range points {
		got, _ := r.recover(p.at)
		r.want(got, p.rows)
	}
	_, err := Recover(t.Context(), r.store, nil, repo, points[0].at.Add(-time.Hour), nil, nil, nil)
	if !errors.Is(err, ErrNoCopy) {
		t.Errorf("before the first copy: got %v, want ErrNoCopy", err)
	}
	if _, err := Recover(t.Context(), r.store, nil, "another", time.Time{}, nil, nil, nil); !errors.Is(err, ErrNoCopy) {
		t.Errorf("of another repository: got %v, want ErrNoCopy", err)
	}
}

func TestATierThatFailsLosesNothing(t *testing.T) {
	r := newRig(t)
	r.change(2)
	r.ship()
	for range 20 {
		offline := r.rng.IntN(2) == 0
		r.store.set(offline, !offline && r.rng.IntN(2) == 0)
		r.change(1 + r.rng.IntN(3))
		for range r.rng.IntN(4) {
			_ = r.shipper.Ship(t.Context())
			r.change(r.rng.IntN(2))
		}
		r.store.set(false, false)
		r.ship()
		got, _ := r.recover(time.Time{})
		r.want(got, rows(t, r.engine))
	}
	if st := r.shipper.Status(); st.Waiting != 0 || st.Due {
		t.Errorf("status: %+v", st)
	}
}

func TestMoreThanFitsInMemoryIsCopied(t *testing.T) {
	r := newRig(t)
	must(t, r.cat.Close())
	r.open(1000)
	r.change(2)
	r.ship()
	r.store.set(true, false)
	r.change(100)
	if err := r.shipper.Ship(t.Context()); err == nil {
		t.Fatal("shipped to a store that is offline")
	}
	st := r.shipper.Status()
	if !st.Due || st.Waiting > 1000 {
		t.Errorf("status: %+v", st)
	}
	r.store.set(false, false)
	r.ship()
	got, _ := r.recover(time.Time{})
	r.want(got, rows(t, r.engine))
}

func TestCopiesShareBlocksAndOldOnesGo(t *testing.T) {
	r := newRig(t)
	r.change(200)
	for range 6 {
		r.change(1)
		r.advance(25 * time.Hour)
		r.ship()
	}
	ids, err := listCopies(t.Context(), r.store)
	must(t, err)
	if len(ids) != 3 {
		t.Errorf("%d copies are kept, want 3", len(ids))
	}
	needed := map[string]bool{}
	for _, id := range ids {
		m, err := getManifest(t.Context(), r.store, id)
		must(t, err)
		for _, b := range m.Blocks {
			needed[b] = true
		}
	}
	for info, err := range r.store.List(t.Context(), Prefix) {
		must(t, err)
		if hash, ok := strings.CutPrefix(info.Key, blocks); ok && !needed[hash] {
			t.Errorf("block %s is needed by nobody", hash)
		}
		if rest, ok := strings.CutPrefix(info.Key, logs); ok && rest[:len(ids[0])] < ids[0] {
			t.Errorf("%s belongs to a copy that is gone", info.Key)
		}
	}
	got, _ := r.recover(time.Time{})
	r.want(got, rows(t, r.engine))
	text, err := Config(t.Context(), r.store)
	if err != nil || string(text) != "version: 1\n" {
		t.Errorf("the configuration: %q, %v", text, err)
	}
}

func TestADamagedCopyIsPassedOver(t *testing.T) {
	r := newRig(t)
	r.change(3)
	r.ship()
	r.change(3)
	r.ship()
	want := rows(t, r.engine)
	r.advance(25 * time.Hour)
	r.change(2)
	r.ship()
	id := fmt.Sprintf("COPY%08d", r.ids)
	m, err := getManifest(t.Context(), r.store, id)
	must(t, err)
	id1, err := blob.ParseID(m.Blocks[len(m.Blocks)-1])
	must(t, err)
	must(t, r.store.Delete(t.Context(), blockKey(id1)))
	must(t, put(t.Context(), r.store, blockKey(id1), []byte("rotten")))
	got, res := r.recover(time.Time{})
	if res.Copy == id || len(res.Passed) != 1 || !strings.Contains(res.Passed[0], id) {
		t.Errorf("got %+v", res)
	}
	// The log of the older copy reaches to the newer one; what was committed in between is
	// in it or was shipped before.
	for k := range want {
		if _, ok := got[k]; !ok && k[0] != 'm' && k[0] != 'e' && k[0] != 'f' {
			if _, live := rows(t, r.engine)[k]; live {
				t.Errorf("row %x is missing", k)
			}
		}
	}
}

// Writers go on while copies are taken; the state that comes back is one that was.
func TestACopyIsOfOneMomentThoughWritersGoOn(t *testing.T) {
	r := newRig(t)
	r.change(50)
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			select {
			case <-stop:
				done <- n
				return
			default:
			}
			n++
			// In each state both rows say the same.
			value := []byte(fmt.Sprint(n))
			r.cat.Update(func(tx *catalog.Tx) error {
				tx.PutAttr(5, "user.first", value)
				tx.PutAttr(900, "user.second", value)
				return nil
			})
			r.cat.Sync(context.Background())
		}
	}()
	for range 10 {
		r.engine.miss() // so that each is a copy
		r.ship()
		got, _ := r.recover(time.Time{})
		var first, second []byte
		for k, v := range got {
			if k[0] == 'a' && strings.HasSuffix(k, "user.first") {
				first = []byte(v)
			}
			if k[0] == 'a' && strings.HasSuffix(k, "user.second") {
				second = []byte(v)
			}
		}
		// The first bytes say in which epoch the row was written: the same for both.
		if !bytes.Equal(first, second) {
			t.Fatalf("a state that never was: %q and %q", first, second)
		}
	}
	close(stop)
	if <-done == 0 {
		t.Error("nobody wrote")
	}
}

func FuzzGroups(f *testing.F) {
	e := Wrap(nil, 0, func() time.Time { return time.Unix(5, 7) })
	b := e.appendGroup(nil, func(yield func(k, v []byte) bool) { _ = yield([]byte("k"), []byte("value")) && yield([]byte("z"), nil) })
	f.Add(b)
	f.Add(e.appendGroup(b, func(func(k, v []byte) bool) {}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			g, rest, err := nextGroup(b)
			if err != nil {
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("it does not go on")
			}
			_ = g.rows(func(k, v []byte) {
				if len(k)+len(v) > len(b) {
					t.Fatal("a row out of nothing")
				}
			})
			b = rest
		}
	})
}
