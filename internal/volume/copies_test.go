package volume

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/memory"
	"github.com/rdfs/rdfs/tiers/pack"
)

// far is a second tier under test.
type far struct {
	*memory.Store
	away atomic.Bool
}

// twoTiers gives a rig a second tier, and asks for two copies.
func twoTiers(f *far) func(*Options) {
	f.Store = memory.New(memory.Options{Fault: func(memory.Op, string) error {
		if f.away.Load() {
			return fmt.Errorf("the network: %w", blob.ErrOffline)
		}
		return nil
	}})
	return func(o *Options) {
		o.Tiers = append(o.Tiers, tiers.Tier{Name: "far", Provider: "far", Store: f})
		o.Copies = 2
	}
}

// run runs what a mounted drive does for its copies; stop ends it.
func (r *rig) runCopies() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); r.v.RunCopies(ctx) }()
	return func() { cancel(); <-done }
}

// packs returns the rows of all packs.
func (r *rig) packs() (list []catalog.Pack) {
	r.v.cat.View(func(tx *catalog.Tx) error { list = r.rows(tx); return nil })
	return list
}

func (r *rig) rows(tx *catalog.Tx) (list []catalog.Pack) {
	tx.Packs(blob.PackID{}, func(p *catalog.Pack) bool { list = append(list, *p); return true })
	return list
}

// waiting returns how many moves wait.
func (r *rig) waiting() (n int) {
	r.v.eachMove(func(*catalog.Move) error { n++; return nil })
	return n
}

// eventually waits until ok is true.
func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("it never happens: %s", what)
		}
	}
}

// wantCopies checks that each pack is, whole, in the tiers that its row names, which are
// those given, and nowhere else.
func (r *rig) wantCopies(names ...string) {
	r.t.Helper()
	for _, p := range r.packs() {
		if got := p.In(); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(names))) {
			r.t.Errorf("pack %s is in %v, want %v", pack.Key(p.ID), got, names)
		}
		for _, t := range r.v.store.Tiers() {
			_, err := r.v.readCopy(bg(r.t), t, &p)
			if in := inTier(&p, t.Name); in != (err == nil) {
				r.t.Errorf("pack %s in tier %s: known to be there: %v; reading it: %v", pack.Key(p.ID), t.Name, in, err)
			}
		}
	}
}

// spoil changes a byte of every pack of a store.
func spoil(t testing.TB, s tiers.Store) {
	t.Helper()
	for info, err := range s.List(bg(t), pack.Prefix) {
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, info.Size)
		if err := s.ReadAt(bg(t), info.Key, data, 0); err != nil {
			t.Fatal(err)
		}
		data[len(data)/2] ^= 1
		data[70] ^= 1
		if err := errors.Join(s.Delete(bg(t), info.Key), s.Put(bg(t), info.Key, bytes.NewReader(data), info.Size)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSyncReturnsWhenEverythingHasTwoCopies(t *testing.T) {
	f := &far{}
	r := newRig(t, twoTiers(f))
	r.write("a", "some bytes")
	r.write("b", random(3<<20, 1))
	f.away.Store(true)
	if err := r.v.Sync(bg(t), "", nil); !errors.Is(err, blob.ErrOffline) {
		t.Errorf("sync with a tier away: got %v, want ErrOffline", err)
	}
	if got := r.xattr("b", "user.rdfs.state") + " " + r.xattr("b", "user.rdfs.copies") + " " + r.xattr("b", "user.rdfs.tier"); got != "sealed 1 local" {
		t.Errorf("with a tier away: %s", got)
	}
	st, err := r.v.Status(bg(t))
	if err != nil || st.SafeToUnplug || st.Waiting == 0 || !strings.Contains(strings.Join(st.Why, " "), "tier far is away") {
		t.Errorf("status: %+v, %v", st, err)
	}
	f.away.Store(false)
	r.sync()
	r.wantCopies("local", "far")
	if got := r.xattr("b", "user.rdfs.state") + " " + r.xattr("b", "user.rdfs.copies") + " " + r.xattr("b", "user.rdfs.tier"); got != "stored 2 local,far" {
		t.Errorf("when all is made: %s", got)
	}
}

func TestCopiesAreMadeWhenTheTierIsBack(t *testing.T) {
	f := &far{}
	r := newRig(t, twoTiers(f))
	defer r.runCopies()()
	f.away.Store(true)
	r.write("a", random(1<<20, 2))
	if err := r.v.Flush(bg(t), nil); err != nil {
		t.Fatalf("what is closed is sealed though a tier is away: %v", err)
	}
	if r.waiting() == 0 {
		t.Error("nothing waits for the tier")
	}
	f.away.Store(false)
	r.clock.advance(time.Hour)
	r.v.copies.wake()
	r.eventually("the copies are made", func() bool { return r.waiting() == 0 })
	r.wantCopies("local", "far")
}

func TestWhenTheFirstTierIsAwayTheNextTakesWhatIsNew(t *testing.T) {
	f := &far{}
	r := newRig(t, twoTiers(f))
	r.store.fail(blob.ErrOffline)
	r.write("a", "saved in bad weather")
	if err := r.v.Flush(bg(t), nil); err != nil {
		t.Fatal(err)
	}
	r.wantCopies("far")
	r.store.fail(nil)
	r.sync()
	r.wantCopies("local", "far")
}

func TestADamagedCopyIsReadFromAnotherTierAndRepaired(t *testing.T) {
	f := &far{}
	r := newRig(t, twoTiers(f))
	want := random(2<<20, 3)
	r.write("a", want)
	r.sync()
	for _, bad := range []tiers.Store{r.mem, f.Store} {
		spoil(t, bad)
		r.dropCache()
		r.wantBytes("a", want)
		if bad == tiers.Store(r.mem) {
			r.wantCopies("local", "far")
			continue
		}
		// Nobody has read the far copy: check finds it, and an examination repairs it.
		res, err := r.v.Check(bg(t), true, nil)
		if err != nil || res.Errors == 0 || !strings.Contains(res.Findings[0].Object, "in tier far") {
			t.Errorf("check: %+v, %v", res.Findings, err)
		}
		for _, p := range r.packs() {
			r.v.heal(bg(t), p.ID)
		}
		r.wantCopies("local", "far")
	}
}

func TestADamagedPackWithoutAGoodCopyIsNotTouched(t *testing.T) {
	f := &far{}
	r := newRig(t, twoTiers(f))
	r.write("a", random(1<<20, 4))
	r.sync()
	spoil(t, r.mem)
	spoil(t, f.Store)
	r.dropCache()
	h, err := r.try("a", 0)
	if err == nil {
		_, err = h.ReadAt(bg(t), make([]byte, 10), 0)
		r.release(h)
	}
	if !errors.Is(err, blob.ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
	for _, p := range r.packs() {
		if len(p.In()) != 2 {
			t.Errorf("pack %s was taken out of %v", pack.Key(p.ID), p.In())
		}
	}
	r.broken = true
}

func TestALostCopyIsMadeAnew(t *testing.T) {
	f := &far{}
	r := newRig(t, twoTiers(f))
	want := random(1<<20, 5)
	r.write("a", want)
	r.sync()
	for info := range r.mem.List(bg(t), pack.Prefix) {
		if err := r.mem.Delete(bg(t), info.Key); err != nil {
			t.Fatal(err)
		}
	}
	r.dropCache()
	r.wantBytes("a", want) // from the other tier
	defer r.runCopies()()
	r.eventually("the lost copy is there again", func() bool { return len(r.objects()) == len(r.packs()) && r.waiting() == 0 })
	r.wantCopies("local", "far")
}

func TestATierThatIsAddedLaterGetsCopies(t *testing.T) {
	r := newRig(t)
	r.write("a", random(1<<20, 6))
	r.sync()
	r.update(func(tx *catalog.Tx) { // as before it was recorded where a pack is
		for _, p := range r.rows(tx) {
			p.Where = nil
			tx.PutPack(&p)
		}
	})
	if got := r.xattr("a", "user.rdfs.copies") + " " + r.xattr("a", "user.rdfs.tier"); got != "1 local" {
		t.Errorf("with the one tier: %s", got)
	}
	r.close()
	f := &far{}
	twoTiers(f)(&r.o)
	r.open()
	defer r.runCopies()()
	r.eventually("the copies are made", func() bool { return slices.Equal(r.packs()[0].In(), []string{"local", "far"}) && r.waiting() == 0 })
	r.wantCopies("local", "far")
}

func TestFewerCopiesAreAskedForLater(t *testing.T) {
	f := &far{}
	r := newRig(t, twoTiers(f))
	want := random(1<<20, 7)
	r.write("a", want)
	r.sync()
	r.close()
	r.o.Copies = 1
	r.open()
	stop := r.runCopies()
	r.eventually("the copy too many is gone", func() bool { return len(r.packs()[0].In()) == 1 && r.waiting() == 0 })
	stop()
	r.wantCopies("local")
	r.dropCache()
	r.wantBytes("a", want)
}

func TestGarbageGoesFromAllTiers(t *testing.T) {
	f := &far{}
	r := newRig(t, twoTiers(f), limited)
	r.write("a", random(1<<20, 8))
	r.sync()
	r.write("a", random(1<<20, 9))
	r.later()
	if res := r.gc(); res.PacksGone == 0 {
		t.Errorf("nothing was collected: %+v", res)
	}
	n := 0
	for range f.List(bg(t), pack.Prefix) {
		n++
	}
	if near := len(r.objects()); near != 1 || n != 1 {
		t.Errorf("%d objects are left in the near tier, %d in the far one; want 1 and 1", near, n)
	}
	r.wantCopies("local", "far")
}

// A process that dies in the midst of a move leaves a copy too many at most: from any
// operation on, nothing works any more; the next run ends it. A move takes 8.
func TestAMoveThatIsCutShortLosesNothing(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for cut := range int64(10) {
		t.Run(fmt.Sprint("after ", cut, " operations"), func(t *testing.T) {
			var left atomic.Int64
			alive := func() { left.Store(1 << 40) }
			alive()
			store := func() *memory.Store {
				return memory.New(memory.Options{Fault: func(memory.Op, string) error {
					if left.Add(-1) < 0 {
						return errors.New("the process is dead")
					}
					return nil
				}})
			}
			r := newRig(t, func(o *Options) {
				o.Tiers = []tiers.Tier{{Name: "a", Provider: "a", Store: store()}, {Name: "b", Provider: "b", Store: store()}}
			})
			want := random(200<<10, seed)
			r.write("file", want)
			r.sync()
			r.update(func(tx *catalog.Tx) {
				for _, p := range r.rows(tx) {
					r.v.askFor(tx, &p, []string{"b"}, "it belongs there now")
				}
			})
			left.Store(cut)
			n, err := r.v.carry(bg(t), nil)
			if cut >= 8 && (n > 0 || err != nil) || cut < 7 && n == 0 {
				t.Errorf("the move: %d left, %v", n, err)
			}
			r.v.stop()
			alive()
			r.open()
			r.dropCache()
			r.wantBytes("file", want)
			if _, err := r.v.carry(bg(t), nil); err != nil {
				t.Errorf("the next run: %v", err)
			}
			r.dropCache()
			r.wantBytes("file", want)
			for _, p := range r.packs() {
				if !slices.Equal(p.In(), []string{"b"}) {
					t.Errorf("in the end it is in %v", p.In())
				}
			}
		})
	}
}
