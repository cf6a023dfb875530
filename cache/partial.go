package cache

import (
	"context"
	"fmt"
	"io"
	"os"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/rdfs/rdfs/internal/blob"
)

// Partial serves a large content while it arrives. Its methods may be called
// from many goroutines at once.
type Partial struct {
	f      *fill
	closed sync.Once
}

// fill is what all Partials of one key and content share.
type fill struct {
	c   *Cache
	key Key
	id  blob.ID

	// Guarded by c.mu. A fill with refs 0 is finishing or finished: nobody joins it.
	refs int

	ready  chan struct{} // closed when the fields below are set
	ended  chan struct{} // closed when the fill has left c.fills
	cancel context.CancelFunc
	err    error
	m      blob.Manifest
	offs   []int64 // of each chunk, and the size
	file   *os.File
	whole  bool // file is the whole file of the key
	sparse bool // what is not filled reads as zeros, or as the right bytes

	complete atomic.Bool // all chunks are here
	working  sync.WaitGroup

	mu        sync.Mutex // guards the fields below
	finishing bool       // no new runs
	state     []chunkState
	left      int              // chunks that are not here
	claims    int              // of these, claimed
	pending   map[int]*arrival // chunks that are being brought, by index
	runs      map[*run]struct{}
	streams   streams
	unsaved   int64 // bytes that came since the fills were stored
	accounted int64 // bytes of the file that the usage knows of
}

// Partial opens content id as the file of k, to be served while it arrives.
// Partials of one key and content share one file. The caller must Close it.
func (c *Cache) Partial(ctx context.Context, k Key, id blob.ID) (*Partial, error) {
	k = k.norm()
	f, err := c.joinFill(ctx, k, id)
	if err != nil {
		return nil, fmt.Errorf("cache: partial %s (content %s): %w", k, id.Short(), err)
	}
	return &Partial{f: f}, nil
}

func (c *Cache) joinFill(ctx context.Context, k Key, id blob.ID) (*fill, error) {
	for {
		c.mu.Lock()
		f := c.fills[k]
		if f != nil && f.refs == 0 {
			c.mu.Unlock()
			select {
			case <-f.ended:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if f != nil && f.id != id {
			c.mu.Unlock()
			c.detach(f)
			continue
		}
		if f == nil {
			octx, cancel := context.WithCancel(context.WithoutCancel(ctx))
			f = &fill{
				c: c, key: k, id: id,
				ready: make(chan struct{}), ended: make(chan struct{}), cancel: cancel,
				pending: make(map[int]*arrival), runs: make(map[*run]struct{}),
			}
			c.fills[k] = f
			go func() {
				f.err = f.open(octx)
				cancel()
				close(f.ready)
			}()
		}
		f.refs++
		c.mu.Unlock()

		select {
		case <-f.ready:
			if f.err != nil {
				f.release()
				return nil, f.err
			}
			return f, nil
		case <-ctx.Done():
			f.release()
			return nil, ctx.Err()
		}
	}
}

// filling reports whether a fill of k is open: its file is not to be touched.
func (c *Cache) filling(k Key) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fills[k] != nil
}

// detach makes room for another content of the key. Those who have f open go on
// reading a file without a name.
func (c *Cache) detach(f *fill) {
	defer c.lock(f.key)()
	c.removePartial(place{partial: true}, f.key)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fills[f.key] == f {
		delete(c.fills, f.key)
	}
}

// release drops one reference; the last one ends the fill.
func (f *fill) release() {
	f.c.mu.Lock()
	f.refs--
	last := f.refs == 0
	f.c.mu.Unlock()
	if !last {
		return
	}
	f.cancel()
	<-f.ready
	f.finish()
	f.c.mu.Lock()
	if f.c.fills[f.key] == f {
		delete(f.c.fills, f.key)
	}
	f.c.mu.Unlock()
	close(f.ended)
}

// open finds or makes the file.
func (f *fill) open(ctx context.Context) error {
	m, err := f.c.manifest(ctx, f.id)
	if err != nil {
		return err
	}
	f.m = m
	f.offs = make([]int64, len(m.Chunks)+1)
	for i, ch := range m.Chunks {
		f.offs[i+1] = f.offs[i] + int64(ch.Size)
	}
	f.state = make([]chunkState, len(m.Chunks))
	f.left = len(m.Chunks)

	if file, err := f.c.get(f.key, f.id, m.Size, os.O_RDONLY, m.Size <= suspectMax); err == nil {
		f.file, f.whole = file, true
		for i := range f.state {
			f.state[i] = here
		}
		f.left = 0
	} else {
		unlock := f.c.lock(f.key)
		err = f.openPartial()
		unlock()
		if err != nil {
			return err
		}
	}
	f.complete.Store(f.left == 0)
	return nil
}

// Size returns the size of the content in bytes.
func (p *Partial) Size() int64 { return p.f.m.Size }

// Complete reports whether all bytes are here: reads need the source no more.
func (p *Partial) Complete() bool { return p.f.complete.Load() }

// ReadAt reads as io.ReaderAt does: it fills b, or returns an error; at the end
// of the content that is io.EOF. It brings the chunks that b touches and that are
// not here, and waits for them at most until ctx ends. A failed read may be
// tried again.
func (p *Partial) ReadAt(ctx context.Context, b []byte, off int64) (int, error) {
	n, err := p.f.readAt(ctx, b, off)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("cache: read %s (content %s) at %d: %w", p.f.key, p.f.id.Short(), off, err)
	}
	return n, err
}

func (f *fill) readAt(ctx context.Context, b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, os.ErrInvalid
	}
	if off >= f.m.Size {
		return 0, io.EOF
	}
	want := b[:min(int64(len(b)), f.m.Size-off)]
	if len(want) == 0 {
		return 0, nil
	}
	end := off + int64(len(want))
	lo := sort.Search(len(f.m.Chunks), func(i int) bool { return f.offs[i+1] > off })
	hi := lo + sort.Search(len(f.m.Chunks)-lo, func(i int) bool { return f.offs[lo+i] >= end })

	for try := 0; ; try++ {
		if !f.complete.Load() {
			if err := f.ensure(ctx, lo, hi, off, end); err != nil {
				return 0, err
			}
		}
		n, err := f.file.ReadAt(want, off)
		if err == io.EOF { // somebody has cut the file
			if err = f.lost(lo, hi); err == nil && try == 0 {
				continue
			}
			return 0, fmt.Errorf("%w: the cached file was cut at %d while it was open", blob.ErrCorrupt, off+int64(n))
		}
		if err != nil {
			return 0, err
		}
		if len(want) < len(b) {
			return n, io.EOF
		}
		return n, nil
	}
}

// Close gives the Partial up; the second call does nothing. At the last Close of
// a content a complete file becomes the whole file of its key; what came of an
// incomplete one is kept for the next time, as far as the disk allows.
func (p *Partial) Close() error {
	p.closed.Do(p.f.release)
	return nil
}
