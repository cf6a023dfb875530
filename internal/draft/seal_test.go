package draft

import (
	"bytes"
	"testing"

	"github.com/rdfs/rdfs/internal/blob"
)

func TestWhatIsSealedReadsBackTheSame(t *testing.T) {
	for _, c := range []struct {
		name    string
		content []byte
	}{
		{"empty", nil},
		{"one byte", []byte("x")},
		{"small text", csv(1, 4000)},
		{"small floats", smooth32(1, 4096)},
		{"just one chunk", random(1, singleChunk)},
		{"just two chunks", random(1, singleChunk+1)},
		{"floats", smooth32(1, 5<<20)},
		{"doubles of odd length", smooth64(1, 3<<20+5)},
		{"text", csv(1, 9<<20)},
		{"random", random(2, 40<<20)},
		{"zeros", make([]byte, 5<<20+3)},
		{"a hole in data", append(append(random(3, 1<<20), make([]byte, 7<<20)...), random(4, 1<<20)...)},
		{"repeats", bytes.Repeat(random(5, 300_000), 20)},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, tab := newMemStore(), newTable()
			p := New(Options{Store: store, Has: tab.has, NewPackID: newPackID})
			m, s := seal(t, p, tab, c.content)
			if want := blob.Sum(c.content); m.ID != want || m.Size != int64(len(c.content)) {
				t.Fatalf("content is %s of %d bytes, want %s of %d", m.ID, m.Size, want, len(c.content))
			}
			if got := reassemble(t, NewReader(store, nil), tab, m); !bytes.Equal(got, c.content) {
				t.Fatal("read back other bytes")
			}
			t.Logf("%d chunks, %d bytes in %d packs", len(m.Chunks), packBytes(s), len(s.Packs))
			if _, again := seal(t, p, tab, c.content); len(again.Chunks) != 0 {
				t.Fatalf("sealing again stored %d chunks", len(again.Chunks))
			}
		})
	}
}
