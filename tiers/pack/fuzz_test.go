package pack

import (
	"bytes"
	"testing"

	"github.com/rdfs/rdfs/internal/blob"
)

func FuzzReadDirectory(f *testing.F) {
	good, _ := sample(f)
	f.Add(good)
	f.Add(good[:len(good)-trailerSize])
	f.Add(NewWriter(testPack, nil).Finish())
	f.Add([]byte(headerMagic + trailerMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		open(data)
		if len(data) < Overhead {
			return
		}
		// The same with right checksums, so that what is behind them is reached.
		data = bytes.Clone(data)
		resum(data)
		d, err := ReadDirectory(nil, bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for _, e := range d.Entries {
			stored := data[e.Offset:][:e.Stored] // within the pack, or this panics
			if e.Type == ManifestEntry {
				ParseManifest(nil, e, stored)
			} else {
				Decode(nil, nil, e.Location, e.ID, stored)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	e := NewEncoder()
	for _, c := range contents() {
		payload, kind := e.Encode(nil, c.raw, c.kind)
		f.Add(payload, uint8(kind), uint32(len(c.raw)))
		f.Add(payload[:len(payload)-1], uint8(kind), uint32(len(c.raw)))
		f.Add(payload, uint8(kind), uint32(len(c.raw)-1))
	}
	f.Fuzz(func(t *testing.T, stored []byte, kind uint8, size uint32) {
		loc := blob.Location{Stored: uint32(len(stored)), Size: size, Kind: blob.Kind(kind)}
		guard := make([]byte, min(size, 1<<20)+8)
		dst := guard[: len(guard)-8 : len(guard)-8]
		raw, err := Decode(nil, dst, loc, blob.Sum(stored), stored)
		if err == nil && blob.Sum(raw) != blob.Sum(stored) {
			t.Fatal("decoded to bytes of another hash")
		}
		if !zero(guard[len(guard)-8:]) {
			t.Fatal("wrote behind the memory it was given")
		}
	})
}

func FuzzEncodeDecode(f *testing.F) {
	for _, c := range contents() {
		f.Add(c.raw)
	}
	e := NewEncoder()
	var c Chooser
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) == 0 {
			return
		}
		id := blob.Sum(raw)
		for _, kind := range []blob.Kind{c.Choose(e, raw), blob.Zstd, blob.Shuffle2, blob.Shuffle4, blob.Shuffle8, blob.Diff2, blob.Diff4, blob.Diff8} {
			payload, used := e.Encode(nil, raw, kind)
			loc := blob.Location{Stored: uint32(len(payload)), Size: uint32(len(raw)), Kind: used}
			if _, err := Decode(nil, nil, loc, id, payload); err != nil {
				t.Fatalf("%v: %v", kind, err)
			}
		}
	})
}
