package cache

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

// chunkState says whether a chunk is in the local file.
type chunkState uint8

const (
	absent  chunkState = iota
	claimed            // the fills file says so, but it must be hashed before it is used
	here               // verified
)

// arrival is a chunk that is being brought.
type arrival struct {
	done chan struct{} // closed when the chunk is here, or err is set
	err  error
	run  *run
}

// run brings a list of chunks in one call of the source.
type run struct {
	cancel    context.CancelFunc
	waiters   int  // readers that wait for a chunk of it now; guarded by fill.mu
	ahead     bool // nobody has to wait for it
	abandoned bool // was cancelled by us; guarded by fill.mu
}

// storeEvery is after how many bytes that came the fills are stored, for the case
// that the process is killed.
const storeEvery = 64 << 20

// ensure returns when the chunks [lo, hi), which bytes [off, end) touch, are here.
func (f *fill) ensure(ctx context.Context, lo, hi int, off, end int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.finishing {
		return os.ErrClosed
	}
	f.start(ctx, lo, hi, false)
	f.readAhead(ctx, off, end)
	for {
		for lo < hi && f.state[lo] == here {
			lo++
		}
		if lo == hi {
			return nil
		}
		if f.finishing {
			return os.ErrClosed
		}
		a := f.pending[lo]
		if a == nil { // its run was abandoned by another reader
			f.start(ctx, lo, hi, false)
			a = f.pending[lo]
		}
		a.run.waiters++
		f.mu.Unlock()
		select {
		case <-a.done:
		case <-ctx.Done():
		}
		f.mu.Lock()
		a.run.waiters--
		if f.state[lo] == here {
			continue
		}
		if err := ctx.Err(); err != nil {
			if a.run.waiters == 0 && !a.run.ahead {
				a.run.abandon()
			}
			return err
		}
		if a.err != nil && !a.run.abandoned {
			return a.err
		}
	}
}

// abandon needs fill.mu.
func (r *run) abandon() {
	r.abandoned = true
	r.cancel()
}

// start begins to bring those of the chunks [lo, hi) that are not here and not on
// their way. The caller holds f.mu.
func (f *fill) start(ctx context.Context, lo, hi int, ahead bool) {
	var list []int
	for i := lo; i < hi; i++ {
		if f.state[i] != here && f.pending[i] == nil {
			list = append(list, i)
		}
	}
	if len(list) == 0 || f.finishing {
		return
	}
	rctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &run{cancel: cancel, ahead: ahead}
	for _, i := range list {
		f.pending[i] = &arrival{done: make(chan struct{}), run: r}
	}
	f.runs[r] = struct{}{}
	f.working.Add(1)
	go func() {
		defer f.working.Done()
		defer cancel()
		f.c.keepFree(rctx, f.key, f.size(list))
		err := f.bring(rctx, list)
		if errors.Is(err, unix.ENOSPC) && f.c.makeRoom(rctx, f.key.String(), f.size(list)) {
			err = f.bring(rctx, list)
		}
		f.end(r, list, err)
	}()
}

// end tells those who still wait for a chunk of r why it did not come.
func (f *fill) end(r *run, list []int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.runs, r)
	for _, i := range list {
		if a := f.pending[i]; a != nil && a.run == r {
			a.err = err
			delete(f.pending, i)
			close(a.done)
		}
	}
}

// bring gets the chunks of list that are not here: it hashes claimed ones, and
// asks the source for the others. Each becomes readable as it comes.
func (f *fill) bring(ctx context.Context, list []int) error {
	var want []int
	var chunks []blob.Chunk
	var buf []byte
	for _, i := range list {
		f.mu.Lock()
		s := f.state[i]
		f.mu.Unlock()
		if s == here {
			continue // came in an earlier try
		}
		if s == claimed {
			if err := ctx.Err(); err != nil {
				return err
			}
			if buf = f.verifyClaim(i, buf); buf != nil {
				f.arrived(i, 0)
				continue
			}
		}
		want = append(want, i)
		chunks = append(chunks, f.m.Chunks[i])
	}
	if len(want) == 0 {
		return nil
	}
	next := 0
	err := f.c.o.Source.Chunks(ctx, chunks, func(j int, p []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if j != next || j >= len(want) || len(p) != int(chunks[j].Size) || !f.c.o.Ring.IsChunk(chunks[j].ID, p) {
			return fmt.Errorf("chunk %d: %w: the source sent other bytes", want[min(next, len(want)-1)], blob.ErrCorrupt)
		}
		written, err := f.write(p, f.offs[want[j]])
		if err != nil {
			return err
		}
		f.c.use.fetched.Add(int64(len(p)))
		next++
		f.arrived(want[j], written)
		return nil
	})
	if err == nil && next != len(want) {
		err = fmt.Errorf("%w: the source sent %d of %d chunks", blob.ErrCorrupt, next, len(want))
	}
	return err
}

// verifyClaim hashes a claimed chunk. It returns nil when the chunk is not in the
// file as it should be, and else a buffer for the next call.
func (f *fill) verifyClaim(i int, buf []byte) []byte {
	size := int(f.m.Chunks[i].Size)
	if cap(buf) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	if _, err := f.file.ReadAt(buf, f.offs[i]); err == nil && f.c.o.Ring.IsChunk(f.m.Chunks[i].ID, buf) {
		return buf
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state[i] = absent
	f.claims--
	f.sparse = false
	return nil
}

// write puts a verified chunk into the file. It returns the bytes of disk it took.
func (f *fill) write(p []byte, off int64) (int64, error) {
	f.mu.Lock()
	sparse := f.sparse
	f.mu.Unlock()
	if sparse {
		return f.c.writeSparse(f.file, p, off)
	}
	_, err := f.c.writeAt(f.file, p, off)
	return int64(len(p)), err
}

// arrived notes that a chunk is in the file, and wakes who waits for it.
func (f *fill) arrived(i int, written int64) {
	f.mu.Lock()
	if f.state[i] == claimed {
		f.claims--
	}
	f.state[i] = here
	f.left--
	f.complete.Store(f.left == 0)
	if a := f.pending[i]; a != nil {
		delete(f.pending, i)
		close(a.done)
	}
	f.accounted += written
	f.unsaved += written
	store := f.unsaved >= storeEvery
	if store {
		f.unsaved = 0
	}
	f.mu.Unlock()
	if written > 0 {
		f.c.grow(f.key, written, 0)
	}
	if store {
		f.checkpoint()
	}
}

// checkpoint stores the fills while the file is in use.
func (f *fill) checkpoint() {
	defer f.c.lock(f.key)()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.file.Fd()), &st); err == nil && st.Nlink > 0 {
		_ = f.store() // only a hint; the next one may succeed
	}
}

// store writes the fills file. The caller holds the lock of the key.
func (f *fill) store() error {
	f.mu.Lock()
	b := encodeFills(&f.m, func(i int) bool { return f.state[i] != absent })
	f.mu.Unlock()
	return f.c.storeFills(f.file.Name()+fillsSuffix, b)
}

// lost notes that the file was cut, so that the chunks [lo, hi) are not here.
func (f *fill) lost(lo, hi int) error {
	if f.whole {
		return blob.ErrCorrupt
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := lo; i < hi; i++ {
		if f.state[i] == here {
			f.state[i] = absent
			f.left++
		}
	}
	f.sparse = false
	f.complete.Store(false)
	return f.file.Truncate(f.m.Size)
}

// size returns the bytes of the chunks of list.
func (f *fill) size(list []int) (n int64) {
	for _, i := range list {
		n += int64(f.m.Chunks[i].Size)
	}
	return n
}
