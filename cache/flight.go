package cache

import (
	"context"
	"sync"
)

// flights runs one call per key at a time; callers of the same key share it. The
// call ends early only when all who wait for it have gone away.
type flights[K comparable, V any] struct {
	mu sync.Mutex // guards m, and waiters of every flight
	m  map[K]*flight[V]
}

type flight[V any] struct {
	done    chan struct{} // closed when v and err are set
	v       V
	err     error
	waiters int
	cancel  context.CancelFunc
}

// do returns what fn returns. fn's context carries the values of the first
// caller's, and ends when the last caller's has ended.
func (g *flights[K, V]) do(ctx context.Context, key K, fn func(context.Context) (V, error)) (V, error) {
	g.mu.Lock()
	fl := g.m[key]
	if fl == nil {
		fctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		fl = &flight[V]{done: make(chan struct{}), cancel: cancel}
		if g.m == nil {
			g.m = make(map[K]*flight[V])
		}
		g.m[key] = fl
		go func() {
			fl.v, fl.err = fn(fctx)
			cancel()
			g.mu.Lock()
			g.forget(key, fl)
			g.mu.Unlock()
			close(fl.done)
		}()
	}
	fl.waiters++
	g.mu.Unlock()

	select {
	case <-fl.done:
		return fl.v, fl.err
	case <-ctx.Done():
		g.mu.Lock()
		if fl.waiters--; fl.waiters == 0 {
			fl.cancel()
			g.forget(key, fl) // who comes now starts afresh
		}
		g.mu.Unlock()
		var zero V
		return zero, ctx.Err()
	}
}

// forget needs g.mu.
func (g *flights[K, V]) forget(key K, fl *flight[V]) {
	if g.m[key] == fl {
		delete(g.m, key)
	}
}
