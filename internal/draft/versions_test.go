package draft

import (
	"io"
	"math/rand/v2"
	"testing"

	"github.com/rdfs/rdfs/internal/blob"
)

// endless is a file of random bytes that takes no memory: the bytes at an offset
// are a function of seed and offset.
type endless struct {
	seed uint64
	size int64
}

func (f endless) Size() int64 { return f.size }

func (f endless) ReadAt(p []byte, off int64) (int, error) {
	n := int(min(int64(len(p)), max(0, f.size-off)))
	for i := 0; i < n; {
		at := off + int64(i)
		z := (uint64(at/8) + f.seed<<40) * 0x9E3779B97F4A7C15
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		z ^= z >> 31
		if at%8 == 0 && n-i >= 8 {
			for k := range 8 {
				p[i+k] = byte(z >> (8 * k))
			}
			i += 8
			continue
		}
		p[i] = byte(z >> (8 * uint(at%8)))
		i++
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// file is an io.ReaderAt that knows its size, as io.SectionReader does.
type file interface {
	io.ReaderAt
	Size() int64
}

// rope is pieces of other files, one after the other.
type rope []*io.SectionReader

func (r rope) piece(f file, from, to int64) rope {
	return append(r, io.NewSectionReader(f, from, to-from))
}

func (r rope) Size() (n int64) {
	for _, p := range r {
		n += p.Size()
	}
	return n
}

func (r rope) ReadAt(b []byte, off int64) (int, error) {
	n := 0
	for _, p := range r {
		if off >= p.Size() {
			off -= p.Size()
			continue
		}
		m, err := p.ReadAt(b[n:], off)
		n += m
		if err != nil && err != io.EOF {
			return n, err
		}
		if n == len(b) {
			return n, nil
		}
		off = 0
	}
	return n, io.EOF
}

func sealFile(t *testing.T, p *Pipeline, tab *table, f file) (blob.Manifest, int64) {
	t.Helper()
	b := p.Begin()
	defer b.Discard()
	m, err := b.Add(t.Context(), f, f.Size(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tab.commit(s)
	return m, packBytes(s)
}

// edit is a way to make a new version of the first size bytes of old.
type edit struct {
	name  string
	make  func(old file, size int64) rope
	limit int64 // bytes that may be stored
}

const MiB = 1 << 20

var fresh = endless{2, 1 << 40}

// extents rewrites 5 extents of 1 MiB.
func extents(old file, size int64) (r rope) {
	at := int64(0)
	for i := range int64(5) {
		from := (2*i+1)*size/10 + 12345
		r = r.piece(old, at, from).piece(fresh, from, from+MiB)
		at = from + MiB
	}
	return r.piece(old, at, size)
}

// insert puts 4 KiB in at an offset.
func insert(at int64) func(old file, size int64) rope {
	return func(old file, size int64) rope {
		return rope{}.piece(old, 0, at).piece(fresh, 0, 4096).piece(old, at, size)
	}
}

func checkEdits(t *testing.T, size int64, edits []edit) {
	t.Helper()
	first := endless{1, size}
	tab := newTable()
	p := New(Options{Store: nullStore{newMemStore()}, Has: tab.has, NewPackID: newPackID})
	if _, stored := sealFile(t, p, tab, first); stored < size || stored > size+size/100 {
		t.Fatalf("random bytes take %d, want little more than %d", stored, size)
	}
	for _, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			_, stored := sealFile(t, p, tab, e.make(first, size))
			t.Logf("%d KiB stored", stored>>10)
			if stored > e.limit {
				t.Fatalf("stored %d KiB, want at most %d", stored>>10, e.limit>>10)
			}
		})
	}
}

func TestVersionsOfALargeFileStoreLittleMoreThanWhatChanged(t *testing.T) {
	checkEdits(t, largeFile, []edit{
		{"5 extents of 1 MiB rewritten", extents, 8 * MiB},
		{"4 KiB inserted near the start", insert(5000), MiB},
	})
}

func TestVersionsOfAFileStoreLittleMoreThanWhatChanged(t *testing.T) {
	checkEdits(t, 20*MiB, []edit{
		{"5 extents of 1 MiB rewritten", extents, 8 * MiB},
		{"4 KiB inserted in the middle", insert(10 * MiB), MiB},
		{"1 byte removed", func(old file, size int64) rope {
			return rope{}.piece(old, 0, 70000).piece(old, 70001, size)
		}, MiB},
		{"4 KiB appended", func(old file, size int64) rope {
			return rope{}.piece(old, 0, size).piece(fresh, 0, 4096)
		}, MiB},
		{"the end cut off", func(old file, size int64) rope { return rope{}.piece(old, 0, size-MiB) }, MiB},
		{"nothing", func(old file, size int64) rope { return rope{}.piece(old, 0, size) }, MiB / 64},
	})
}

func TestAFileThatGrowsKeepsAllChunksButTheLast(t *testing.T) {
	tab := newTable()
	p := New(Options{Store: nullStore{newMemStore()}, NewPackID: newPackID})
	var before blob.Manifest
	for _, size := range []int64{100 << 10, 1 << 20, 20 << 20, 21 << 20} {
		m, _ := sealFile(t, p, tab, endless{3, size})
		for i := range max(0, len(before.Chunks)-1) {
			if m.Chunks[i] != before.Chunks[i] {
				t.Fatalf("grown from %d to %d bytes: chunk %d of %d changed", before.Size, size, i, len(before.Chunks))
			}
		}
		before = m
	}
}

func TestCutPointsFallIntoStepAfterAnInsertion(t *testing.T) {
	const seed = 11
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	content := random(seed, 6<<20)
	chunks := func(b []byte) map[blob.ID]int {
		ids := make(map[blob.ID]int)
		for len(b) > 0 {
			n := cut(b, classes[0])
			ids[blob.Sum(b[:n])] = n
			b = b[n:]
		}
		return ids
	}
	before := chunks(content)
	worst := 0
	for range 20 {
		at, n := r.IntN(len(content)), 1+r.IntN(5000)
		edited := append(append(append([]byte{}, content[:at]...), random(r.Uint64(), n)...), content[at:]...)
		fresh := 0
		for id, size := range chunks(edited) {
			if _, ok := before[id]; !ok {
				fresh += size
			}
		}
		worst = max(worst, fresh)
	}
	t.Logf("at most %d KiB are new", worst>>10)
	if worst > 1<<20 {
		t.Fatalf("an insertion made %d KiB new", worst>>10)
	}
}

func TestChunkSizesAreWithinTheirClass(t *testing.T) {
	for _, c := range classes {
		content := random(5, 48*c.avg())
		n := 0
		for rest := content; len(rest) > 0; n++ {
			size := cut(rest, c)
			if size > c.max() || size < c.min() && size != len(rest) {
				t.Fatalf("class of %d KiB: a chunk of %d bytes", c.avg()>>10, size)
			}
			rest = rest[size:]
		}
		if mean := len(content) / n; mean < c.avg()*2/3 || mean > c.avg()*3/2 {
			t.Errorf("class of %d KiB: chunks are %d KiB on average", c.avg()>>10, mean>>10)
		}
	}
}

// Another gear table or other sizes would store every file anew. This is what is
// in people's packs.
func TestCutPointsNeverChange(t *testing.T) {
	b := random(1, 2<<20)
	var got []int
	for rest := b; len(rest) > 0; {
		n := cut(rest, classes[0])
		got = append(got, n)
		rest = rest[n:]
	}
	want := goldenCuts
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

var goldenCuts = []int{367564, 227053, 108309, 198957, 198014, 168791, 315665, 224960, 133842, 153997}

func TestStoredRatios(t *testing.T) {
	const n = 8 << 20
	for _, c := range []struct {
		name    string
		content []byte
		limit   float64
	}{
		{"smooth float32", smooth32(1, n), 0.55},
		{"smooth float32, another", smooth32(2, n), 0.55},
		{"smooth float64", smooth64(1, n), 0.75},
		{"CSV", csv(1, n), 0.33},
		{"zeros", make([]byte, n), 0.001},
		{"random", random(1, n), 1.002},
	} {
		tab := newTable()
		p := New(Options{Store: nullStore{newMemStore()}, Has: tab.has, NewPackID: newPackID})
		_, s := seal(t, p, tab, c.content)
		ratio := float64(packBytes(s)) / n
		t.Logf("%s: %.3f", c.name, ratio)
		if ratio > c.limit {
			t.Errorf("%s: stored at %.3f of its size, want at most %.3f", c.name, ratio, c.limit)
		}
	}
}
