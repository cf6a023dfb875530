package catalog

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog/kv"
)

// tenEpochs makes epochs a second apart, snapshots of the third and fifth, and makes
// the eighth the horizon. It returns the times by epoch.
func tenEpochs(t *testing.T, e kv.Engine) (*Catalog, []Time) {
	clk := newClock()
	c := open(t, e, quiet(clk))
	times := make([]Time, 1, 11)
	for len(times) <= 10 {
		clk.add(time.Second)
		n := change(t, c, func(tx *Tx) { tx.PutAttr(1, "a", []byte{byte(len(times))}) })
		for int(n) >= len(times) {
			view(t, c, func(tx *Tx) {
				when, err := tx.EpochTime(Epoch(len(times)))
				if err != nil {
					t.Fatal(err)
				}
				times = append(times, when)
			})
		}
	}
	change(t, c, func(tx *Tx) {
		tx.PutSnapshot(&Snapshot{Name: "three", Epoch: 3})
		tx.PutSnapshot(&Snapshot{Name: "five", Epoch: 5})
		tx.PutSnapshot(&Snapshot{Name: "again", Epoch: 5})
		tx.RaiseHorizon(8)
		tx.RaiseHorizon(2) // it never goes back
	})
	return c, times
}

func readable(t *testing.T, c *Catalog) (list []Epoch) {
	view(t, c, func(tx *Tx) {
		for e := Epoch(0); e <= 10; e++ {
			if tx.Readable(e) {
				list = append(list, e)
			}
		}
	})
	return list
}

func TestBeforeTheHorizonOnlySnapshotsAreReadable(t *testing.T) {
	e := kv.NewMemory()
	c, _ := tenEpochs(t, e)
	if got, want := readable(t, c), []Epoch{3, 5, 8, 9, 10}; !slices.Equal(got, want) {
		t.Errorf("got %d, want %d", got, want)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, e, quiet(newClock()))
	if got, want := readable(t, c), []Epoch{3, 5, 8, 9, 10}; !slices.Equal(got, want) {
		t.Errorf("opened again: got %d, want %d", got, want)
	}
	update(t, c, func(tx *Tx) { tx.DeleteSnapshot("again"); tx.DeleteSnapshot("three") })
	if got, want := readable(t, c), []Epoch{5, 8, 9, 10}; !slices.Equal(got, want) {
		t.Errorf("after two were removed: got %d, want %d", got, want)
	}
	broken := errors.New("broken")
	err := c.Update(func(tx *Tx) error {
		tx.DeleteSnapshot("five")
		tx.PutSnapshot(&Snapshot{Name: "nine", Epoch: 9})
		tx.RaiseHorizon(10)
		if tx.Readable(5) || tx.Readable(8) || !tx.Readable(9) {
			t.Error("an Update does not see what it wrote")
		}
		return broken
	})
	if err != broken {
		t.Fatal(err)
	}
	if got, want := readable(t, c), []Epoch{5, 8, 9, 10}; !slices.Equal(got, want) {
		t.Errorf("after an Update that failed: got %d, want %d", got, want)
	}
}

func TestWhatIsForgottenGetsNoSnapshot(t *testing.T) {
	c, _ := tenEpochs(t, kv.NewMemory())
	for e, want := range map[Epoch]error{4: ErrForgotten, 5: nil, 8: nil} {
		err := c.Update(func(tx *Tx) error { tx.PutSnapshot(&Snapshot{Name: "late", Epoch: e}); return nil })
		if !errors.Is(err, want) {
			t.Errorf("a snapshot of epoch %d: got %v, want %v", e, err, want)
		}
	}
	if err := c.Update(func(tx *Tx) error { tx.RaiseHorizon(tx.Epoch()); return nil }); err == nil {
		t.Error("the open epoch became the horizon")
	}
}

func TestEpochAtKnowsWhatIsForgotten(t *testing.T) {
	c, times := tenEpochs(t, kv.NewMemory())
	at := func(m Time) (e Epoch, ok bool) {
		view(t, c, func(tx *Tx) { e = tx.EpochAt(m); ok = tx.Readable(e) })
		return e, ok
	}
	update(t, c, func(tx *Tx) {
		for _, e := range []Epoch{1, 2, 4, 6, 7} {
			tx.remove(key1(tableEpoch, uint64(e)))
		}
	})
	for e := Epoch(1); e <= 10; e++ {
		got, ok := at(times[e])
		if kept := e == 3 || e == 5 || e >= 8; kept && (got != e || !ok) || !kept && ok {
			t.Errorf("when epoch %d was closed: got %d, readable %v", e, got, ok)
		}
		got, ok = at(times[e] + 1)
		if kept := e >= 8; kept && (got != e || !ok) || !kept && ok {
			t.Errorf("after epoch %d was closed: got %d, readable %v", e, got, ok)
		}
	}
	if _, ok := at(0); ok {
		t.Error("a moment before the first row is readable")
	}
}

func TestChangesBeforeTheHorizonAreForgotten(t *testing.T) {
	c, _ := tenEpochs(t, kv.NewMemory())
	last := func(after Epoch) (err error) {
		for _, err = range c.Changes(context.Background(), after) {
		}
		return err
	}
	for after, want := range map[Epoch]error{0: ErrForgotten, 6: ErrForgotten, 7: nil, 9: nil} {
		if err := last(after); !errors.Is(err, want) {
			t.Errorf("after epoch %d: got %v, want %v", after, err, want)
		}
	}
	// The horizon overtakes a follower.
	n, err := 0, error(nil)
	for _, err = range c.Changes(context.Background(), 7) {
		if n++; n == 1 {
			update(t, c, func(tx *Tx) { tx.RaiseHorizon(10) })
		}
	}
	if !errors.Is(err, ErrForgotten) {
		t.Errorf("a follower that was overtaken: got %v after %d, want ErrForgotten", err, n)
	}
}
