package pack

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// wantShuffle is what shuffle must do, said plainly.
func wantShuffle(src []byte, w int) []byte {
	n := len(src) / w
	var dst []byte
	for k := range w {
		for i := range n {
			dst = append(dst, src[i*w+k])
		}
	}
	return append(dst, src[n*w:]...)
}

func randomBytes(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestShuffleGroupsBytesByPositionAtEveryLength(t *testing.T) {
	src := randomBytes(1, 300)
	for _, w := range []int{2, 4, 8} {
		for n := range len(src) {
			got := make([]byte, n)
			shuffle(got, src[:n], w)
			if want := wantShuffle(src[:n], w); !bytes.Equal(got, want) {
				t.Fatalf("width %d, %d bytes: got %x, want %x", w, n, got, want)
			}
			if done := plainShuffle(got, src[:n], n/w, w); done < n/w-7 {
				t.Fatalf("width %d, %d bytes: without assembly %d elements were done", w, n, done)
			}
			if want := wantShuffle(src[:n], w); !bytes.Equal(got, want) {
				t.Fatalf("width %d, %d bytes, without assembly: got %x, want %x", w, n, got, want)
			}
			back := make([]byte, n)
			unshuffle(back, got, w)
			if !bytes.Equal(back, src[:n]) {
				t.Fatalf("width %d, %d bytes: unshuffle got %x, want %x", w, n, back, src[:n])
			}
			clear(back)
			done := plainUnshuffle(back, got, n/w, w)
			if done < n/w-7 || !bytes.Equal(back[:done*w], src[:done*w]) {
				t.Fatalf("width %d, %d bytes, without assembly: unshuffle of %d elements got %x, want %x", w, n, done, back, src[:n])
			}
		}
	}
}

func TestSumsUndoDifferencesAtEveryLength(t *testing.T) {
	src := randomBytes(2, 100)
	for n := range len(src) {
		got := bytes.Clone(src[:n])
		differences(got)
		for i := 1; i < n; i++ {
			if got[i] != src[i]-src[i-1] {
				t.Fatalf("%d bytes: difference %d is %d, want %d", n, i, got[i], src[i]-src[i-1])
			}
		}
		sums(got)
		if !bytes.Equal(got, src[:n]) {
			t.Fatalf("%d bytes: got %x, want %x", n, got, src[:n])
		}
	}
}

func BenchmarkShuffle(b *testing.B) {
	src, dst := randomBytes(3, 128<<10), make([]byte, 128<<10)
	for _, w := range []int{2, 4, 8} {
		b.Run(fmt.Sprint("shuffle", w), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				shuffle(dst, src, w)
			}
		})
		b.Run(fmt.Sprint("shuffle", w, " without assembly"), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				plainShuffle(dst, src, len(src)/w, w)
			}
		})
		b.Run(fmt.Sprint("unshuffle", w, " without assembly"), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				plainUnshuffle(dst, src, len(src)/w, w)
			}
		})
		b.Run(fmt.Sprint("unshuffle", w), func(b *testing.B) {
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				unshuffle(dst, src, w)
			}
		})
	}
	b.Run("differences", func(b *testing.B) {
		b.SetBytes(int64(len(src)))
		for b.Loop() {
			differences(dst)
		}
	})
	b.Run("sums", func(b *testing.B) {
		b.SetBytes(int64(len(src)))
		for b.Loop() {
			sums(dst)
		}
	})
}
