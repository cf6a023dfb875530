package volume

import (
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
)

// testKeys makes a key for each directory in the root.
type testKeys struct {
	ring *crypt.Ring

	mu   sync.Mutex
	tops map[uint64]crypt.Number
	err  error // of For
}

// encrypted makes the repository of a rig encrypted.
func encrypted(o *Options) { o.Keys = newTestKeys() }

func newTestKeys() *testKeys {
	k := &testKeys{ring: crypt.NewRing(), tops: make(map[uint64]crypt.Number)}
	k.add(0)
	return k
}

func (k *testKeys) add(top uint64) crypt.Number {
	n := crypt.Number(len(k.tops) + 1)
	d := crypt.DataKey{Number: n, Scope: top}
	binary.BigEndian.PutUint64(d.Secret[:], uint64(n))
	k.ring.Add(d)
	k.tops[top] = n
	return n
}

func (k *testKeys) Ring() *crypt.Ring { return k.ring }

func (k *testKeys) For(_ context.Context, top uint64, _ string) (crypt.Number, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return 0, k.err
	}
	if n, ok := k.tops[top]; ok {
		return n, nil
	}
	return k.add(top), nil
}

// stored returns the id under which bytes with that BLAKE3 are known.
func (r *rig) stored(sum blob.ID) blob.ID {
	if r.v.ring == nil {
		return sum
	}
	for n := crypt.Number(1); ; n++ {
		if _, ok := r.v.ring.Scope(n); !ok {
			return sum
		}
		if id := r.v.ring.ContentID(n, sum); r.v.hasContent(id) {
			return id
		}
	}
}

// keyOf returns the key under which the file p is sealed.
func (r *rig) keyOf(p string) (n crypt.Number) {
	r.t.Helper()
	row := r.attr(p)
	err := r.v.cat.View(func(tx *catalog.Tx) error {
		chunk, err := tx.FirstChunk(row.Content)
		n = r.v.ring.KeyOf(chunk)
		return err
	})
	if err != nil {
		r.t.Fatalf("key of %s: %v", p, err)
	}
	return n
}

func TestAFileIsSealedUnderTheKeyOfItsDirectory(t *testing.T) {
	r := newRig(t, encrypted)
	own := r.v.ring.Own()
	for _, d := range []string{"a", "a/deep", "b"} {
		r.mkdir(d)
	}
	data := bytesOf("the same", 300<<10)
	for _, p := range []string{"root", "a/1", "a/deep/2", "b/3"} {
		r.write(p, data)
	}
	r.sync()
	a, b := r.keyOf("a/1"), r.keyOf("b/3")
	if r.keyOf("root") != own || a == own || b == own || a == b || r.keyOf("a/deep/2") != a {
		t.Errorf("keys: root %d, a %d and %d, b %d", r.keyOf("root"), a, r.keyOf("a/deep/2"), b)
	}
	// What is moved stays under its key until it is saved; a directory keeps its own when it is renamed.
	r.rename("a/1", "b/1")
	r.rename("b", "c")
	r.sync()
	if r.keyOf("c/1") != a {
		t.Errorf("moved: under %d", r.keyOf("c/1"))
	}
	r.write("c/1", data+"more")
	r.write("c/4", "new")
	r.sync()
	if r.keyOf("c/1") != b || r.keyOf("c/4") != b {
		t.Errorf("saved: under %d and %d", r.keyOf("c/1"), r.keyOf("c/4"))
	}
	r.wantHistory("c/1", data, data+"more")
	r.dropCache()
	r.wantBytes("c/1", data+"more")
	r.wantBytes("a/deep/2", data)
}

// A save that its path has left before it was sealed stays in the domain of the path.
func TestASaveThatWasReplacedIsSealedUnderTheKeyOfItsPath(t *testing.T) {
	r := newRig(t, encrypted)
	r.mkdir("a")
	r.write("a/first", "x")
	r.sync()
	key := r.keyOf("a/first")
	chunks := func() (of []crypt.Number) {
		r.v.cat.View(func(tx *catalog.Tx) error {
			return tx.Chunks(blob.ID{}, func(id blob.ID, _ blob.Location) bool {
				of = append(of, r.v.ring.KeyOf(id))
				return true
			})
		})
		return of
	}
	r.write("a/f", "one")
	r.commit()
	r.clock.advance(time.Minute)
	r.write("a/tmp", "two")
	r.rename("a/tmp", "a/f")
	r.commit()
	r.sync()
	r.wantHistory("a/f", "one", "two")
	for _, n := range chunks() {
		if n != key {
			t.Errorf("a chunk is sealed under key %d, want %d", n, key)
		}
	}
	if got := len(chunks()); got != 3 {
		t.Errorf("only %d chunks", got)
	}
}
