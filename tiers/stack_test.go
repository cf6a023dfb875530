package tiers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/memory"
	"github.com/rdfs/rdfs/tiers/tiertest"
)

func TestAStackIsAStore(t *testing.T) {
	for n := 1; n <= 3; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			tiertest.Run(t, func(*testing.T) tiers.Store {
				var all []tiers.Tier
				for i := range n {
					all = append(all, tiers.Tier{Name: fmt.Sprint(i), Store: memory.New(memory.Options{})})
				}
				return tiers.NewStack(tiers.StackOptions{Tiers: all})
			})
		})
	}
}

func TestAllIsAStore(t *testing.T) {
	for n := 1; n <= 2; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			tiertest.Run(t, func(*testing.T) tiers.Store {
				var all tiers.All
				for i := range n {
					all = append(all, tiers.Tier{Name: fmt.Sprint(i), Store: memory.New(memory.Options{})})
				}
				return all
			})
		})
	}
}

// What not all tiers have is not there, so that it is stored anew.
func TestAllListsWhatEachTierHas(t *testing.T) {
	a, b := memory.New(memory.Options{}), memory.New(memory.Options{})
	all := tiers.All{{Name: "a", Store: a}, {Name: "b", Store: b}}
	put(t, all, "both", "1")
	put(t, a, "one", "2")
	var keys []string
	for info, err := range all.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, info.Key)
	}
	if !slices.Equal(keys, []string{"both"}) {
		t.Errorf("got %v, want only what both have", keys)
	}
	if got := read(t, all, "one", 1); got != "2" {
		t.Errorf("what one has reads as %q", got)
	}
}

func TestALazyStoreIsAStore(t *testing.T) {
	tiertest.Run(t, func(*testing.T) tiers.Store {
		return tiers.NewLazy(func() (tiers.Store, error) { return memory.New(memory.Options{}), nil })
	})
}

func TestALazyStoreIsOpenedWhenItCanBe(t *testing.T) {
	away := true
	l := tiers.NewLazy(func() (tiers.Store, error) {
		if away {
			return nil, errors.New("no such disk")
		}
		return memory.New(memory.Options{}), nil
	})
	if err := l.Put(t.Context(), "a", bytes.NewReader([]byte("a")), 1); !errors.Is(err, blob.ErrOffline) {
		t.Errorf("put while it is away: got %v, want ErrOffline", err)
	}
	away = false
	if err := l.Put(t.Context(), "a", bytes.NewReader([]byte("a")), 1); err != nil {
		t.Errorf("put when it is back: %v", err)
	}
}

// twoTiers is a Stack of two memories with a fault each.
type twoTiers struct {
	*tiers.Stack
	near, far *memory.Store
	fault     [2]atomic.Pointer[error]
	where     []string
	suspects  []string
	took      string
}

func newTwo(t *testing.T) *twoTiers {
	x := &twoTiers{}
	store := func(i int) *memory.Store {
		return memory.New(memory.Options{Fault: func(memory.Op, string) error {
			if err := x.fault[i].Load(); err != nil {
				return *err
			}
			return nil
		}})
	}
	x.near, x.far = store(0), store(1)
	x.Stack = tiers.NewStack(tiers.StackOptions{
		Tiers:   []tiers.Tier{{Name: "near", Provider: "a", Store: x.near}, {Name: "far", Provider: "b", Store: x.far}},
		Where:   func(string) []string { return x.where },
		Stored:  func(_, tier string) { x.took = tier },
		Suspect: func(_, tier string) { x.suspects = append(x.suspects, tier) },
	})
	return x
}

func (x *twoTiers) fail(i int, err error) { x.fault[i].Store(&err) }
func (x *twoTiers) heal(i int)            { x.fault[i].Store(nil) }

func put(t *testing.T, s tiers.Store, key, data string) {
	t.Helper()
	if err := s.Put(t.Context(), key, bytes.NewReader([]byte(data)), int64(len(data))); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s tiers.Store, key string, n int) string {
	t.Helper()
	p := make([]byte, n)
	if err := s.ReadAt(t.Context(), key, p, 0); err != nil {
		t.Errorf("read %s: %v", key, err)
	}
	return string(p)
}

func TestTheNearestHealthyTierTakesNewObjects(t *testing.T) {
	x := newTwo(t)
	put(t, x, "a", "one")
	if x.took != "near" {
		t.Errorf("%s took it, want near", x.took)
	}
	x.fail(0, blob.ErrOffline)
	put(t, x, "b", "two")
	if x.took != "far" {
		t.Errorf("with near away %s took it, want far", x.took)
	}
	x.fail(1, errors.New("disk full"))
	if err := x.Put(t.Context(), "c", bytes.NewReader(nil), 0); !errors.Is(err, blob.ErrOffline) {
		t.Errorf("with no tier: got %v, want both errors", err)
	}
}

func TestAReadFallsBackToTheNextTier(t *testing.T) {
	x := newTwo(t)
	put(t, x.near, "a", "near")
	put(t, x.far, "a", "far!")
	if got := read(t, x, "a", 4); got != "near" {
		t.Errorf("got %q from the nearest tier", got)
	}
	x.where = []string{"far"}
	if got := read(t, x, "a", 4); got != "far!" {
		t.Errorf("got %q, want what the tier has that is known to hold it", got)
	}
	x.where = []string{"near", "far"}
	x.fail(0, fmt.Errorf("network: %w", blob.ErrOffline))
	if got := read(t, x, "a", 4); got != "far!" {
		t.Errorf("got %q with near away", got)
	}
	if h := x.Health(); h[0].Err == nil || h[1].Err != nil || !x.Down("near") || x.Down("far") {
		t.Errorf("health: %+v", h)
	}
	x.heal(0)
	x.Retry()
	if got := read(t, x, "a", 4); got != "near" || x.Health()[0].Err != nil {
		t.Errorf("got %q, health %+v with near back", got, x.Health()[0])
	}
	if len(x.suspects) > 0 {
		t.Errorf("a tier that is away has lost nothing: %v", x.suspects)
	}
}

func TestAMissingCopyIsSuspect(t *testing.T) {
	x := newTwo(t)
	put(t, x.far, "a", "far!")
	x.where = []string{"near", "far"}
	if got := read(t, x, "a", 4); got != "far!" {
		t.Errorf("got %q", got)
	}
	if !slices.Equal(x.suspects, []string{"near"}) {
		t.Errorf("suspect: %v, want near", x.suspects)
	}
	x.where = nil
	if err := x.ReadAt(t.Context(), "b", make([]byte, 1), 0); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("an object that is nowhere: %v", err)
	}
	x.fail(1, blob.ErrOffline)
	if err := x.ReadAt(t.Context(), "a", make([]byte, 1), 0); errors.Is(err, blob.ErrNotFound) || !errors.Is(err, blob.ErrOffline) {
		t.Errorf("nobody knows whether it is there: got %v, want only ErrOffline", err)
	}
}

// hung answers no read until the call ends.
type hung struct{ tiers.Store }

func (hung) ReadAt(ctx context.Context, _ string, _ []byte, _ int64) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestASlowTierIsNotWaitedForAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far := memory.New(memory.Options{})
		put(t, far, "a", "far!")
		s := tiers.NewStack(tiers.StackOptions{Tiers: []tiers.Tier{{Name: "near", Store: hung{memory.New(memory.Options{})}}, {Name: "far", Store: far}},
			Where: func(string) []string { return []string{"near", "far"} }, Patience: 3 * time.Second})
		begin := time.Now()
		if got := read(t, s, "a", 4); got != "far!" || time.Since(begin) != 3*time.Second {
			t.Errorf("got %q after %v, want far! after 3s", got, time.Since(begin))
		}
		begin = time.Now()
		if got := read(t, s, "a", 4); got != "far!" || time.Since(begin) != 0 {
			t.Errorf("the second time: got %q after %v, want it at once", got, time.Since(begin))
		}
	})
}

func TestDeleteGoesOnAfterAFailure(t *testing.T) {
	x := newTwo(t)
	put(t, x.near, "a", "near")
	put(t, x.far, "a", "far!")
	x.fail(0, blob.ErrOffline)
	if err := x.Delete(t.Context(), "a"); !errors.Is(err, blob.ErrOffline) {
		t.Errorf("delete with a tier away: %v", err)
	}
	if _, err := x.far.Stat(t.Context(), "a"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("the other tier still has it: %v", err)
	}
}
