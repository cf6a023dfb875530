package volume

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
)

// root is who may do everything.
var root = Requester{}

func (r *rig) snapshot(name string) SnapshotInfo {
	r.t.Helper()
	info, err := r.v.TakeSnapshot(bg(r.t), SnapshotRequest{Name: name})
	if err != nil {
		r.t.Fatalf("take snapshot %s: %v", name, err)
	}
	return info
}

func TestSnapshotShowsWhatWasClosedBeforeItAndNothingLater(t *testing.T) {
	r := newRig(t)
	r.write("a", "one")
	info := r.snapshot("s")
	r.rename("a", "b")
	r.write("b", "two")
	r.commit()
	in, err := r.v.Instant("s")
	e := in.Epoch
	if err != nil || e != catalog.Epoch(info.Epoch) {
		t.Fatalf("s is epoch %d, %v; want %d", e, err, info.Epoch)
	}
	r.v.cat.View(func(tx *catalog.Tx) error {
		i, err := tx.At(e).Lookup(Root, "a")
		if err != nil {
			t.Fatal(err)
		}
		if row, err := tx.At(e).Node(i); err != nil || row.Gen != 0 || row.Size != 3 || row.Content.IsZero() {
			t.Errorf("a is not sealed in the snapshot: %+v, %v", row, err)
		}
		if _, err := tx.At(e).Lookup(Root, "b"); err == nil {
			t.Error("b is in the snapshot, and was made after it")
		}
		return nil
	})
}

func TestSnapshotNamesFilesThatAreOpenForWriting(t *testing.T) {
	r := newRig(t)
	r.mkdir("d")
	r.write("closed", "x")
	h := r.handle("d/open", unix.O_WRONLY|unix.O_CREAT)
	reader := r.handle("closed", unix.O_RDONLY)
	if info := r.snapshot(""); !slices.Equal(info.Open, []string{"d/open"}) || info.OpenCount != 1 {
		t.Errorf("got %q (%d), want d/open", info.Open, info.OpenCount)
	}
	r.release(h)
	r.release(reader)
	if info := r.snapshot(""); info.OpenCount != 0 {
		t.Errorf("got %q, want none", info.Open)
	}
}

func TestNamesOfSnapshotsAreTakenOnceAndFoundByTheName(t *testing.T) {
	r := newRig(t)
	first, second, third := r.snapshot(""), r.snapshot(""), r.snapshot("mine")
	if second.Name != first.Name+"-2" {
		t.Errorf("two in a second: %q and %q", first.Name, second.Name)
	}
	if _, err := r.v.TakeSnapshot(bg(t), SnapshotRequest{Name: "mine"}); !errors.Is(err, ErrExist) {
		t.Errorf("mine again: %v", err)
	}
	for _, name := range []string{"a/b", "@now", ".x"} {
		if _, err := r.v.TakeSnapshot(bg(t), SnapshotRequest{Name: name}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	list, err := r.v.Snapshots(bg(t))
	if err != nil || len(list) != 3 || list[0].Name != first.Name || list[2].Name != third.Name {
		t.Errorf("got %+v, %v", list, err)
	}
	for name, want := range map[string]string{"nobody": "no such file", "@soon": "want 2026", "@2020-01-01": "before the drive",
		"@0001-01-01T00:00:00Z": "before 1970", "@2999-01-01": "future"} {
		if _, err := r.v.Instant(name); !errors.Is(err, ErrNotExist) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, want)
		}
	}
	r.clock.advance(time.Hour)
	if in, err := r.v.Instant("@-30min"); err != nil || in.Epoch != catalog.Epoch(third.Epoch) {
		t.Errorf("half an hour ago is epoch %d, %v; want %d", in.Epoch, err, third.Epoch)
	}
}

func TestSnapshotOnlyIfSomethingChanged(t *testing.T) {
	r := newRig(t)
	take := func() error {
		_, err := r.v.TakeSnapshot(bg(t), SnapshotRequest{IfChanged: true})
		return err
	}
	r.write("a", "1")
	if err := take(); err != nil {
		t.Errorf("the first one: %v", err)
	}
	for what, change := range map[string]func(){
		"a file":       func() { r.write("a", "2") },
		"a name":       func() { r.rename("a", "b"); r.rename("b", "a") },
		"an attribute": func() { r.setxattr("a", "user.x", time.Now().String()) },
		"a directory":  func() { r.mkdir("d"); r.v.Rmdir(Root, "d", ada) },
	} {
		change()
		if err := take(); err != nil {
			t.Errorf("%s changed: %v", what, err)
		}
		if err := take(); !errors.Is(err, ErrUnchanged) {
			t.Errorf("after %s and a snapshot nothing changed: %v", what, err)
		}
	}
	list, _ := r.v.Snapshots(bg(t))
	if _, err := r.v.PinSnapshots(bg(t), SnapshotsRequest{Names: []string{list[0].Name}, Pinned: true}); err != nil {
		t.Fatal(err)
	}
	if err := take(); !errors.Is(err, ErrUnchanged) {
		t.Errorf("a snapshot is no change: %v", err)
	}
}

func TestWhoMayTakeAndDropSnapshots(t *testing.T) {
	r := newRig(t)
	grace, bob := Requester{UID: 1001, GID: 1001}, Requester{UID: 1002, GID: 1002}
	take := func(who Requester, name string) error {
		_, err := r.v.TakeSnapshot(bg(t), SnapshotRequest{Name: name, Requester: who})
		return err
	}
	if err := take(grace, "no"); !errors.Is(err, ErrAccess) {
		t.Errorf("grace may not write the root directory: %v", err)
	}
	if _, err := r.v.Setattr(bg(t), Root, SetAttr{Mode: ptr(uint32(0o777))}, Caller{}); err != nil {
		t.Fatal(err)
	}
	if err := take(grace, "hers"); err != nil {
		t.Errorf("grace may write the root directory: %v", err)
	}
	r.snapshot("roots")
	if err := r.v.DropSnapshot(bg(t), "hers", bob); !errors.Is(err, ErrPerm) {
		t.Errorf("bob drops what grace took: %v", err)
	}
	both := SnapshotsRequest{Names: []string{"hers", "roots", "nobody"}, Requester: grace}
	_, err := r.v.DropSnapshots(bg(t), both)
	if !errors.Is(err, ErrPerm) || !errors.Is(err, ErrNotExist) || !strings.Contains(err.Error(), "roots was taken by") {
		t.Errorf("got %v, want both reasons", err)
	}
	pin := SnapshotsRequest{Names: []string{"hers"}, Pinned: true, Requester: grace}
	if list, err := r.v.PinSnapshots(bg(t), pin); err != nil || !list[0].Pinned {
		t.Errorf("pin: %v", err)
	}
	if err := r.v.DropSnapshot(bg(t), "hers", root); !errors.Is(err, ErrPerm) || !strings.Contains(err.Error(), "unpin") {
		t.Errorf("root drops a pinned one: %v", err)
	}
	pin.Pinned = false
	if _, err := r.v.PinSnapshots(bg(t), pin); err != nil {
		t.Error(err)
	}
	if list, err := r.v.DropSnapshots(bg(t), SnapshotsRequest{Names: []string{"hers"}, DryRun: true, Requester: grace}); err != nil || len(list) != 1 {
		t.Errorf("dry run: %v, %v", list, err)
	}
	if err := r.v.DropSnapshot(bg(t), "hers", grace); err != nil {
		t.Errorf("grace drops her own: %v", err)
	}
	if list, _ := r.v.Snapshots(bg(t)); len(list) != 1 || list[0].Name != "roots" {
		t.Errorf("left are %+v", list)
	}
}

func ptr[T any](x T) *T { return &x }

func TestSnapshotThatCannotStoreWhatWasClosedLeavesNothing(t *testing.T) {
	r := newRig(t)
	r.write("a", "x")
	r.store.fail(syscall.ENOSPC)
	if _, err := r.v.TakeSnapshot(bg(t), SnapshotRequest{Name: "s"}); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "none was taken") {
		t.Errorf("got %v", err)
	}
	r.store.fail(nil)
	if list, _ := r.v.Snapshots(bg(t)); len(list) != 0 {
		t.Errorf("got %+v, want none", list)
	}
	r.snapshot("s")
}

func TestSnapshotGivesUpWaitingWithItsContext(t *testing.T) {
	r := newRig(t)
	r.store.close()
	r.write("a", "x")
	ctx, cancel := context.WithCancel(bg(t))
	go func() { <-r.store.waiting; cancel() }()
	if _, err := r.v.TakeSnapshot(ctx, SnapshotRequest{Name: "s"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	r.store.open()
	if list, _ := r.v.Snapshots(bg(t)); len(list) != 0 {
		t.Errorf("got %+v, want none", list)
	}
}
