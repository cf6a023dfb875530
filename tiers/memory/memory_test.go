package memory_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/memory"
	"github.com/rdfs/rdfs/tiers/tiertest"
)

func TestStore(t *testing.T) {
	tiertest.Run(t, func(*testing.T) tiers.Store { return memory.New(memory.Options{}) })
}

func TestFaultFailsTheOperationAndChangesNothing(t *testing.T) {
	var failing memory.Op
	s := memory.New(memory.Options{Fault: func(op memory.Op, _ string) error {
		if op == failing {
			return blob.ErrOffline
		}
		return nil
	}})
	ctx := t.Context()
	put := func() error { return s.Put(ctx, "k", bytes.NewReader([]byte("abc")), 3) }
	failing = memory.OpPut
	if err := put(); !errors.Is(err, blob.ErrOffline) {
		t.Errorf("put: got %v, want %v", err, blob.ErrOffline)
	}
	failing = ""
	if _, err := s.Stat(ctx, "k"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("stat: got %v, want %v", err, blob.ErrNotFound)
	}
	if err := put(); err != nil {
		t.Fatal(err)
	}
	calls := map[memory.Op]func() error{
		memory.OpRead:   func() error { return s.ReadAt(ctx, "k", make([]byte, 1), 0) },
		memory.OpStat:   func() error { _, err := s.Stat(ctx, "k"); return err },
		memory.OpDelete: func() error { return s.Delete(ctx, "k") },
		memory.OpRecall: func() error { return s.Recall(ctx, "k") },
		memory.OpList: func() error {
			for _, err := range s.List(ctx, "") {
				return err
			}
			return nil
		},
	}
	for op, call := range calls {
		failing = op
		if err := call(); !errors.Is(err, blob.ErrOffline) {
			t.Errorf("%s: got %v, want %v", op, err, blob.ErrOffline)
		}
	}
	failing = ""
	if err := s.ReadAt(ctx, "k", make([]byte, 3), 0); err != nil {
		t.Errorf("after the faults: %v", err)
	}
}

func TestFlipAndCutDamageWhatIsStored(t *testing.T) {
	s := memory.New(memory.Options{})
	if err := s.Put(t.Context(), "k", bytes.NewReader([]byte{1, 2, 3}), 3); err != nil {
		t.Fatal(err)
	}
	if !s.Flip("k", 1) || !s.Cut("k", 2) {
		t.Fatal("no damage done")
	}
	if s.Flip("k", 2) || s.Cut("k", 2) || s.Flip("other", 0) {
		t.Error("damage done where there is nothing")
	}
	got := make([]byte, 2)
	if err := s.ReadAt(t.Context(), "k", got, 0); err != nil || !bytes.Equal(got, []byte{1, 253}) {
		t.Errorf("got %v, %v; want [1 253]", got, err)
	}
}
