package volume

import (
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/memory"
	"github.com/rdfs/rdfs/tiers/pack"
)

var gcFiles = flag.Int("gc-files", 100_000, "files of BenchmarkGC; the figure to reach is that of 1,000,000")

// BenchmarkGC collects in a repository whose catalog has files with two versions each,
// one of them only history, and reports what that takes, opening aside.
func BenchmarkGC(b *testing.B) {
	dir := b.TempDir()
	engine, err := kv.OpenBolt(filepath.Join(dir, "catalog.db"), kv.BoltOptions{Reserve: -1})
	if err != nil {
		b.Fatal(err)
	}
	v, err := Open(Options{Repository: dir, ID: "bench", Engine: engine, Tiers: tiers.Only(memory.New(memory.Options{})), LastStop: StopClean,
		DraftDir: filepath.Join(dir, "drafts"), CacheDir: filepath.Join(dir, "cache")})
	if err != nil {
		b.Fatal(err)
	}
	defer v.stop()
	fillCatalog(b, v, *gcFiles)
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(300 << 20) // as in a mount
	runtime.GC()
	debug.FreeOSMemory()
	start := cpuTime()
	b.ResetTimer()
	for b.Loop() {
		res, err := v.GC(bg(b), false, nil)
		if err != nil {
			b.Fatal(err)
		}
		if res.ChunksGone+res.PacksGone+res.VersionsGone > 0 || res.LiveBytes == 0 || res.HistoryBytes == 0 {
			b.Fatalf("got %+v", res)
		}
	}
	b.ReportMetric((cpuTime()-start).Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(residentBytes(b))/(1<<20), "MiB-anonymous")
}

func fillCatalog(b *testing.B, v *Volume, files int) {
	const perPack = 500
	id := func(file, version int) (id blob.ID) {
		binary.BigEndian.PutUint64(id[:], uint64(file*2+version+1)*0x9E3779B97F4A7C15)
		binary.BigEndian.PutUint64(id[8:], uint64(file))
		return id
	}
	at := catalog.Root
	for from := 0; from < files; from += perPack {
		err := v.cat.Update(func(tx *catalog.Tx) error {
			if from%5000 == 0 {
				at = tx.NewInode()
				tx.PutNode(at, &catalog.Node{Mode: catalog.TypeDir | 0o755, Nlink: 2, File: catalog.FileID(at), Parent: catalog.Root})
				tx.PutName(catalog.Root, "d"+blob.Sum([]byte{byte(from >> 12), byte(from >> 20)}).Short(), at, catalog.TypeDir)
			}
			p := v.newPackID()
			v.packing.drop(p)
			tx.PutPack(&catalog.Pack{ID: p, Size: 2*perPack*(4096+pack.EntrySize) + pack.Overhead, Chunks: 2 * perPack, State: catalog.PackStored})
			for k := from; k < min(from+perPack, files); k++ {
				i := tx.NewInode()
				for version := range 2 {
					tx.PutChunk(id(k, version), blob.Location{Pack: p, Offset: uint32(64 + (2*(k-from)+version)*4096), Stored: 4096, Size: 4096})
					tx.PutVersion(&catalog.Version{File: catalog.FileID(i), Seq: catalog.Seq(version + 1), Content: id(k, version), Size: 4096, Epoch: tx.Epoch(), Program: "python3 fit.py"})
				}
				tx.PutNode(i, &catalog.Node{Mode: catalog.TypeRegular | 0o644, Nlink: 1, Size: 4096, File: catalog.FileID(i), Seq: 2, Content: id(k, 1)})
				tx.PutName(at, "subject-"+id(k, 0).Short()+".csv", i, catalog.TypeRegular)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := v.cat.Sync(bg(b)); err != nil {
		b.Fatal(err)
	}
}

func cpuTime() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// residentBytes returns the memory of the process without what it maps of files.
func residentBytes(b *testing.B) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			var kib int64
			for _, c := range rest {
				if c >= '0' && c <= '9' {
					kib = kib*10 + int64(c-'0')
				}
			}
			return kib << 10
		}
	}
	b.Fatal("the kernel does not tell")
	return 0
}
