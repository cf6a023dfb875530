package pack

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
)

// testRing has the keys of the fixture: the repository's own, and those of two directories.
func testRing() *crypt.Ring {
	key := func(n crypt.Number, scope uint64) crypt.DataKey {
		k := crypt.DataKey{Number: n, Scope: scope}
		for i := range k.Secret {
			k.Secret[i] = byte(i) ^ byte(n)
		}
		return k
	}
	return crypt.NewRing(key(1, 0), key(2, 100), key(3, 200))
}

// sealedSample is an encrypted pack of contents under key 2, one chunk under key 3, and
// two manifests.
func sealedSample(t testing.TB, id blob.PackID) []byte {
	t.Helper()
	ring := testRing()
	w, e := NewWriter(id, ring), NewEncoder()
	m := blob.Manifest{}
	h := blob.NewHasher()
	for _, c := range firstContents() {
		payload, kind := e.Encode(nil, c.raw, c.kind)
		chunk := ring.ChunkID(2, c.raw)
		w.Add(chunk, kind, uint32(len(c.raw)), payload)
		m.Chunks = append(m.Chunks, blob.Chunk{ID: chunk, Size: uint32(len(c.raw))})
		m.Size += int64(len(c.raw))
		h.Write(c.raw)
	}
	m.ID = ring.ContentID(2, h.Sum())
	w.AddManifest(m.ID, 2, AppendManifest(nil, m, 0))
	raw := firstContents()[1].raw
	single := ring.ChunkID(3, raw)
	w.Add(single, blob.Raw, uint32(len(raw)), raw)
	one := blob.Manifest{ID: ring.ContentID(3, blob.Sum(raw)), Size: int64(len(raw)), Chunks: []blob.Chunk{{ID: single, Size: uint32(len(raw))}}}
	if ManifestParts(one) != 1 {
		t.Fatal("a content whose id is not its chunk's needs a list")
	}
	w.AddManifest(one.ID, 3, AppendManifest(nil, one, 0))
	want := w.Len()
	if data := w.Finish(); len(data) == want {
		return data
	}
	t.Fatal("Len said another length")
	return nil
}

// openSealed opens all of an encrypted pack and returns its chunks.
func openSealed(ring *crypt.Ring, data []byte) (chunks [][]byte, err error) {
	d, err := ReadDirectory(ring, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	for _, e := range d.Entries {
		stored := bytes.Clone(data[e.Offset:][:e.Stored])
		if e.Type == ManifestEntry {
			if _, err := ParseManifest(ring, e, stored); err != nil {
				return nil, err
			}
			continue
		}
		raw, err := Decode(ring, nil, e.Location, e.ID, stored)
		if err != nil {
			return nil, err
		}
		chunks = append(chunks, raw)
	}
	return chunks, nil
}

func checkSealed(t *testing.T, data []byte) {
	t.Helper()
	chunks, err := openSealed(testRing(), data)
	if err != nil {
		t.Fatal(err)
	}
	want := append(firstContents(), firstContents()[1])
	if len(chunks) != len(want) {
		t.Fatalf("%d chunks, want %d", len(chunks), len(want))
	}
	for i, c := range want {
		if !bytes.Equal(chunks[i], c.raw) {
			t.Errorf("%s: read back other bytes", c.name)
		}
	}
	if _, err := Verify(testRing(), bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
}

func TestTheEncryptedPackOfVersion1OpensForEver(t *testing.T) {
	path := filepath.Join(fixtures, "encrypted.pack")
	if *update {
		if err := os.WriteFile(path, sealedSample(t, testPack), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	checkSealed(t, data)
	checkSealed(t, sealedSample(t, testPack))
}

func TestAnEncryptedPackShowsNothing(t *testing.T) {
	data := sealedSample(t, testPack)
	ring := testRing()
	for _, c := range firstContents() {
		plain, keyed := blob.Sum(c.raw), ring.ChunkID(2, c.raw)
		for what, secret := range map[string][]byte{"content": c.raw[:min(len(c.raw), 40)], "hash": plain[:], "id": keyed[:], "half of the id": keyed[:14]} {
			if bytes.Contains(data, secret) && !zero(secret) {
				t.Errorf("%s: its %s is in the pack", c.name, what)
			}
		}
	}
}

func TestEqualBytesAreSealedAsOtherBytesEachTime(t *testing.T) {
	ring := testRing()
	raw := bytes.Repeat([]byte("the same bytes "), 20)
	seen := map[string]string{}
	for _, id := range []blob.PackID{{1}, {2}} {
		for _, n := range []crypt.Number{2, 3} {
			w := NewWriter(id, ring)
			for range 2 { // at two places
				loc := w.Add(ring.ChunkID(n, raw), blob.Raw, uint32(len(raw)), raw)
				stored := string(w.buf[loc.Offset:][:32])
				where := loc.Pack.String()
				if before, ok := seen[stored]; ok {
					t.Fatalf("pack %s, key %d: the same bytes as in %s: a nonce was used twice", where, n, before)
				}
				seen[stored] = where
			}
		}
	}
	if ring.ChunkID(2, raw) == ring.ChunkID(3, raw) {
		t.Error("one chunk id under two keys")
	}
}

func TestEveryFlippedByteOfAnEncryptedPackIsFound(t *testing.T) {
	data := sealedSample(t, testPack)
	for i := range data {
		damaged := bytes.Clone(data)
		damaged[i] ^= 1 << (i % 8)
		_, readErr := openSealed(testRing(), damaged)
		_, err := Verify(testRing(), bytes.NewReader(damaged), int64(len(damaged)))
		if err = errors.Join(err, readErr); !errors.Is(err, blob.ErrCorrupt) && !errors.Is(err, ErrVersion) && !errors.Is(err, crypt.ErrNoKey) {
			t.Fatalf("byte %d: got %v", i, err)
		}
		// Whatever the checksums say, which whoever changes a byte can compute anew.
		if resum(damaged); !bytes.Equal(damaged[:len(damaged)-trailerSize], data[:len(data)-trailerSize]) {
			if _, err := openSealed(testRing(), damaged); err == nil {
				t.Fatalf("byte %d with new checksums: nothing was found", i)
			}
		}
	}
}

func TestASealedRecordOpensOnlyAsWhatAndWhereItWas(t *testing.T) {
	ring := testRing()
	data := sealedSample(t, testPack)
	d, err := ReadDirectory(ring, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	e := d.Entries[1]
	stored := data[e.Offset:][:e.Stored]
	for name, change := range map[string]func(e *Entry){
		"as it was":         func(e *Entry) {},
		"in another pack":   func(e *Entry) { e.Pack[15] ^= 1 },
		"at another offset": func(e *Entry) { e.Offset++ },
		"as another kind":   func(e *Entry) { e.Kind = blob.Shuffle2 },
		"as a manifest":     func(e *Entry) { e.Type = ManifestEntry },
		"as another chunk":  func(e *Entry) { e.ID[31] ^= 1 },
		"of another size":   func(e *Entry) { e.Size++ },
		"under another key": func(e *Entry) { e.Key = 3 },
	} {
		x := e
		change(&x)
		_, err := Open(ring, &x, bytes.Clone(stored))
		if name == "as it was" {
			if err != nil {
				t.Error(err)
			}
		} else if !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("%s: got %v, want it to be refused", name, err)
		}
	}
}

func TestPacksThatAreSwappedAreFound(t *testing.T) {
	a, b := sealedSample(t, blob.PackID{1}), sealedSample(t, blob.PackID{2})
	o := objects{Key(blob.PackID{1}): b, Key(blob.PackID{2}): a}
	if _, err := Load(t.Context(), o, testRing(), Key(blob.PackID{1}), int64(len(b))); !errors.Is(err, blob.ErrCorrupt) {
		t.Errorf("swapped: got %v", err)
	}
	// Also when its header is made to fit.
	forged := bytes.Clone(b)
	copy(forged[16:32], a[16:32])
	resum(forged)
	if _, err := Load(t.Context(), objects{Key(blob.PackID{1}): forged}, testRing(), Key(blob.PackID{1}), int64(len(forged))); !errors.Is(err, blob.ErrCorrupt) {
		t.Errorf("renamed: got %v", err)
	}
}

func TestPacksAreOpenedWithTheKeysOfTheirRepositoryOnly(t *testing.T) {
	sealed := sealedSample(t, testPack)
	plain, _ := packOf(t, firstContents())
	for _, c := range []struct {
		name string
		ring *crypt.Ring
		data []byte
		want error
		say  string
	}{
		{"encrypted, without a key", nil, sealed, crypt.ErrNoKey, "encrypted"},
		{"encrypted, with other keys", crypt.NewRing(crypt.DataKey{Number: 1}), sealed, blob.ErrCorrupt, "changed"},
		{"encrypted, with a key missing", crypt.NewRing(crypt.DataKey{Number: 9}), sealed, crypt.ErrNoKey, "key 1"},
		{"not encrypted, in an encrypted repository", testRing(), plain, blob.ErrCorrupt, "not encrypted"},
	} {
		if _, err := ReadDirectory(c.ring, bytes.NewReader(c.data), int64(len(c.data))); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}
