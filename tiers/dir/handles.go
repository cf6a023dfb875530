package dir

import (
	"container/list"
	"errors"
	"sync"

	"github.com/rdfs/rdfs/internal/disk"
)

// handles keeps the objects that were read last open, so that reading a chunk is
// one system call. Files in use are not counted against the bound.
type handles struct {
	mu    sync.Mutex // guards all, and the fields of handles
	limit int
	byKey map[string]*handle
	used  list.List // of *handle, the last used first; the same set as byKey
	// generation counts what invalidates: a file that was opened before and is
	// offered after must not be kept, it may be a deleted one.
	generation uint64
	closed     bool
}

// handle is an open object. file and size do not change.
type handle struct {
	key  string
	file disk.File
	size int64 // bytes, when it was opened

	users int
	elem  *list.Element // nil once it is not kept: the last user closes it
}

func (h *handles) init(limit int) {
	h.limit = limit
	h.byKey = map[string]*handle{}
}

// acquire returns the open object of key, opened with open if it has to be. The
// caller releases it once.
func (h *handles) acquire(key string, open func() (disk.File, int64, error)) (*handle, error) {
	h.mu.Lock()
	if o := h.byKey[key]; o != nil {
		o.users++
		h.used.MoveToFront(o.elem)
		h.mu.Unlock()
		return o, nil
	}
	generation := h.generation
	h.mu.Unlock()

	file, size, err := open()
	if err != nil {
		return nil, err
	}
	o := &handle{key: key, file: file, size: size, users: 1}
	var surplus disk.File
	h.mu.Lock()
	if h.generation == generation && h.byKey[key] == nil && !h.closed {
		h.byKey[key] = o
		o.elem = h.used.PushFront(o)
		if h.used.Len() > h.limit {
			surplus = h.drop(h.used.Back().Value.(*handle))
		}
	}
	h.mu.Unlock()
	if surplus != nil {
		surplus.Close()
	}
	return o, nil
}

// release ends one use.
func (h *handles) release(o *handle) {
	h.mu.Lock()
	o.users--
	last := o.users == 0 && o.elem == nil
	h.mu.Unlock()
	if last {
		o.file.Close()
	}
}

// forget stops keeping the object of key.
func (h *handles) forget(key string) {
	h.mu.Lock()
	h.generation++
	var surplus disk.File
	if o := h.byKey[key]; o != nil {
		surplus = h.drop(o)
	}
	h.mu.Unlock()
	if surplus != nil {
		surplus.Close()
	}
}

// drop takes a kept object out, and returns its file if the caller has to close
// it, without mu. Callers hold mu.
func (h *handles) drop(o *handle) disk.File {
	h.used.Remove(o.elem)
	delete(h.byKey, o.key)
	o.elem = nil
	if o.users == 0 {
		return o.file
	}
	return nil
}

// close closes what is not in use, and keeps nothing from now on.
func (h *handles) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	var errs []error
	for _, o := range h.byKey {
		if f := h.drop(o); f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
