package vectors

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rdfs/rdfs/internal/disk"
)

func open(t testing.TB, path, model string, dim int) *Store {
	t.Helper()
	s, err := Open(Options{FS: disk.OS, Path: path, Model: model, Dim: dim})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// closeStore ends the use of s, so that it can be opened again.
func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// clustered returns vectors around a few centres, as those of texts are.
func clustered(rnd *rand.Rand, n, dim int) [][]float32 {
	centres := make([][]float32, max(1, n/50))
	for i := range centres {
		centres[i] = random(rnd, dim)
	}
	out := make([][]float32, n)
	for i := range out {
		c := centres[rnd.IntN(len(centres))]
		v := random(rnd, dim)
		for j := range v {
			v[j] = c[j] + 0.8*v[j]
		}
		out[i] = v
	}
	return out
}

func random(rnd *rand.Rand, dim int) []float32 {
	v := make([]float32, dim)
	for i := range v {
		v[i] = float32(rnd.NormFloat64())
	}
	return v
}

func text(i int) string { return fmt.Sprint("text ", i) }

func fill(t testing.TB, s *Store, vs [][]float32) []Slot {
	t.Helper()
	slots := make([]Slot, len(vs))
	for i, v := range vs {
		if err := s.Put(IDOf(text(i)), v); err != nil {
			t.Fatal(err)
		}
		slot, known, err := s.Reserve(IDOf(text(i)))
		if err != nil || !known {
			t.Fatalf("text %d: known %v, %v", i, known, err)
		}
		slots[i] = slot
	}
	return slots
}

func search(t testing.TB, s *Store, q Query) []Hit {
	t.Helper()
	hits, err := s.Search(q)
	if err != nil {
		t.Fatal(err)
	}
	return hits
}

// nearest is Search, without a trick.
func nearest(vs [][]float32, slots []Slot, q []float32, n int, may func(i int) bool) []Slot {
	type hit struct {
		slot Slot
		cos  float64
	}
	var all []hit
	for i, v := range vs {
		if !may(i) {
			continue
		}
		var dot, a, b float64
		for j := range v {
			dot += float64(v[j]) * float64(q[j])
			a += float64(v[j]) * float64(v[j])
			b += float64(q[j]) * float64(q[j])
		}
		all = append(all, hit{slots[i], dot / math.Sqrt(a*b)})
	}
	slices.SortFunc(all, func(a, b hit) int {
		if a.cos > b.cos {
			return -1
		}
		return 1
	})
	var out []Slot
	for _, h := range all[:min(n, len(all))] {
		out = append(out, h.slot)
	}
	return out
}

func TestSearchFindsTheNearest(t *testing.T) {
	const seed = 7
	for _, dim := range []int{1, 63, 64, 100, 512} {
		rnd := rand.New(rand.NewPCG(seed, uint64(dim)))
		s := open(t, filepath.Join(t.TempDir(), "v"), "m", dim)
		vs := clustered(rnd, 2000, dim)
		slots := fill(t, s, vs)
		even := make([]uint64, 2001/64+1)
		for i := 0; i < len(slots); i += 2 {
			even[slots[i]/64] |= 1 << (slots[i] % 64)
		}
		found, of := 0, 0
		for range 20 {
			q := random(rnd, dim)
			for i, f := range vs[rnd.IntN(len(vs))] {
				q[i] = f + 0.5*q[i]
			}
			for _, allowed := range [][]uint64{nil, even} {
				want := nearest(vs, slots, q, 10, func(i int) bool { return allowed == nil || i%2 == 0 })
				hits := search(t, s, Query{Vectors: [][]float32{q}, Limit: 10, Threshold: -1, Allowed: allowed})
				if len(hits) != 10 {
					t.Fatalf("dimension %d: %d hits", dim, len(hits))
				}
				for i, h := range hits {
					if i > 0 && h.Cosine > hits[i-1].Cosine {
						t.Fatal("hits are not in order")
					}
					if allowed != nil && allowed[h.Slot/64]>>(h.Slot%64)&1 == 0 {
						t.Fatalf("slot %d was not allowed", h.Slot)
					}
					of++
					if slices.Contains(want, h.Slot) {
						found++
					}
				}
			}
		}
		// In one dimension all cosines are 1 or -1, and any ten are the nearest.
		if share := float64(found) / float64(of); dim > 1 && share < 0.95 {
			t.Errorf("seed %d, dimension %d: %.3f of the nearest were found", seed, dim, share)
		}
		closeStore(t, s)
	}
}

func TestThresholdIsACosine(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "v"), "m", 2)
	defer s.Close()
	fill(t, s, [][]float32{{1, 0}, {3, 3}, {0, 1}, {-1, 0}, {0, 0}})
	hits := search(t, s, Query{Vectors: [][]float32{{2, 0}}, Limit: 9, Threshold: 0.5})
	if len(hits) != 2 || math.Abs(float64(hits[0].Cosine)-1) > 0.01 || math.Abs(float64(hits[1].Cosine)-math.Sqrt2/2) > 0.01 {
		t.Errorf("%v", hits)
	}
}

func TestNearestOfSeveralVectorsCounts(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "v"), "m", 3)
	defer s.Close()
	slots := fill(t, s, [][]float32{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}})
	hits := search(t, s, Query{Vectors: [][]float32{{0, 4, 1}, {1, 0, 0}}, Limit: 9, Threshold: 0.5})
	if len(hits) != 2 || hits[0].Slot != slots[0] || hits[0].Of != 1 || hits[1].Slot != slots[1] || hits[1].Of != 0 {
		t.Errorf("%v", hits)
	}
}

func TestVectorsSurviveClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v")
	s := open(t, path, "m", 64)
	vs := clustered(rand.New(rand.NewPCG(1, 1)), 100, 64)
	fill(t, s, vs)
	want := search(t, s, Query{Vectors: [][]float32{vs[3]}, Limit: 100, Threshold: -1})
	ids := func(s *Store, hits []Hit) (out []ID) {
		for _, h := range hits {
			out = append(out, s.ID(h.Slot))
		}
		return out
	}
	wantIDs := ids(s, want)
	closeStore(t, s)
	s = open(t, path, "m", 64)
	defer s.Close()
	if got := ids(s, search(t, s, Query{Vectors: [][]float32{vs[3]}, Limit: 100, Threshold: -1})); !slices.Equal(got, wantIDs) {
		t.Errorf("after Open: %v, want %v", got, wantIDs)
	}
	if _, known, _ := s.Reserve(IDOf("another text")); known {
		t.Error("a text that was never embedded is known")
	}
}

func TestDamagedAndTornRecordsAreNotThere(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	s := open(t, whole, "m", 16)
	fill(t, s, clustered(rand.New(rand.NewPCG(1, 1)), 10, 16))
	closeStore(t, s)
	b, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	head, size := len(header("m", 16)), recordSize(16)
	for name, c := range map[string]struct {
		change func([]byte) []byte
		known  int
	}{
		"untouched":         {func(b []byte) []byte { return b }, 10},
		"torn at the end":   {func(b []byte) []byte { return b[:len(b)-5] }, 9},
		"a bit of record 4": {func(b []byte) []byte { b[head+4*size+20] ^= 1; return b }, 9},
		"a bit of an id":    {func(b []byte) []byte { b[head] ^= 1; return b }, 9},
		"zeros at the end":  {func(b []byte) []byte { clear(b[head+7*size:]); return b }, 7},
		"the header":        {func(b []byte) []byte { b[9] ^= 1; return b }, 0},
		"half a header":     {func(b []byte) []byte { return b[:7] }, 0},
		"nothing":           {func(b []byte) []byte { return nil }, 0},
	} {
		path := filepath.Join(dir, "damaged")
		if err := os.WriteFile(path, c.change(bytes.Clone(b)), 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, path, "m", 16)
		if got := s.Stats().Known; got != c.known {
			t.Errorf("%s: %d vectors, want %d", name, got, c.known)
		}
		fill(t, s, clustered(rand.New(rand.NewPCG(1, 1)), 10, 16)) // what is missing can be put again
		if got := s.Stats().Known; got != 10 {
			t.Errorf("%s: %d vectors after putting them again, want 10", name, got)
		}
		closeStore(t, s)
	}
}

func TestRecordDamagedAfterOpenIsLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v")
	s := open(t, path, "m", 16)
	defer s.Close()
	vs := clustered(rand.New(rand.NewPCG(1, 1)), 10, 16)
	slots := fill(t, s, vs)
	if _, err := s.file.WriteAt([]byte{0x55}, s.recordAt(3)+20); err != nil {
		t.Fatal(err)
	}
	for _, h := range search(t, s, Query{Vectors: [][]float32{vs[3]}, Limit: 10, Threshold: -1}) {
		if h.Slot == slots[3] {
			t.Error("a damaged vector was found")
		}
	}
}

func TestAnotherModelOrDimensionBeginsAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v")
	for _, c := range []struct {
		model string
		dim   int
	}{{"a", 16}, {"b", 16}, {"b", 32}, {"bb", 32}, {"a", 16}} {
		s := open(t, path, c.model, c.dim)
		if st := s.Stats(); st.Known != 0 || st.Slots != 0 {
			t.Errorf("%v: vectors of another model were taken: %+v", c, st)
		}
		if err := s.Put(1, make([]float32, 24)); !errors.Is(err, ErrDimension) {
			t.Errorf("%v: a vector of 24 elements: %v", c, err)
		}
		if _, err := s.Search(Query{Vectors: [][]float32{make([]float32, 24)}, Limit: 1}); !errors.Is(err, ErrDimension) {
			t.Errorf("%v: a query of 24 elements: %v", c, err)
		}
		fill(t, s, clustered(rand.New(rand.NewPCG(1, 1)), 10, c.dim))
		closeStore(t, s)
	}
}

func TestElementsThatAreNoNumbersAreRefused(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "v"), "m", 2)
	defer s.Close()
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if err := s.Put(1, []float32{1, float32(f)}); err == nil {
			t.Errorf("a vector with %v was taken", f)
		}
	}
}

func TestCompactKeepsWhatIsReserved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v")
	s := open(t, path, "m", 16)
	vs := clustered(rand.New(rand.NewPCG(1, 1)), 3000, 16)
	fill(t, s, vs)
	closeStore(t, s)
	s = open(t, path, "m", 16)
	for i := range 100 {
		if _, known, err := s.Reserve(IDOf(text(i))); !known || err != nil {
			t.Fatalf("text %d: %v, %v", i, known, err)
		}
	}
	before := search(t, s, Query{Vectors: [][]float32{vs[5]}, Limit: 1})
	if err := s.Compact(); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Known != 100 || st.Bytes != s.recordAt(100) {
		t.Errorf("after Compact: %+v", st)
	}
	if after := search(t, s, Query{Vectors: [][]float32{vs[5]}, Limit: 1}); !slices.Equal(before, after) {
		t.Errorf("after Compact: %v, want %v", after, before)
	}
	if err := s.Put(IDOf("new"), vs[200]); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	s = open(t, path, "m", 16)
	defer s.Close()
	if got := s.Stats().Known; got != 101 {
		t.Errorf("after Compact, Put and Open: %d vectors, want 101", got)
	}
}

func TestFullDiskDuringCompactLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v")
	full := false
	fsys := disk.NewFaulty(disk.OS, func(op disk.Op, at string) error {
		if full && op == disk.OpWrite && at != path {
			return errors.New("disk full")
		}
		return nil
	})
	s, err := Open(Options{FS: fsys, Path: path, Model: "m", Dim: 16})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, clustered(rand.New(rand.NewPCG(1, 1)), 2000, 16))
	s.claimed = nil
	full = true
	if err := s.Compact(); err == nil {
		t.Error("Compact on a full disk succeeded")
	}
	if got := s.Stats().Known; got != 2000 {
		t.Errorf("%d vectors, want 2000", got)
	}
	if _, err := os.Stat(path + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a part of the new file was left: %v", err)
	}
	closeStore(t, s)
}

func TestMaxBoundsTheTexts(t *testing.T) {
	s, err := Open(Options{FS: disk.OS, Path: filepath.Join(t.TempDir(), "v"), Model: "m", Dim: 4, Max: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 2 {
		if _, _, err := s.Reserve(ID(i + 1)); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := s.Reserve(3); !errors.Is(err, ErrFull) {
		t.Errorf("the third of two: %v", err)
	}
	if _, _, err := s.Reserve(1); err != nil {
		t.Errorf("one that is there: %v", err)
	}
}

// The fixture holds the vectors of the three texts below, of a model "fixture" with 8
// elements.
func TestFormatV1Opens(t *testing.T) {
	const name = "../../../testdata/formats/vectors-v1.bin"
	path := filepath.Join(t.TempDir(), "v")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, path, "fixture", 8)
	defer s.Close()
	for i, word := range []string{"eeg", "sleep", "memory"} {
		slot, known, err := s.Reserve(IDOf(word))
		if err != nil || !known {
			t.Fatalf("%s: %v, %v", word, known, err)
		}
		v := make([]float32, 8)
		v[i], v[7] = 2, 1
		if hits := search(t, s, Query{Vectors: [][]float32{v}, Limit: 1, Threshold: 0.99}); len(hits) != 1 || hits[0].Slot != slot {
			t.Errorf("%s: %v", word, hits)
		}
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(b, after) {
		t.Errorf("opening changed the file (%v)", err)
	}
}

func BenchmarkSearch(b *testing.B) {
	for _, n := range []int{200_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			const dim = 512
			rnd := rand.New(rand.NewPCG(1, 1))
			s := open(b, filepath.Join(b.TempDir(), "v"), "m", dim)
			defer s.Close()
			v := random(rnd, dim)
			for i := range n {
				for range 40 {
					v[rnd.IntN(dim)] = float32(rnd.NormFloat64())
				}
				if err := s.Put(ID(i+1), v); err != nil {
					b.Fatal(err)
				}
			}
			vs := clustered(rnd, 4, dim)
			for _, k := range []int{1, 4} {
				b.Run(fmt.Sprint(k), func(b *testing.B) {
					for b.Loop() {
						search(b, s, Query{Vectors: vs[:k], Limit: 50, Threshold: 0.45})
					}
				})
			}
		})
	}
}
