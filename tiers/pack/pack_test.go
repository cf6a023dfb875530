package pack

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rdfs/rdfs/internal/blob"
)

var update = flag.Bool("update", false, "write the fixtures anew that -run selects")

const fixtures = "../../testdata/formats/pack-v1"

var testPack = blob.PackID{1, 0x8f, 0x2a, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

// content is a chunk to test with, and the kind it is to be stored as.
type content struct {
	name string
	kind blob.Kind
	raw  []byte
}

// contents has every kind. It needs no random numbers, so that the fixtures can be
// compared with it for ever.
func contents() []content { return append(firstContents(), diffContents()...) }

// firstContents is what the first fixture has.
func firstContents() []content {
	noise := func(n int) []byte {
		b, x := make([]byte, n), uint32(1)
		for i := range b {
			x = x*1664525 + 1013904223
			b[i] = byte(x >> 24)
		}
		return b
	}
	return []content{
		{"noise", blob.Raw, noise(100)},
		{"text", blob.Zstd, bytes.Repeat([]byte("a line of text\n"), 20)},
		{"zeros", blob.Zstd, make([]byte, 5000)},
		{"words", blob.Shuffle2, signal(3001, 2)},
		{"floats", blob.Shuffle4, signal(9003, 4)},
		{"doubles", blob.Shuffle8, signal(20007, 8)},
	}
}

// diffContents has differences of order 1 and 2, of elements that do and do not
// begin at the first byte, in planes with and without frames of their own.
func diffContents() []content {
	return []content{
		{"samples", blob.Diff2, signal(6001, 2)},
		{"few samples", blob.Diff2, signal(301, 2)},
		{"more floats", blob.Diff4, signal(9003, 4)},
		{"more doubles", blob.Diff8, signal(20007, 8)},
		{"doubles from byte 5", blob.Diff8, signal(20007, 8)[3:]},
		{"stairs", blob.Diff4, stairs(9001)},
	}
}

// signal is n bytes of numbers that rise faster and faster.
func signal(n, width int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		v := uint64(1<<20 + i*i/7)
		b = append(b, binary.LittleEndian.AppendUint64(nil, v)[:width]...)
	}
	return b[:n]
}

// stairs is n bytes of 4-byte numbers that are alike most of the time: a straight
// line goes on where they do not.
func stairs(n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		b = binary.LittleEndian.AppendUint32(b, uint32(i/2*i/2*77777))
	}
	return b[:n]
}

// sample builds a pack of all contents and a manifest.
func sample(t testing.TB) (data []byte, m blob.Manifest) { return packOf(t, contents()) }

func packOf(t testing.TB, all []content) (data []byte, m blob.Manifest) {
	t.Helper()
	w, e := NewWriter(testPack, nil), NewEncoder()
	h := blob.NewHasher()
	for _, c := range all {
		payload, kind := e.Encode(nil, c.raw, c.kind)
		if kind != c.kind {
			t.Fatalf("%s: encoded as %v, want %v", c.name, kind, c.kind)
		}
		id := blob.Sum(c.raw)
		w.Add(id, kind, uint32(len(c.raw)), payload)
		m.Chunks = append(m.Chunks, blob.Chunk{ID: id, Size: uint32(len(c.raw))})
		m.Size += int64(len(c.raw))
		h.Write(c.raw)
	}
	m.ID = h.Sum()
	w.AddManifest(m.ID, 0, AppendManifest(nil, m, 0))
	want := w.Len()
	data = w.Finish()
	if len(data) != want || w.Len() != want {
		t.Fatalf("Len said %d, the pack has %d bytes", want, len(data))
	}
	return data, m
}

// open reads everything of a pack and returns the first error.
func open(data []byte) (chunks [][]byte, m blob.Manifest, err error) {
	d, err := ReadDirectory(nil, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, m, err
	}
	var parts []ManifestPart
	for _, e := range d.Entries {
		stored := data[e.Offset:][:e.Stored]
		if e.Type == ManifestEntry {
			p, err := ParseManifest(nil, e, stored)
			if err != nil {
				return nil, m, err
			}
			parts = append(parts, p)
			continue
		}
		raw, err := Decode(nil, nil, e.Location, e.ID, stored)
		if err != nil {
			return nil, m, err
		}
		chunks = append(chunks, raw)
	}
	m, err = JoinManifest(parts)
	return chunks, m, err
}

func checkSample(t *testing.T, data []byte, want []content) {
	t.Helper()
	chunks, m, err := open(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(chunks) != len(want) || len(m.Chunks) != len(want) {
		t.Fatalf("%d chunks and %d in the manifest, want %d", len(chunks), len(m.Chunks), len(want))
	}
	h := blob.NewHasher()
	for i, c := range want {
		if !bytes.Equal(chunks[i], c.raw) {
			t.Errorf("%s: read back other bytes", c.name)
		}
		h.Write(chunks[i])
	}
	if m.ID != h.Sum() {
		t.Errorf("manifest of %s, want %s", m.ID, h.Sum())
	}
}

func TestAPackReadsBackTheSame(t *testing.T) {
	data, _ := sample(t)
	checkSample(t, data, contents())
	d, err := Verify(nil, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if d.Pack != testPack || d.Size != int64(len(data)) {
		t.Fatalf("got pack %s of %d bytes", d.Pack, d.Size)
	}
}

func TestEveryFlippedByteAndEveryTruncationIsFound(t *testing.T) {
	data, _ := sample(t)
	for i := range data {
		for _, flip := range []byte{1 << (i % 8), 0xff} {
			damaged := bytes.Clone(data)
			damaged[i] ^= flip
			switch chunks, _, err := open(damaged); {
			case err == nil:
				// A few bits of a zstd frame say nothing of its contents: then
				// the chunk is still right, and only Verify sees the damage.
				for k, c := range contents() {
					if !bytes.Equal(chunks[k], c.raw) {
						t.Fatalf("byte %d ^ %#x: %s read back as other bytes", i, flip, c.name)
					}
				}
			case !errors.Is(err, blob.ErrCorrupt) && !errors.Is(err, ErrVersion):
				t.Fatalf("byte %d ^ %#x: got %v", i, flip, err)
			}
			if _, err := Verify(nil, bytes.NewReader(damaged), int64(len(damaged))); err == nil {
				t.Fatalf("byte %d ^ %#x: Verify found nothing", i, flip)
			}
		}
	}
	for n := range data {
		if _, err := ReadDirectory(nil, bytes.NewReader(data[:n]), int64(n)); !errors.Is(err, blob.ErrCorrupt) {
			t.Fatalf("cut to %d bytes: got %v, want ErrCorrupt", n, err)
		}
		// The tier still says the old size.
		if _, err := Verify(nil, bytes.NewReader(data[:n]), int64(len(data))); !errors.Is(err, blob.ErrCorrupt) {
			t.Fatalf("cut to %d bytes, size not: got %v, want ErrCorrupt", n, err)
		}
	}
	longer := append(bytes.Clone(data), 0)
	if _, err := ReadDirectory(nil, bytes.NewReader(longer), int64(len(longer))); !errors.Is(err, blob.ErrCorrupt) {
		t.Fatalf("a byte more: got %v, want ErrCorrupt", err)
	}
}

func TestThePacksOfVersion1OpenForEver(t *testing.T) {
	for _, f := range []struct {
		name string
		all  []content
	}{
		{"sample", firstContents()},
		{"diff", diffContents()}, // kinds that came later
	} {
		t.Run(f.name, func(t *testing.T) {
			path := filepath.Join(fixtures, f.name)
			if *update {
				data, _ := packOf(t, f.all)
				if err := os.WriteFile(path+".pack", data, 0o644); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path+".txt", []byte(listing(t, data)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			data, err := os.ReadFile(path + ".pack")
			if err != nil {
				t.Fatal(err)
			}
			checkSample(t, data, f.all)
			if _, err := Verify(nil, bytes.NewReader(data), int64(len(data))); err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(path + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			if got := listing(t, data); got != string(want) {
				t.Fatalf("got directory\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func listing(t *testing.T, data []byte) string {
	d, err := ReadDirectory(nil, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var s strings.Builder
	fmt.Fprintf(&s, "pack %s, %d bytes, %s\n", d.Pack, d.Size, d.Sum)
	for _, e := range d.Entries {
		fmt.Fprintf(&s, "%s %s %s at %d, %d of %d bytes\n", e.Type, e.ID, e.Kind, e.Offset, e.Stored, e.Size)
	}
	return s.String()
}

func TestWhatIsNotKnownIsRefusedAndNamed(t *testing.T) {
	good, _ := sample(t)
	dirAt := binary.LittleEndian.Uint64(good[len(good)-trailerSize:])
	for _, c := range []struct {
		name   string
		change func(b []byte)
		want   error
		say    string
	}{
		{"version 2 in the header", func(b []byte) { b[8] = 2 }, ErrVersion, "version 2; this program reads version 1"},
		{"version 2 in the trailer", func(b []byte) { b[len(b)-trailerSize+trailerVersionAt] = 2 }, ErrVersion, "version 2"},
		{"a flag", func(b []byte) { b[10] = 2 }, ErrVersion, "flags"},
		{"an encrypted chunk", func(b []byte) { b[dirAt+2] = 1 }, ErrVersion, "encrypted"},
		{"an unknown type", func(b []byte) { b[dirAt] = 9 }, ErrVersion, "entry type 9"},
		{"an unknown kind", func(b []byte) { b[dirAt+1] = byte(blob.Delta) }, ErrVersion, "delta"},
		{"a record that overlaps another", func(b []byte) { b[dirAt+EntrySize+4]-- }, blob.ErrCorrupt, "impossible"},
		{"a raw chunk of another size", func(b []byte) { b[dirAt+12]++ }, blob.ErrCorrupt, "impossible"},
		{"a chunk of 2 GiB", func(b []byte) { b[dirAt+EntrySize+15] = 0x80 }, blob.ErrCorrupt, "impossible"},
		{"not a pack", func(b []byte) { copy(b, "PK\x03\x04") }, blob.ErrCorrupt, "not a pack"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := bytes.Clone(good)
			c.change(b)
			resum(b)
			_, err := ReadDirectory(nil, bytes.NewReader(b), int64(len(b)))
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.say) {
				t.Fatalf("got %v, want %v that says %q", err, c.want, c.say)
			}
		})
	}
}

// resum makes the checksum of the directory right, as somebody hostile would.
func resum(b []byte) {
	t := b[len(b)-trailerSize:]
	dirAt := min(binary.LittleEndian.Uint64(t), uint64(len(b)-trailerSize))
	sum := sumDirectory(b[:headerSize], b[dirAt:len(b)-trailerSize], t)
	copy(t[trailerSumAt:], sum[:])
}

func TestALyingSizeTakesNoMemory(t *testing.T) {
	e := NewEncoder()
	raw := make([]byte, MaxChunk)
	payload, kind := e.Encode(nil, raw, blob.Zstd)
	loc := blob.Location{Stored: uint32(len(payload)), Size: 100, Kind: kind}
	if _, err := Decode(nil, nil, loc, blob.Sum(raw[:100]), payload); !errors.Is(err, blob.ErrCorrupt) {
		t.Fatalf("8 MiB in a chunk of 100 bytes: got %v", err)
	}
	many := bytes.Repeat(payload, 50)
	loc = blob.Location{Stored: uint32(len(many)), Size: MaxChunk, Kind: kind}
	if _, err := Decode(nil, nil, loc, blob.Sum(raw), many); !errors.Is(err, blob.ErrCorrupt) {
		t.Fatalf("50 frames: got %v", err)
	}
	loc = blob.Location{Stored: uint32(len(payload)), Size: math.MaxUint32, Kind: kind}
	if _, err := Decode(nil, nil, loc, blob.Sum(raw), payload); !errors.Is(err, blob.ErrCorrupt) {
		t.Fatalf("a chunk of 4 GiB: got %v", err)
	}
}

func TestDecodeUsesTheMemoryItIsGiven(t *testing.T) {
	e := NewEncoder()
	buf := make([]byte, 0, 64<<10)
	for _, c := range contents() {
		payload, kind := e.Encode(nil, c.raw, c.kind)
		loc := blob.Location{Stored: uint32(len(payload)), Size: uint32(len(c.raw)), Kind: kind}
		got, err := Decode(nil, buf, loc, blob.Sum(c.raw), payload)
		if err != nil || !bytes.Equal(got, c.raw) {
			t.Fatalf("%s: %v", c.name, err)
		}
		if &got[0] != &buf[:1][0] {
			t.Errorf("%s: decoded into other memory", c.name)
		}
	}
}

func TestEveryKindRoundTripsAtEveryLength(t *testing.T) {
	e := NewEncoder()
	var payload, raw []byte
	for _, kind := range []blob.Kind{blob.Raw, blob.Zstd, blob.Shuffle2, blob.Shuffle4, blob.Shuffle8, blob.Diff2, blob.Diff4, blob.Diff8} {
		lengths := []int{4096, 4097, 128<<10 - 1, 128 << 10, 128<<10 + 1, 512<<10 + 3, MaxChunk}
		for n := 1; n < 200; n++ {
			lengths = append(lengths, n)
		}
		for _, n := range lengths {
			var b []byte
			for i := 0; len(b) < n; i++ {
				v := uint64(n+i) * uint64(i) / 9
				b = binary.LittleEndian.AppendUint64(b, v)[:len(b)+max(2, width(kind))]
			}
			b = b[:n]
			var used blob.Kind
			payload, used = e.Encode(payload[:0], b, kind)
			if used != kind && used != blob.Raw || len(payload) > n {
				t.Fatalf("%v, %d bytes: encoded as %v in %d", kind, n, used, len(payload))
			}
			loc := blob.Location{Stored: uint32(len(payload)), Size: uint32(n), Kind: used}
			var err error
			if raw, err = Decode(nil, raw, loc, blob.Sum(b), payload); err != nil || !bytes.Equal(raw, b) {
				t.Fatalf("%v, %d bytes: %v", kind, n, err)
			}
		}
	}
}

func TestChooserFindsWhatNumbersAre(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	wave := func(i int) float64 { return 20 + 5*math.Sin(float64(i)/900) + math.Sin(float64(i)*12.9898)*1e-3 }
	build := func(n int, add func(b []byte, i int) []byte) []byte {
		var b []byte
		for i := 0; len(b) < n; i++ {
			b = add(b, i)
		}
		return b[:n]
	}
	for _, c := range []struct {
		name string
		add  func(b []byte, i int) []byte
		want blob.Kind
	}{
		{"int16", func(b []byte, i int) []byte {
			return binary.LittleEndian.AppendUint16(b, uint16(int16(wave(i)*300)))
		}, blob.Diff2},
		{"int16 up and down", func(b []byte, i int) []byte {
			return binary.LittleEndian.AppendUint16(b, uint16(int16(wave(i)*6000*math.Sin(float64(i)/40))))
		}, blob.Diff2},
		{"int32", func(b []byte, i int) []byte {
			return binary.LittleEndian.AppendUint32(b, uint32(int32(wave(i)*3e5)))
		}, blob.Diff4},
		{"unordered float32", func(b []byte, i int) []byte {
			return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(r.NormFloat64())))
		}, blob.Shuffle4},
		{"unordered float64", func(b []byte, i int) []byte {
			return binary.LittleEndian.AppendUint64(b, math.Float64bits(r.NormFloat64()))
		}, blob.Shuffle8},
		{"float32", func(b []byte, i int) []byte {
			return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(wave(i))))
		}, blob.Diff4},
		{"float64", func(b []byte, i int) []byte {
			return binary.LittleEndian.AppendUint64(b, math.Float64bits(wave(i)))
		}, blob.Diff8},
		{"text", func(b []byte, i int) []byte { return fmt.Appendf(b, "%d,%.2f\n", i, wave(i)) }, blob.Zstd},
		{"one record again and again", func(b []byte, i int) []byte {
			return append(b, randomBytes(4, 96)...)
		}, blob.Zstd},
	} {
		for _, n := range []int{4096, 100_000, 256 << 10} {
			if got := new(Chooser).Choose(NewEncoder(), build(n, c.add)); got != c.want {
				t.Errorf("%s, %d bytes: chose %v, want %v", c.name, n, got, c.want)
			}
		}
	}
}

func TestKeysNameTheirPack(t *testing.T) {
	key := Key(testPack)
	if id, ok := ParseKey(key); !ok || id != testPack {
		t.Fatalf("ParseKey(%q) = %s, %v", key, id, ok)
	}
	s := testPack.String()
	if want := "packs/" + s[24:] + "/" + s + ".pack"; key != want {
		t.Fatalf("got key %q, want %q", key, want)
	}
	for _, bad := range []string{"", "packs/", key + "x", key[1:], "packs/00/" + s + ".pack", "packs/" + s + ".pack", strings.ToLower(key)} {
		if id, ok := ParseKey(bad); ok {
			t.Errorf("ParseKey(%q) = %s", bad, id)
		}
	}
}

// objects is a Ranger of objects in memory.
type objects map[string][]byte

func (o objects) ReadAt(_ context.Context, key string, p []byte, off int64) error {
	b, ok := o[key]
	if !ok {
		return blob.ErrNotFound
	}
	if copy(p, b[off:]) < len(p) {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func TestLoadChecksThatThePackIsTheOneNamed(t *testing.T) {
	data, _ := sample(t)
	other := Key(blob.PackID{9})
	o := objects{Key(testPack): data, other: data}
	if _, err := Load(t.Context(), o, nil, Key(testPack), int64(len(data))); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(t.Context(), o, nil, other, int64(len(data))); !errors.Is(err, blob.ErrCorrupt) || !strings.Contains(err.Error(), other) {
		t.Fatalf("under another key: got %v, want ErrCorrupt and the key", err)
	}
	if _, err := Load(t.Context(), o, nil, Key(blob.PackID{8}), int64(len(data))); !errors.Is(err, blob.ErrNotFound) {
		t.Fatalf("absent: got %v, want ErrNotFound", err)
	}
}

func TestALargeDirectoryIsRead(t *testing.T) {
	w := NewWriter(testPack, nil)
	for i := range 5000 {
		raw := binary.LittleEndian.AppendUint32(nil, uint32(i))
		w.Add(blob.Sum(raw), blob.Raw, 4, raw)
	}
	data := w.Finish()
	d, err := ReadDirectory(nil, bytes.NewReader(data), int64(len(data)))
	if err != nil || len(d.Entries) != 5000 {
		t.Fatalf("%d entries, %v", len(d.Entries), err)
	}
	w.Reset(blob.PackID{2}, nil)
	if w.Len() != Overhead || w.Records() != 0 {
		t.Fatalf("after Reset: %d bytes, %d records", w.Len(), w.Records())
	}
}

func TestLongManifestsGoInParts(t *testing.T) {
	m := blob.Manifest{ID: blob.Sum([]byte("a content"))}
	for i := range 2*MaxManifestPart + 7 {
		c := blob.Chunk{ID: blob.Sum(fmt.Append(nil, i)), Size: uint32(1 + i)}
		m.Chunks, m.Size = append(m.Chunks, c), m.Size+int64(c.Size)
	}
	var parts []ManifestPart
	for i := range ManifestParts(m) {
		rec := AppendManifest(nil, m, i)
		e := Entry{Type: ManifestEntry, ID: m.ID, Location: blob.Location{Stored: uint32(len(rec))}}
		p, err := ParseManifest(nil, e, rec)
		if err != nil {
			t.Fatal(err)
		}
		parts = append([]ManifestPart{p, p}, parts...) // in any order, and twice
	}
	got, err := JoinManifest(parts)
	if err != nil || len(got.Chunks) != len(m.Chunks) || got.ID != m.ID || got.Size != m.Size || got.Chunks[65540] != m.Chunks[65540] {
		t.Fatalf("%d chunks of %d, %v", len(got.Chunks), len(m.Chunks), err)
	}
	if _, err := JoinManifest(parts[:4]); !errors.Is(err, blob.ErrNotFound) {
		t.Fatalf("without the first part: got %v, want ErrNotFound", err)
	}
	parts[0].Size++
	if _, err := JoinManifest(parts); !errors.Is(err, blob.ErrCorrupt) {
		t.Fatalf("contradicting parts: got %v, want ErrCorrupt", err)
	}
}
