package crypt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/rdfs/rdfs/internal/blob"
)

func testRing() *Ring {
	return NewRing(DataKey{Number: 1, Secret: [SecretSize]byte{1}}, DataKey{Number: 2, Scope: 7, Secret: [SecretSize]byte{2}},
		DataKey{Number: 3, Scope: 8, Secret: [SecretSize]byte{3}})
}

func TestANilRingGivesPlainIDs(t *testing.T) {
	var r *Ring
	p := []byte("some bytes")
	id := blob.Sum(p)
	if r.Own() != 0 || r.ChunkID(0, p) != id || r.ContentID(0, id) != id || !r.IsChunk(id, p) || !r.IsContent(id, id) || r.KeyOf(id) != 0 {
		t.Error("it is another id")
	}
	if sum, ok := r.Sum(0, id); !ok || sum != id {
		t.Errorf("sum %s, %v", sum, ok)
	}
	if r.IsChunk(id, p[1:]) || r.IsContent(id, blob.Sum(p[1:])) {
		t.Error("other bytes have the id")
	}
}

func TestIDsBelongToTheirKeyAndTellTheSumToWhoHasIt(t *testing.T) {
	r := testRing()
	p := []byte("some bytes")
	sum := blob.Sum(p)
	seen := map[blob.ID]bool{sum: true}
	for n := Number(1); n <= 3; n++ {
		chunk, content := r.ChunkID(n, p), r.ContentID(n, sum)
		if seen[chunk] || seen[content] {
			t.Fatalf("key %d: an id of another key", n)
		}
		seen[chunk], seen[content] = true, true
		if r.KeyOf(chunk) != n || !r.IsChunk(chunk, p) || r.IsChunk(chunk, p[1:]) {
			t.Errorf("key %d: chunk %s", n, chunk)
		}
		if got, ok := r.Sum(n, content); !ok || got != sum || !r.IsContent(content, sum) || r.IsContent(content, blob.Sum(p[1:])) {
			t.Errorf("key %d: content %s", n, content)
		}
	}
	if r.IsContent(sum, sum) || r.IsChunk(sum, p) {
		t.Error("plain ids are taken for those of a key")
	}
	if _, ok := r.Sum(9, sum); ok {
		t.Error("a sum without its key")
	}
	empty := blob.Sum(nil)
	if r.ContentID(2, empty) != empty || !r.IsContent(empty, empty) || r.IsContent(empty, sum) {
		t.Error("the empty content has a key")
	}
}

func TestOwnIsTheNewestKeyOfTheRepository(t *testing.T) {
	r := testRing()
	r.Add(DataKey{Number: 5, Secret: [SecretSize]byte{5}})
	r.Add(DataKey{Number: 4, Scope: 9, Secret: [SecretSize]byte{4}})
	if r.Own() != 5 {
		t.Errorf("own %d", r.Own())
	}
}

// The figures are part of the formats: another program has to come to the same ones.
func TestDerivedKeysNeverChange(t *testing.T) {
	r := testRing()
	for _, c := range []struct{ what, got, want string }{
		{"chunk id", r.ChunkID(2, []byte("chunk")).String(), "d9b5941bb7983cdaa1f1233d0362360dec42221dd83ac12c7200ddc200000002"},
		{"content id", r.ContentID(2, blob.Sum([]byte("chunk"))).String(), "c13cee7708763ec3b0518b868b12faebb3c7f60a4cd32e6b2cf0602082cdf737"},
		{"record key", hex.EncodeToString(derive([]byte("secret"), []byte("salt"), string(Records))), "e02e40068762f09c27526d115e4a155c7a9144f71bb25026dd1c569f1a7cdf1f"},
	} {
		if c.got != c.want {
			t.Errorf("%s %s, want %s", c.what, c.got, c.want)
		}
	}
}

func TestABoxOpensOnlyWhatItSealed(t *testing.T) {
	r := testRing()
	box, err := r.Box(2, Records, []byte("salt"))
	if err != nil {
		t.Fatal(err)
	}
	sealed := box.Seal(nil, 4, []byte("plain"), []byte("bound"))
	if got, err := box.Open(4, bytes.Clone(sealed), []byte("bound")); err != nil || string(got) != "plain" {
		t.Fatalf("%q, %v", got, err)
	}
	other := func(n Number, p Purpose, salt string) Box {
		b, err := r.Box(n, p, []byte(salt))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, open := range map[string]func() ([]byte, error){
		"another number":  func() ([]byte, error) { return box.Open(5, bytes.Clone(sealed), []byte("bound")) },
		"bound otherwise": func() ([]byte, error) { return box.Open(4, bytes.Clone(sealed), []byte("bouns")) },
		"cut":             func() ([]byte, error) { return box.Open(4, bytes.Clone(sealed[:7]), []byte("bound")) },
		"another key":     func() ([]byte, error) { return other(3, Records, "salt").Open(4, bytes.Clone(sealed), []byte("bound")) },
		"another purpose": func() ([]byte, error) {
			return other(2, Directory, "salt").Open(4, bytes.Clone(sealed), []byte("bound"))
		},
		"another salt": func() ([]byte, error) { return other(2, Records, "salz").Open(4, bytes.Clone(sealed), []byte("bound")) },
	} {
		if _, err := open(); !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Box(9, Records, nil); !errors.Is(err, ErrNoKey) {
		t.Errorf("no key: %v", err)
	}
}
