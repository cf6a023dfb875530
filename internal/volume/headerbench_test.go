package volume

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/header"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/dir"
)

// BenchmarkHeaderCapture seals a mixed folder, in turns with and without reading what each file is, and reports the
// median of the ratios of processor time. Without means that the catalog knows the contents' headers before.
// The share is that of reading the headers alone, which other work on the machine disturbs less.
func BenchmarkHeaderCapture(b *testing.B) {
	home := b.TempDir()
	engine, err := kv.OpenBolt(filepath.Join(home, "catalog.db"), kv.BoltOptions{Reserve: -1})
	if err != nil {
		b.Fatal(err)
	}
	tier := filepath.Join(home, "tier")
	if err := dir.Create(tier, "bench", dir.Options{}); err != nil {
		b.Fatal(err)
	}
	store, err := dir.Open(tier, "bench", dir.Options{})
	if err != nil {
		b.Fatal(err)
	}
	v, err := Open(Options{Repository: home, ID: "bench", Engine: engine, Tiers: tiers.Only(store), DraftDir: filepath.Join(home, "drafts"),
		CacheDir: filepath.Join(home, "cache"), SealAfter: time.Hour, LastStop: StopClean})
	if err != nil {
		b.Fatal(err)
	}
	defer v.stop()
	r := &rig{t: b, v: v}
	folder := mixedFolder(b)
	bytes := 0
	for _, f := range folder {
		bytes += len(f.data)
	}
	round := uint64(0)
	seal := func(capture bool) time.Duration {
		round++
		dir := fmt.Sprint("round-", round)
		r.mkdir(dir)
		for i := range folder {
			f := &folder[i]
			f.renew(round)
			if !capture {
				id := blob.Sum(f.data)
				if err := v.cat.Update(func(tx *catalog.Tx) error { tx.PutHeader(id, []byte("{}")); return nil }); err != nil {
					b.Fatal(err)
				}
			}
			h := r.handle(dir+"/"+f.name, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC)
			if _, err := h.WriteAt(f.data, 0); err != nil {
				b.Fatal(err)
			}
			r.release(h)
		}
		if err := v.cat.Sync(bg(b)); err != nil {
			b.Fatal(err)
		}
		start := cpuTime()
		r.sync()
		return cpuTime() - start
	}
	seal(true) // what is slow the first time
	var ratios, shares []float64
	var with time.Duration
	b.SetBytes(int64(2 * bytes))
	for b.Loop() {
		took := map[bool]time.Duration{}
		first := len(ratios)%2 == 0
		for _, capture := range []bool{first, !first} {
			took[capture] = seal(capture)
		}
		with += took[true]
		ratios = append(ratios, float64(took[true])/float64(took[false]))
		shares = append(shares, float64(readingHeaders(b, home, folder))/float64(took[false]))
	}
	b.ReportMetric(middle(ratios), "with/without")
	b.ReportMetric(100*middle(shares), "%-reading")
	b.ReportMetric(float64(with.Microseconds())/float64(len(ratios)*len(folder)), "cpu-µs/file")
}

// readingHeaders returns the processor time of reading the headers of all files.
func readingHeaders(b *testing.B, home string, folder []mixedFile) time.Duration {
	path := filepath.Join(home, "plain")
	var took time.Duration
	for _, f := range folder {
		if err := os.WriteFile(path, f.data, 0o600); err != nil {
			b.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		const times = 3
		start := cpuTime()
		for range times {
			info := header.Read(file, int64(len(f.data)))
			if len(info.AppendJSON(nil)) < 10 && !strings.HasSuffix(f.name, ".bin") {
				b.Fatalf("nothing is known of %s", f.name)
			}
		}
		took += (cpuTime() - start) / times
		file.Close()
	}
	return took
}

func middle(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

// mixedFile is a file of a folder as an experiment leaves it.
type mixedFile struct {
	name string
	data []byte
	from int // bytes of its header, which renew leaves
	text bool
}

// renew makes each page of the file another than it was in every other round.
func (f *mixedFile) renew(round uint64) {
	for at := f.from; at+8 <= len(f.data)-f.from; at += 4096 {
		if !f.text {
			binary.LittleEndian.PutUint64(f.data[at:], round<<32|uint64(at))
			continue
		}
		for i, digits := at, strconv.FormatUint(round, 10); i < min(at+4096, len(f.data)) && digits != ""; i++ {
			if c := f.data[i]; c >= '0' && c <= '9' {
				f.data[i], digits = digits[0], digits[1:]
			}
		}
	}
}

// mixedFolder returns files of 1 KB to 4 MB in the formats that research programs write.
func mixedFolder(tb testing.TB) (files []mixedFile) {
	rng := rand.New(rand.NewPCG(1, 2))
	sample := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join("../header/testdata", name))
		if err != nil {
			tb.Fatal(err)
		}
		return data
	}
	signal := func(n int) []byte {
		p := make([]byte, 0, n)
		for i := 0; len(p) < n; i++ {
			p = binary.LittleEndian.AppendUint32(p, math.Float32bits(float32(100*math.Sin(float64(i)/1000)+0.01*rng.NormFloat64())))
		}
		return p
	}
	noise := func(n int) []byte {
		p := make([]byte, n)
		for i := 0; i+8 <= n; i += 8 {
			binary.LittleEndian.PutUint64(p[i:], rng.Uint64())
		}
		return p
	}
	add := func(name string, count int, text bool, from int, make func() []byte) {
		for range count {
			ext := filepath.Ext(name)
			files = append(files, mixedFile{fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), len(files), ext), make(), from, text})
		}
	}
	behind := func(head []byte, n int) func() []byte {
		return func() []byte { return append(slices.Clone(head), signal(n)...) }
	}
	h5, tif, npy, parquet := sample("new.h5"), sample("stack.tif"), sample("plain.npy"), sample("arrow.parquet")
	add("trials.csv", 30, true, 64, func() []byte { return table(rng, 20<<10, false) })
	add("samples.csv", 4, true, 64, func() []byte { return table(rng, 2<<20, false) })
	add("quoted.csv", 2, true, 64, func() []byte { return table(rng, 2<<20, true) })
	add("sidecar.json", 30, true, 0, func() []byte {
		return fmt.Appendf(nil, `{"EchoTime": %f, "RepetitionTime": 2.%d, "Manufacturer": "Siemens", "SliceTiming": [%s0]}`,
			rng.Float64(), rng.Uint64(), strings.Repeat("0.25, ", 200))
	})
	add("events.jsonl", 4, true, 0, func() []byte {
		var p []byte
		for len(p) < 200<<10 {
			p = fmt.Appendf(p, "{\"onset\": %f, \"duration\": %d, \"trial\": \"go\"}\n", rng.Float64(), rng.Uint64()%100)
		}
		return p
	})
	add("weights.npy", 10, false, len(npy), behind(npy[:128], 1<<20))
	add("recording.h5", 5, false, len(h5), behind(h5, 4<<20))
	add("stack.tif", 5, false, len(tif), behind(tif, 2<<20))
	add("table.parquet", 5, false, len(parquet), func() []byte {
		return slices.Concat(parquet[:4], noise(len(parquet)), noise(1<<20), parquet[4:])
	})
	add("raw.bin", 5, false, 0, func() []byte { return noise(1 << 20) })
	return files
}

func table(rng *rand.Rand, n int, quoted bool) []byte {
	p := append(make([]byte, 0, n+128), "time,subject,condition,temperature,response\n"...)
	for row := 0; len(p) < n; row++ {
		condition := []string{"control", "treated", "washout"}[row/100%3]
		if quoted {
			condition = `"` + condition + `"`
		}
		p = fmt.Appendf(p, "%.3f,sub-%d,%s,%.2f,%.4f\n", float64(row)*0.004, 1+row/500%40, condition, 36.6+0.3*rng.NormFloat64(), rng.ExpFloat64())
	}
	return p
}
