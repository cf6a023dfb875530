package volume

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// copyAll copies as cp(1) does: by calls of at most step bytes.
func (r *rig) copyAll(src, dst *Handle, step int64) {
	r.t.Helper()
	for off := int64(0); ; {
		n, err := r.v.CopyRange(bg(r.t), src, off, dst, off, step)
		if err != nil {
			r.t.Fatalf("copy: %v", err)
		}
		if n == 0 {
			return
		}
		off += n
	}
}

func TestCopyOfSealedContentStoresNothing(t *testing.T) {
	for _, size := range []int{1, SmallFile, 300 << 10, fetchWhole + 5<<20} {
		for _, step := range []int64{1 << 30, 64 << 10} {
			t.Run(fmt.Sprintf("%d bytes by %d", size, step), func(t *testing.T) {
				r := newRig(t)
				data := random(size, 1)
				r.write("f", data)
				r.sync()
				puts := r.store.puts
				src, dst := r.handle("f", unix.O_RDONLY), r.handle("g", unix.O_RDWR|unix.O_CREAT)
				r.copyAll(src, dst, step)
				if a, err := dst.Attr(); err != nil || a.Size != int64(size) {
					t.Errorf("size %d, %v", a.Size, err)
				}
				r.release(dst)
				r.release(src)
				r.sync()
				if r.store.puts != puts {
					t.Errorf("%d packs were stored", r.store.puts-puts)
				}
				r.wantBytes("g", data)
				r.wantHistory("g", data)
				r.dropCache()
				r.wantBytes("g", data)
				if r.attr("f").Content != r.attr("g").Content {
					t.Error("the contents differ")
				}
			})
		}
	}
}

func TestCopyThatIsChangedIsNotTheContentOfItsSource(t *testing.T) {
	const size = 300 << 10
	for _, c := range []struct {
		name   string
		change func(r *rig, src, dst *Handle) string
	}{
		{"written to at once", func(r *rig, src, dst *Handle) string {
			r.copyAll(src, dst, 1<<30)
			r.put(dst, "new", 100)
			return random(size, 1)[:100] + "new" + random(size, 1)[103:]
		}},
		{"cut short", func(r *rig, src, dst *Handle) string {
			r.copyAll(src, dst, 1<<30)
			n := int64(1000)
			if _, err := r.v.Setattr(bg(r.t), dst.Inode(), SetAttr{Size: &n}, ada); err != nil {
				r.t.Fatal(err)
			}
			return random(size, 1)[:1000]
		}},
		{"only the first part", func(r *rig, src, dst *Handle) string {
			if _, err := r.v.CopyRange(bg(r.t), src, 0, dst, 0, 70_000); err != nil {
				r.t.Fatal(err)
			}
			return random(size, 1)[:70_000]
		}},
		{"to another offset", func(r *rig, src, dst *Handle) string {
			if _, err := r.v.CopyRange(bg(r.t), src, 0, dst, 10, size); err != nil {
				r.t.Fatal(err)
			}
			return string(make([]byte, 10)) + random(size, 1)
		}},
		{"over more bytes", func(r *rig, src, dst *Handle) string {
			r.put(dst, random(size+50, 2), 0)
			r.copyAll(src, dst, 1<<30)
			return random(size, 1) + random(size+50, 2)[size:]
		}},
		{"opened again and written to", func(r *rig, src, dst *Handle) string {
			r.copyAll(src, dst, 1<<30)
			h := r.handle("g", unix.O_RDWR)
			r.put(h, "new", 0)
			r.release(h)
			return "new" + random(size, 1)[3:]
		}},
		{"the source is written to afterwards", func(r *rig, src, dst *Handle) string {
			r.copyAll(src, dst, 1<<30)
			h := r.handle("f", unix.O_RDWR)
			r.put(h, "new", 0)
			r.release(h)
			return random(size, 1)
		}},
		{"the source is written to between two calls", func(r *rig, src, dst *Handle) string {
			if _, err := r.v.CopyRange(bg(r.t), src, 0, dst, 0, 4096); err != nil {
				r.t.Fatal(err)
			}
			h := r.handle("f", unix.O_RDWR)
			r.put(h, "new", 4096)
			if _, err := r.v.CopyRange(bg(r.t), src, 4096, dst, 4096, size); err != nil {
				r.t.Fatal(err)
			}
			r.release(h)
			return random(size, 1)[:4096] + "new" + random(size, 1)[4099:]
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.write("f", random(size, 1))
			r.sync()
			src, dst := r.handle("f", unix.O_RDONLY), r.handle("g", unix.O_RDWR|unix.O_CREAT)
			want := c.change(r, src, dst)
			r.release(dst)
			r.release(src)
			r.sync()
			r.wantBytes("g", want)
			r.dropCache()
			r.wantBytes("g", want)
			r.wantHistory("g", want)
		})
	}
}

func TestCopyOfADraftAndOfEvictedContent(t *testing.T) {
	for _, size := range []int{1000, 300 << 10, fetchWhole + 5<<20} {
		for _, evicted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d bytes, evicted %v", size, evicted), func(t *testing.T) {
				r := newRig(t)
				data := random(size, 1)
				r.write("f", data)
				if evicted {
					r.sync()
					r.dropCache()
				}
				src, dst := r.handle("f", unix.O_RDONLY), r.handle("g", unix.O_RDWR|unix.O_CREAT)
				r.copyAll(src, dst, 1<<20)
				r.release(src)
				r.release(dst)
				r.sync()
				r.wantBytes("g", data)
				r.wantHistory("g", data)
			})
		}
	}
}

func TestWriterThatComesToTheSourceWhileItIsCopiedSpoilsNothing(t *testing.T) {
	r := newRig(t)
	data := random(300<<10, 1)
	r.write("f", data)
	r.sync()
	src, dst := r.handle("f", unix.O_RDONLY), r.handle("g", unix.O_RDWR|unix.O_CREAT)
	in, _, err := src.backing(bg(t))
	if err != nil {
		t.Fatal(err)
	}
	out, err := dst.n.writeFile()
	if err != nil {
		t.Fatal(err)
	}
	// CopyRange, step by step.
	from, whole := r.v.noteCopy(src, in, 0, dst, 0)
	if !whole {
		t.Fatal("not seen as a copy")
	}
	w := r.handle("f", unix.O_RDWR)
	r.put(w, "new", 1000)
	if n, err := copyRange(in, 0, out, 0, 1<<30); err != nil || n != int64(len(data)) {
		t.Fatalf("%d, %v", n, err)
	}
	r.v.stampCopy(src, from, dst)
	r.release(w)
	r.release(dst)
	r.release(src)
	r.sync()
	want := data[:1000] + "new" + data[1003:]
	r.wantBytes("g", want)
	r.dropCache()
	r.wantBytes("g", want)
	r.wantHistory("g", want)
}

func TestTimeOfACopyIsSuchThatAWriteInTheSameTickShows(t *testing.T) {
	r := newRig(t)
	data := random(1000, 1)
	r.write("f", data)
	r.sync()
	src, dst := r.handle("f", unix.O_RDONLY), r.handle("g", unix.O_RDWR|unix.O_CREAT)
	r.copyAll(src, dst, 1<<30)
	s, err := fstat(dst.n.file)
	if err != nil {
		t.Fatal(err)
	}
	a, err := dst.Attr()
	if err != nil {
		t.Fatal(err)
	}
	if age := a.Mtime.Time().Sub(s.mtime.Time()); age < time.Hour {
		t.Errorf("the file on disk was modified %v before what is shown", age)
	}
	r.release(src)
	r.release(dst)
	r.sync()
	if b := r.attr("g"); b.Mtime != a.Mtime {
		t.Errorf("modified at %v, after sealing %v", a.Mtime.Time(), b.Mtime.Time())
	}
}
