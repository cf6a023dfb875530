package fs

import (
	"math/rand/v2"
	"testing"

	"github.com/rdfs/rdfs/internal/volume"
)

// Each step of mix63 can be undone, so no two inodes of an epoch share a number.
func TestInodeNumbersOfThePastDiffer(t *testing.T) {
	unmix := func(x uint64) uint64 {
		const mask = 1<<63 - 1
		undoShift := func(x uint64, n int) uint64 {
			for k := n; k < 63; k *= 2 {
				x ^= x >> k
			}
			return x
		}
		inverse := func(m uint64) uint64 { // of an odd number, by Newton's iteration
			inv := m
			for range 6 {
				inv *= 2 - m*inv
			}
			return inv
		}
		x = undoShift(x, 31) * inverse(0x94d049bb133111eb) & mask
		x = undoShift(x, 27) * inverse(0xbf58476d1ce4e5b9) & mask
		return undoShift(x, 30)
	}
	for range 10_000 {
		x := rand.Uint64() >> 1
		if got := unmix(mix63(x)); got != x || mix63(x)>>63 != 0 {
			t.Fatalf("%#x becomes %#x, and back %#x", x, mix63(x), got)
		}
	}
	seen := map[uint64]bool{}
	for e := volume.Epoch(1); e < 200; e++ {
		w := view{salt: saltOf(e)}
		for i := volume.Inode(1); i < 200; i++ {
			if n := w.ino(i); n < firstVirtual || seen[n] {
				t.Fatalf("inode %d at epoch %d: number %#x is taken, or that of a live file", i, e, n)
			} else {
				seen[n] = true
			}
		}
	}
}

// The door forgets a view when the kernel has forgotten every node of it.
func TestViewsAreForgotten(t *testing.T) {
	var all views
	all.init()
	k := viewKey{volume.Root, "s"}
	enter := func(k viewKey, e volume.Epoch) *view {
		t.Helper()
		w, err := all.enter(k, volume.Instant{Name: k.name, Epoch: e}, volume.Past{}, volume.Root, 0)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	one := enter(k, 1)
	if again := enter(k, 1); again != one {
		t.Error("a name that means the same is another view")
	}
	if w, i := all.of(one.node(77)); w != one || i != 77 {
		t.Errorf("node 77 of the view is inode %d of %p", i, w)
	}
	two := enter(k, 2) // the snapshot was dropped, and another took its name
	if two == one || all.current(k) != two {
		t.Error("a name that means something else is the same view")
	}
	other := enter(viewKey{7, "s"}, 1)
	if other == one || other.node(5) == one.node(5) {
		t.Error("one snapshot by two ways is one view: a directory would have two places")
	}
	one.lookups.Add(3)
	all.forget(one, 2)
	if w, _ := all.of(one.node(1)); w != one {
		t.Error("forgotten while the kernel knows nodes of it")
	}
	all.forget(one, 3)
	if w, _ := all.of(one.node(1)); w != nil {
		t.Error("known when the kernel knows no node of it")
	}
	if all.current(k) != two {
		t.Error("the later view of the name went with the earlier")
	}
	all.forget(two, 1)
	all.forget(other, 1)
	if len(all.byIndex) != 0 || len(all.byKey) != 0 {
		t.Errorf("%d and %d views are left", len(all.byIndex), len(all.byKey))
	}
	if w, _ := all.of(42); w != nil {
		t.Error("a live node is in a view")
	}
}
