package fs

import "sync"

// handles gives numbers to what is open.
type handles[T any] struct {
	mu   sync.RWMutex
	m    map[uint64]T
	next uint64
}

func (h *handles[T]) init() { h.m = make(map[uint64]T) }

func (h *handles[T]) add(t T) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.next++
	h.m[h.next] = t
	return h.next
}

func (h *handles[T]) get(fh uint64) (t T, ok bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	t, ok = h.m[fh]
	return t, ok
}

func (h *handles[T]) remove(fh uint64) (t T, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, ok = h.m[fh]
	delete(h.m, fh)
	return t, ok
}

func (h *handles[T]) len() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.m)
}
