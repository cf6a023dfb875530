package pack

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/rdfs/rdfs/internal/blob"
)

// wantDiff is what diff must do, said plainly.
func wantDiff(src []byte, w, order int) []byte {
	at := func(i int) uint64 { // element i, and zeros before the first
		if i < 0 {
			return 0
		}
		return binary.LittleEndian.Uint64(append(bytes.Clone(src[i*w:][:w]), make([]byte, 8)...))
	}
	var dst []byte
	for i := range len(src) / w {
		d := at(i) - at(i-1)
		if order == 2 {
			d -= at(i-1) - at(i-2)
		}
		dst = append(dst, binary.LittleEndian.AppendUint64(nil, d+half)[:w]...)
	}
	return append(dst, src[len(dst):]...)
}

func TestDiffSubtractsWhatCameBeforeAtEveryLength(t *testing.T) {
	src := randomBytes(6, 130)
	for _, w := range []int{2, 4, 8} {
		for _, order := range []int{1, 2} {
			for n := range len(src) {
				got := make([]byte, n)
				diff(got, src[:n], w, order)
				if want := wantDiff(src[:n], w, order); !bytes.Equal(got, want) {
					t.Fatalf("width %d, order %d, %d bytes: got %x, want %x", w, order, n, got, want)
				}
				plain := make([]byte, n/w*w)
				plainDiff(plain, src[:len(plain)], 0, w, order)
				if !bytes.Equal(plain, got[:len(plain)]) {
					t.Fatalf("width %d, order %d, %d bytes, without assembly: got %x, want %x", w, order, n, plain, got)
				}
				plainUndiff(plain, 0, w, order)
				if !bytes.Equal(plain, src[:len(plain)]) {
					t.Fatalf("width %d, order %d, %d bytes, without assembly: undiff got %x, want %x", w, order, n, plain, src[:n])
				}
				undiff(got, w, order)
				if !bytes.Equal(got, src[:n]) {
					t.Fatalf("width %d, order %d, %d bytes: undiff got %x, want %x", w, order, n, got, src[:n])
				}
			}
		}
	}
}

func TestElementsMayBeginAtAnyByte(t *testing.T) {
	raw := signal(40_000, 8)
	for skip := range 8 {
		cut := raw[8-skip:]
		payload, kind := NewEncoder().Encode(nil, cut, blob.Diff8)
		if got := int(payload[0] >> 4); kind != blob.Diff8 || got != skip {
			t.Errorf("elements from byte %d: %v from byte %d", skip, kind, got)
		}
		loc := blob.Location{Stored: uint32(len(payload)), Size: uint32(len(cut)), Kind: kind}
		if _, err := Decode(nil, nil, loc, blob.Sum(cut), payload); err != nil {
			t.Errorf("elements from byte %d: %v", skip, err)
		}
	}
}

func TestImpossibleDifferencesAreRefused(t *testing.T) {
	raw := signal(9000, 4)
	payload, kind := NewEncoder().Encode(nil, raw, blob.Diff4)
	if kind != blob.Diff4 || payload[0] != 2 {
		t.Fatalf("numbers that rise faster and faster: %v, %#x, want order 2", kind, payload[0])
	}
	check := func(raw, payload []byte, first byte) {
		t.Helper()
		payload = append([]byte{first}, payload[1:]...)
		loc := blob.Location{Stored: uint32(len(payload)), Size: uint32(len(raw)), Kind: kind}
		if _, err := Decode(nil, nil, loc, blob.Sum(raw), payload); !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("%d bytes, %#x: got %v, want ErrCorrupt", len(raw), first, err)
		}
	}
	for _, first := range []byte{0x00, 0x03, 0x08, 0x20, 0x42, 0x82, 0xF2} {
		check(raw, payload, first)
	}
	short := append([]byte{2}, NewEncoder().zstd.EncodeAll([]byte{1, 2}, nil)...)
	check([]byte{1, 2}, short, 0x31) // more bytes before the first element than there are
}

// What zstd leaves as it is, because no string is in it twice, may still have few
// values.
func TestAPlaneOfFewValuesWithoutOrderIsCoded(t *testing.T) {
	var raw []byte
	for i, b := range randomBytes(9, 64<<10) {
		raw = append(raw, b>>4, byte(0x40+i%2)) // low bytes of 16 values: 4 bits each
	}
	payload, kind := NewEncoder().Encode(nil, raw, blob.Shuffle2)
	if most := len(raw)/4 + 256; kind != blob.Shuffle2 || len(payload) > most {
		t.Fatalf("%d bytes as %v: %d bytes, want at most %d", len(raw), kind, len(payload), most)
	}
}

func BenchmarkDiff(b *testing.B) {
	src, dst := randomBytes(3, 128<<10), make([]byte, 128<<10)
	for _, w := range []int{2, 4, 8} {
		for _, order := range []int{1, 2} {
			b.Run(fmt.Sprint("diff", w, " order ", order), func(b *testing.B) {
				b.SetBytes(int64(len(src)))
				for b.Loop() {
					diff(dst, src, w, order)
				}
			})
			b.Run(fmt.Sprint("undiff", w, " order ", order), func(b *testing.B) {
				b.SetBytes(int64(len(src)))
				for b.Loop() {
					undiff(dst, w, order)
				}
			})
		}
	}
}
