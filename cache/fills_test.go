package cache

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rdfs/rdfs/internal/blob"
)

// fixture is the content whose fills lie in testdata/formats: 20 chunks of 1000
// bytes, of which 0, 5, 8 and 19 are there.
func fixture() (blob.Manifest, []int) {
	src := newSource()
	data := make([]byte, 20000)
	for i := range data {
		data[i] = byte(i / 7)
	}
	return src.content[src.add(data, 1000)], []int{0, 5, 8, 19}
}

func TestFillsOfVersion1OpenForEver(t *testing.T) {
	m, want := fixture()
	path := filepath.Join("testdata", "formats", "fills-1")
	var got []int
	if err := loadFills(path, &m, func(i int) { got = append(got, i) }); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	b, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(b, encodeFills(&m, func(i int) bool { return slices.Contains(want, i) })) {
		t.Error("the same fills are written otherwise now: a new version is needed")
	}
}

func TestDamagedFillsAreRefused(t *testing.T) {
	m, want := fixture()
	good := encodeFills(&m, func(i int) bool { return slices.Contains(want, i) })
	refused := func(name string, b []byte, m blob.Manifest) {
		t.Helper()
		err := decodeFills(b, &m, func(i int) { t.Errorf("%s: yielded %d", name, i) })
		if !errors.Is(err, errFills) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 0x10
		refused("flipped", b, m)
		refused("cut", good[:i], m)
	}
	refused("longer", append(bytes.Clone(good), 0), m)
	other := m
	other.ID[0] ^= 1
	refused("another content", good, other)
	other = m
	other.Size++
	refused("another size", good, other)
	other = m
	other.Chunks = other.Chunks[:19]
	refused("another chunk list", good, other)
}
