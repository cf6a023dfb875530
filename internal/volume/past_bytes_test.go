package volume

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
)

func TestBytesOfAPastRow(t *testing.T) {
	one, two, three := blob.Sum([]byte("one")), blob.Sum([]byte("two")), blob.Sum([]byte("three"))
	v1 := catalog.Version{Seq: 1, Content: one, Size: 3, Mtime: 100}
	v2 := catalog.Version{Seq: 2, Content: two, Size: 3, Mtime: 200}
	v3 := catalog.Version{Seq: 3, Content: three, Size: 5, Mtime: 300}
	for name, c := range map[string]struct {
		row   catalog.Node
		later []catalog.Version
		last  catalog.Version
		want  pastBytes
	}{
		"sealed": {
			row:   catalog.Node{Content: one, Seq: 1, Size: 3, Mtime: 100},
			later: []catalog.Version{v2}, last: v1,
			want: pastBytes{one, 1, 3, 100, bytesSealed},
		},
		"sealed, with a time that was set": {
			row:  catalog.Node{Content: one, Seq: 1, Size: 3, Mtime: 5},
			last: v1,
			want: pastBytes{one, 1, 3, 5, bytesSealed},
		},
		"closed, and sealed later": {
			row:   catalog.Node{Gen: 2, Content: one, Seq: 1, Size: 3, Mtime: 200},
			later: []catalog.Version{v2, v3}, last: v1,
			want: pastBytes{two, 2, 3, 200, bytesLater},
		},
		"new, closed, and sealed later": {
			row:   catalog.Node{Gen: 1, Size: 3, Mtime: 100},
			later: []catalog.Version{v1, v2},
			want:  pastBytes{one, 1, 3, 100, bytesLater},
		},
		"closed, and sealed after another save of the path": {
			row:   catalog.Node{Gen: 2, Content: one, Seq: 1, Size: 5, Mtime: 300},
			later: []catalog.Version{v2, v3}, last: v1,
			want: pastBytes{three, 3, 5, 300, bytesLater},
		},
		"being written: the size is right and the time is not": {
			row:   catalog.Node{Gen: 2, Content: one, Seq: 1, Size: 3, Mtime: 150},
			later: []catalog.Version{v2}, last: v1,
			want: pastBytes{one, 1, 3, 100, bytesEarlier},
		},
		"being written: the time is right and the size is not": {
			row:   catalog.Node{Gen: 2, Content: one, Seq: 1, Size: 4, Mtime: 200},
			later: []catalog.Version{v2}, last: v1,
			want: pastBytes{one, 1, 3, 100, bytesEarlier},
		},
		"truncated, and not written anew": {
			row:  catalog.Node{Gen: 2, Content: three, Seq: 3, Size: 0, Mtime: 400},
			last: v3,
			want: pastBytes{three, 3, 5, 300, bytesEarlier},
		},
		"new, and being written": {
			row:   catalog.Node{Gen: 1, Size: 7, Mtime: 50},
			later: []catalog.Version{v1},
			want:  pastBytes{mtime: 50, why: bytesNone},
		},
		"new, and never sealed": {
			row:  catalog.Node{Gen: 1, Size: 0, Mtime: 50},
			want: pastBytes{mtime: 50, why: bytesNone},
		},
	} {
		if got := bytesThen(&c.row, c.later, c.last); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// pastRead returns the bytes of a path at the end of an epoch, which must be as many
// as its attributes say.
func (r *rig) pastRead(e catalog.Epoch, p string) string {
	r.t.Helper()
	a := r.pastAttr(e, p)
	c, b, err := r.v.Past(e).Open(bg(r.t), a.Ino)
	if err != nil {
		r.t.Fatalf("open %s at %d: %v", p, e, err)
	}
	defer c.Close()
	s, err := readAll(bg(r.t), c.ReadAt)
	if err != nil || int64(len(s)) != a.Size || b.Size != a.Size {
		r.t.Fatalf("read %s at %d: %d bytes, %v; its size is %d", p, e, len(s), err, a.Size)
	}
	return s
}

func (r *rig) pastAttr(e catalog.Epoch, p string) Attr {
	r.t.Helper()
	a, err := r.pastLookup(e, p)
	if err != nil {
		r.t.Fatalf("%s at %d: %v", p, e, err)
	}
	return a
}

// ended commits and returns the epoch that ended.
func (r *rig) ended() (e catalog.Epoch) {
	r.t.Helper()
	r.v.cat.View(func(tx *catalog.Tx) error { e = tx.Epoch(); return nil })
	r.write("end of the epoch", "") // so that there is something to commit
	r.commit()
	return e
}

func TestPastShowsTheBytesOfASaveThatWasSealedLater(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	new := r.ended() // closed, and no version yet
	if got := r.pastRead(new, "f"); got != "" {
		t.Errorf("before it is sealed: %q", got)
	}
	if !r.pastAttr(new, "f").Volatile {
		t.Error("what is still to be sealed may be believed for ever")
	}
	r.sync()
	if got := r.pastRead(new, "f"); got != "one" {
		t.Errorf("when it is sealed: %q", got)
	}
	if r.pastAttr(new, "f").Volatile {
		t.Error("what is sealed may not be believed for ever")
	}
	r.clock.advance(1e9)
	h := r.handle("f", unix.O_WRONLY)
	r.put(h, "X", 1)
	open := r.ended()
	r.put(h, "Y", 2)
	r.release(h)
	closed := r.ended()
	r.sync()
	r.clock.advance(1e9)
	r.write("f", "last")
	r.sync()
	for e, want := range map[catalog.Epoch]string{new: "one", open: "one", closed: "oXY"} {
		if got := r.pastRead(e, "f"); got != want {
			t.Errorf("at %d: %q, want %q", e, got, want)
		}
	}
	r.wantHistory("f", "one", "oXY", "last")
}

func TestPastShowsTheVersionBeforeOneThatIsWritten(t *testing.T) {
	r := newRig(t)
	r.write("f", "first")
	r.sync()
	was := r.attr("f")
	r.clock.advance(1e9)
	h := r.handle("f", unix.O_WRONLY|unix.O_TRUNC)
	r.put(h, "sec", 0)
	e := r.ended()
	r.put(h, "second", 0)
	r.release(h)
	r.sync()
	a := r.pastAttr(e, "f")
	if got := r.pastRead(e, "f"); got != "first" || a.Mtime != was.Mtime || a.Seq != 1 {
		t.Errorf("while it was written: %q, version %d of %d; want that of %d", got, a.Seq, a.Mtime, was.Mtime)
	}
}

// The versions of a path may be many, and those of one inode begin in their middle.
func TestPastFindsTheVersionAmongMany(t *testing.T) {
	r := newRig(t)
	var epochs []catalog.Epoch
	for k := range 40 {
		data := random(10+k, uint64(k))
		if k%2 == 0 { // another inode each time
			r.write("f.tmp", data)
			r.rename("f.tmp", "f")
		} else {
			r.write("f", data)
		}
		epochs = append(epochs, r.ended())
		r.sync()
		r.clock.advance(1e9)
	}
	for k, e := range epochs {
		if got := r.pastRead(e, "f"); got != random(10+k, uint64(k)) {
			t.Errorf("save %d: other bytes (%d)", k, len(got))
		}
	}
}
