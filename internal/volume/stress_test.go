package volume

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

// allowed are the errors that operations may meet on names that others change.
var allowed = []error{ErrNotExist, ErrExist, ErrIsDir, ErrNotDir, ErrNotEmpty, ErrInvalid, ErrNoAttr, ErrBusy, ErrPerm,
	ErrNoData, errWriter, syscall.ENOSPC, blob.ErrOffline, context.Canceled, context.DeadlineExceeded}

func expected(err error) bool {
	for _, e := range allowed {
		if errors.Is(err, e) {
			return true
		}
	}
	return err == nil
}

// Random operations of many goroutines on few names, while the store comes and goes
// and the cache is removed. Nothing hangs, every file and version is one that some
// writer wrote, whole, and the repository is sound in the end.
func TestManyWritersOnFewNames(t *testing.T) {
	for _, pass := range []bool{false, true} {
		t.Run(fmt.Sprintf("passthrough %v", pass), func(t *testing.T) {
			r := newRig(t, func(o *Options) {
				o.Now, o.SealAfter, o.SealWorkers, o.CommitEvery = time.Now, 2*time.Millisecond, 3, 5*time.Millisecond
				o.CacheMax = 1 << 20
				o.Logger = nil
			})
			r.v.SetPassthrough(pass)
			seed := uint64(time.Now().UnixNano() % 1_000_000)
			t.Logf("seed %d", seed)
			r.mkdir("dir")
			dirs := []Inode{Root, r.attr("dir").Ino}
			length := 6 * time.Second
			if testing.Short() {
				length = time.Second
			}
			ctx, cancel := context.WithTimeout(context.Background(), length)
			defer cancel()
			var wg sync.WaitGroup
			for g := range 8 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					rng := rand.New(rand.NewPCG(seed, uint64(g)))
					for k := 0; ctx.Err() == nil && !t.Failed(); k++ {
						if what, err := stressOnce(r, rng, dirs, g*1_000_000+k+1); !expected(err) {
							t.Errorf("%s: %v", what, err)
						}
					}
				}()
			}
			wg.Add(1)
			go func() { // trouble
				defer wg.Done()
				rng := rand.New(rand.NewPCG(seed, 100))
				for ctx.Err() == nil {
					switch rng.IntN(6) {
					case 0:
						r.store.fail(blob.ErrOffline)
					case 1, 2:
						r.store.fail(nil)
					case 3:
						if !pass { // with passthrough the kernel would hold the removed files
							os.RemoveAll(r.o.CacheDir)
						}
					case 4:
						r.v.Status(ctx)
					case 5:
						r.v.cache.Evict(ctx)
					}
					time.Sleep(10 * time.Millisecond)
				}
				r.store.fail(nil)
			}()
			done := make(chan struct{})
			go func() { wg.Wait(); close(done) }()
			select {
			case <-done:
			case <-time.After(length + 60*time.Second):
				buf := make([]byte, 1<<20)
				t.Fatalf("it hangs:\n%s", buf[:runtime.Stack(buf, true)])
			}
			r.audit()
			for _, dir := range []string{"/", "dir"} {
				for _, name := range r.names(dir) {
					p := dir + "/" + name
				if p == "//dir" {
					continue
				}
					if data := r.read(p); data != "" && !strings.HasPrefix(data, "stress ") || !wholeStress(data) {
						t.Errorf("%s holds %q", p, brief([]string{data}))
					}
					for n, data := range r.history(p) {
						if !wholeStress(data) {
							t.Errorf("version %d of %s holds %q", n+1, p, brief([]string{data}))
						}
					}
				}
			}
		})
	}
}

// stressData returns bytes that show whether they are whole. Two of them are never
// mixed by a writer: each is written by one call, at offset 0, into an empty file.
func stressData(k int) string {
	head := fmt.Sprintf("stress %d ", k)
	size := k * 7919 % 2000
	if k%50 == 0 {
		size = SmallFile + 1000
	}
	return head + random(size, uint64(k)) + blob.Sum([]byte(head)).Short()
}

func wholeStress(data string) bool {
	if data == "" {
		return true
	}
	var k int
	if _, err := fmt.Sscanf(data, "stress %d ", &k); err != nil {
		return false
	}
	return data == stressData(k)
}

// stressOnce does one random operation. Each writer writes into a file of its own that
// it then puts under a shared name, or truncates and writes while it alone may.
func stressOnce(r *rig, rng *rand.Rand, dirs []Inode, k int) (what string, err error) {
	v := r.v
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	pick := func() (Inode, string) {
		name := string(rune('a' + rng.IntN(4)))
		if rng.IntN(4) == 0 {
			name += "~"
		}
		return dirs[rng.IntN(len(dirs))], name
	}
	dir, name := pick()
	dir2, name2 := pick()
	inode := func() (Inode, error) { return v.resolve(dir, name) }
	own := fmt.Sprintf("own %d", k)
	make := func(release bool) (*Handle, error) {
		h, _, err := v.Create(ctx, dir, own, 0o644, unix.O_RDWR|unix.O_EXCL, ada)
		if err != nil {
			return nil, err
		}
		_, err = h.WriteAt([]byte(stressData(k)), 0)
		if release || err != nil {
			err = errors.Join(err, h.Release())
		}
		return h, err
	}
	switch op := rng.IntN(17); op {
	case 0, 1:
		if _, err = make(true); err == nil {
			err = v.Rename(dir, own, dir2, name2, 0, ada)
		}
		return "save by rename", err
	case 2:
		h, err := make(false)
		if err != nil {
			return "save by rename while open", err
		}
		err = v.Rename(dir, own, dir2, name2, 0, ada)
		return "save by rename while open", errors.Join(err, h.Release())
	case 3:
		return "unlink", v.Unlink(dir, name)
	case 4:
		return "rename", v.Rename(dir, name, dir2, name2, 0, ada)
	case 5:
		return "rename to a backup", v.Rename(dir, name, dir, name+"~", 0, ada)
	case 6:
		return "exchange", v.Rename(dir, name, dir2, name2, RenameExchange, ada)
	case 7:
		i, err := inode()
		if err == nil {
			_, err = v.Link(i, dir2, name2)
		}
		return "link", err
	case 8, 9:
		i, err := inode()
		if err != nil {
			return "read", err
		}
		h, err := v.Open(ctx, i, unix.O_RDONLY, ada)
		if err != nil {
			return "open for reading", err
		}
		data, err := readAll(ctx, h.ReadAt)
		if err == nil && !wholeStress(data) {
			err = fmt.Errorf("inode %d holds %q", i, brief([]string{data}))
		}
		return "read", errors.Join(err, h.Release())
	case 10:
		i, err := inode()
		if err != nil {
			return "touch", err
		}
		h, err := v.Open(ctx, i, unix.O_RDWR, ada) // and writes nothing
		if err != nil {
			return "open for writing", err
		}
		if rng.IntN(2) == 0 {
			err = h.Fsync(ctx)
		}
		return "open for writing", errors.Join(err, h.Release())
	case 11:
		i, err := inode()
		if err == nil {
			err = v.Setxattr(i, fmt.Sprintf("user.%d", rng.IntN(3)), []byte{byte(k)}, 0)
		}
		return "setxattr", err
	case 12:
		i, err := inode()
		if err == nil {
			zero := int64(0)
			_, err = v.Setattr(ctx, i, SetAttr{Size: &zero}, ada)
		}
		return "truncate", err
	case 13:
		src, err := inode()
		if err != nil {
			return "copy", err
		}
		in, err := v.Open(ctx, src, unix.O_RDONLY, ada)
		if err != nil {
			return "copy", err
		}
		out, _, err := v.Create(ctx, dir, own, 0o644, unix.O_RDWR|unix.O_EXCL, ada)
		if err != nil {
			return "copy", errors.Join(err, in.Release())
		}
		_, err = v.CopyRange(ctx, in, 0, out, 0, 1<<20)
		err = errors.Join(err, in.Release(), out.Release(), v.Rename(dir, own, dir2, name2, 0, ada))
		return "copy", err
	case 14:
		return "list", func() error { _, err := v.ReadDir(dir, "", 1000, true); return err }()
	case 15:
		p := name
		if dir != Root {
			p = "dir/" + name
		}
		switch rng.IntN(3) {
		case 0:
			_, err = v.Seal(ctx, p)
		case 1:
			err = v.Sync(ctx, p, nil)
		case 2:
			_, err = v.Restore(ctx, RestoreRequest{Path: p, Seq: 1})
			if err != nil && strings.Contains(err.Error(), "has no version") {
				err = nil
			}
		}
		return "seal, sync or restore", err
	default:
		h, _, err := v.Tmpfile(ctx, dir, 0o644, unix.O_RDWR, ada)
		if err != nil {
			return "O_TMPFILE", err
		}
		_, err = h.WriteAt([]byte(stressData(k)), 0)
		if err == nil && rng.IntN(2) == 0 {
			_, err = v.Link(h.Inode(), dir2, name2)
		}
		return "O_TMPFILE", errors.Join(err, h.Release())
	}
}
