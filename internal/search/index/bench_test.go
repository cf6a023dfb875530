package index

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/search/query"
)

// crowd makes documents like those of a research group: a dozen fields, and a
// description of about 20 words whose frequencies are as in a language (Zipf).
type crowd struct {
	*rand.Rand
	zipf  *rand.Zipf
	words []string
}

func newCrowd() *crowd {
	r := rand.New(rand.NewPCG(1, 2))
	c := &crowd{Rand: r, zipf: rand.NewZipf(r, 1.2, 4, 29999)}
	for len(c.words) < 30000 {
		n := 3 + r.IntN(8)
		b := make([]byte, n)
		for i := range b {
			b[i] = "aeiourstlnmdcphgbf"[r.IntN(18)]
		}
		c.words = append(c.words, string(b))
	}
	return c
}

func (c *crowd) doc(i int) Doc {
	subject, session := c.IntN(2000), 1+c.IntN(4)
	exp := fmt.Sprintf("EXP%04d", c.IntN(100))
	kind := []string{"eeg", "meg", "mri", "behav", "code"}[c.IntN(5)]
	text := make([]string, 15+c.IntN(10))
	for k := range text {
		text[k] = c.words[c.zipf.Uint64()]
	}
	d := Doc{Dir: uint64(1 + subject*4 + session), Folder: fmt.Sprintf("%s/sub-%04d/ses-%d", exp, subject, session),
		Name: fmt.Sprintf("sub-%04d_ses-%d_%s_%06d.csv", subject, session, kind, i), Owner: Owner{UID: c.Uint32N(20), Mode: 0o100644},
		Size: c.Int64N(1 << 30), Modified: 1.7e18 + c.Int64N(3e16), Created: 1.7e18 + c.Int64N(3e16)}
	d.Values = []Value{{"experiment_id", exp}, {"subject_id", fmt.Sprintf("sub-%04d", subject)}, {"session_id", fmt.Sprintf("ses-%d", session)},
		{"data_type", kind}, {"quality_score", strconv.FormatFloat(float64(c.IntN(1001))/1000, 'f', -1, 64)},
		{"temperature", fmt.Sprintf("%d degC", c.IntN(40))}, {"acquired", fmt.Sprintf("2025-%02d-%02d", 1+c.IntN(12), 1+c.IntN(28))},
		{"researcher", fmt.Sprintf("person%02d", c.IntN(40))}, {"side", []string{"left", "right"}[c.IntN(2)]},
		{"tags", []string{"pilot", "raw", "clean", "paper"}[c.IntN(4)]}, {"tags", fmt.Sprintf("batch%d", c.IntN(50))},
		{"format", "csv"}, {"version", strconv.Itoa(1 + c.IntN(5))}, {"state", "stored"}, {"author", fmt.Sprintf("person%02d", c.IntN(40))},
		{"rows", strconv.Itoa(c.IntN(100000))}, {"description", strings.Join(text, " ")}}
	return d
}

var crowds sync.Map // int -> *Index

func crowdOf(b *testing.B, n int) *Index {
	if x, ok := crowds.Load(n); ok {
		return x.(*Index)
	}
	c, x := newCrowd(), New(Options{Schema: testSchema(), Now: func() time.Time { return fixedNow }})
	for i := range n {
		d := c.doc(i)
		if err := x.Put(&d); err != nil {
			b.Fatal(err)
		}
	}
	crowds.Store(n, x)
	return x
}

// cpu is the time that the process has computed.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var benchSizes = []int{200_000, 1_000_000}

// BenchmarkBuild says what an index of so many files takes: CPU to make, and memory.
func BenchmarkBuild(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			crowds.Clear()
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range b.N {
				crowds.Clear()
				start := cpu()
				x := crowdOf(b, n)
				b.ReportMetric((cpu() - start).Seconds(), "cpu-s")
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
				runtime.KeepAlive(x)
			}
		})
	}
}

// BenchmarkReload says how long writing and reading takes.
func BenchmarkReload(b *testing.B) {
	for _, n := range benchSizes {
		x := crowdOf(b, n)
		var buf bytes.Buffer
		if err := x.Write(&buf, nil); err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprint(n, "/write"), func(b *testing.B) {
			for range b.N {
				if err := x.Write(io.Discard, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(buf.Len())/1e6, "MB")
		})
		b.Run(fmt.Sprint(n, "/read"), func(b *testing.B) {
			for range b.N {
				if _, _, err := Read(bytes.NewReader(buf.Bytes()), x.o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSearch says how long queries take, each with other words and numbers: the
// median and 95 of 100 in milliseconds, and CPU.
func BenchmarkSearch(b *testing.B) {
	c := newCrowd()
	word := func() string { return c.words[c.zipf.Uint64()] }
	facets := []string{"data_type", "researcher", "tags", "experiment_id"}
	recent := []Sort{{Modified, true}}
	for _, q := range []struct {
		name string
		make func() Request
	}{
		{"structured", func() Request {
			return Request{Text: fmt.Sprintf("data_type:eeg quality_score:>=0.%d acquired:[2025-0%d-01 TO 2025-12-31]", 1+c.IntN(9), 1+c.IntN(9)), Sort: recent}
		}},
		{"quantity", func() Request {
			return Request{Text: fmt.Sprintf("temperature:>%d\\ K size:>100MB", 275+c.IntN(30)), Sort: recent}
		}},
		{"text", func() Request { return Request{Text: word() + " " + word()} }},
		{"text-or", func() Request { return Request{Text: word() + " OR " + word() + "^2"} }},
		{"phrase", func() Request { return Request{Text: `"` + word() + " " + word() + `"`} }},
		{"prefix", func() Request { return Request{Text: c.words[c.IntN(3000)][:3] + "*"} }},
		{"fuzzy1", func() Request { return Request{Text: word() + "~1"} }},
		{"fuzzy2", func() Request { return Request{Text: word() + "~2"} }},
		{"facets-all", func() Request { return Request{Facets: facets} }},
		{"facets-text", func() Request { return Request{Text: word(), Facets: facets} }},
		{"combined", func() Request {
			return Request{Text: fmt.Sprintf("(%s OR %s~1) data_type:eeg quality_score:>=0.%d NOT tag:pilot", word(), word(), 1+c.IntN(9)), Facets: facets}
		}},
		{"path", func() Request {
			return Request{Text: fmt.Sprintf("path:EXP00%02d/**/*_eeg_*.csv", c.IntN(100)), Sort: recent}
		}},
		{"sort-text", func() Request {
			return Request{Text: "quality_score:>0.5", Sort: []Sort{{"researcher", false}, {Name, false}}}
		}},
	} {
		for _, n := range benchSizes {
			b.Run(fmt.Sprint(q.name, "/", n), func(b *testing.B) {
				x := crowdOf(b, n)
				var took []time.Duration
				start := cpu()
				for range b.N {
					r := q.make()
					begin := time.Now()
					tree, err := query.Parse(r.Text)
					if err != nil {
						b.Fatal(err)
					}
					r.Query, r.Limit = tree, 50
					if _, err := x.Search(&r); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(begin))
				}
				slices.Sort(took)
				ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
				b.ReportMetric(ms(cpu()-start)/float64(b.N), "cpu-ms")
				b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
				b.ReportMetric(ms(took[len(took)*95/100]), "p95-ms")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
