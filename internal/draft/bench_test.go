package draft

import (
	"bytes"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
)

// cpuTime returns the processor time that this process has used, in seconds. On a
// machine that others use too it says more than the wall clock.
func cpuTime() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// perCPU reports how many bytes were dealt with in each second of processor time.
func perCPU(b *testing.B, n int, since float64) {
	b.ReportMetric(float64(b.N)*float64(n)/(1<<20)/(cpuTime()-since), "MiB/cpu-s")
}

// benchmarkSeal seals without and with encryption, in turn.
func benchmarkSeal(b *testing.B, content []byte) {
	for _, c := range ciphers() {
		b.Run(c.name, func(b *testing.B) { benchmarkSealUnder(b, content, c.ring) })
	}
}

// ciphers are no ring, and one.
func ciphers() []struct {
	name string
	ring *crypt.Ring
} {
	return []struct {
		name string
		ring *crypt.Ring
	}{{"plain", nil}, {"encrypted", crypt.NewRing(crypt.DataKey{Number: 1})}}
}

func benchmarkSealUnder(b *testing.B, content []byte, ring *crypt.Ring) {
	p := New(Options{Store: nullStore{newMemStore()}, NewPackID: newPackID, Ring: ring})
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	var stored int64
	start := cpuTime()
	for b.Loop() {
		batch := p.Begin()
		batch.Use(ring.Own())
		if _, err := batch.Add(b.Context(), bytes.NewReader(content), int64(len(content)), nil); err != nil {
			b.Fatal(err)
		}
		s, err := batch.Finish(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		stored = packBytes(s)
	}
	perCPU(b, len(content), start)
	b.ReportMetric(float64(stored)/float64(len(content)), "stored/raw")
}

func BenchmarkSealFloat32(b *testing.B) { benchmarkSeal(b, smooth32(1, 64<<20)) }
func BenchmarkSealFloat64(b *testing.B) { benchmarkSeal(b, smooth64(1, 64<<20)) }
func BenchmarkSealCSV(b *testing.B)     { benchmarkSeal(b, csv(1, 64<<20)) }
func BenchmarkSealRandom(b *testing.B)  { benchmarkSeal(b, random(1, 64<<20)) }
func BenchmarkSealZeros(b *testing.B)   { benchmarkSeal(b, make([]byte, 64<<20)) }

func BenchmarkSealSmallFiles(b *testing.B) {
	for _, kind := range []struct {
		name string
		make func(uint64, int) []byte
	}{{"csv", csv}, {"float32", smooth32}, {"random", random}} {
		b.Run(kind.name, func(b *testing.B) {
			const files = 8000
			content := kind.make(1, files*4096)
			p := New(Options{Store: nullStore{newMemStore()}, NewPackID: newPackID})
			n := 0
			b.ReportAllocs()
			start := cpuTime()
			for b.Loop() {
				batch := p.Begin()
				for i := range files {
					src := bytes.NewReader(content[i*4096:][:4096])
					if _, err := batch.Add(b.Context(), src, 4096, nil); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := batch.Finish(b.Context()); err != nil {
					b.Fatal(err)
				}
				n += files
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "files/s")
			b.ReportMetric(float64(n)/(cpuTime()-start), "files/cpu-s")
		})
	}
}

// BenchmarkHash is the yardstick: 3,200 MiB/s on a core of an idle machine.
func BenchmarkHash(b *testing.B) {
	content := random(1, 1<<20)
	start := cpuTime()
	for b.Loop() {
		blob.Sum(content)
	}
	perCPU(b, len(content), start)
}

func BenchmarkCut(b *testing.B) {
	content := random(1, 32<<20)
	for _, c := range classes {
		b.Run(fmt.Sprint(c.avg()>>10, "KiB"), func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				for rest := content; len(rest) > 0; {
					rest = rest[cut(rest, c):]
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, kind := range []struct {
		name string
		make func(uint64, int) []byte
	}{{"csv", csv}, {"float32", smooth32}, {"random", random}} {
		for _, c := range ciphers() {
			b.Run(kind.name+"/"+c.name, func(b *testing.B) {
				store, tab := newMemStore(), newTable()
				p := New(Options{Store: store, NewPackID: newPackID, Ring: c.ring})
				content := kind.make(1, 32<<20)
				m, _ := seal(b, p, tab, content)
				r, list := NewReader(store, c.ring), tab.locate(m)
				b.SetBytes(int64(len(content)))
				start := cpuTime()
				for b.Loop() {
					if err := r.Chunks(b.Context(), list, func(int, []byte) error { return nil }); err != nil {
						b.Fatal(err)
					}
				}
				perCPU(b, len(content), start)
			})
		}
	}
}
