package sealed

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/memory"
	"github.com/rdfs/rdfs/tiers/tiertest"
)

var update = flag.Bool("update", false, "write the fixture anew")

func ring(n crypt.Number, first byte) *crypt.Ring {
	return crypt.NewRing(crypt.DataKey{Number: n, Secret: [crypt.SecretSize]byte{first}})
}

func ready(context.Context) error { return nil }

func TestStore(t *testing.T) {
	tiertest.Run(t, func(*testing.T) tiers.Store { return New(memory.New(memory.Options{}), ring(1, 7), ready) })
}

func put(t *testing.T, s tiers.Store, key, text string) {
	t.Helper()
	if err := s.Put(t.Context(), key, strings.NewReader(text), int64(len(text))); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s tiers.Store, key string) ([]byte, error) {
	t.Helper()
	info, err := s.Stat(t.Context(), key)
	if err != nil {
		return nil, err
	}
	p := make([]byte, info.Size)
	return p, s.ReadAt(t.Context(), key, p, 0)
}

// replace puts other bytes under a key.
func replace(t *testing.T, s tiers.Store, key string, data []byte) {
	t.Helper()
	if err := s.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), key, bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsUnderItShowsNothingAndCannotBeChangedOrSwapped(t *testing.T) {
	under := memory.New(memory.Options{})
	s := New(under, ring(1, 7), ready)
	const text = "the same secret text in both"
	put(t, s, "a", text)
	put(t, s, "b", text)
	a, _ := read(t, under, "a")
	b, _ := read(t, under, "b")
	if bytes.Contains(a, []byte("secret")) || bytes.Equal(a[headSize:], b[headSize:]) {
		t.Fatal("it shows what is in it")
	}
	for i := range a {
		damaged := bytes.Clone(a)
		damaged[i] ^= 1
		replace(t, under, "a", damaged)
		if p, err := read(t, s, "a"); err == nil {
			t.Fatalf("byte %d changed: read %q", i, p)
		}
	}
	for name, data := range map[string][]byte{"another object": b, "cut": a[:len(a)-1], "not encrypted": []byte(text + text), "short": []byte("x")} {
		replace(t, under, "a", data)
		if _, err := read(t, s, "a"); !errors.Is(err, blob.ErrCorrupt) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	replace(t, under, "a", a)
	if p, err := read(t, s, "a"); err != nil || string(p) != text {
		t.Errorf("put back: %q, %v", p, err)
	}
	if _, err := read(t, New(under, ring(2, 7), ready), "a"); !errors.Is(err, crypt.ErrNoKey) {
		t.Errorf("without its key: %v", err)
	}
	if _, err := read(t, New(under, ring(1, 8), ready), "a"); !errors.Is(err, blob.ErrCorrupt) {
		t.Errorf("with another key: %v", err)
	}
}

func TestNothingIsPutBeforeTheKeyIsSafe(t *testing.T) {
	under, unsafe := memory.New(memory.Options{}), errors.New("not yet")
	s := New(under, ring(1, 7), func(context.Context) error { return unsafe })
	if err := s.Put(t.Context(), "a", strings.NewReader("x"), 1); !errors.Is(err, unsafe) {
		t.Fatal(err)
	}
	if _, err := under.Stat(t.Context(), "a"); !errors.Is(err, blob.ErrNotFound) {
		t.Fatal(err)
	}
}

func TestObjectsOfVersion1OpenForEver(t *testing.T) {
	const path, text = "../../testdata/formats/sealed-v1/object", "an object as it was put\n"
	under := memory.New(memory.Options{})
	s := New(under, ring(1, 7), ready)
	if *update {
		put(t, s, "catalog/config", text)
		data, _ := read(t, under, "catalog/config")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, under, "catalog/config", data)
	if p, err := read(t, s, "catalog/config"); err != nil || string(p) != text {
		t.Errorf("%q, %v", p, err)
	}
}
