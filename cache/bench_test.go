package cache

import (
	"context"
	"os"
	"testing"

	"github.com/rdfs/rdfs/internal/blob"
)

func BenchmarkGetWarmSmall(b *testing.B) {
	r := newRig(b)
	data := noise(1, 4096)
	id := r.adopt(live(7), data)
	b.ReportAllocs()
	for b.Loop() {
		f, err := r.Get(live(7), id, 4096, os.O_RDONLY)
		must(b, err)
		f.Close()
	}
}

// The floor for BenchmarkGetWarmSmall.
func BenchmarkOpenWarmSmall(b *testing.B) {
	r := newRig(b)
	r.adopt(live(7), noise(1, 4096))
	path := r.file(live(7))
	b.ReportAllocs()
	for b.Loop() {
		f, err := os.Open(path)
		must(b, err)
		f.Close()
	}
}

func BenchmarkGetMiss(b *testing.B) {
	r := newRig(b)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = r.Get(live(7), blob.ID{}, 4096, os.O_RDONLY)
	}
}

func BenchmarkFetchSmall(b *testing.B) {
	r := newRig(b)
	data := noise(1, 4096)
	id := r.src.add(data, 4096)
	for b.Loop() {
		f, err := r.Fetch(context.Background(), live(7), id)
		must(b, err)
		f.Close()
		must(b, r.Remove(live(7)))
	}
}

func BenchmarkPartialSequential(b *testing.B) {
	const size, step = 256 << 20, 128 << 10
	r := newRig(b)
	data := noise(1, size)
	id := r.src.add(data, 1<<20)
	buf := make([]byte, step)
	b.SetBytes(size)
	for b.Loop() {
		p := r.partial(live(7), id)
		for off := int64(0); off < size; off += step {
			_, err := p.ReadAt(context.Background(), buf, off)
			must(b, err)
		}
		must(b, p.Close())
		must(b, r.Remove(live(7)))
	}
}

func BenchmarkPartialWarmRandom4K(b *testing.B) {
	const size = 64 << 20
	r := newRig(b)
	id := r.src.add(noise(1, size), 1<<20)
	p := r.partial(live(7), id)
	defer p.Close()
	buf := make([]byte, 4096)
	for off := int64(0); off < size-1<<20; off += 1 << 20 { // all but the last chunk
		_, err := p.ReadAt(context.Background(), buf, off)
		must(b, err)
	}
	i := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		i = (i + 7919) % ((size - 1<<20) / 4096)
		_, err := p.ReadAt(context.Background(), buf, i*4096)
		must(b, err)
	}
}
