package index

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/search/query"
)

var vocabulary = strings.Fields("hippocampus memory task tasks study studies EEG rest resting state pilot Größe sub-01 sub-02 ses_1 001 recording recordings x2 café 海馬 a.b c++ mouse mice box boxes")

// world makes documents and queries at random.
type world struct {
	*rand.Rand
	x    *Index
	docs map[string]Doc // by directory and name
}

func pick[T any](w *world, list ...T) T { return list[w.IntN(len(list))] }

func (w *world) prose(most int) string {
	n := 1 + w.IntN(most)
	words := make([]string, n)
	for i := range words {
		words[i] = pick(w, vocabulary...)
	}
	return strings.Join(words, pick(w, " ", " ", "-", ", "))
}

func (w *world) valueOf(field string) string {
	switch field {
	case "quality_score":
		return fmt.Sprint(float64(w.IntN(11)) / 10)
	case "temperature":
		return pick(w, "4 degC", "277.15 K", "20 degC", "-80 degC", "37degC", "310 K")
	case "acquired":
		return pick(w, "2025-01-01", "20250131", "2025-06-15", "2024-12-31", "2025-06-08")
	case "side":
		return pick(w, "left", "right")
	case "subject_id":
		return pick(w, "subject_001", "Subject_001", "subject_002", "s 1")
	case "counts":
		return fmt.Sprint(w.IntN(5))
	case "free":
		return pick(w, "5", "5.0", "7 mL", "0.007 L", "2025-02-03", "2025-02-03T10:00:00Z", "fast", "Fast", "very fast", "10", "3 m", "ÉTÉ", "été")
	case "tags":
		return pick(w, "pilot", "draft", "pilot study", "Rest", "x-1")
	case "description":
		return w.prose(20)
	}
	return w.prose(6)
}

var worldFields = []string{"quality_score", "temperature", "acquired", "side", "subject_id", "counts", "free", "tags", "description", "title", "notes"}

func (w *world) doc() Doc {
	dir := w.IntN(6)
	d := Doc{Dir: uint64(100 + dir), Folder: []string{"", "EXP1", "EXP1/sub-01", "EXP1/sub-02", "EXP 2/a", "deep/er/and/deeper"}[dir],
		Name: pick(w, vocabulary...) + pick(w, ".csv", ".edf", "", ".tar.gz", ".CSV") + pick(w, "", "", fmt.Sprint(w.IntN(30))),
		Size: pick(w, 0, 1, 1000, 1024, 10_000_000, w.Int64N(1<<40)), Owner: Owner{UID: w.Uint32N(2), Mode: 0o100644},
		Modified: fixedNow.Add(-time.Duration(w.IntN(20*24)) * time.Hour).UnixNano(),
		Created:  pick(w, time.Date(2025, 1, 1, 0, 0, 0, 0, fixedNow.Location()).UnixNano(), time.Date(2024, 12, 31, 23, 59, 59, 999999999, fixedNow.Location()).UnixNano())}
	if w.IntN(30) == 0 {
		d.Name = strings.Repeat("long-name-", 12) + d.Name
	}
	for _, f := range worldFields {
		for n := w.IntN(3); n > 0 && (n == 1 || f == "tags" || f == "counts" || f == "free"); n-- {
			d.Values = append(d.Values, Value{f, w.valueOf(f)})
		}
	}
	if w.IntN(10) == 0 {
		d.Values = append(d.Values, Value{"rare" + fmt.Sprint(w.IntN(3)), "x"})
	}
	return d
}

func (w *world) change(t *testing.T) {
	switch n := w.IntN(20); {
	case n < 15:
		d := w.doc()
		if err := w.x.Put(&d); err != nil {
			t.Fatal(err)
		}
		w.docs[fmt.Sprint(d.Dir, "/", d.Name)] = d
	case n < 19 && len(w.docs) > 0:
		k := pick(w, slices.Sorted(maps.Keys(w.docs))...)
		d := w.docs[k]
		if !w.x.Delete(d.Dir, d.Name) {
			t.Fatalf("%s was not there", d.Path())
		}
		delete(w.docs, k)
	case w.IntN(10) == 0:
		dir := uint64(100 + w.IntN(6))
		w.x.DeleteDir(dir)
		maps.DeleteFunc(w.docs, func(_ string, d Doc) bool { return d.Dir == dir })
	}
}

func (w *world) query(depth int) string {
	if depth > 0 && w.IntN(3) > 0 {
		a, b := w.query(depth-1), w.query(depth-1)
		return pick(w, a+" "+b, "("+a+" OR "+b+")", "NOT ("+a+")", a+" AND NOT ("+b+")")
	}
	quoted := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, "") + `"` }
	field := pick(w, worldFields...)
	word := pick(w, vocabulary...)
	switch w.IntN(14) {
	case 0:
		return word
	case 1:
		return quoted(w.prose(2))
	case 2:
		return strings.Trim(word, "-+~:") + pick(w, "~1", "~2")
	case 3:
		return string([]rune(word)[:1+w.IntN(len([]rune(word)))]) + "*"
	case 4:
		return pick(w, "*.csv", "s?b-0*", "*01*", "h*s", "*c")
	case 5:
		return field + ":" + quoted(w.valueOf(field))
	case 6:
		return field + ":=" + quoted(w.valueOf(field))
	case 7:
		f := pick(w, "quality_score", "temperature", "acquired", "free", "tags", "counts", "subject_id")
		return f + ":" + pick(w, ">", ">=", "<", "<=") + quoted(w.valueOf(f))
	case 8:
		f := pick(w, "quality_score", "acquired", "counts", "temperature")
		return f + ":" + pick(w, "[", "{") + quoted(w.valueOf(f)) + " TO " + quoted(w.valueOf(f)) + pick(w, "]", "}")
	case 9:
		return pick(w, "has:", "missing:") + pick(w, append(worldFields, Size, Ext, Folder, "rare1")...)
	case 10:
		return "path:" + pick(w, "EXP1", "EXP1/**", "EXP1/*/*.csv", "**/*.edf", "*.csv", "EXP1/sub-0?", "deep/**/deeper/**", "/EXP1/*", `"EXP 2/a"`, "**/sub-01/**")
	case 11:
		return pick(w, "size:>1kB", "size:<=1KiB", "size:0", "size:[1 TO 10MB]", "size:{1 TO 10MB}")
	case 12:
		return pick(w, "modified:>-7d", "modified:today", "created:2025", "created:<2025-01-01", "created:>=2025-01-01", "modified:[2025-06-01 TO 2025-06-10]", "created:2024-12-31", "acquired:>-1w", "acquired:2025-01")
	}
	return field + ":" + pick(w, "pi*", "sub*", "left~1", "Fast", "fast~1", "*_001", "sub?ect*", "5", "rest", "draft", "0.5")
}

// check compares what the index finds with what looking at each document finds.
func (w *world) check(t *testing.T, text string) {
	n, err := query.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	sort := pick(w, []Sort{{Field: Name}}, []Sort{{"quality_score", true}}, []Sort{{"tags", false}, {Size, true}}, []Sort{{"free", true}}, []Sort{{Modified, false}}, nil)
	facet := pick(w, append(worldFields, Ext, Folder)...)
	res, err := w.x.Search(&Request{Query: n, Text: text, Limit: 1000, Sort: sort, Facets: []string{facet}, FacetLimit: 1000})
	if err != nil {
		if strings.Contains(err.Error(), "no file has a field") || strings.Contains(err.Error(), "no value of") || strings.Contains(err.Error(), "of one kind") || strings.Contains(err.Error(), "is a number") {
			return
		}
		t.Fatalf("%s: %v", text, err)
	}
	var want, got []string
	counts := make(map[string]int)
	for _, d := range w.docs {
		if (naive{w.x}).matches(&d, n) {
			want = append(want, d.Path())
			for _, v := range valuesOf(&d, facet) {
				if len(v) <= maxKept || facet == Folder {
					counts[v]++
				}
			}
		}
	}
	for _, h := range res.Hits {
		got = append(got, h.Path)
	}
	inOrder := slices.Clone(got)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || res.Total != len(want) {
		t.Fatalf("%s:\ngot  %q\nwant %q", text, got, want)
	}
	for _, c := range res.Facets[0].Values {
		if counts[c.Value] != c.Files {
			t.Fatalf("%s: facet %s: %q: got %d, want %d", text, facet, c.Value, c.Files, counts[c.Value])
		}
		delete(counts, c.Value)
	}
	if len(counts) > 0 {
		t.Fatalf("%s: facet %s: not counted: %v", text, facet, counts)
	}
	if len(sort) > 0 {
		w.checkOrder(t, text, sort[0], inOrder)
	}
	// The same in pages.
	var paged []string
	for after, limit := "", 1+w.IntN(7); ; {
		r, err := w.x.Search(&Request{Query: n, Limit: limit, Sort: sort, After: after})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range r.Hits {
			paged = append(paged, h.Path)
		}
		if after = r.Next; after == "" {
			break
		}
	}
	if !slices.Equal(paged, inOrder) {
		t.Fatalf("%s: in pages\ngot  %q\nwant %q", text, paged, inOrder)
	}
}

func (w *world) checkOrder(t *testing.T, text string, sort Sort, paths []string) {
	order := by{desc: sort.Desc}
	byPath := make(map[string]Doc)
	for _, d := range w.docs {
		byPath[d.Path()] = d
	}
	var last *key
	for _, p := range paths {
		d := byPath[p]
		k := key{Kind: 2}
		if n, _, ok := (naive{w.x}).number(&d, sort.Field); ok {
			k = key{Num: n}
		}
		for _, v := range valuesOf(&d, sort.Field) {
			c := key{Kind: 1, Text: []byte(v)}
			if len(v) > maxKept && sort.Field != Name {
				c.Text = bytes.TrimRight([]byte(v)[:longPrefix], "\x00")
			}
			if n, _, ok := w.x.number(sort.Field, v); ok && sort.Field != Name {
				c = key{Num: n}
			}
			if d := c.compare(&k); k.Kind == 2 || d != 0 && (d < 0) != sort.Desc {
				k = c
			}
		}
		if last != nil && order.compare(last, &k) > 0 {
			t.Fatalf("%s: sort %v: %s stands behind %+v", text, sort, p, last)
		}
		last = &k
	}
}

func TestTheIndexFindsWhatLookingAtEachFileFinds(t *testing.T) {
	rounds, queries := 40, 60
	if testing.Short() {
		rounds = 10
	}
	for round := range rounds {
		seed := uint64(time.Now().UnixNano())
		ok := t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			w := &world{Rand: rand.New(rand.NewPCG(seed, 1)), docs: make(map[string]Doc)}
			w.x = New(Options{Schema: testSchema(), Now: func() time.Time { return fixedNow }})
			for range 1 + w.IntN(150) {
				w.change(t)
			}
			for i := range queries {
				switch i % 20 {
				case 9, 19:
					w.change(t)
				case 12:
					w.x.compact(0)
				case 15:
					w.x = rewritten(t, w.x)
				}
				w.check(t, w.query(2))
			}
			if w.x.Len() != len(w.docs) {
				t.Errorf("got %d documents, want %d", w.x.Len(), len(w.docs))
			}
		})
		if !ok {
			t.Fatalf("round %d", round)
		}
	}
}

// rewritten writes an index and reads it again.
func rewritten(t *testing.T, x *Index) *Index {
	var b bytes.Buffer
	if err := x.Write(&b, []byte("note")); err != nil {
		t.Fatal(err)
	}
	y, note, err := Read(bytes.NewReader(b.Bytes()), x.o)
	if err != nil || string(note) != "note" {
		t.Fatalf("got %q, %v", note, err)
	}
	var again bytes.Buffer
	if err := y.Write(&again, []byte("note")); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Fatalf("written again it is another: %v", err)
	}
	return y
}
