package semantic

import (
	"cmp"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/internal/search/fuse"
	"github.com/rdfs/rdfs/internal/search/synonym"
	"github.com/rdfs/rdfs/internal/search/uselite"
)

// question is one of a set, with the number of the text that answers it.
type question struct {
	Q   string
	Rel int
}

// measure is how well a set is answered.
type measure struct{ recall1, recall5, mrr float64 }

// asked measures a ranking: it returns the numbers of the texts, the best first.
func asked(t *testing.T, qs []question, rank func(q string) []int) (m measure) {
	t.Helper()
	for _, q := range qs {
		at := slices.Index(rank(q.Q), q.Rel) + 1
		if at == 1 {
			m.recall1++
		}
		if at >= 1 && at <= 5 {
			m.recall5++
		}
		if at >= 1 {
			m.mrr += 1 / float64(at)
		}
	}
	n := float64(len(qs))
	return measure{m.recall1 / n, m.recall5 / n, m.mrr / n}
}

func questions(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// library is an Index of texts that are embedded, with the model that comes with rdfs.
type library struct {
	*Index
	texts []string
	names []Name
}

func newLibrary(t *testing.T, texts []string, table *synonym.Table) *library {
	t.Helper()
	x, err := Open(Options{FS: disk.OS, Path: filepath.Join(t.TempDir(), "v"), Model: uselite.Encoder{}, Synonyms: table, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	l := &library{Index: x, texts: texts}
	for _, text := range texts {
		l.names = append(l.names, x.Add(text))
	}
	x.drain(t.Context())
	return l
}

// meaning ranks by cosine.
func (l *library) meaning(t *testing.T, q string, threshold float32) (out []int) {
	t.Helper()
	l.o.Threshold = threshold
	question, err := l.Ask(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	hits, err := question.Nearest(len(l.texts), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hits {
		out = append(out, slices.Index(l.names, h.Name))
	}
	return out
}

// words ranks by the words in common (BM25), those without any left out.
func (l *library) words(q string) (out []int) {
	docs := make([][]string, len(l.texts))
	total := 0
	for i, text := range l.texts {
		docs[i] = strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz", r) })
		total += len(docs[i])
	}
	scores := make([]float64, len(docs))
	for word := range strings.FieldsSeq(strings.ToLower(strings.ReplaceAll(q, "-", " "))) {
		df := 0
		for _, d := range docs {
			if slices.Contains(d, word) {
				df++
			}
		}
		for i, d := range docs {
			if slices.Contains(d, word) {
				length := float64(len(d)*len(docs)) / float64(total)
				scores[i] += math.Log(1+(float64(len(docs)-df)+0.5)/(float64(df)+0.5)) * 2.2 / (1 + 1.2*(0.25+0.75*length))
			}
		}
	}
	for i, s := range scores {
		if s > 0 {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	return out
}

func (l *library) hybrid(t *testing.T, q string) (out []int) {
	t.Helper()
	for _, f := range fuse.Ranks(
		fuse.List[int]{Name: "text", Weight: 1, Keys: l.words(q)},
		fuse.List[int]{Name: "meaning", Weight: 1, Keys: l.meaning(t, q, 0)},
	) {
		out = append(out, f.Key)
	}
	return out
}

func TestRelevance(t *testing.T) {
	var set struct {
		Docs []string
		Qs   []question
	}
	questions(t, "semantic-queries.json", &set)
	var heldOut, lexical []question
	questions(t, "held-out-queries.json", &heldOut)
	questions(t, "lexical-queries.json", &lexical)
	table, err := synonym.Parse("", "")
	if err != nil {
		t.Fatal(err)
	}
	bare, full := newLibrary(t, set.Docs, nil), newLibrary(t, set.Docs, table)
	all := func(l *library) func(string) []int {
		return func(q string) []int { return l.meaning(t, q, -1) }
	}
	both := func(l *library) func(string) []int { return func(q string) []int { return l.hybrid(t, q) } }
	const exactly = 1 - 1e-9
	for _, c := range []struct {
		name string
		qs   []question
		rank func(string) []int
		want measure // at least
	}{
		{"the model alone", set.Qs, all(bare), measure{0.60, 0.73, 0.655}},
		{"with the default synonyms", set.Qs, all(full), measure{0.70, 0.90, 0.80}},
		{"the model alone, questions that the synonyms were not tried on", heldOut, all(bare), measure{0.35, 0.55, 0.44}},
		{"with the default synonyms, such questions", heldOut, all(full), measure{0.65, 0.85, 0.75}},
		{"with the default synonyms, words and meaning", set.Qs, both(full), measure{0.50, 0.85, 0.68}},
		{"words of the texts, words alone", lexical, full.words, measure{exactly, exactly, exactly}},
		{"words of the texts, words and meaning", lexical, both(full), measure{exactly, exactly, exactly}},
	} {
		got := asked(t, c.qs, c.rank)
		t.Logf("%-66s recall@1 %.3f  recall@5 %.3f  MRR %.3f", c.name, got.recall1, got.recall5, got.mrr)
		if got.recall1 < c.want.recall1 || got.recall5 < c.want.recall5 || got.mrr < c.want.mrr {
			t.Errorf("%s: %.3f, want at least %.3f", c.name, got, c.want)
		}
	}
}
