package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

// Only for a new version of the format, into a directory of its own.
var writeFixture = flag.Bool("write-fixture", false, "write testdata/formats/catalog-v2 anew")

const (
	fixtureDir   = "../testdata/formats/catalog-v2"
	fixtureDir1  = "../testdata/formats/catalog-v1"
	fixtureID    = "01JNB7Z0000000000000000000"
	fixtureLimit = 256 << 10 // bytes
)

// writeEverything writes rows of every kind, in eight epochs.
func writeEverything(t *testing.T, e kv.Engine) *Catalog {
	c := open(t, e, Options{ID: fixtureID, Now: newClock().Now, Interval: time.Hour})
	file := Node{Mode: TypeRegular | 0o640, Nlink: 1, UID: 1000, GID: 100, Size: 5, Atime: 30, Mtime: 10, Ctime: 20, Btime: 5, File: 2, Gen: 1}
	change(t, c, func(tx *Tx) {
		for want := Inode(2); want <= 9; want++ {
			if got := tx.NewInode(); got != want {
				t.Fatalf("new inode: got %d, want %d", got, want)
			}
		}
		tx.PutNode(2, &file)
		tx.PutName(Root, "data.csv", 2, file.Mode)
		tx.PutDraft(&Draft{Inode: 2, Gen: 1, Opened: 9, UID: 1000, GID: 100, Program: "python3 fit.py"})
		tx.PutNode(3, &Node{Mode: TypeDir | 0o755, Nlink: 2, Atime: 11, Mtime: 11, Ctime: 11, Btime: 11, File: 3, Parent: Root})
		tx.PutName(Root, "sub-01", 3, TypeDir)
		tx.PutNode(4, &Node{Mode: TypeSymlink | 0o777, Nlink: 1, Size: 11, Mtime: -1, File: 4, Target: "../data.csv"})
		tx.PutName(3, "link", 4, TypeSymlink)
		tx.PutNode(5, &Node{Mode: TypeChar | 0o600, Nlink: 1, Rdev: 0x103, File: 5})
		tx.PutName(3, "null", 5, TypeChar)
		for i, name := range []string{"a", "ab", "a\x01b", "größe", strings.Repeat("n", 255)} {
			tx.PutName(3, name, 6, TypeRegular)
			tx.PutAttr(2, name, []byte(strings.Repeat("v", i)))
		}
		tx.PutNode(6, &Node{Mode: TypeRegular, Nlink: 5, File: 6})
	})
	change(t, c, func(tx *Tx) { // sealed
		id := blob.Sum([]byte("first"))
		tx.PutPack(&Pack{ID: blob.PackID{1, 2, 3}, Size: 4096, Chunks: 2, Sum: blob.Sum([]byte("pack")), State: PackStored})
		tx.PutChunk(id, blob.Location{Pack: blob.PackID{1, 2, 3}, Offset: 64, Stored: 4, Size: 5, Kind: blob.Zstd})
		tx.PutContent(&blob.Manifest{ID: id, Size: 5, Chunks: []blob.Chunk{{ID: id, Size: 5}}})
		tx.PutVersion(&Version{File: 2, Seq: 1, Content: id, Size: 5, Mtime: 10, Saved: 35, Sealed: 40, Epoch: tx.Epoch(), UID: 1000, GID: 100, Program: "python3 fit.py"})
		file.Content, file.Seq, file.Gen = id, 1, 0
		tx.PutNode(2, &file)
		tx.DeleteDraft(2, 1)
	})
	change(t, c, func(tx *Tx) { // a large content
		m := manifest("large", 1200)
		tx.PutContent(m)
		tx.PutVersion(&Version{File: 2, Seq: 2, Content: m.ID, Size: m.Size, Mtime: 50, Saved: -55, Sealed: 60, Epoch: tx.Epoch(), Note: "größer"})
		file.Content, file.Size, file.Seq = m.ID, m.Size, 2
		tx.PutNode(2, &file)
		tx.PutAttr(2, "a", []byte("changed"))
	})
	change(t, c, func(tx *Tx) { // replaced and removed
		tx.PutName(Root, "data.csv", 6, TypeRegular)
		tx.DeleteName(3, "ab")
		tx.DeleteAttr(2, "ab")
		tx.DeleteNode(5)
		tx.DeleteName(3, "null")
		tx.DeleteVersion(2, 1)
	})
	change(t, c, func(tx *Tx) { // removed and written again
		tx.PutName(3, "ab", 2, TypeRegular)
		tx.PutAttr(2, "ab", []byte{0, 255})
		tx.DeleteName(3, "a\x01b")
		tx.PutName(3, "a\x01b", 2, TypeRegular)
		tx.PutDraft(&Draft{Inode: 6, Gen: 7, File: 2, Opened: 70, Program: "R", Detached: true, Mtime: -80, Also: []FileID{6, 4}})
	})
	change(t, c, func(tx *Tx) { tx.PutNode(9, &Node{Mode: TypeFIFO | 0o600, Mtime: 90}) })
	change(t, c, func(tx *Tx) { // a save that waits for another, and a file that took over a history
		tx.PutSave(&Save{File: 2, Order: uint64(tx.NewInode()), Inode: 6, Gen: 7})
		id := blob.Sum([]byte("first"))
		tx.PutSave(&Save{File: 2, Order: uint64(tx.NewInode()), Version: Version{Content: id, Size: 5, Mtime: 95, Saved: 96, Sealed: 97, UID: 1, GID: 2, Program: "R"}})
		tx.PutNode(8, &Node{Mode: TypeRegular | 0o644, Nlink: 1, File: 7, Content: id, Size: 5})
		tx.PutName(3, "taken", 8, TypeRegular)
	})
	return c
}

// golden is all that a catalog of the format says.
type golden struct {
	Format   string
	ID       string
	Counters string
	Changes  []string
	Epochs   []goldenEpoch
	Live     []string // tables without a past
	Rows     []string // key = value, as they are stored
}

type goldenEpoch struct {
	Epoch  Epoch
	Closed Time
	Rows   []string
}

func dump(t *testing.T, c *Catalog) []byte {
	var g golden
	for _, ch := range collectChanges(t, c, 0) {
		g.Changes = append(g.Changes, fmt.Sprintf("%+v", ch))
	}
	view(t, c, func(tx *Tx) {
		g.Format, g.ID = fmt.Sprintf("%x", tx.kv.Get(keyMeta("format"))), string(tx.kv.Get(keyMeta("id")))
		g.Counters = fmt.Sprintf("%+v", tx.Counters())
		for e := Epoch(1); e < tx.Epoch(); e++ {
			when, err := tx.EpochTime(e)
			if err != nil {
				t.Fatal(err)
			}
			g.Epochs = append(g.Epochs, goldenEpoch{e, when, dumpAt(t, tx.At(e))})
		}
		g.Epochs = append(g.Epochs, goldenEpoch{Rows: dumpAt(t, tx)})
		g.Live = dumpLive(t, tx)
		for _, table := range tables {
			tx.kv.Ascend([]byte{table.ID}, nil, func(k, v []byte) bool {
				value := fmt.Sprintf("%x", v)
				if len(v) > 400 {
					value = fmt.Sprintf("%d bytes with BLAKE3 %s", len(v), blob.Sum(v))
				}
				g.Rows = append(g.Rows, fmt.Sprintf("%s %x = %s", table.Name, k, value))
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

func dumpAt(t *testing.T, tx *Tx) (rows []string) {
	err := tx.Nodes(0, func(i Inode, n *Node) bool {
		rows = append(rows, fmt.Sprintf("node %d: mode %o nlink %d uid %d gid %d rdev %#x size %d atime %d mtime %d ctime %d btime %d file %d parent %d target %q content %s gen %d seq %d",
			i, n.Mode, n.Nlink, n.UID, n.GID, n.Rdev, n.Size, n.Atime, n.Mtime, n.Ctime, n.Btime, n.File, n.Parent, n.Target, n.Content, n.Gen, n.Seq))
		tx.Names(i, func(name Name) bool {
			rows = append(rows, fmt.Sprintf("of %d: %q in %d", i, name.Name, name.Dir))
			return true
		})
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	tx.AllNames(0, "", func(dir Inode, d Dirent) bool {
		rows = append(rows, fmt.Sprintf("name %d %q: inode %d type %o", dir, d.Name, d.Ino, d.Type))
		return true
	})
	for f := FileID(0); f < 10; f++ {
		tx.Attrs(f, func(name string, value []byte) bool {
			rows = append(rows, fmt.Sprintf("attribute %d %q: %q", f, name, value))
			return true
		})
	}
	return rows
}

func dumpLive(t *testing.T, tx *Tx) (rows []string) {
	add := func(format string, args ...any) bool { rows = append(rows, fmt.Sprintf(format, args...)); return true }
	err := errors.Join(
		tx.AllVersions(0, 0, func(v *Version) bool {
			return add("version %d %d: content %s size %d mtime %d saved %d sealed %d epoch %d uid %d gid %d program %q note %q",
				v.File, v.Seq, v.Content, v.Size, v.Mtime, v.Saved, v.Sealed, v.Epoch, v.UID, v.GID, v.Program, v.Note)
		}),
		tx.Chunks(blob.ID{}, func(id blob.ID, l blob.Location) bool {
			return add("chunk %s: pack %s offset %d stored %d size %d kind %s", id, l.Pack, l.Offset, l.Stored, l.Size, l.Kind)
		}),
		tx.Packs(blob.PackID{}, func(p *Pack) bool {
			return add("pack %s: size %d chunks %d sum %s state %d", p.ID, p.Size, p.Chunks, p.Sum, p.State)
		}),
		tx.Drafts(0, 0, func(d *Draft) bool {
			return add("draft %d %d: file %d opened %d uid %d gid %d program %q detached %t mtime %d also %v",
				d.Inode, d.Gen, d.File, d.Opened, d.UID, d.GID, d.Program, d.Detached, d.Mtime, d.Also)
		}))
	if err != nil {
		t.Fatal(err)
	}
	for f := FileID(0); f < 10; f++ {
		if i, held := tx.Holder(f); held && i != Inode(f) {
			add("file %d: held by node %d", f, i)
		}
	}
	err = tx.AllSaves(0, func(s *Save) bool {
		return add("save %d %d: draft %d %d, version %+v", s.File, s.Order, s.Inode, s.Gen, s.Version)
	})
	if err != nil {
		t.Fatal(err)
	}
	tx.Contents(blob.ID{}, func(id blob.ID) bool {
		m, err := tx.Content(id)
		if err != nil {
			t.Fatal(err)
		}
		return add("content %s: %d bytes in %d chunks, the first %d %s, the last %d %s", id, m.Size, len(m.Chunks),
			m.Chunks[0].Size, m.Chunks[0].ID, m.Chunks[len(m.Chunks)-1].Size, m.Chunks[len(m.Chunks)-1].ID)
	})
	return rows
}

// openFixture opens a copy of a fixture.
func openFixture(t *testing.T, dir string) kv.Engine {
	t.Helper()
	return openBolt(t, copyFixture(t, dir))
}

func copyFixture(t *testing.T, dir string) (path string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > fixtureLimit {
		t.Errorf("the fixture has %d bytes, at most %d are allowed", len(b), fixtureLimit)
	}
	path = filepath.Join(t.TempDir(), "catalog.db")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func wantGolden(t *testing.T, c *Catalog) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join(fixtureDir, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	got := dump(t, c)
	if bytes.Equal(got, want) {
		return
	}
	lines := strings.Split(string(want), "\n")
	for i, line := range strings.Split(string(got), "\n") {
		if i >= len(lines) || line != lines[i] {
			t.Fatalf("line %d:\n got %s\nwant %s", i+1, line, slices.Concat(lines[min(i, len(lines)):], []string{"the end"})[0])
		}
	}
	t.Fatalf("ends before line %d", len(lines))
}

func TestFixtureOfFormat1IsUpgraded(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(fixtureDir1, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var was, is golden
	path := copyFixture(t, fixtureDir1)
	for range 2 { // it happens once
		c := open(t, openBolt(t, path), Options{ID: fixtureID, Now: newClock().Now, Interval: time.Hour})
		b = bytes.ReplaceAll(b, []byte("mtime -80 also 6\""), []byte("mtime -80 also [6]\"")) // it was one file, or 0
		if err := errors.Join(json.Unmarshal(b, &was), json.Unmarshal(dump(t, c), &is)); err != nil {
			t.Fatal(err)
		}
		if is.Format != "02" {
			t.Errorf("format %s", is.Format)
		}
		for k, e := range was.Epochs[:7] {
			if !slices.Equal(is.Epochs[k].Rows, e.Rows) {
				t.Errorf("epoch %d reads %q, was %q", e.Epoch, is.Epochs[k].Rows, e.Rows)
			}
		}
		if len(is.Live) != len(was.Live)+2 {
			t.Errorf("%d rows without a past, were %d", len(is.Live), len(was.Live))
		}
		// What is new follows from a draft that was a finished save of two files.
		added := slices.DeleteFunc(is.Live, func(row string) bool { return slices.Contains(was.Live, row) })
		version := fmt.Sprintf("%+v", Version{})
		want := []string{"save 2 10: draft 6 7, version " + version, "save 6 11: draft 6 7, version " + version}
		if !slices.Equal(added, want) {
			t.Errorf("added %q, want %q", added, want)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFixtureOfFormat2(t *testing.T) {
	if *writeFixture {
		writeNewFixture(t)
	}
	c := open(t, openFixture(t, fixtureDir), Options{ID: fixtureID, Now: newClock().Now})
	wantGolden(t, c)

	// It is not only read: it goes on.
	e := change(t, c, func(tx *Tx) { tx.DeleteName(Root, "data.csv") })
	view(t, c, func(tx *Tx) {
		if e != 9 {
			t.Errorf("the next epoch: got %d, want 9", e)
		}
		if i, err := tx.At(e-1).Lookup(Root, "data.csv"); i != 6 {
			t.Errorf("before it: got %d, %v, want 6", i, err)
		}
	})
}

func TestFixtureIsWhatIsWrittenToday(t *testing.T) {
	wantGolden(t, writeEverything(t, kv.NewMemory()))
}

func TestFixtureOfAnUnknownFormatIsRefused(t *testing.T) {
	e := openFixture(t, fixtureDir)
	if err := e.Declare(tables); err != nil {
		t.Fatal(err)
	}
	setRow(t, e, keyMeta("format"), []byte{3})
	_, err := Open(e, Options{})
	var f ErrFormat
	if !errors.As(err, &f) || f.Got != 3 {
		t.Errorf("got %v, want ErrFormat of 3", err)
	}
}

func writeNewFixture(t *testing.T) {
	c := writeEverything(t, openBolt(t, filepath.Join(t.TempDir(), "catalog.db")))
	var b bytes.Buffer
	if err := c.CopyTo(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(fixtureDir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"catalog.db": b.Bytes(), "golden.json": dump(t, c)} {
		if err := os.WriteFile(filepath.Join(fixtureDir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
