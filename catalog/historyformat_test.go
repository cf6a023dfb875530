package catalog

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

// Only for a new version of the format, into a directory of its own.
var writeHistoryFixture = flag.Bool("write-history-fixture", false, "write testdata/formats/catalog-v2-history anew")

const historyDir = "../testdata/formats/catalog-v2-history"

// writeHistory writes a catalog of which a part is forgotten: with snapshots, holds, a
// horizon, a deleted file that is remembered, and what a mark found.
func writeHistory(t *testing.T, e kv.Engine) *Catalog {
	clk := newClock()
	c := open(t, e, Options{ID: fixtureID, Now: clk.Now, Interval: time.Hour})
	x := tree{t, c}
	change(t, c, func(tx *Tx) {
		for range 8 {
			tx.NewInode()
		}
	})
	x.put(Root, "exp", 2, 0)
	x.put(2, "data.csv", 3, 3)
	x.version(3)
	x.put(2, "gone.csv", 4, 4)
	x.version(4)
	change(t, c, func(tx *Tx) { tx.PutAttr(4, "user.tags", []byte("raw")) })
	x.put(2, "scratch", 5, 5)
	change(t, c, func(tx *Tx) {
		tx.PutSnapshot(&Snapshot{Name: "before", Epoch: tx.Epoch(), Time: 70, UID: 1000, Pinned: true, Message: "für alle", Tags: []string{"manual", "paper"}})
	})
	x.remove(2, "scratch")
	for k := range 4 {
		change(t, c, func(tx *Tx) { tx.PutAttr(3, "user.n", []byte{byte(k)}) })
	}
	x.remove(2, "gone.csv")
	change(t, c, func(tx *Tx) {
		tx.PutHold(&Hold{File: 2, Until: 1 << 61, Placed: 80, UID: 1000, Reason: "größer", Path: "exp"})
		tx.PutHold(&Hold{File: 3, Placed: 81, Reason: "audit", Path: "exp/data.csv"})
	})
	clk.add(3 * time.Hour) // the drive was not in use
	change(t, c, func(tx *Tx) { tx.PutAttr(3, "user.n", []byte("last")) })
	k := Keeping{}
	change(t, c, func(tx *Tx) {
		tx.RaiseHorizon(tx.Epoch() - 1)
		k.Horizon, k.Named = tx.Horizon(), tx.Named()
		tx.PutCosts(&Costs{Time: 90, Live: 1, History: 2, Dead: 3, Packs: 400, Contents: 5, Forgotten: 6})
	})
	forget(t, c, &k, 5, func() {})
	change(t, c, func(tx *Tx) { tx.PutSnapshot(&Snapshot{Name: "after", Epoch: tx.Epoch(), Time: 95}) })
	return c
}

// historyGolden is all that such a catalog says.
type historyGolden struct {
	Horizon   Epoch
	Readable  []goldenEpoch // without times where there is none
	Snapshots []string
	Holds     []string
	Costs     string
	Removed   string // what is known of the deleted file
	Rows      []string
}

func dumpHistory(t *testing.T, c *Catalog) []byte {
	var g historyGolden
	view(t, c, func(tx *Tx) {
		g.Horizon = tx.Horizon()
		for e := Epoch(1); e < tx.Epoch(); e++ {
			if tx.Readable(e) {
				when, err := tx.EpochTime(e)
				if err != nil {
					t.Fatal(err)
				}
				g.Readable = append(g.Readable, goldenEpoch{e, when, dumpAt(t, tx.At(e))})
			}
		}
		if err := tx.Snapshots("", func(s *Snapshot) bool { g.Snapshots = append(g.Snapshots, fmt.Sprintf("%+v", *s)); return true }); err != nil {
			t.Fatal(err)
		}
		if err := tx.Holds(func(h *Hold) bool { g.Holds = append(g.Holds, fmt.Sprintf("%+v", *h)); return true }); err != nil {
			t.Fatal(err)
		}
		costs, err := tx.Costs()
		if err != nil {
			t.Fatal(err)
		}
		g.Costs = fmt.Sprintf("%+v", costs)
		i, died, ok := tx.LastAt(2, "gone.csv", 0)
		if _, err := tx.EpochTime(died); err != nil {
			t.Errorf("when the file was removed: %v", err)
		}
		tags, _ := tx.At(died-1).Attr(4, "user.tags")
		g.Removed = fmt.Sprintf("inode %d, in epoch %d, %v, tags %s", i, died, ok, tags)
		for _, table := range tables {
			tx.kv.Ascend([]byte{table.ID}, nil, func(k, v []byte) bool {
				g.Rows = append(g.Rows, fmt.Sprintf("%s %x = %x", table.Name, k, v))
				return true
			})
		}
	})
	b, err := json.MarshalIndent(g, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func TestFixtureOfHistory(t *testing.T) {
	if *writeHistoryFixture {
		path := filepath.Join(t.TempDir(), "catalog.db")
		c := writeHistory(t, openBolt(t, path))
		dumped := dumpHistory(t, c)
		var db bytes.Buffer
		if err := c.CopyTo(&db); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(historyDir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{"catalog.db": db.Bytes(), "golden.json": dumped} {
			if err := os.WriteFile(filepath.Join(historyDir, name), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	want, err := os.ReadFile(filepath.Join(historyDir, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, openFixture(t, historyDir), Options{ID: fixtureID, Now: newClock().Now, Interval: time.Hour})
	if got := dumpHistory(t, c); !bytes.Equal(got, want) {
		t.Errorf("the fixture reads\n%s\nand should read\n%s", got, want)
	}
	written := writeHistory(t, kv.NewMemory())
	if got := dumpHistory(t, written); !bytes.Equal(got, want) {
		t.Errorf("what is written today reads\n%s\nand should read\n%s", got, want)
	}
	// It goes on: what is kept stays as it is when more is forgotten.
	k := Keeping{}
	update(t, c, func(tx *Tx) { k.Horizon, k.Named = tx.Horizon(), tx.Named() })
	if gone := forget(t, c, &k, 100, func() {}); gone > 0 {
		t.Errorf("%d rows more were forgotten", gone)
	}
	if blob.Sum(dumpHistory(t, c)) != blob.Sum(want) {
		t.Error("forgetting nothing changed something")
	}
}
