package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rdfs/rdfs/catalog/kv"
)

func TestChangesOfAnEpochOfManyParts(t *testing.T) {
	c := openMemory(t)
	before := closeEpoch(t, c)
	const n = 1000 // of names of 250 bytes: more than four parts
	name := func(i int) string { return fmt.Sprintf("%0250d", i) }
	e1 := change(t, c, func(tx *Tx) {
		for i := range n {
			tx.PutName(Root, name(i), Inode(10+i), TypeRegular)
		}
	})
	e2 := change(t, c, func(tx *Tx) {
		tx.PutNode(10, &Node{Mode: TypeRegular})
		tx.PutAttr(3, "user.x", nil)
		tx.PutVersion(&Version{File: 3, Seq: 4})
	})
	e3 := change(t, c, func(tx *Tx) { tx.DeleteName(Root, name(0)) })

	var want []Change
	for i := range n {
		want = append(want, Change{Epoch: e1, Kind: NameChanged, Dir: Root, Name: name(i)})
	}
	want = append(want,
		Change{Epoch: e2, Kind: NodeChanged, Inode: 10},
		Change{Epoch: e2, Kind: AttrChanged, File: 3, Name: "user.x"},
		Change{Epoch: e2, Kind: VersionChanged, File: 3, Seq: 4},
		Change{Epoch: e3, Kind: NameChanged, Dir: Root, Name: name(0)})
	if got := collectChanges(t, c, before); !slices.Equal(got, want) {
		t.Errorf("got %d changes, want %d", len(got), len(want))
	}
	if got := collectChanges(t, c, e1); !slices.Equal(got, want[n:]) {
		t.Errorf("after epoch %d: got %+v, want %+v", e1, got, want[n:])
	}
	if got := collectChanges(t, c, e3); len(got) != 0 {
		t.Errorf("after the last epoch: got %+v", got)
	}
	parts := 0
	view(t, c, func(tx *Tx) {
		tx.kv.Ascend(key1(tableFeed, uint64(e1)), key1(tableFeed, uint64(e1)+1), func(_, v []byte) bool {
			if parts++; len(v) > 60<<10 {
				t.Errorf("a part of %d bytes", len(v))
			}
			return true
		})
	})
	if parts < 4 {
		t.Errorf("got %d parts, want several", parts)
	}
}

func TestChangesMayBeStopped(t *testing.T) {
	c := openMemory(t)
	change(t, c, func(tx *Tx) {
		for i := range 5 {
			tx.PutAttr(1, fmt.Sprint(i), nil)
		}
	})
	got := 0
	for _, err := range c.Changes(context.Background(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if got++; got == 2 {
			break
		}
	}
	if got != 2 {
		t.Errorf("got %d changes, want 2", got)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range c.Changes(ctx, 0) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	}
}

// The function that Changes yields to may use the catalog.
func TestChangesHoldsNoTransaction(t *testing.T) {
	c := openMemory(t)
	e := change(t, c, func(tx *Tx) { tx.PutAttr(1, "a", nil) })
	last := Epoch(0)
	for ch, err := range c.Changes(context.Background(), e-1) {
		if err != nil {
			t.Fatal(err)
		}
		if last = ch.Epoch; ch.Epoch < e+3 {
			change(t, c, func(tx *Tx) { tx.PutAttr(1, "a", nil) })
		}
	}
	if last != e+3 {
		t.Errorf("ended with epoch %d, want %d", last, e+3)
	}
}

// An epoch that a crash may still undo is not told to followers: its number would
// be given to other changes.
func TestChangesNamesOnlyDurableEpochs(t *testing.T) {
	e := kv.NewMemory()
	c := open(t, e, quiet(newClock()))
	durable := change(t, c, func(tx *Tx) { tx.PutAttr(1, "kept", nil) })
	during := make(chan []Change, 1)
	e.BeforeCommit(func() error {
		var got []Change
		for ch, err := range c.Changes(context.Background(), durable-1) {
			if err != nil {
				return err
			}
			got = append(got, ch)
		}
		during <- got
		return nil
	})
	next := change(t, c, func(tx *Tx) { tx.PutAttr(1, "pending", nil) })
	kept := Change{Epoch: durable, Kind: AttrChanged, File: 1, Name: "kept"}
	if got := <-during; !slices.Equal(got, []Change{kept}) {
		t.Errorf("before the commit: got %+v, want only %+v", got, kept)
	}
	pending := Change{Epoch: next, Kind: AttrChanged, File: 1, Name: "pending"}
	if got := collectChanges(t, c, durable-1); !slices.Equal(got, []Change{kept, pending}) {
		t.Errorf("after the commit: got %+v", got)
	}
	e.BeforeCommit(nil)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, e, quiet(newClock()))
	if got := collectChanges(t, c, durable-1); !slices.Equal(got, []Change{kept, pending}) {
		t.Errorf("opened again: got %+v", got)
	}
}

func TestDamagedFeedIsCorrupt(t *testing.T) {
	for name, part := range map[string][]byte{
		"short key":           {1, 'i'},
		"version without seq": append([]byte{9}, key1(tableVersion, 5)...),
		"length too large":    {200, 1, 'i'},
		"length endless":      {0xff, 0xff},
	} {
		t.Run(name, func(t *testing.T) {
			e := kv.NewMemory()
			open(t, e, quiet(newClock())).Close()
			setRow(t, e, key1n(tableFeed, 1, 0), part)
			var last error
			for _, err := range open(t, e, quiet(newClock())).Changes(context.Background(), 0) {
				last = err
			}
			wantCorrupt(t, last)
		})
	}
}

func TestChangesPassesOverUnknownTables(t *testing.T) {
	e := kv.NewMemory()
	open(t, e, quiet(newClock())).Close()
	part := append([]byte{12}, "Zabcdefghijk"...)
	part = append(append(part, 9), nodeKey(7)...)
	setRow(t, e, key1n(tableFeed, 1, 0), part)
	got := collectChanges(t, open(t, e, quiet(newClock())), 0)
	if want := []Change{{Epoch: 1, Kind: NodeChanged, Inode: 7}}; !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestFeedCutTakesWholeEntries(t *testing.T) {
	entry := func(n int) []byte { return append([]byte{byte(n)}, strings.Repeat("x", n)...) }
	feed := slices.Concat(entry(9), entry(99), entry(9))
	for _, tc := range []struct{ size, want int }{{1, 10}, {10, 10}, {109, 10}, {110, 110}, {111, 110}, {120, 120}, {1000, 120}} {
		if got := feedCut(feed, tc.size); got != tc.want {
			t.Errorf("at most %d bytes: got %d, want %d", tc.size, got, tc.want)
		}
	}
}
