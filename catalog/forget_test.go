package catalog

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

// forget forgets what k does not keep, in steps of limit rows, with between called
// between two transactions. It returns how many rows went.
func forget(t testing.TB, c *Catalog, k *Keeping, limit int, between func()) (gone int) {
	for from := []byte(nil); ; {
		var keys [][]byte
		view(t, c, func(tx *Tx) { keys, from = k.Find(tx, from, limit) })
		between()
		if len(keys) > 0 {
			update(t, c, func(tx *Tx) { tx.Forget(keys) })
			gone += len(keys)
		}
		if from == nil {
			return gone
		}
	}
}

// After any history and any policy, in whatever steps, with writers between them,
// every epoch that is kept reads exactly as before.
func TestForgettingLeavesTheKeptEpochsAsTheyWere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	clk := newClock()
	path := filepath.Join(t.TempDir(), "catalog.db")
	m := &model{t: t, rng: rng, c: open(t, openBolt(t, path), quiet(clk)),
		live:     state{map[Inode]Node{}, map[Name]Dirent{}, map[attrName]string{}},
		epochs:   map[Epoch]state{},
		touched:  map[Epoch]map[Change]bool{},
		versions: map[Seq]Version{}, drafts: map[uint32]Draft{}, packs: map[blob.PackID]Pack{},
	}
	view(t, m.c, func(tx *Tx) { m.live.nodes[Root], _ = tx.Node(Root) })
	m.sync()
	forgotten := 0
	for round := range 6 {
		for range 150 {
			m.update()
			if rng.IntN(3) == 0 {
				if rng.IntN(4) == 0 {
					update(t, m.c, func(tx *Tx) { tx.PutSnapshot(&Snapshot{Name: fmt.Sprint("s", rng.IntN(40)), Epoch: tx.Epoch()}) })
				}
				m.sync()
			}
		}
		m.sync()
		k := Keeping{}
		update(t, m.c, func(tx *Tx) {
			for i := range 40 {
				if rng.IntN(3) == 0 {
					tx.DeleteSnapshot(fmt.Sprint("s", i))
				}
			}
			span := tx.Epoch() - 1 - tx.Horizon()
			tx.RaiseHorizon(tx.Horizon() + Epoch(rng.IntN(int(span))))
			k.Horizon, k.Named = tx.Horizon(), tx.Named()
		})
		limit := 1 + rng.IntN(200)
		forgotten += forget(t, m.c, &k, limit, func() {
			if rng.IntN(8) == 0 {
				m.update()
			}
		})
		m.sync()
		if round%2 == 1 {
			if err := m.c.Close(); err != nil {
				t.Fatal(err)
			}
			m.c = open(t, openBolt(t, path), quiet(clk))
			m.sync()
		}
		view(t, m.c, func(tx *Tx) {
			m.compare(tx, m.live, "live")
			m.compareRest(tx)
			for e := Epoch(1); e < tx.Epoch(); e++ {
				if tx.Readable(e) {
					m.compareEpoch(tx, e)
					if _, err := tx.EpochTime(e); err != nil {
						t.Fatalf("epoch %d has no time: %v", e, err)
					}
				}
			}
			for s, v := range m.versions {
				m.compareAttrs(tx.At(v.Epoch), m.epochs[v.Epoch], 1, fmt.Sprintf("version %d, epoch %d", s, v.Epoch))
			}
		})
	}
	if forgotten == 0 {
		t.Error("nothing was ever forgotten")
	}
}

// pastRows counts the rows of the past of a table.
func pastRows(t testing.TB, c *Catalog, of table) (n int) {
	view(t, c, func(tx *Tx) {
		tx.kv.Ascend([]byte{byte(tablePast), byte(of)}, []byte{byte(tablePast), byte(of) + 1}, func(_, _ []byte) bool { n++; return true })
	})
	return n
}

// forgetAll forgets all that the policy of no snapshots and no window does.
func forgetAll(t testing.TB, c *Catalog, held ...Inode) (k Keeping) {
	change(t, c, func(tx *Tx) { tx.PutAttr(99, "x", nil) }) // the last change is no longer in the window
	change(t, c, func(tx *Tx) { tx.PutAttr(98, "x", nil) })
	update(t, c, func(tx *Tx) { tx.RaiseHorizon(tx.Epoch() - 1); k.Horizon, k.Named = tx.Horizon(), tx.Named() })
	if len(held) > 0 {
		k.HeldInode = func(i Inode) bool { return i == held[0] }
		k.HeldFile = func(f FileID) bool { return f == FileID(held[0]) }
	}
	for forget(t, c, &k, 7, func() {}) > 0 {
	}
	return k
}

type tree struct {
	t testing.TB
	c *Catalog
}

// put gives dir/name a file (or, of 0, a directory) as an epoch of its own.
func (x tree) put(dir Inode, name string, i Inode, f FileID) Epoch {
	return change(x.t, x.c, func(tx *Tx) {
		n := Node{Mode: TypeRegular | 0o644, Nlink: 1, File: f, Seq: 1}
		if f == 0 {
			n = Node{Mode: TypeDir | 0o755, Nlink: 2, File: FileID(i), Parent: dir}
		}
		tx.PutNode(i, &n)
		tx.PutName(dir, name, i, n.Mode)
	})
}

func (x tree) version(f FileID) Epoch {
	return change(x.t, x.c, func(tx *Tx) {
		s := tx.LastSeq(f, 0) + 1
		tx.PutVersion(&Version{File: f, Seq: s, Content: blob.Sum([]byte{byte(s)}), Epoch: tx.Epoch()})
	})
}

func (x tree) remove(dir Inode, name string) Epoch {
	return change(x.t, x.c, func(tx *Tx) {
		i, err := tx.DeleteName(dir, name)
		if err != nil {
			x.t.Fatal(err)
		}
		tx.DeleteNode(i)
		tx.DeleteAttrs(FileID(i))
	})
}

// found returns the file that a deleted name leads to, 0 for none.
func (x tree) found(dir Inode, name string) (f FileID) {
	view(x.t, x.c, func(tx *Tx) {
		if i, died, ok := tx.LastAt(dir, name, 0); ok {
			n, err := tx.At(died - 1).Node(i)
			if err != nil {
				x.t.Errorf("%s leads to inode %d, whose row is gone", name, i)
			}
			f = n.File
		}
	})
	return f
}

func TestADeletedFileIsFoundForAsLongAsItHasVersions(t *testing.T) {
	c := openMemory(t)
	x := tree{t, c}
	x.put(Root, "d", 2, 0)
	x.put(2, "e", 3, 0)
	x.put(3, "data", 4, 4)
	x.version(4)
	change(t, c, func(tx *Tx) { tx.PutAttr(4, "user.tags", []byte("raw")) })
	change(t, c, func(tx *Tx) { tx.PutAttr(4, "user.tags", []byte("good")) })
	x.put(3, "scratch", 5, 5)
	for range 3 {
		change(t, c, func(tx *Tx) { n, _ := tx.Node(4); n.Mtime++; tx.PutNode(4, &n) })
	}
	x.remove(3, "data")
	x.remove(3, "scratch")
	x.remove(2, "e")
	x.remove(Root, "d")
	k := forgetAll(t, c)
	if got := x.found(3, "data"); got != 4 {
		t.Errorf("the deleted file: got file %d, want 4", got)
	}
	for _, up := range []struct {
		dir  Inode
		name string
		want FileID
	}{{2, "e", 3}, {Root, "d", 2}} {
		if got := x.found(up.dir, up.name); got != up.want {
			t.Errorf("the directory %s above it: got %d, want %d", up.name, got, up.want)
		}
	}
	if got := x.found(3, "scratch"); got != 0 {
		t.Errorf("a deleted file without versions is remembered: %d", got)
	}
	view(t, c, func(tx *Tx) {
		_, died, _ := tx.LastAt(3, "data", 0)
		if _, err := tx.EpochTime(died); err != nil {
			t.Errorf("when it was removed: %v", err)
		}
		if got, _ := tx.At(died-1).Attr(4, "user.tags"); string(got) != "good" {
			t.Errorf("its last attributes: got %q, want good", got)
		}
	})
	if got := pastRows(t, c, tableNode); got != 3 {
		t.Errorf("rows of nodes: got %d, want those of the file and two directories", got)
	}
	if k.Kept[OfDeleted] == 0 {
		t.Error("no row is kept for the deleted file")
	}
	update(t, c, func(tx *Tx) { tx.DeleteVersion(4, 1) })
	forgetAll(t, c)
	for _, of := range []table{tableNode, tableName, tableParent, tableAttr} {
		if got := pastRows(t, c, of); got != 0 {
			t.Errorf("table %c, when the last version is gone: %d rows are left", of, got)
		}
	}
}

func TestNamesOfLivingFilesAreForgotten(t *testing.T) {
	c := openMemory(t)
	x := tree{t, c}
	// Saved ten times by renaming a temporary file over it.
	for i := range Inode(10) {
		x.put(Root, "new.tmp", 20+i, 2)
		x.version(2)
		change(t, c, func(tx *Tx) {
			if was, err := tx.DeleteName(Root, "data"); err == nil {
				tx.DeleteNode(was)
			}
			tx.DeleteName(Root, "new.tmp")
			tx.PutName(Root, "data", 20+i, TypeRegular)
		})
	}
	forgetAll(t, c)
	if got := pastRows(t, c, tableName) + pastRows(t, c, tableNode) + pastRows(t, c, tableParent); got != 0 {
		t.Errorf("%d rows are kept, and the file lives", got)
	}
	// It is renamed, and then removed under its new name.
	change(t, c, func(tx *Tx) { tx.DeleteName(Root, "data"); tx.PutName(Root, "final", 29, TypeRegular) })
	x.remove(Root, "final")
	forgetAll(t, c)
	if got := x.found(Root, "final"); got != 2 {
		t.Errorf("the name under which it was removed: got file %d, want 2", got)
	}
	if got := pastRows(t, c, tableName); got != 1 {
		t.Errorf("got %d names, want only the last", got)
	}
}

func TestEachFileThatHadANameIsRemembered(t *testing.T) {
	c := openMemory(t)
	x := tree{t, c}
	for f := FileID(2); f <= 4; f++ { // three files of the same name, one after the other
		x.put(Root, "data", Inode(f), f)
		x.version(f)
		x.remove(Root, "data")
	}
	forgetAll(t, c)
	if got := pastRows(t, c, tableName); got != 3 {
		t.Errorf("got %d names, want one for each file", got)
	}
	// x is moved over data: what x was is found under its old name.
	x.put(Root, "data", 5, 5)
	x.version(5)
	x.put(Root, "x", 6, 6)
	x.version(6)
	change(t, c, func(tx *Tx) {
		tx.DeleteName(Root, "data")
		tx.DeleteNode(5)
		tx.DeleteName(Root, "x")
		tx.PutNode(6, &Node{Mode: TypeRegular, Nlink: 1, File: 5})
		tx.PutName(Root, "data", 6, TypeRegular)
	})
	forgetAll(t, c)
	if got := x.found(Root, "x"); got != 6 {
		t.Errorf("the file that was moved over another: got %d, want 6", got)
	}
}

func TestNothingUnderAHoldIsForgotten(t *testing.T) {
	c := openMemory(t)
	x := tree{t, c}
	x.put(Root, "d", 2, 0)
	x.put(2, "a", 3, 3)
	x.remove(2, "a")
	for i := range 5 {
		change(t, c, func(tx *Tx) { tx.PutAttr(2, "k", []byte(strings.Repeat("v", i))) })
		change(t, c, func(tx *Tx) { tx.PutAttr(7, "k", []byte(strings.Repeat("v", i))) })
	}
	attrs := pastRows(t, c, tableAttr)
	k := forgetAll(t, c, 2)
	if got := pastRows(t, c, tableAttr); got != attrs/2 || got == 0 {
		t.Errorf("attributes: got %d, want the half of %d that is held", got, attrs)
	}
	if pastRows(t, c, tableName) == 0 || k.Kept[UnderHold] == 0 {
		t.Error("the names in a held directory are forgotten")
	}
}

// BenchmarkForget makes 100,000 saves of files, and forgets them all.
func BenchmarkForget(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		c := open(b, kv.NewMemory(), Options{ID: "test", Interval: time.Hour})
		for range 10 {
			for i := Inode(2); i < 10_002; i += 100 {
				update(b, c, func(tx *Tx) {
					for i := i; i < i+100; i++ {
						tx.PutNode(i, &Node{Mode: TypeRegular, Nlink: 1, File: FileID(i)})
						tx.PutAttr(FileID(i), "user.k", nil)
					}
				})
			}
			closeEpoch(b, c)
		}
		b.StartTimer()
		forgetAll(b, c)
		b.StopTimer()
		if got := pastRows(b, c, tableNode); got != 0 {
			b.Fatalf("%d rows are left", got)
		}
		c.Close()
		b.StartTimer()
	}
}

func TestWhoMarksIsToldOfEachReference(t *testing.T) {
	c := openMemory(t)
	node, version, content, chunk := blob.Sum([]byte("n")), blob.Sum([]byte("v")), manifest("large", 3), blob.Sum([]byte("c"))
	write := func() {
		update(t, c, func(tx *Tx) {
			tx.PutNode(5, &Node{Mode: TypeRegular, Content: node})
			tx.PutNode(6, &Node{Mode: TypeRegular})
			tx.PutVersion(&Version{File: 5, Seq: 1, Content: version})
			tx.PutContent(content)
			tx.PutChunk(chunk, blob.Location{})
		})
	}
	told := map[blob.ID]bool{}
	write()
	if err := c.OnRefer(func(id blob.ID) { told[id] = true }); err != nil {
		t.Fatal(err)
	}
	write()
	if err := c.OnRefer(nil); err != nil {
		t.Fatal(err)
	}
	update(t, c, func(tx *Tx) { tx.PutNode(7, &Node{Mode: TypeRegular, Content: blob.Sum([]byte("later"))}) })
	want := []blob.ID{node, version, content.ID, content.Chunks[0].ID, content.Chunks[1].ID, content.Chunks[2].ID, chunk}
	for _, id := range want {
		if !told[id] {
			t.Errorf("%s was not told", id.Short())
		}
	}
	if len(told) != len(want) {
		t.Errorf("%d ids were told, want %d", len(told), len(want))
	}
}

func TestEverNamedAndEverNodeKnowThePast(t *testing.T) {
	c := openMemory(t)
	x := tree{t, c}
	x.put(Root, "d", 2, 0)
	x.put(2, "a", 3, 3)
	x.remove(2, "a")
	x.put(2, "a", 4, 9)
	change(t, c, func(tx *Tx) { tx.PutNode(4, &Node{Mode: TypeRegular, File: 10}) })
	view(t, c, func(tx *Tx) {
		ever := map[Inode]int{}
		tx.EverNamed(2, func(i Inode) { ever[i]++ })
		if len(ever) != 2 || ever[3] == 0 || ever[4] == 0 {
			t.Errorf("in the directory: got %v, want 3 and 4", ever)
		}
		files := map[FileID]int{}
		if err := tx.EverNode(4, func(n *Node) { files[n.File]++ }); err != nil {
			t.Error(err)
		}
		if len(files) != 2 || files[9] != 1 || files[10] != 1 {
			t.Errorf("the files of the inode: got %v, want 9 and 10", files)
		}
	})
}
