package volume

import (
	"errors"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestUnlinkedOpenFileLivesOnUntilItIsClosed(t *testing.T) {
	for _, how := range []string{"unlink", "rename over"} {
		for _, sealed := range []bool{true, false} {
			for _, flags := range []int{unix.O_RDONLY, unix.O_RDWR} {
				t.Run(how, func(t *testing.T) {
					r := newRig(t)
					data := random(200<<10, 1)
					r.write("f", data)
					r.setxattr("f", "user.a", "b")
					if sealed {
						r.sync()
					}
					r.commit()
					h := r.handle("f", flags)
					ino := h.Inode()
					if how == "unlink" {
						r.unlink("f")
					} else {
						r.write("g", "other")
						r.rename("g", "f")
					}
					if got := r.get(h); got != data {
						t.Error("other bytes after the unlink")
					}
					a, err := r.v.Getattr(ino)
					if err != nil || a.Nlink != 0 || a.Size != int64(len(data)) {
						t.Errorf("attributes: %+v, %v", a, err)
					}
					want := data
					if flags == unix.O_RDWR {
						r.put(h, "new", 0)
						want = "new" + data[3:]
						if err := h.Fsync(bg(t)); err != nil {
							t.Error(err)
						}
					}
					mode, size := uint32(0o600), int64(1000)
					if a, err := r.v.Setattr(bg(t), ino, SetAttr{Mode: &mode, Size: &size}, ada); err != nil || a.Size != size || a.Mode&0o777 != mode {
						t.Errorf("setattr: %+v, %v", a, err)
					}
					if got := r.get(h); got != want[:1000] {
						t.Error("other bytes after truncation")
					}
					if err := r.v.Setxattr(ino, "user.c", []byte("d"), 0, ada); err != nil {
						t.Error(err)
					}
					if err := r.v.Setxattr(ino, "user.c", nil, AttrCreate, ada); !errors.Is(err, ErrExist) {
						t.Errorf("setxattr: %v", err)
					}
					if err := r.v.Removexattr(ino, "user.a", ada); err != nil {
						t.Error(err)
					}
					if names, err := r.v.Listxattr(ino); err != nil || !slices.Equal(names, []string{"user.c"}) {
						t.Errorf("attributes: %q, %v", names, err)
					}
					if val, err := r.v.Getxattr(ino, "user.c"); err != nil || string(val) != "d" {
						t.Errorf("attribute: %q, %v", val, err)
					}
					if _, err := r.v.Getxattr(ino, "user.a"); !errors.Is(err, ErrNoAttr) {
						t.Errorf("removed attribute: %v", err)
					}
					r.dropCache()
					if got := r.get(h); got != want[:1000] {
						t.Error("other bytes after eviction")
					}
					h2, err := r.v.Open(bg(t), ino, unix.O_RDONLY, ada) // as through /proc/self/fd
					if err != nil {
						t.Fatal(err)
					}
					r.release(h)
					if got := r.get(h2); got != want[:1000] {
						t.Error("other bytes through the second handle")
					}
					r.release(h2)
					a, err = r.v.Getattr(ino)
					if err != nil || a.Nlink != 0 {
						t.Errorf("the attributes of a file that the door still knows: %+v, %v", a, err)
					}
					r.v.Forget(ino)
					if _, err = r.v.Getattr(ino); !errors.Is(err, ErrNotExist) {
						t.Errorf("after forget: %v", err)
					}
					if how == "rename over" {
						r.wantBytes("f", "other")
					}
				})
			}
		}
	}
}

func TestUnnamedFileGetsAName(t *testing.T) {
	for _, c := range []struct {
		name        string
		readerHolds bool // the writer is closed before the link, a reader holds the file
		closeFirst  bool
	}{
		{name: "while it is written"},
		{name: "while a reader holds it", readerHolds: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.mkdir("d")
			dir := r.attr("d").Ino
			h, a, err := r.v.Tmpfile(bg(t), dir, 0o640, unix.O_RDWR, ada)
			if err != nil || a.Nlink != 0 || a.Mode&0o777 != 0o640 {
				t.Fatalf("%+v, %v", a, err)
			}
			r.put(h, "unnamed", 0)
			if err := r.v.Setxattr(h.Inode(), "user.a", []byte("b"), 0, ada); err != nil {
				t.Fatal(err)
			}
			r.sync() // does not touch it
			if c.readerHolds {
				reader, err := r.v.Open(bg(t), h.Inode(), unix.O_RDONLY, ada)
				if err != nil {
					t.Fatal(err)
				}
				r.release(h)
				h = reader
			}
			if a, err = r.v.Link(h.Inode(), dir, "f", Caller{}); err != nil || a.Nlink != 1 {
				t.Fatalf("link: %+v, %v", a, err)
			}
			if err := h.Fsync(bg(t)); err != nil {
				t.Fatal(err)
			}
			r.release(h)
			r.clock.advance(time.Second)
			r.sync()
			r.wantBytes("d/f", "unnamed")
			r.wantHistory("d/f", "unnamed")
			if got := r.xattr("d/f", "user.a"); got != "b" {
				t.Errorf("attribute %q", got)
			}
		})
	}
}

func TestRemovedFileThatIsStillToBeSealedIsNotWrittenTo(t *testing.T) {
	r := newRig(t)
	release := r.occupy()
	r.write("f", "one")
	r.commit()
	r.clock.advance(time.Minute)
	h := r.handle("f", unix.O_RDONLY)
	r.unlink("f")
	if _, err := r.v.Link(h.Inode(), Root, "g", Caller{}); !errors.Is(err, ErrNotExist) {
		t.Errorf("link: %v", err)
	}
	if _, err := r.v.Open(bg(t), h.Inode(), unix.O_RDWR, ada); !errors.Is(err, ErrBusy) {
		t.Errorf("open for writing: %v", err)
	}
	// The kernel may open what it looked up before the removal.
	r.release(h)
	h, err := r.v.Open(bg(t), h.Inode(), unix.O_RDONLY, ada)
	if err != nil {
		t.Fatal(err)
	}
	r.release(h)
	r.v.chores.wait()
	if h, err = r.v.Open(bg(t), h.Inode(), unix.O_RDONLY, ada); err != nil {
		t.Fatal(err)
	}
	release()
	r.sync()
	if got := r.get(h); got != "one" {
		t.Errorf("read %q", got)
	}
	r.release(h)
	r.wantHistory("f", "one")
}

func TestUnnamedFileThatGetsNoNameLeavesNothing(t *testing.T) {
	r := newRig(t)
	h, _, err := r.v.Tmpfile(bg(t), Root, 0o600, unix.O_RDWR, ada)
	if err != nil {
		t.Fatal(err)
	}
	r.put(h, "gone", 0)
	ino := h.Inode()
	r.release(h)
	if _, err := r.v.Link(ino, Root, "f", Caller{}); !errors.Is(err, ErrNotExist) {
		t.Errorf("link after the last close: %v", err)
	}
}

func TestRemovedDirectoryInUse(t *testing.T) {
	r := newRig(t)
	r.mkdir("d")
	dir := r.attr("d").Ino
	if err := r.v.Rmdir(Root, "d", ada); err != nil {
		t.Fatal(err)
	}
	if list, err := r.v.ReadDir(dir, "", 10, true); err != nil || len(list) != 0 {
		t.Errorf("readdir: %v, %v", list, err)
	}
	if a, err := r.v.Getattr(dir); err != nil || a.Nlink != 0 || !a.IsDir() {
		t.Errorf("attributes: %+v, %v", a, err)
	}
	if _, _, err := r.v.Create(bg(t), dir, "f", 0o644, unix.O_RDWR, ada); !errors.Is(err, ErrNotExist) {
		t.Errorf("create in it: %v", err)
	}
	if _, err := r.v.Mkdir(dir, "e", 0o755, ada); !errors.Is(err, ErrNotExist) {
		t.Errorf("mkdir in it: %v", err)
	}
	r.v.Forget(dir)
	if _, err := r.v.Getattr(dir); !errors.Is(err, ErrNotExist) {
		t.Errorf("after forget: %v", err)
	}
}

func TestFileReplacedWhileAWriterHasItIsNotTheWriters(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.sync()
	h := r.handle("f", unix.O_RDWR)
	r.put(h, "lost", 0)
	r.write("t", "two")
	r.rename("t", "f")
	r.put(h, "and more", 4)
	if err := h.Fsync(bg(t)); err != nil {
		t.Fatal(err)
	}
	r.release(h)
	r.sync()
	r.wantBytes("f", "two")
	r.wantHistory("f", "one", "two")
}
