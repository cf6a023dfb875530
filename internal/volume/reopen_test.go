package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

// newSaves are the ways in which a program may save anew over a save that is
// finished and not sealed.
var newSaves = []struct {
	name string
	save func(r *rig, p, data string)
}{
	{"O_TRUNC", func(r *rig, p, data string) { r.write(p, data) }},
	{"truncate by path", func(r *rig, p, data string) {
		size := int64(0)
		if _, err := r.v.Setattr(bg(r.t), r.attr(p).Ino, SetAttr{Size: &size}, ada); err != nil {
			r.t.Fatal(err)
		}
		h := r.handle(p, unix.O_WRONLY)
		r.put(h, data, 0)
		r.release(h)
	}},
	{"rename over", func(r *rig, p, data string) { r.write("t", data); r.rename("t", p) }},
	{"delete and create", func(r *rig, p, data string) { r.unlink(p); r.write(p, data) }},
	{"delete and rename", func(r *rig, p, data string) { r.write("t", data); r.unlink(p); r.rename("t", p) }},
	{"rename to a backup, create, delete the backup", func(r *rig, p, data string) {
		r.rename(p, p+"~")
		r.write(p, data)
		r.unlink(p + "~")
	}},
	{"rename to a backup that stays, create", func(r *rig, p, data string) {
		r.rename(p, p+"~")
		r.write(p, data)
	}},
	{"exchange and delete", func(r *rig, p, data string) {
		r.write("t", data)
		r.renameFlags("t", p, RenameExchange)
		r.unlink("t")
	}},
}

func TestFinishedSaveBecomesAVersionThoughTheNextComesBeforeItIsSealed(t *testing.T) {
	for _, s := range newSaves {
		for _, state := range []string{"waiting", "being stored", "failed once"} {
			t.Run(s.name+"/"+state, func(t *testing.T) {
				r := newRig(t)
				r.write("f", "zero")
				r.sync()
				var release func()
				switch state {
				case "waiting":
					release = r.occupy()
					r.write("f", "one")
				case "being stored":
					r.store.close()
					r.write("f", "one")
					r.hurryAll()
					r.awaitPut()
					release = r.store.open
				case "failed once":
					r.store.fail(blob.ErrOffline)
					r.write("f", "one")
					if err := r.v.Sync(bg(t), "", nil); !errors.Is(err, blob.ErrOffline) {
						t.Fatalf("sync: %v", err)
					}
					release = func() { r.store.fail(nil) }
				}
				r.clock.advance(10 * time.Second) // it is quiet for long enough
				s.save(r, "f", "two")
				r.wantBytes("f", "two")
				r.clock.advance(20 * time.Millisecond)
				release()
				r.sync()
				r.wantBytes("f", "two")
				r.wantHistory("f", "zero", "one", "two")
			})
		}
	}
}

// The first save fails and is tried again later; the second one could be stored
// meanwhile, and has to come after it all the same.
func TestVersionsAreInTheOrderOfSavesWhenSealingFailsForSome(t *testing.T) {
	for _, s := range newSaves {
		t.Run(s.name, func(t *testing.T) {
			r := newRig(t, func(o *Options) { o.SealWorkers = 4 })
			r.write("f", "zero")
			r.sync()
			r.store.fail(syscall.ENOSPC)
			r.write("f", "one")
			if err := r.v.Sync(bg(t), "", nil); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("sync: %v", err)
			}
			r.clock.advance(10 * time.Second)
			s.save(r, "f", "two")
			r.store.fail(nil)
			// The new save comes first when the queue is left to itself.
			if err := r.v.Sync(bg(t), "f", nil); err != nil && !errors.Is(err, syscall.ENOSPC) { // of a try under way
				t.Fatal(err)
			}
			r.clock.advance(time.Minute)
			r.sync()
			r.wantBytes("f", "two")
			r.wantHistory("f", "zero", "one", "two")
		})
	}
}

func TestPlainReopenWaitsUntilAFinishedSaveIsSealed(t *testing.T) {
	for _, waiting := range []bool{true, false} {
		t.Run(fmt.Sprintf("waiting %v", waiting), func(t *testing.T) {
			r := newRig(t)
			var release func()
			if waiting {
				release = r.occupy()
				r.write("f", "one")
				r.clock.advance(20 * time.Millisecond)
			} else {
				r.store.close()
				r.write("f", "one")
				r.hurryAll()
				r.awaitPut()
				release = r.store.open
			}
			ctx, cancel := context.WithCancel(bg(t))
			cancel()
			if _, err := r.v.Open(ctx, r.attr("f").Ino, unix.O_RDWR, ada); !errors.Is(err, context.Canceled) {
				t.Errorf("open gave %v, want it to wait", err)
			}
			r.wantBytes("f", "one") // readers do not wait
			opened := make(chan *Handle)
			go func() {
				h, err := r.v.Open(bg(t), r.attr("f").Ino, unix.O_RDWR, ada)
				if err != nil {
					t.Error(err)
				}
				opened <- h
			}()
			release()
			h := <-opened
			r.wantHistory("f", "one")
			r.put(h, "TWO", 0)
			r.release(h)
			r.sync()
			r.wantHistory("f", "one", "TWO")
		})
	}
}

func TestNothingIsLostWhileTheStoreFails(t *testing.T) {
	for _, fault := range []error{syscall.ENOSPC, blob.ErrOffline} {
		t.Run(fault.Error(), func(t *testing.T) {
			r := newRig(t)
			r.write("old", "sealed before")
			r.sync()
			r.store.fail(fault)
			r.write("a", "aaa")
			r.write("b", strings.Repeat("b", 3<<20))
			for range 3 {
				if err := r.v.Sync(bg(t), "", nil); !errors.Is(err, fault) {
					t.Fatalf("sync gives %v, want %v", err, fault)
				}
			}
			if err := r.v.Sync(bg(t), "a", nil); !errors.Is(err, fault) {
				t.Errorf("sync of one file gives %v, want %v", err, fault)
			}
			if err := r.v.Sync(bg(t), "old", nil); err != nil {
				t.Errorf("sync of a sealed file: %v", err)
			}
			s, err := r.v.Status(bg(t))
			if err != nil || s.SafeToUnplug || s.Unsealed != 2 || len(s.SealErrors) != 2 {
				t.Errorf("status: %+v, %v", s, err)
			}
			if !strings.Contains(strings.Join(s.Why, "; "), fault.Error()) {
				t.Errorf("status does not say why: %q", s.Why)
			}
			r.wantBytes("a", "aaa")
			r.wantBytes("b", strings.Repeat("b", 3<<20))
			r.dropCache() // drafts are not in the cache
			r.wantBytes("a", "aaa")

			r.store.fail(nil)
			r.clock.advance(time.Minute) // it is tried again without anybody asking
			r.v.sealer.wake()
			for r.jobs() > 0 {
				r.v.sealer.wake()
				time.Sleep(time.Millisecond)
				r.clock.advance(time.Second)
			}
			r.wantHistory("a", "aaa")
			r.commit()
			if s, err = r.v.Status(bg(t)); err != nil || !s.SafeToUnplug || len(s.SealErrors) != 0 {
				t.Errorf("status after it healed: %+v, %v", s, err)
			}
		})
	}
}

func TestDraftsThatCannotBeSealedAreTakenUpByTheNextRun(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.sync()
	r.store.fail(blob.ErrOffline)
	r.write("f", "two")
	r.clock.advance(20 * time.Millisecond)
	r.write("f", "three") // "two" waits as a finished save
	if err := r.v.Close(bg(t), nil); !errors.Is(err, blob.ErrOffline) {
		t.Fatalf("close gives %v", err)
	}
	r.clock.advance(time.Minute)
	r.store.fail(nil)
	r.open()
	r.wantBytes("f", "three")
	r.sync()
	r.wantHistory("f", "one", "two", "three")
}

func TestCatalogThatCannotCommitForAWhileLosesNothing(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.sync()
	r.write("f", "two")
	full := fmt.Errorf("commit: %w: %w", kv.ErrRetry, syscall.ENOSPC)
	r.engine.(*kv.Memory).BeforeCommit(func() error { return full })
	for range 2 {
		if err := r.v.Sync(bg(t), "", nil); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("sync gives %v", err)
		}
	}
	r.wantBytes("f", "two")
	r.engine.(*kv.Memory).BeforeCommit(nil)
	r.sync()
	r.wantHistory("f", "one", "two")
	ctx, cancel := context.WithTimeout(bg(t), 10*time.Second)
	defer cancel()
	h, err := r.v.Open(ctx, r.attr("f").Ino, unix.O_RDWR, ada)
	if err != nil {
		t.Fatalf("open for writing: %v", err)
	}
	r.put(h, "TWO", 0)
	r.release(h)
	r.sync()
	r.wantHistory("f", "one", "two", "TWO")
}

func TestDraftTouchedWhileItIsSealedIsSealedAgain(t *testing.T) {
	r := newRig(t)
	r.store.close()
	data := random(40<<20, 1)
	r.write("f", data)
	path := draftOf(r, "f")
	r.hurryAll()
	r.awaitPut() // the first pack, while the rest is still read
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	r.store.open()
	if err := r.v.Sync(bg(t), "", nil); err != nil && !errors.Is(err, errWriter) {
		t.Fatal(err)
	}
	r.sync()
	r.wantHistory("f", data)
	h := r.handle("f", unix.O_RDWR)
	r.put(h, "x", 0)
	r.release(h)
	r.sync()
	r.wantHistory("f", data, "x"+data[1:])
}

// draftOf returns the path of the draft of a file.
func draftOf(r *rig, p string) string {
	r.t.Helper()
	a := r.attr(p)
	if a.Gen == 0 {
		r.t.Fatalf("%s is not a draft", p)
	}
	return r.v.drafts.path(a.Ino, a.Gen)
}

func TestOpenForReadingAcrossTheEndOfASeal(t *testing.T) {
	for _, then := range []string{"read", "unlink", "rename over", "write"} {
		t.Run(then, func(t *testing.T) {
			r := newRig(t)
			entered, leave := make(chan struct{}, 100), make(chan struct{})
			r.write("f", "one")
			r.engine.(*kv.Memory).BeforeCommit(func() error { entered <- struct{}{}; <-leave; return nil })
			r.hurryAll()
			<-entered // the rows say that it is sealed, the file is still among the drafts
			h := r.handle("f", unix.O_RDONLY)
			defer r.release(h)
			switch then {
			case "unlink":
				r.unlink("f")
			case "rename over":
				r.write("g", "other")
				r.rename("g", "f")
			}
			close(leave)
			r.engine.(*kv.Memory).BeforeCommit(nil)
			r.sync()
			if then == "write" {
				w := r.handle("f", unix.O_RDWR)
				r.put(w, "ONE", 0)
				r.release(w)
				if got := r.get(h); got != "ONE" {
					t.Errorf("read %q", got)
				}
				return
			}
			r.v.chores.wait()
			ctx, cancel := context.WithTimeout(bg(t), 10*time.Second)
			defer cancel()
			if got, err := readAll(ctx, h.ReadAt); err != nil || got != "one" {
				t.Errorf("read %q, %v", got, err)
			}
		})
	}
}

func TestFinishedSaveSurvivesItsReader(t *testing.T) {
	for _, how := range []string{"unlink", "rename over"} {
		t.Run(how, func(t *testing.T) {
			r := newRig(t)
			release := r.occupy()
			r.write("f", "one")
			r.commit()
			r.clock.advance(20 * time.Millisecond)
			h := r.handle("f", unix.O_RDONLY)
			if how == "unlink" {
				r.unlink("f")
			} else {
				r.write("t", "two")
				r.rename("t", "f")
			}
			if got := r.get(h); got != "one" {
				t.Errorf("the open file holds %q", got)
			}
			r.release(h)
			r.v.chores.wait()
			release()
			r.sync()
			if how == "unlink" {
				r.wantHistory("f", "one")
			} else {
				r.wantHistory("f", "one", "two")
			}
		})
	}
}

func TestWriterThatComesBackStopsTheSeal(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	h := r.handle("f", unix.O_RDWR) // within the quiet window
	r.put(h, "two", 0)
	r.sync() // there is nothing that was closed
	r.wantHistory("f")
	a := r.attr("f")
	if a.Gen == 0 || a.Size != 3 {
		t.Errorf("attributes: %+v", a)
	}
	r.release(h)
	r.sync()
	r.wantHistory("f", "two")
}

func TestPristineOpenForWritingMakesNoVersion(t *testing.T) {
	for _, pass := range []bool{false, true} {
		for _, size := range []int{0, 10, 300 << 10} {
			t.Run(fmt.Sprintf("passthrough %v, %d bytes", pass, size), func(t *testing.T) {
				r := newRig(t)
				r.v.SetPassthrough(pass)
				data := random(size, 2)
				r.write("f", data)
				r.sync()
				before := r.attr("f")
				h := r.handle("f", unix.O_RDWR)
				if got := r.get(h); got != data {
					t.Error("other bytes through the handle")
				}
				r.release(h)
				r.sync()
				after := r.attr("f")
				if after.Mtime != before.Mtime || after.Content != before.Content || after.Gen != 0 {
					t.Errorf("attributes: before %+v, after %+v", before, after)
				}
				r.wantHistory("f", data)
				misses := r.v.cache.Usage().Misses
				r.wantBytes("f", data)
				if got := r.v.cache.Usage().Misses; got != misses && size > 0 {
					t.Error("the file did not go back to the cache")
				}
			})
		}
	}
}

// mapFile maps the backing file of a handle for writing, as the kernel does for a
// program with passthrough.
func mapFile(t *testing.T, h *Handle, size int) []byte {
	t.Helper()
	f, err := os.OpenFile(h.File().Name(), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestStoreThroughAMappingMakesAVersion(t *testing.T) {
	for _, outlives := range []bool{false, true} {
		t.Run(fmt.Sprintf("mapping outlives the handle %v", outlives), func(t *testing.T) {
			r := newRig(t)
			r.v.SetPassthrough(true)
			data := random(300<<10, 3)
			r.write("f", data)
			r.sync()
			h := r.handle("f", unix.O_RDWR)
			if !h.Passthrough() {
				t.Fatal("no passthrough")
			}
			m := mapFile(t, h, len(data))
			if outlives {
				r.release(h)
				r.sync()
				r.wantHistory("f", data)
			}
			m[1000] ^= 0xff
			want := string(m)
			if err := unix.Munmap(m); err != nil {
				t.Fatal(err)
			}
			if !outlives {
				r.release(h)
			}
			r.clock.advance(time.Second)
			r.sync()
			r.wantHistory("f", data, want)
			r.wantBytes("f", want)
			r.dropCache()
			r.wantBytes("f", want)
		})
	}
}

func TestReadersAndWriterOfOnePassthroughFileShareIt(t *testing.T) {
	r := newRig(t)
	r.v.SetPassthrough(true)
	data := random(300<<10, 4)
	r.write("f", data)
	r.sync()
	reader := r.handle("f", unix.O_RDONLY)
	file := reader.File()
	writer := r.handle("f", unix.O_RDWR)
	if writer.File() != file || !writer.Passthrough() {
		t.Fatal("the writer has another file")
	}
	r.put(writer, "new", 0)
	if got := r.get(reader); got != "new"+data[3:] {
		t.Error("the reader does not see what is written")
	}
	r.release(writer)
	r.sync() // sealed while a reader has it open
	if reader.File() != file {
		t.Error("the reader has another file now")
	}
	again := r.handle("f", unix.O_RDWR|unix.O_TRUNC)
	if again.File() != file {
		t.Error("the second writer has another file")
	}
	r.put(again, "third", 0)
	r.release(again)
	if got := r.get(reader); got != "third" {
		t.Errorf("the reader sees %q", brief([]string{got}))
	}
	r.sync()
	r.release(reader)
	r.wantHistory("f", data, "new"+data[3:], "third")
}

func TestFailedFsyncPoisonsTheDraft(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.sync()
	h := r.handle("f", unix.O_RDWR)
	r.put(h, "two", 0)
	r.v.drafts.fail(draftOf(r, "f"), syscall.EIO)
	if err := h.Fsync(bg(t)); !errors.Is(err, syscall.EIO) {
		t.Errorf("fsync gives %v", err)
	}
	r.release(h)
	if err := r.v.Sync(bg(t), "", nil); !errors.Is(err, syscall.EIO) {
		t.Errorf("sync gives %v", err)
	}
	r.wantHistory("f", "one")
	r.clock.advance(20 * time.Millisecond)
	r.write("f", "three") // saved anew
	r.sync()
	r.wantHistory("f", "one", "three")
}

func TestPoisonedDraftIsNeverSealedAndKeepsNobodyWaiting(t *testing.T) {
	for _, how := range []string{"open for writing", "rename over", "delete and create"} {
		t.Run(how, func(t *testing.T) {
			r := newRig(t)
			r.write("f", "one")
			r.sync()
			h := r.handle("f", unix.O_RDWR)
			r.put(h, "two", 0)
			r.v.drafts.fail(draftOf(r, "f"), syscall.EIO)
			r.release(h)
			r.clock.advance(20 * time.Millisecond)
			switch how {
			case "open for writing":
				w := r.handle("f", unix.O_RDWR)
				if err := w.Fsync(bg(t)); !errors.Is(err, syscall.EIO) {
					t.Errorf("fsync gives %v", err)
				}
				r.release(w)
				r.write("f", "three")
			case "rename over":
				r.write("t", "three")
				r.rename("t", "f")
			case "delete and create":
				r.unlink("f")
				r.write("f", "three")
			}
			r.sync()
			r.wantHistory("f", "one", "three")
		})
	}
}

func TestFsyncMakesTheNameDurable(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(r *rig)
	}{
		{"rename", func(r *rig) { r.rename("a", "b") }},
		{"rename over", func(r *rig) { r.write("b", "old"); r.sync(); r.rename("a", "b") }},
		{"link", func(r *rig) { r.link("a", "b") }},
		{"exchange", func(r *rig) { r.write("b", "old"); r.sync(); r.renameFlags("a", "b", RenameExchange) }},
		{"chmod", func(r *rig) {
			r.rename("a", "b")
			r.commit()
			mode := uint32(0o600)
			if _, err := r.v.Setattr(bg(r.t), r.attr("b").Ino, SetAttr{Mode: &mode}, ada); err != nil {
				r.t.Fatal(err)
			}
		}},
		{"setxattr", func(r *rig) { r.rename("a", "b"); r.commit(); r.setxattr("b", "user.a", "b") }},
	} {
		for _, held := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, file open before %v", c.name, held), func(t *testing.T) {
				r := newRig(t)
				r.write("a", "one")
				r.sync()
				ino := r.attr("a").Ino
				var h *Handle
				if held {
					h = r.handle("a", unix.O_RDONLY)
				}
				c.change(r)
				if !held {
					h = r.handle("b", unix.O_RDONLY)
				}
				if err := h.Fsync(bg(t)); err != nil {
					t.Fatal(err)
				}
				r.release(h)
				if n := r.v.cat.Pending(); n != 0 {
					t.Errorf("%d rows are not durable after fsync", n)
				}
				if got := r.attr("b").Ino; got != ino {
					t.Errorf("b is inode %d, want %d", got, ino)
				}
			})
		}
	}
}

func TestFsyncOfADurableFileCommitsNothing(t *testing.T) {
	r := newRig(t)
	h := r.handle("f", unix.O_RDWR|unix.O_CREAT)
	if err := h.Fsync(bg(t)); err != nil {
		t.Fatal(err)
	}
	epoch := r.epoch()
	for k := range 5 {
		r.put(h, "data", int64(4*k))
		if err := h.Fsync(bg(t)); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.epoch(); got != epoch {
		t.Errorf("%d commits", got-epoch)
	}
	r.release(h)
}

func (r *rig) epoch() (e catalog.Epoch) {
	r.v.cat.View(func(tx *catalog.Tx) error { e = tx.Epoch(); return nil })
	return e
}

func TestFileRemovedWhileTheCatalogCannotCommitLeavesNothing(t *testing.T) {
	r := newRig(t)
	r.write("f", "one")
	r.sync()
	r.write("f", "two")
	full := fmt.Errorf("commit: %w: %w", kv.ErrRetry, syscall.ENOSPC)
	r.engine.(*kv.Memory).BeforeCommit(func() error { return full })
	if err := r.v.Sync(bg(t), "", nil); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("sync gives %v", err)
	}
	r.unlink("f")
	r.engine.(*kv.Memory).BeforeCommit(nil)
	r.sync()
	r.wantHistory("f", "one", "two")
}
