package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

// stopUnsealed ends the volume and leaves what was closed as drafts.
func (r *rig) stopUnsealed() {
	r.t.Helper()
	r.store.fail(blob.ErrOffline)
	if err := r.v.stop(); err != nil {
		r.t.Fatal(err)
	}
	r.closed = true
	r.store.fail(nil)
}

// reopen opens the volume again, after the given end of the run before.
func (r *rig) reopen(last Stop) {
	r.t.Helper()
	r.o.LastStop = last
	r.clock.advance(time.Minute)
	r.open()
}

func TestDraftsOfTheLastRunAreSealed(t *testing.T) {
	for _, last := range []Stop{StopUnknown, StopKilled, StopClean} {
		t.Run(fmt.Sprint(last), func(t *testing.T) {
			r := newRig(t)
			r.write("sealed", "one")
			r.write("again", "one")
			r.sync()
			r.write("again", "two")
			r.write("new", random(300<<10, 1))
			r.setxattr("new", "user.a", "b")
			h := r.handle("open", unix.O_RDWR|unix.O_CREAT)
			r.put(h, "written by nobody's leave", 0)
			if err := h.Fsync(bg(t)); err != nil {
				t.Fatal(err)
			}
			r.put(h, "!", 25) // the kernel writes, and nobody is told
			r.stopUnsealed()
			r.reopen(last)
			r.wantBytes("again", "two")
			r.wantBytes("open", "written by nobody's leave!")
			if a := r.attr("open"); a.Size != 26 {
				t.Errorf("size %d", a.Size)
			}
			r.sync()
			r.wantHistory("sealed", "one")
			r.wantHistory("again", "one", "two")
			r.wantHistory("new", random(300<<10, 1))
			r.wantHistory("open", "written by nobody's leave!")
			if got := r.xattr("new", "user.a"); got != "b" {
				t.Errorf("attribute %q", got)
			}
		})
	}
}

func TestWritesThatTheKernelMadeBeforeTheEndChangeTheTime(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.sync()
	before := r.attr("f").Mtime
	h := r.handle("f", unix.O_RDWR)
	if err := h.Fsync(bg(t)); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(draftOf(r, "f"), os.O_RDWR, 0) // as the kernel does
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("ONE"), 0); err != nil {
		t.Fatal(err)
	}
	f.Close()
	r.stopUnsealed()
	r.reopen(StopKilled)
	r.sync()
	r.wantBytes("f", "ONE")
	if after := r.attr("f").Mtime; after <= before {
		t.Errorf("modified at %v, before at %v", after.Time(), before.Time())
	}
	r.wantHistory("f", "one", "ONE")
}

func TestMissingDraft(t *testing.T) {
	t.Run("of a file that was sealed before", func(t *testing.T) {
		r := newRig(t)
		r.write("f", "one")
		r.sync()
		r.write("f", "second save")
		path := draftOf(r, "f")
		r.stopUnsealed()
		os.Remove(path)
		r.reopen(StopKilled)
		r.wantBytes("f", "one")
		if a := r.attr("f"); a.Size != 3 || a.Gen != 0 {
			t.Errorf("attributes: %+v", a)
		}
		r.wantHistory("f", "one")
	})
	t.Run("of a new file", func(t *testing.T) {
		r := newRig(t)
		r.broken = true
		r.write("f", "one")
		path := draftOf(r, "f")
		r.stopUnsealed()
		os.Remove(path)
		r.reopen(StopKilled)
		for _, flags := range []int{unix.O_RDONLY, unix.O_RDWR} {
			if _, err := r.try("f", flags); !errors.Is(err, ErrLost) {
				t.Errorf("open gives %v", err)
			}
		}
		res, err := r.v.Check(bg(t), false, nil)
		if err != nil || res.Errors != 1 {
			t.Errorf("check: %+v, %v", res, err)
		}
		r.write("g", "others are saved")
		r.sync()
		r.unlink("f")
		r.sync()
		if res, err := r.v.Check(bg(t), true, nil); err != nil || res.Errors != 0 {
			t.Errorf("check after it was removed: %+v, %v", res, err)
		}
	})
	t.Run("that was a finished save", func(t *testing.T) {
		r := newRig(t)
		r.write("f", "one")
		r.sync()
		r.store.fail(blob.ErrOffline)
		r.write("f", "two")
		path := draftOf(r, "f")
		r.clock.advance(time.Minute)
		r.write("f", "three")
		r.stopUnsealed()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		r.reopen(StopKilled)
		r.wantBytes("f", "three")
		r.sync()
		r.wantHistory("f", "one", "three")
	})
}

func TestStrayFilesAmongTheDrafts(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.sync()
	ino := r.attr("f").Ino
	r.stopUnsealed()
	nobody := r.v.drafts.path(9999, 7)
	strange := filepath.Join(r.o.DraftDir, "00", "notes.txt")
	for _, p := range []string{nobody, strange} {
		if err := os.WriteFile(p, []byte("stray"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.reopen(StopKilled)
	if _, err := os.Stat(nobody); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the draft of an inode that does not exist is kept: %v", err)
	}
	if _, err := os.Stat(strange); err != nil {
		t.Errorf("a file that is no draft was touched: %v", err)
	}
	os.Remove(strange)
	if got := r.attr("f").Ino; got != ino {
		t.Error("another inode")
	}
	r.wantBytes("f", "one")
}

// A crash between the commit of a seal and the move of the file to the cache, or
// between the move back and the commit of the draft.
func TestFileOnItsWayBetweenDraftsAndCache(t *testing.T) {
	for _, c := range []struct {
		name    string
		spoil   func([]byte) []byte
		last    Stop
		want    string
		history []string
	}{
		{"as it was sealed, killed", nil, StopKilled, "sealed", []string{"sealed"}},
		{"as it was sealed, power failed", nil, StopUnknown, "sealed", []string{"sealed"}},
		{"written to, killed", func([]byte) []byte { return []byte("written") }, StopKilled, "written", []string{"sealed", "written"}},
		{"written to, same size, killed", func([]byte) []byte { return []byte("SEALED") }, StopKilled, "SEALED", []string{"sealed", "SEALED"}},
		{"torn, power failed", func([]byte) []byte { return []byte("sea\x00\x00\x00") }, StopUnknown, "sealed", []string{"sealed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.write("f", "sealed")
			r.sync()
			ino := r.attr("f").Ino
			cached := filepath.Join(r.o.CacheDir, liveKey(ino).String())
			r.stopUnsealed()
			b, err := os.ReadFile(cached)
			if err != nil {
				t.Fatal(err)
			}
			if c.spoil != nil {
				b = c.spoil(b)
				if err := os.WriteFile(cached, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Rename(cached, r.v.drafts.path(ino, 1000)); err != nil {
				t.Fatal(err)
			}
			r.reopen(c.last)
			r.wantBytes("f", c.want)
			r.sync()
			r.wantBytes("f", c.want)
			r.wantHistory("f", c.history...)
		})
	}
}

func TestTornCacheFileAfterPowerLossIsNotServed(t *testing.T) {
	for _, size := range []int{100, 300 << 10, fetchWhole + 5<<20} {
		t.Run(fmt.Sprint(size, " bytes"), func(t *testing.T) {
			r := newRig(t)
			data := random(size, 1)
			r.write("f", data)
			r.sync()
			cached := filepath.Join(r.o.CacheDir, liveKey(r.attr("f").Ino).String())
			var st unix.Stat_t
			if err := unix.Stat(cached, &st); err != nil {
				t.Fatal(err)
			}
			r.close()
			f, err := os.OpenFile(cached, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			f.WriteAt(make([]byte, 50), 20)
			f.Close()
			if err := os.Chtimes(cached, time.Unix(st.Atim.Unix()), time.Unix(st.Mtim.Unix())); err != nil {
				t.Fatal(err)
			}
			r.reopen(StopUnknown)
			r.wantBytes("f", data)
			h := r.handle("f", unix.O_RDWR)
			r.put(h, "x", 0)
			r.release(h)
			r.sync()
			r.wantBytes("f", "x"+data[1:])
			r.wantHistory("f", data, "x"+data[1:])
		})
	}
}

func TestProgramThatOutlivesTheMountDoesNotWriteIntoSealedBytes(t *testing.T) {
	for _, detached := range []bool{false, true} {
		t.Run(fmt.Sprintf("finished save %v", detached), func(t *testing.T) {
			r := newRig(t)
			r.write("f", "one")
			r.sync()
			r.store.fail(blob.ErrOffline)
			r.write("f", "two")
			program, err := os.OpenFile(draftOf(r, "f"), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer program.Close()
			want := []string{"one", "two"}
			if detached {
				r.clock.advance(time.Minute)
				r.write("f", "three")
				want = append(want, "three")
			}
			r.stopUnsealed()
			r.reopen(StopKilled)
			if detached {
				program.Close() // a finished save has no writer; a filesystem may say so all the same
			}
			r.sync()
			if _, err := program.WriteAt([]byte("XXX"), 0); err == nil && detached {
				t.Error("closed file was written to")
			}
			r.wantBytes("f", want[len(want)-1])
			r.wantHistory("f", want...)
			r.dropCache()
			r.wantBytes("f", want[len(want)-1])
		})
	}
}

func TestGenerationsAreNotGivenTwiceAfterARestart(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.stopUnsealed()
	r.store.close()
	r.reopen(StopKilled)
	r.hurryAll()
	r.awaitPut()
	r.clock.advance(time.Minute)
	r.write("f", "two") // the old draft is a finished save
	r.store.open()
	r.sync()
	r.wantHistory("f", "one", "two")
}

func TestVolumeClosesWhileTheStoreHangs(t *testing.T) {
	r := newRig(t)
	r.store.close()
	r.write("f", "one")
	r.hurryAll()
	r.awaitPut()
	if err := r.v.stop(); err != nil {
		t.Fatal(err)
	}
	r.closed = true
	r.store.open()
	r.reopen(StopKilled)
	r.sync()
	r.wantHistory("f", "one")
}
