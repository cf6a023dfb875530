package catalog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

var (
	nodeRows = []Node{
		{Mode: TypeRegular, Nlink: 1, File: 7, Gen: 1, LastGen: 1, Keep: KeepStaged},
		{Mode: TypeSymlink, Nlink: 1, File: 7, Target: "ada@host.1", Keep: KeepLocal},
		{},
		{Mode: TypeDir | 0o755, Nlink: 2, Atime: 1, Mtime: 1, Ctime: 1, Btime: 1, File: 1, Parent: 1},
		{Mode: TypeRegular | 0o640, Nlink: 1, UID: 1000, GID: 100, Size: 5, Mtime: -7, Ctime: 1 << 60, Atime: -1 << 60, File: 9, Content: blob.Sum(nil), Seq: 3},
		{Mode: TypeSymlink | 0o777, Nlink: 1, Target: "../a", File: 4},
		{Mode: TypeChar, Rdev: math.MaxUint32, Nlink: math.MaxUint32, UID: math.MaxUint32, GID: math.MaxUint32, Size: math.MaxInt64,
			Atime: math.MinInt64, Mtime: math.MaxInt64, File: math.MaxUint64, Parent: math.MaxUint64, Gen: math.MaxUint32, Seq: math.MaxUint32},
	}
	versionRows = []Version{
		{},
		{Content: blob.Sum(nil), Size: math.MaxInt64, Mtime: -1, Saved: math.MinInt64, Sealed: math.MaxInt64, Epoch: 7, UID: 1, GID: math.MaxUint32, Program: "python3 fit.py", Note: "größer"},
	}
	draftRows = []Draft{
		{},
		{File: 8, Opened: 5, UID: 1, GID: 2, Program: "R", Detached: true, Mtime: -5, Also: []FileID{math.MaxUint64, 3}},
	}
	packRows = []Pack{
		{},
		{Size: math.MaxInt64, Chunks: math.MaxInt32, Sum: blob.Sum(nil), State: PackStored},
	}
	locationRows = []blob.Location{
		{},
		{Pack: blob.PackID{1, 15: 2}, Offset: math.MaxUint32, Stored: 1, Size: math.MaxUint32, Kind: blob.Shuffle8},
	}
)

// encoder is a row's struct.
type encoder interface{ encode(*writer) }

func encoded(r encoder) []byte {
	var w writer
	r.encode(&w)
	return w
}

func (l location) encode(w *writer) { encodeLocation(w, blob.Location(l)) }

type location blob.Location

// checkRow decodes b: it must be sound, or corrupt and nothing else, and what is
// sound must come back from its encoding. It reports whether it is sound.
func checkRow[T any](t *testing.T, b []byte, decode func([]byte) (T, error), encode func(T) []byte) bool {
	t.Helper()
	got, err := decode(b)
	if err != nil {
		wantCorrupt(t, err)
		return false
	}
	again, err := decode(encode(got))
	if err != nil || !reflect.DeepEqual(again, got) {
		t.Errorf("%+v came back as %+v, %v", got, again, err)
	}
	return true
}

func decodeNode(b []byte) (n Node, err error)       { err = n.decode(b); return n, err }
func decodeVersion(b []byte) (v Version, err error) { err = v.decode(b); return v, err }
func decodeDraft(b []byte) (d Draft, err error)     { err = d.decode(b); return d, err }
func decodePack(b []byte) (p Pack, err error)       { err = p.decode(b); return p, err }

func checkNode(t *testing.T, b []byte) bool {
	return checkRow(t, b, decodeNode, func(n Node) []byte { return encoded(&n) })
}
func checkVersion(t *testing.T, b []byte) bool {
	return checkRow(t, b, decodeVersion, func(v Version) []byte { return encoded(&v) })
}
func checkDraft(t *testing.T, b []byte) bool {
	return checkRow(t, b, decodeDraft, func(d Draft) []byte { return encoded(&d) })
}
func checkPack(t *testing.T, b []byte) bool {
	return checkRow(t, b, decodePack, func(p Pack) []byte { return encoded(&p) })
}
func checkLocation(t *testing.T, b []byte) bool {
	return checkRow(t, b, decodeLocation, func(l blob.Location) []byte { return encoded(location(l)) })
}

// eachRow calls fn for rows of every kind.
func eachRow(fn func(kind string, row []byte, check func(*testing.T, []byte) bool)) {
	for _, r := range nodeRows {
		fn("node", encoded(&r), checkNode)
	}
	for _, r := range versionRows {
		fn("version", encoded(&r), checkVersion)
	}
	for _, r := range draftRows {
		fn("draft", encoded(&r), checkDraft)
	}
	for _, r := range packRows {
		fn("pack", encoded(&r), checkPack)
	}
	for _, r := range locationRows {
		fn("chunk", encoded(location(r)), checkLocation)
	}
}

func TestRowsComeBack(t *testing.T) {
	for _, r := range nodeRows {
		if got, err := decodeNode(encoded(&r)); err != nil || got != r {
			t.Errorf("got %+v, %v, want %+v", got, err, r)
		}
	}
	for _, r := range versionRows {
		if got, err := decodeVersion(encoded(&r)); err != nil || got != r {
			t.Errorf("got %+v, %v, want %+v", got, err, r)
		}
	}
	for _, r := range draftRows {
		if got, err := decodeDraft(encoded(&r)); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("got %+v, %v, want %+v", got, err, r)
		}
	}
	for _, r := range packRows {
		if got, err := decodePack(encoded(&r)); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("got %+v, %v, want %+v", got, err, r)
		}
	}
	for _, r := range locationRows {
		if got, err := decodeLocation(encoded(location(r))); err != nil || got != r {
			t.Errorf("got %+v, %v, want %+v", got, err, r)
		}
	}
}

func TestRowThatEndsTooEarlyIsCorrupt(t *testing.T) {
	eachRow(func(kind string, row []byte, check func(*testing.T, []byte) bool) {
		for n := range row {
			if more := row[n:]; kind == "draft" && (string(more) == "\x00" || string(more) == "\x01\x03") {
				continue // so a row of format 1 ends
			}
			if check(t, row[:n]) {
				t.Errorf("%s row %x: the first %d bytes are taken for a row", kind, row, n)
			}
		}
	})
}

// A later version may add fields at the end.
func TestRowWithMoreFieldsIsRead(t *testing.T) {
	eachRow(func(kind string, row []byte, check func(*testing.T, []byte) bool) {
		row = row[:len(row):len(row)]
		if kind == "pack" {
			row = append(row, 0) // no copies: what comes later comes after their number
		}
		if !check(t, append(row, 1, 2, 3)) {
			t.Errorf("%s row %x with three bytes more is refused", kind, row)
		}
	})
}

func TestNumberThatDoesNotFitIsCorrupt(t *testing.T) {
	large := binary.AppendUvarint(nil, math.MaxUint64)
	eachRow(func(kind string, row []byte, check func(*testing.T, []byte) bool) {
		if kind == "node" && check(t, append([]byte{0}, large...)) {
			t.Errorf("a mode of %d is taken", uint64(math.MaxUint64))
		}
	})
	v := append(make([]byte, blob.IDSize), large...)
	if _, err := decodeVersion(append(v, make([]byte, 20)...)); !errors.Is(err, errRange) {
		t.Errorf("a size of %d: got %v, want %v", uint64(math.MaxUint64), err, errRange)
	}
}

func fuzzRow(f *testing.F, kind string) {
	var check func(*testing.T, []byte) bool
	eachRow(func(k string, row []byte, c func(*testing.T, []byte) bool) {
		if k == kind {
			f.Add(row)
			check = c
		}
	})
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b) })
}

func FuzzNodeRow(f *testing.F)    { fuzzRow(f, "node") }
func FuzzVersionRow(f *testing.F) { fuzzRow(f, "version") }
func FuzzDraftRow(f *testing.F)   { fuzzRow(f, "draft") }
func FuzzPackRow(f *testing.F)    { fuzzRow(f, "pack") }
func FuzzChunkRow(f *testing.F)   { fuzzRow(f, "chunk") }

func FuzzContentRow(f *testing.F) {
	f.Add([]byte{0})
	m := manifest("x", 3)
	f.Add(blob.AppendChunks(binary.AppendUvarint(nil, uint64(m.Size)), m.Chunks))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseContent(blob.ID{}, b)
		if err != nil {
			wantCorrupt(t, err)
			return
		}
		again, err := parseContent(blob.ID{}, blob.AppendChunks(binary.AppendUvarint(nil, uint64(m.Size)), m.Chunks))
		if err != nil || again.Size != m.Size || len(again.Chunks) != len(m.Chunks) {
			t.Errorf("%+v came back as %+v, %v", m, again, err)
		}
	})
}

func FuzzFeedRow(f *testing.F) {
	var feed []byte
	for _, k := range [][]byte{nodeKey(7), nameKey(7, "x"), attrKey(7, "user.x"), versionKey(7, 3), parentKey(7, 1, "x")} {
		feed = append(append(feed, byte(len(k))), k...)
	}
	f.Add(feed)
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			_, rest, err := parseChange(b)
			if err != nil {
				wantCorrupt(t, err)
				return
			}
			if len(rest) >= len(b) {
				t.Fatal("no progress")
			}
			b = rest
		}
	})
}

// FuzzTemporalRow puts a row with any value, and a past row with any key and
// value, among sound ones: every read answers, or says that it is corrupt.
func FuzzTemporalRow(f *testing.F) {
	f.Add(byte('i'), []byte{1}, []byte{2})
	f.Add(byte('n'), append([]byte{1, 0, 0, 0, 0, 0, 0, 0, 5}, 8), append(nameKey(Root, "a"), 0, 0, 0, 0, 0, 0, 0, 0, 3))
	f.Add(byte('a'), []byte{}, []byte{})
	f.Add(byte('r'), []byte{0}, append(parentKey(5, Root, "a"), 0))
	f.Fuzz(func(t *testing.T, which byte, value, past []byte) {
		e := kv.NewMemory()
		c := open(t, e, quiet(newClock()))
		change(t, c, func(tx *Tx) {
			tx.PutNode(5, &Node{Mode: TypeRegular})
			tx.PutName(Root, "b", 5, TypeRegular)
			tx.PutAttr(5, "b", nil)
		})
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if value == nil {
			value = []byte{}
		}
		switch table(which) {
		case tableNode:
			setRow(t, e, nodeKey(5), value)
		case tableName:
			setRow(t, e, nameKey(Root, "a"), value)
		case tableParent:
			setRow(t, e, parentKey(5, Root, "a"), value)
		case tableAttr:
			setRow(t, e, attrKey(5, "a"), value)
		}
		setRow(t, e, append([]byte{byte(tablePast)}, past...), value)
		c = open(t, e, quiet(newClock()))
		for _, read := range []func(tx *Tx) error{
			func(tx *Tx) error { _, err := tx.Node(5); return err },
			func(tx *Tx) error { return tx.Nodes(0, func(Inode, *Node) bool { return true }) },
			func(tx *Tx) error { _, err := tx.Lookup(Root, "a"); return err },
			func(tx *Tx) error { tx.ReadDir(Root, "", func(Dirent) bool { return true }); return nil },
			func(tx *Tx) error { tx.AllNames(0, "", func(Inode, Dirent) bool { return true }); return nil },
			func(tx *Tx) error { tx.Names(5, func(Name) bool { return true }); return nil },
			func(tx *Tx) error { _, err := tx.Path(5); return err },
			func(tx *Tx) error { _, err := tx.Attr(5, "a"); return err },
			func(tx *Tx) error { tx.Attrs(5, func(string, []byte) bool { return true }); return nil },
			func(tx *Tx) error { tx.LastAt(Root, "a", 0); return nil },
		} {
			for _, at := range []Epoch{Live, 1, 2, 0} {
				err := c.View(func(tx *Tx) error { return read(tx.At(at)) })
				if err != nil && !errors.Is(err, ErrNotExist) && !errors.Is(err, blob.ErrCorrupt) {
					t.Errorf("at %d: got error %v", at, err)
				}
			}
		}
		err := c.Update(func(tx *Tx) error {
			tx.PutName(Root, "a", 6, TypeRegular)
			tx.DeleteNode(5)
			tx.DeleteAttrs(5)
			return nil
		})
		if err != nil && !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("Update: got error %v", err)
		}
		if err := c.Sync(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// Every table that has keys of a fixed form says so when it meets another.
func TestDamagedKeysAreCorrupt(t *testing.T) {
	for _, tc := range []struct {
		table table
		read  func(tx *Tx) error
	}{
		{tableNode, func(tx *Tx) error { return tx.Nodes(0, func(Inode, *Node) bool { return true }) }},
		{tableName, func(tx *Tx) error { tx.AllNames(0, "", func(Inode, Dirent) bool { return true }); return nil }},
		{tableParent, func(tx *Tx) error { tx.Names(0xffffffffff, func(Name) bool { return true }); return nil }},
		{tableVersion, func(tx *Tx) error { return tx.AllVersions(0, 0, func(*Version) bool { return true }) }},
		{tableContent, func(tx *Tx) error { tx.Contents(blob.ID{}, func(blob.ID) bool { return true }); return nil }},
		{tableChunk, func(tx *Tx) error {
			return tx.Chunks(blob.ID{}, func(blob.ID, blob.Location) bool { return true })
		}},
		{tablePack, func(tx *Tx) error { return tx.Packs(blob.PackID{}, func(*Pack) bool { return true }) }},
		{tableDraft, func(tx *Tx) error { return tx.Drafts(0, 0, func(*Draft) bool { return true }) }},
		{tablePast, func(tx *Tx) error { return tx.At(1).Nodes(0, func(Inode, *Node) bool { return true }) }},
	} {
		t.Run(string(tc.table), func(t *testing.T) {
			e := kv.NewMemory()
			open(t, e, quiet(newClock())).Close()
			key := append([]byte{byte(tc.table)}, "\xff"...)
			if tc.table == tableParent {
				key = key1(tableParent, 0xffffffffff)
			}
			if tc.table == tablePast {
				key = []byte{byte(tablePast), byte(tableNode), 0xff}
			}
			value := append([]byte{1}, bytes.Repeat([]byte{0}, 100)...)
			setRow(t, e, key, value)
			wantCorrupt(t, open(t, e, quiet(newClock())).View(tc.read))
		})
	}
}
