package catalog

import (
	"errors"
	"reflect"
	"testing"
)

func TestSnapshotIsANameForAnEpoch(t *testing.T) {
	c := openMemory(t)
	want := Snapshot{Name: "before-review", Time: -7, UID: 1000, Pinned: true, Message: "für die Prüfung", Tags: []string{"manual", "paper"}}
	e := change(t, c, func(tx *Tx) {
		want.Epoch = tx.Epoch()
		tx.PutName(Root, "a", 2, TypeRegular)
		tx.PutSnapshot(&want)
		tx.PutSnapshot(&Snapshot{Name: "a", Epoch: 1})
	})
	change(t, c, func(tx *Tx) { tx.DeleteName(Root, "a") })
	if want.Epoch != e {
		t.Fatalf("the epoch: got %d, want %d", want.Epoch, e)
	}
	view(t, c, func(tx *Tx) {
		got, err := tx.Snapshot(want.Name)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		if i, err := tx.At(got.Epoch).Lookup(Root, "a"); i != 2 {
			t.Errorf("the tree of the snapshot: got %d, %v, want 2", i, err)
		}
		var names []string
		if err := tx.Snapshots("a", func(s *Snapshot) bool { names = append(names, s.Name); return true }); err != nil {
			t.Error(err)
		}
		if len(names) != 1 || names[0] != want.Name {
			t.Errorf("after a: got %q, want only %q", names, want.Name)
		}
	})
	update(t, c, func(tx *Tx) {
		if !tx.DeleteSnapshot(want.Name) || tx.DeleteSnapshot(want.Name) {
			t.Error("a snapshot is there until it is removed, and then not")
		}
		if _, err := tx.Snapshot(want.Name); !errors.Is(err, ErrNotExist) {
			t.Errorf("after its removal: got %v, want ErrNotExist", err)
		}
	})
}

func TestSnapshotsHaveNamesThatFit(t *testing.T) {
	c := openMemory(t)
	for _, name := range []string{"", "a\x00b", string(make([]byte, 256))} {
		if err := c.Update(func(tx *Tx) error { tx.PutSnapshot(&Snapshot{Name: name}); return nil }); err == nil {
			t.Errorf("a snapshot called %q was taken", name)
		}
	}
}

func TestHoldEndsAtItsTime(t *testing.T) {
	c := openMemory(t)
	want := Hold{File: 7, Until: 100, Placed: 5, UID: 3, Reason: "audit", Path: "exp/raw"}
	update(t, c, func(tx *Tx) {
		tx.PutHold(&want)
		tx.PutHold(&Hold{File: 8, Reason: "for ever"})
	})
	view(t, c, func(tx *Tx) {
		got, err := tx.Hold(7)
		if err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
		if _, err := tx.Hold(9); !errors.Is(err, ErrNotExist) {
			t.Errorf("a file without a hold: got %v, want ErrNotExist", err)
		}
		over := map[FileID][2]bool{}
		if err := tx.Holds(func(h *Hold) bool { over[h.File] = [2]bool{h.Over(99), h.Over(100)}; return true }); err != nil {
			t.Error(err)
		}
		if want := map[FileID][2]bool{7: {false, true}, 8: {false, false}}; !reflect.DeepEqual(over, want) {
			t.Errorf("over at 99 and at 100: got %v, want %v", over, want)
		}
	})
	update(t, c, func(tx *Tx) {
		tx.DeleteHold(7)
		if _, err := tx.Hold(7); !errors.Is(err, ErrNotExist) {
			t.Errorf("after its removal: got %v, want ErrNotExist", err)
		}
	})
}
