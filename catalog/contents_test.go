package catalog

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

// manifest returns a content of n chunks.
func manifest(name string, n int) *blob.Manifest {
	m := &blob.Manifest{ID: blob.Sum([]byte(name))}
	for i := range n {
		c := blob.Chunk{ID: blob.Sum(binary.AppendUvarint([]byte(name), uint64(i))), Size: uint32(1 + i*1000)}
		m.Chunks = append(m.Chunks, c)
		m.Size += int64(c.Size)
	}
	return m
}

func wantManifest(t *testing.T, c *Catalog, want *blob.Manifest) {
	t.Helper()
	view(t, c, func(tx *Tx) {
		got, err := tx.Content(want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.ID != want.ID || got.Size != want.Size || !slices.Equal(got.Chunks, want.Chunks) {
			t.Errorf("got %d bytes in %d chunks, want %d in %d", got.Size, len(got.Chunks), want.Size, len(want.Chunks))
		}
		if !tx.HasContent(want.ID) {
			t.Error("HasContent: got false")
		}
	})
}

func TestContentKeepsItsChunks(t *testing.T) {
	for _, tc := range []struct {
		name   string
		chunks int
	}{{"two chunks", 2}, {"one chunk with another id", 1}, {"one part", 900}, {"three parts", 2500}, {"many parts", 30_000}} {
		t.Run(tc.name, func(t *testing.T) {
			c := openMemory(t)
			m := manifest("x", tc.chunks)
			update(t, c, func(tx *Tx) {
				tx.PutContent(m)
				tx.PutContent(manifest("another", 5))
			})
			wantManifest(t, c, m)
			closeEpoch(t, c)
			wantManifest(t, c, m)
		})
	}
}

func TestContentThatIsPutAgainWithAShorterList(t *testing.T) {
	c := openMemory(t)
	long, short := manifest("x", 5000), manifest("x", 3)
	for _, m := range []*blob.Manifest{long, short, long} {
		change(t, c, func(tx *Tx) { tx.PutContent(m) })
		wantManifest(t, c, m)
	}
}

func TestEmptyContentNeedsNoRow(t *testing.T) {
	c := openMemory(t)
	rows := c.Pending()
	update(t, c, func(tx *Tx) { tx.PutContent(&blob.Manifest{ID: blob.Sum(nil)}) })
	if got := c.Pending(); got != rows {
		t.Errorf("%d rows were written", got-rows)
	}
	wantManifest(t, c, &blob.Manifest{ID: blob.Sum(nil)})
}

func TestContentOfOneChunkIsTheChunk(t *testing.T) {
	c := openMemory(t)
	id := blob.Sum([]byte("x"))
	m := &blob.Manifest{ID: id, Size: 70, Chunks: []blob.Chunk{{ID: id, Size: 70}}}
	update(t, c, func(tx *Tx) { tx.PutContent(m) })
	if got := c.Pending(); got != 0 {
		t.Errorf("%d rows were written", got)
	}
	view(t, c, func(tx *Tx) {
		if tx.HasContent(id) {
			t.Error("HasContent before the chunk is stored")
		}
		if _, err := tx.Content(id); !errors.Is(err, ErrNotExist) {
			t.Errorf("got %v, want %v", err, ErrNotExist)
		}
	})
	update(t, c, func(tx *Tx) { tx.PutChunk(id, blob.Location{Stored: 40, Size: 70}) })
	wantManifest(t, c, m)
}

func TestContentsYieldsEachOnce(t *testing.T) {
	c := openMemory(t)
	want := map[blob.ID]bool{}
	update(t, c, func(tx *Tx) {
		for i := range 20 {
			m := manifest(string(rune('a'+i)), 1500*(i%3)+2)
			tx.PutContent(m)
			want[m.ID] = true
		}
	})
	view(t, c, func(tx *Tx) {
		got, after := 0, blob.ID{}
		for more := true; more; {
			more = false
			tx.Contents(after, func(id blob.ID) bool {
				if !want[id] || slices.Compare(id[:], after[:]) <= 0 {
					t.Fatalf("%s after %s", id.Short(), after.Short())
				}
				got, after = got+1, id
				more = got%3 != 0
				return more
			})
			more = got%3 == 0 && got < len(want)
		}
		if got != len(want) {
			t.Errorf("got %d contents, want %d", got, len(want))
		}
		tx.Contents(blob.ID(slices.Repeat([]byte{0xff}, blob.IDSize)), func(id blob.ID) bool {
			t.Errorf("%s after the last possible", id)
			return false
		})
	})
}

func TestDamagedContentIsCorrupt(t *testing.T) {
	m := manifest("x", 4000)
	key := func(part uint32) []byte { return keyContent(m.ID, part) }
	for _, tc := range []struct {
		name   string
		damage func(part0 []byte) (key, value []byte)
	}{
		{"the first part is gone", func([]byte) ([]byte, []byte) { return key(0), nil }},
		{"a part between is gone", func([]byte) ([]byte, []byte) { return key(1), nil }},
		{"the last part is gone", func([]byte) ([]byte, []byte) { return key(4), nil }},
		{"a part too many", func(p []byte) ([]byte, []byte) { return key(5), p }},
		{"a part is short", func(p []byte) ([]byte, []byte) { return key(0), p[:500] }},
		{"no size", func([]byte) ([]byte, []byte) { return key(0), []byte{} }},
		{"another size", func(p []byte) ([]byte, []byte) { p[0] ^= 1; return key(0), p }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := kv.NewMemory()
			c := open(t, e, quiet(newClock()))
			change(t, c, func(tx *Tx) { tx.PutContent(m) })
			var part0 []byte
			view(t, c, func(tx *Tx) { part0 = slices.Clone(tx.kv.Get(key(0))) })
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			k, v := tc.damage(part0)
			setRow(t, e, k, v)
			view(t, open(t, e, quiet(newClock())), func(tx *Tx) {
				_, err := tx.Content(m.ID)
				wantCorrupt(t, err)
			})
		})
	}
}

func TestChunksAndPacksAreListedInOrder(t *testing.T) {
	c := openMemory(t)
	const n = 50
	update(t, c, func(tx *Tx) {
		for i := range n {
			tx.PutChunk(blob.Sum([]byte{byte(i)}), blob.Location{Pack: blob.PackID{1, byte(i)}, Offset: uint32(i), Stored: 1 << 31, Size: 1<<32 - 1, Kind: blob.Shuffle4})
			tx.PutPack(&Pack{ID: blob.PackID{1, byte(n - i)}, Size: int64(i), Chunks: i, State: PackStored})
		}
	})
	view(t, c, func(tx *Tx) {
		var ids []blob.ID
		if err := tx.Chunks(blob.ID{}, func(id blob.ID, l blob.Location) bool {
			if id != blob.Sum([]byte{byte(l.Offset)}) || l != (blob.Location{Pack: blob.PackID{1, byte(l.Offset)}, Offset: l.Offset, Stored: 1 << 31, Size: 1<<32 - 1, Kind: blob.Shuffle4}) {
				t.Errorf("got %+v at %s", l, id.Short())
			}
			ids = append(ids, id)
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if len(ids) != n || !slices.IsSortedFunc(ids, func(a, b blob.ID) int { return slices.Compare(a[:], b[:]) }) {
			t.Errorf("got %d chunks, sorted: want %d", len(ids), n)
		}
		next := 0
		tx.Chunks(ids[30], func(id blob.ID, _ blob.Location) bool {
			if id != ids[31+next] {
				t.Errorf("after the 31st: got %s, want %s", id.Short(), ids[31+next].Short())
			}
			next++
			return next < 5
		})
		packs := 0
		if err := tx.Packs(blob.PackID{1, 10}, func(p *Pack) bool {
			packs++
			if want := (blob.PackID{1, byte(10 + packs)}); p.ID != want {
				t.Errorf("got pack %s, want %s", p.ID, want)
			}
			return true
		}); err != nil || packs != n-10 {
			t.Errorf("got %d packs, %v, want %d", packs, err, n-10)
		}
	})
}
