package catalog

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

func TestNewCatalogHasARoot(t *testing.T) {
	c := openMemory(t)
	view(t, c, func(tx *Tx) {
		n, err := tx.Node(Root)
		if err != nil || !n.IsDir() || n.Nlink != 2 || n.File != FileID(Root) || n.Parent != Root {
			t.Errorf("got %+v, %v", n, err)
		}
		if got, want := tx.Counters(), (Counters{NextInode: 2, Nodes: 1}); got != want {
			t.Errorf("counters: got %+v, want %+v", got, want)
		}
		if got := tx.Epoch(); got != 2 {
			t.Errorf("open epoch: got %d, want 2", got)
		}
		if _, err := tx.At(1).Node(Root); err != nil {
			t.Errorf("at epoch 1: %v", err)
		}
	})
}

func TestOpenRefusesAnotherRepository(t *testing.T) {
	e := kv.NewMemory()
	open(t, e, quiet(newClock())).Close()
	o := quiet(newClock())
	o.ID = "other"
	if _, err := Open(e, o); err == nil || !strings.Contains(err.Error(), "test") || !strings.Contains(err.Error(), "other") {
		t.Errorf("got %v, want an error that names both", err)
	}
	o.ID = ""
	open(t, e, o)
}

func TestOpenRefusesAnUnknownFormat(t *testing.T) {
	e := kv.NewMemory()
	open(t, e, quiet(newClock())).Close()
	setRow(t, e, keyMeta("format"), []byte{7})
	_, err := Open(e, quiet(newClock()))
	var f ErrFormat
	if !errors.As(err, &f) || f != (ErrFormat{Got: 7, Want: formatVersion}) {
		t.Errorf("got %v, want ErrFormat", err)
	}
}

func TestOpenOfADamagedCatalog(t *testing.T) {
	for _, tc := range []struct {
		name  string
		key   []byte
		value []byte
	}{
		{"format empty", keyMeta("format"), []byte{}},
		{"format endless", keyMeta("format"), []byte{0xff}},
		{"format gone", keyMeta("format"), nil},
		{"counters gone", keyMeta("counters"), nil},
		{"counters short", keyMeta("counters"), []byte{1, 2}},
		{"counters say no epoch", keyMeta("counters"), []byte{0, 2, 9, 1, 0, 0, 0, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := kv.NewMemory()
			open(t, e, quiet(newClock())).Close()
			setRow(t, e, tc.key, tc.value)
			_, err := Open(e, quiet(newClock()))
			wantCorrupt(t, err)
		})
	}
}

// setRow writes one row into an engine, behind the catalog's back; a nil value deletes it.
func setRow(t testing.TB, e kv.Engine, key, value []byte) {
	t.Helper()
	if err := e.Commit(func(yield func(k, v []byte) bool) { yield(key, value) }); err != nil {
		t.Fatal(err)
	}
}

func TestAnUpdateThatFailsChangesNothing(t *testing.T) {
	late := errors.New("late")
	write := func(tx *Tx) {
		tx.PutNode(50, &Node{Mode: TypeRegular})
		tx.PutNode(3, &Node{Mode: TypeDir})
		tx.DeleteNode(4)
		tx.PutName(Root, "new", 50, TypeRegular)
		tx.DeleteName(Root, "old")
		tx.PutVersion(&Version{File: 3, Seq: 2})
		tx.DeleteVersion(3, 1)
		tx.PutDraft(&Draft{Inode: 50, Gen: 1})
		tx.PutPack(&Pack{ID: blob.PackID{1}, Size: 10})
		tx.PutAttr(3, "user.x", []byte("y"))
	}
	for _, tc := range []struct {
		name string
		fn   func(tx *Tx) error
	}{
		{"an error", func(tx *Tx) error { return late }},
		{"a name too long", func(tx *Tx) error { tx.PutName(Root, strings.Repeat("n", 256), 50, TypeRegular); return nil }},
		{"no name", func(tx *Tx) error { tx.PutName(Root, "", 50, TypeRegular); return nil }},
		{"a name with a NUL", func(tx *Tx) error { tx.PutName(Root, "a\x00b", 50, TypeRegular); return nil }},
		{"an attribute name with a NUL", func(tx *Tx) error { tx.PutAttr(3, "a\x00b", nil); return nil }},
		{"an attribute name too long", func(tx *Tx) error { tx.PutAttr(3, strings.Repeat("n", 256), nil); return nil }},
		{"a value too large", func(tx *Tx) error { tx.PutAttr(3, "a", make([]byte, kv.MaxValue)); return nil }},
		{"a damaged row", func(tx *Tx) error { tx.PutName(Root, "damaged", 50, TypeRegular); return nil }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := kv.NewMemory()
			c := open(t, e, quiet(newClock()))
			change(t, c, func(tx *Tx) {
				tx.PutNode(3, &Node{Mode: TypeRegular})
				tx.PutNode(4, &Node{Mode: TypeRegular})
				tx.PutName(Root, "old", 4, TypeRegular)
				tx.PutVersion(&Version{File: 3, Seq: 1})
			})
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			setRow(t, e, nameKey(Root, "damaged"), []byte{1, 2, 3})
			c = open(t, e, quiet(newClock()))
			var before Counters
			view(t, c, func(tx *Tx) { before = tx.Counters() })
			err := c.Update(func(tx *Tx) error { write(tx); return tc.fn(tx) })
			if err == nil {
				t.Fatal("the Update succeeded")
			}
			view(t, c, func(tx *Tx) {
				if got := tx.Counters(); got != before {
					t.Errorf("counters: got %+v, want %+v", got, before)
				}
				if _, err := tx.Node(50); !errors.Is(err, ErrNotExist) {
					t.Errorf("node 50: got %v, want %v", err, ErrNotExist)
				}
				if i, err := tx.Lookup(Root, "old"); i != 4 {
					t.Errorf("old: got %d, %v, want 4", i, err)
				}
				if n, err := tx.Node(3); err != nil || !n.IsRegular() {
					t.Errorf("node 3: got %+v, %v", n, err)
				}
			})
			e1 := change(t, c, func(tx *Tx) { tx.PutAttr(9, "after", nil) })
			changes := collectChanges(t, c, e1-1)
			if len(changes) != 1 || changes[0] != (Change{Epoch: e1, Kind: AttrChanged, File: 9, Name: "after"}) {
				t.Errorf("changes: got %+v, want only the last one", changes)
			}
		})
	}
}

func TestInodesNeverRepeat(t *testing.T) {
	for _, engine := range []string{"memory", "bolt"} {
		t.Run(engine, func(t *testing.T) {
			memory, path := kv.NewMemory(), filepath.Join(t.TempDir(), "catalog.db")
			seen := map[Inode]bool{Root: true}
			for range 4 {
				var e kv.Engine = memory
				if engine == "bolt" {
					e = openBolt(t, path)
				}
				c := open(t, e, quiet(newClock()))
				take := func(i Inode) {
					if seen[i] {
						t.Fatalf("%d was given out twice", i)
					}
					seen[i] = true
				}
				for range 5 {
					take(c.NewInode())
					c.Update(func(tx *Tx) error { take(tx.NewInode()); return errors.New("not used") })
				}
				update(t, c, func(tx *Tx) { i := tx.NewInode(); take(i); tx.PutNode(i, &Node{}) })
				closeEpoch(t, c)
				take(c.NewInode()) // nothing is pending that would carry it
				view(t, c, func(tx *Tx) {
					if got, want := tx.Counters().NextInode, uint64(len(seen)+1); got != want {
						t.Errorf("NextInode: got %d, want %d", got, want)
					}
				})
				if err := c.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// What was synced before a crash is there after it, with the counters that fit.
func TestAfterACrashRowsAndCountersFit(t *testing.T) {
	c := open(t, openBolt(t, filepath.Join(t.TempDir(), "catalog.db")), quiet(newClock()))
	put := func() (i Inode) {
		update(t, c, func(tx *Tx) {
			i = tx.NewInode()
			tx.PutNode(i, &Node{Mode: TypeRegular})
			tx.PutDraft(&Draft{Inode: i, Gen: 1})
		})
		return i
	}
	kept := put()
	closeEpoch(t, c)
	lost := put()
	after := open(t, copyBolt(t, c), quiet(newClock()))
	view(t, after, func(tx *Tx) {
		if _, err := tx.Node(kept); err != nil {
			t.Error(err)
		}
		if _, err := tx.Node(lost); !errors.Is(err, ErrNotExist) {
			t.Errorf("got %v, want %v", err, ErrNotExist)
		}
		if got, want := tx.Counters(), (Counters{NextInode: uint64(lost), Nodes: 2, Drafts: 1}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
	if got := after.NewInode(); got <= kept {
		t.Errorf("new inode: got %d, which was given out before", got)
	}
}

func TestBeforeCommitComesBeforeTheCommit(t *testing.T) {
	e := kv.NewMemory()
	var order []string
	o := quiet(newClock())
	o.BeforeCommit = func() error { order = append(order, "prepare"); return nil }
	e.BeforeCommit(func() error { order = append(order, "commit"); return nil })
	open(t, e, o)
	if got := strings.Join(order, " "); got != "prepare commit" {
		t.Errorf("got %q", got)
	}
}

func TestAFailedCommitPoisons(t *testing.T) {
	e := kv.NewMemory()
	c := open(t, e, quiet(newClock()))
	broken := errors.New("broken disk")
	e.BeforeCommit(func() error { return broken })
	update(t, c, func(tx *Tx) { tx.PutAttr(1, "a", nil) })
	if err := c.Sync(context.Background()); !errors.Is(err, broken) {
		t.Errorf("Sync: got %v, want %v", err, broken)
	}
	if err := c.Update(func(*Tx) error { return nil }); !errors.Is(err, broken) {
		t.Errorf("Update: got %v, want %v", err, broken)
	}
	if err := c.Err(); !errors.Is(err, broken) {
		t.Errorf("Err: got %v, want %v", err, broken)
	}
	if err := c.Close(); !errors.Is(err, broken) {
		t.Errorf("Close: got %v, want %v", err, broken)
	}
}

func TestPendingAndSize(t *testing.T) {
	c := openMemory(t)
	if got := c.Pending(); got != 0 {
		t.Errorf("after Open: got %d rows pending, want 0", got)
	}
	size := c.Size()
	update(t, c, func(tx *Tx) { tx.PutAttr(1, "a", make([]byte, 1000)) })
	if got := c.Pending(); got != 1 {
		t.Errorf("got %d rows pending, want 1", got)
	}
	closeEpoch(t, c)
	if got := c.Size(); c.Pending() != 0 || got < size+1000 {
		t.Errorf("after Sync: %d rows pending, %d bytes after %d", c.Pending(), got, size)
	}
	if err := c.CheckEngine(context.Background(), func(problem string) { t.Error(problem) }); err != nil {
		t.Error(err)
	}
}

// A group that could not be committed at once keeps its epoch.
func TestCommitThatIsTriedAgainKeepsItsEpoch(t *testing.T) {
	e := kv.NewMemory()
	c := open(t, e, quiet(newClock()))
	e.BeforeCommit(func() error { return fmt.Errorf("disk full: %w", kv.ErrRetry) })
	put := func(name string) (epoch Epoch) {
		update(t, c, func(tx *Tx) {
			epoch = tx.Epoch()
			tx.PutName(Root, name, tx.NewInode(), TypeRegular)
		})
		return epoch
	}
	first := put("a")
	if err := c.Sync(context.Background()); !errors.Is(err, kv.ErrRetry) {
		t.Fatalf("Sync: got %v, want %v", err, kv.ErrRetry)
	}
	second := put("b")
	if second != first+1 {
		t.Errorf("after the attempt: got epoch %d, want %d", second, first+1)
	}
	if got := collectChanges(t, c, first-1); len(got) != 0 {
		t.Errorf("changes that are not durable: %+v", got)
	}
	e.BeforeCommit(nil)
	closeEpoch(t, c)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, e, quiet(newClock()))
	want := []Change{{Epoch: first, Kind: NameChanged, Dir: Root, Name: "a"}, {Epoch: second, Kind: NameChanged, Dir: Root, Name: "b"}}
	if got := collectChanges(t, c, first-1); !slices.Equal(got, want) {
		t.Errorf("changes: got %+v, want %+v", got, want)
	}
	view(t, c, func(tx *Tx) {
		for at, want := range map[Epoch]string{first: "a", second: "a b"} {
			if got := strings.Join(dirents(names(tx.At(at), Root, "", 9)), " "); got != want {
				t.Errorf("at %d: got %q, want %q", at, got, want)
			}
		}
	})
}

func TestWritingToThePastPanics(t *testing.T) {
	c := openMemory(t)
	for name, write := range map[string]func(tx *Tx){
		"put":    func(tx *Tx) { tx.PutAttr(1, "a", nil) },
		"delete": func(tx *Tx) { tx.DeleteNode(Root) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			c.Update(func(tx *Tx) error { write(tx.At(1)); return nil })
		}()
	}
	view(t, c, func(tx *Tx) {
		if _, err := tx.Node(Root); err != nil || tx.Counters().Nodes != 1 {
			t.Errorf("afterwards: %v, %+v", err, tx.Counters())
		}
	})
}

// Writers, readers and a follower at once, while epochs are closed all the time.
func TestConcurrentUse(t *testing.T) {
	o := quiet(newClock())
	o.Interval = time.Millisecond
	c := open(t, kv.NewMemory(), o)
	const writers, each = 4, 300
	var busy, all sync.WaitGroup
	stop := make(chan struct{})
	for w := range writers {
		busy.Go(func() {
			for i := range each {
				ino := c.NewInode()
				if err := c.Update(func(tx *Tx) error {
					tx.PutNode(ino, &Node{Mode: TypeRegular, Size: int64(i)})
					tx.PutName(Root, fmt.Sprintf("%d-%d", w, i), ino, TypeRegular)
					return nil
				}); err != nil {
					t.Error(err)
				}
				if i%50 == 0 {
					if err := c.Sync(context.Background()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	until := func(fn func()) {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					fn()
				}
			}
		})
	}
	until(func() {
		view(t, c, func(tx *Tx) {
			n := 0
			tx.ReadDir(Root, "", func(d Dirent) bool {
				if _, err := tx.Node(d.Ino); err != nil {
					t.Errorf("%s: %v", d.Name, err)
				}
				n++
				return true
			})
			if got := tx.Counters().Nodes; got != uint64(n)+1 {
				t.Errorf("got %d nodes and %d names", got, n)
			}
		})
	})
	until(func() {
		view(t, c, func(tx *Tx) {
			closed := tx.EpochAt(1<<63 - 1)
			if closed+1 != tx.Epoch() {
				t.Errorf("newest closed epoch %d, open epoch %d", closed, tx.Epoch())
			}
			tx.Since(0)
			past := tx.At(closed)
			past.ReadDir(Root, "", func(d Dirent) bool {
				if _, err := past.Node(d.Ino); err != nil {
					t.Errorf("%s in epoch %d: %v", d.Name, closed, err)
				}
				return true
			})
		})
	})
	seen, after := map[string]bool{}, Epoch(0)
	follow := func() {
		for _, ch := range collectChanges(t, c, after) {
			if after = ch.Epoch; ch.Kind == NameChanged {
				seen[ch.Name] = true
			}
		}
	}
	until(follow)
	busy.Wait()
	close(stop)
	all.Wait()
	closeEpoch(t, c)
	follow()
	if len(seen) != writers*each {
		t.Errorf("the follower saw %d names, want %d", len(seen), writers*each)
	}
}
