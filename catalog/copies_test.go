package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

// Only for a new version of the format, into a directory of its own.
var writeCopiesFixture = flag.Bool("write-copies-fixture", false, "write testdata/formats/catalog-v2-copies anew")

const copiesDir = "../testdata/formats/catalog-v2-copies"

var copiedPacks = []Pack{
	{ID: blob.PackID{1}, Size: 100, Chunks: 1, Sum: blob.Sum([]byte("1")), State: PackStored},
	{ID: blob.PackID{2}, Size: 200, Chunks: 2, Sum: blob.Sum([]byte("2")), State: PackStored, Where: []Copy{{Tier: "local"}}},
	{ID: blob.PackID{3}, Size: 300, Chunks: 3, Sum: blob.Sum([]byte("3")), State: PackStored,
		Where: []Copy{{Tier: "local", Verified: 1 << 60}, {Tier: "cloud"}}},
}

var waitingMoves = []Move{
	{Pack: blob.PackID{2}, Want: []string{"local", "cloud"}, Why: "2 copies: größer", Asked: 70},
	{Pack: blob.PackID{3}},
}

// writeCopies writes packs in several tiers, and what is still to be done about them.
func writeCopies(t *testing.T, e kv.Engine) *Catalog {
	c := open(t, e, Options{ID: fixtureID, Now: newClock().Now, Interval: time.Hour})
	change(t, c, func(tx *Tx) {
		for _, p := range copiedPacks {
			tx.PutPack(&p)
		}
		for _, m := range waitingMoves {
			tx.PutMove(&m)
		}
	})
	return c
}

func dumpCopies(t *testing.T, c *Catalog) []byte {
	var lines []string
	view(t, c, func(tx *Tx) {
		tx.Packs(blob.PackID{}, func(p *Pack) bool { lines = append(lines, fmt.Sprintf("%+v in %v", *p, p.In())); return true })
		tx.Moves(blob.PackID{}, func(m *Move) bool { lines = append(lines, fmt.Sprintf("%+v", *m)); return true })
		for _, table := range []table{tablePack, tableMove} {
			tx.kv.Ascend([]byte{byte(table)}, nil, func(k, v []byte) bool {
				lines = append(lines, fmt.Sprintf("%x = %x", k, v))
				return true
			})
		}
	})
	b, err := json.MarshalIndent(lines, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func TestFixtureOfCopies(t *testing.T) {
	if *writeCopiesFixture {
		c := writeCopies(t, openBolt(t, filepath.Join(t.TempDir(), "catalog.db")))
		var db bytes.Buffer
		if err := c.CopyTo(&db); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(copiesDir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{"catalog.db": db.Bytes(), "golden.json": dumpCopies(t, c)} {
			if err := os.WriteFile(filepath.Join(copiesDir, name), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	want, err := os.ReadFile(filepath.Join(copiesDir, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Catalog{
		"the fixture":  open(t, openFixture(t, copiesDir), Options{ID: fixtureID, Now: newClock().Now}),
		"written anew": writeCopies(t, kv.NewMemory()),
	} {
		if got := dumpCopies(t, c); !bytes.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestPlacesOfAPackComeBack(t *testing.T) {
	for _, p := range copiedPacks {
		got, err := decodePack(encoded(&p))
		got.ID = p.ID
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("got %+v, %v, want %+v", got, err, p)
		}
	}
	full, bare := copiedPacks[2], copiedPacks[2]
	bare.Where = nil
	row, without := encoded(&full), len(encoded(&bare))
	for n := range row {
		if _, err := decodePack(row[:n]); n != without && !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("the first %d bytes of %d are taken for a row: %v", n, len(row), err)
		}
	}
}

func TestAPackThatGoesTakesItsMoveAlong(t *testing.T) {
	c := writeCopies(t, kv.NewMemory())
	change(t, c, func(tx *Tx) {
		if err := tx.DeletePack(blob.PackID{2}); err != nil {
			t.Fatal(err)
		}
	})
	view(t, c, func(tx *Tx) {
		if _, err := tx.Move(blob.PackID{2}); !errors.Is(err, ErrNotExist) {
			t.Errorf("its move: got %v, want ErrNotExist", err)
		}
		if m, err := tx.Move(blob.PackID{3}); err != nil || m.Want != nil {
			t.Errorf("the move of another: %+v, %v", m, err)
		}
	})
}
