package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

// sizes of files: in the page cache, whole, and large enough to be served while
// they arrive.
var sizes = []int{0, 1, SmallFile, SmallFile + 1, fetchWhole + 5<<20}

func TestRemovedCacheComesBack(t *testing.T) {
	for _, size := range sizes {
		for _, pass := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d bytes, passthrough %v", size, pass), func(t *testing.T) {
				r := newRig(t)
				r.v.SetPassthrough(pass)
				data := random(size, 1)
				r.write("f", data)
				r.sync()
				r.wantBytes("f", data)
				for range 2 {
					r.dropCache()
					r.wantBytes("f", data)
				}
				h := r.handle("f", unix.O_RDONLY)
				r.dropCache() // while it is open, before the first read
				if got := r.get(h); got != data {
					t.Error("other bytes after the cache was removed under an open file")
				}
				r.dropCache()
				if got := r.get(h); got != data {
					t.Error("other bytes at the second read")
				}
				r.release(h)
				r.dropCache()
				h = r.handle("f", unix.O_RDONLY) // large: served while it arrives
				p := make([]byte, 1000)
				for _, off := range []int{0, size / 2, size - 1000, size - 1} {
					if off < 0 || off >= size {
						continue
					}
					n, err := h.ReadAt(bg(t), p, int64(off))
					if want := data[off:min(off+1000, size)]; err != nil || string(p[:n]) != want {
						t.Errorf("read at %d: %d bytes, %v", off, n, err)
					}
					r.dropCache()
				}
				r.release(h)
				r.wantBytes("f", data)
				r.wantHistory("f", data)
			})
		}
	}
}

func TestEvictedFileIsOpenedForWriting(t *testing.T) {
	for _, size := range sizes {
		t.Run(fmt.Sprint(size, " bytes"), func(t *testing.T) {
			r := newRig(t)
			data := random(size, 2)
			r.write("f", data)
			r.sync()
			r.dropCache()
			h := r.handle("f", unix.O_RDWR)
			if got := r.get(h); got != data {
				t.Error("other bytes through the handle")
			}
			r.put(h, "+", int64(size))
			r.release(h)
			r.sync()
			r.dropCache()
			r.wantBytes("f", data+"+")
			r.wantHistory("f", data, data+"+")

			fetched := r.v.cache.Usage().FetchedBytes
			r.dropCache()
			r.write("f", "new")
			if got := r.v.cache.Usage().FetchedBytes; got != fetched {
				t.Errorf("%d bytes were brought back only to be thrown away", got-fetched)
			}
			r.sync()
			r.wantHistory("f", data, data+"+", "new")
		})
	}
}

func TestEvictedFileIsOpenedForWritingWhileItIsRead(t *testing.T) {
	for _, size := range sizes {
		for _, when := range []string{"opened before", "read before", "opened after"} {
			t.Run(fmt.Sprintf("%d bytes, %s it was evicted", size, when), func(t *testing.T) {
				r := newRig(t)
				data := random(size, 3)
				r.write("f", data)
				r.sync()
				if when == "opened after" {
					r.dropCache()
				}
				reader := r.handle("f", unix.O_RDONLY)
				defer r.release(reader)
				if when == "read before" {
					r.get(reader)
				}
				r.dropCache()
				w := r.handle("f", unix.O_RDWR)
				r.put(w, "new", 0)
				want := "new"
				if size > 3 {
					want += data[3:]
				}
				if got := r.get(reader); got != want {
					t.Error("the reader does not see what was written")
				}
				r.release(w)
				r.sync()
				if got := r.get(reader); got != want {
					t.Error("the reader does not see what was sealed")
				}
				r.wantHistory("f", data, want)
			})
		}
	}
}

func TestFileInUseIsNotEvicted(t *testing.T) {
	r := newRig(t, func(o *Options) { o.CacheMax = 1 << 20 })
	r.v.SetPassthrough(true)
	data := random(900<<10, 4)
	r.write("f", data)
	r.sync()
	reader := r.handle("f", unix.O_RDONLY)
	defer r.release(reader)
	r.clock.advance(24 * time.Hour)
	r.write("g", random(900<<10, 5))
	r.sync()
	r.clock.advance(24 * time.Hour)
	if _, err := r.v.cache.Evict(bg(t)); err != nil {
		t.Fatal(err)
	}
	w := r.handle("f", unix.O_RDWR) // the kernel still writes to the reader's file
	r.put(w, "new", 0)
	r.release(w)
	r.sync()
	r.wantHistory("f", data, "new"+data[3:])
}

func TestEvictedFileIsAnErrorWhileTheStoreIsOffline(t *testing.T) {
	for _, size := range []int{10, 300 << 10, fetchWhole + 5<<20} {
		t.Run(fmt.Sprint(size, " bytes"), func(t *testing.T) {
			r := newRig(t)
			data := random(size, 6)
			r.write("f", data)
			r.sync()
			h := r.handle("f", unix.O_RDONLY)
			r.dropCache()
			off := errors.New("a cable is out")
			r.store.failReads(fmt.Errorf("%w: %w", blob.ErrOffline, off))
			h2, err := r.try("f", unix.O_RDONLY)
			if err == nil {
				_, err = readAll(bg(t), h2.ReadAt)
				defer r.release(h2)
			}
			if !errors.Is(err, blob.ErrOffline) && size <= SmallFile {
				t.Errorf("reading gives %v", err)
			}
			if w, err := r.try("f", unix.O_RDWR); err == nil {
				r.release(w)
			} else if !errors.Is(err, blob.ErrOffline) && !errors.Is(err, ErrBusy) {
				t.Errorf("open for writing gives %v", err)
			}
			r.store.failReads(nil)
			if got := r.get(h); got != data {
				t.Error("other bytes after the store came back")
			}
			r.release(h)
			r.wantBytes("f", data)
		})
	}
}

func TestDamagedCacheFileIsNotServed(t *testing.T) {
	r := newRig(t)
	data := random(300<<10, 7)
	r.write("f", data)
	r.sync()
	path := filepath.Join(r.o.CacheDir, liveKey(r.attr("f").Ino).String())
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("damage"), 1000); err != nil {
		t.Fatal(err)
	}
	f.Close()
	r.wantBytes("f", data)
	h := r.handle("f", unix.O_RDWR)
	r.put(h, "x", 0)
	r.release(h)
	r.sync()
	r.wantHistory("f", data, "x"+data[1:])
}

func TestDamagedPackIsAnErrorAndNeverWrongBytes(t *testing.T) {
	for _, size := range []int{10, 300 << 10, fetchWhole + 5<<20} {
		t.Run(fmt.Sprint(size, " bytes"), func(t *testing.T) {
			r := newRig(t)
			r.broken = true
			data := random(size, 8)
			r.write("f", data)
			r.sync()
			r.dropCache()
			for info := range r.mem.List(bg(t), "") {
				for off := int64(0); off < info.Size; off += max(5, info.Size/300) {
					r.mem.Flip(info.Key, off)
				}
			}
			h, err := r.try("f", unix.O_RDONLY)
			if err == nil {
				_, err = readAll(bg(t), h.ReadAt)
				r.release(h)
			}
			if !errors.Is(err, blob.ErrCorrupt) {
				t.Errorf("reading gives %v", err)
			}
			if h, err := r.try("f", unix.O_RDWR); err == nil {
				t.Error("opened for writing")
				r.release(h)
			}
		})
	}
}

func TestReadsGoOnWhileTheCacheIsRemovedAgainAndAgain(t *testing.T) {
	r := newRig(t)
	data := map[string]string{}
	for k, size := range sizes {
		name := fmt.Sprint("f", k)
		data[name] = random(size, uint64(k))
		r.write(name, data[name])
	}
	r.sync()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for name, want := range data {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				select {
				case <-stop:
					return
				default:
				}
				h, err := r.v.Open(bg(t), r.attr(name).Ino, unix.O_RDONLY, ada)
				if err != nil {
					t.Errorf("open %s: %v", name, err)
					return
				}
				got, err := readAll(bg(t), h.ReadAt)
				if err != nil || got != want {
					t.Errorf("read %s: %d bytes of %d, %v", name, len(got), len(want), err)
				}
				if err := h.Release(); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	for range 20 {
		os.RemoveAll(r.o.CacheDir) // it may find a directory made again
		time.Sleep(20 * time.Millisecond)
	}
	close(stop)
	wg.Wait()
}

// failReads makes every ReadAt of the store fail; nil heals.
func (g *gate) failReads(err error) { g.readErr.Store(&err) }
