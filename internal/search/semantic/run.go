package semantic

import (
	"context"
	"errors"
	"time"

	"github.com/rdfs/rdfs/internal/search/vectors"
)

const (
	batch     = 32 // texts that are given to the model at once
	firstWait = time.Second
	longWait  = 5 * time.Minute
)

// Run embeds what waits, until ctx ends. It is called once.
func (x *Index) Run(ctx context.Context) {
	for ctx.Err() == nil {
		x.drain(ctx)
		if x.sweepDue() {
			x.sweep(ctx)
			continue
		}
		select {
		case <-x.wake:
		case <-ctx.Done():
		}
	}
}

// drain embeds until nothing waits or ctx ends.
func (x *Index) drain(ctx context.Context) {
	for ctx.Err() == nil {
		texts := x.take()
		if len(texts) == 0 {
			return
		}
		x.embedAll(ctx, texts)
	}
}

func (x *Index) sweepDue() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	due := x.missed && x.o.Sweep != nil
	x.missed = false
	return due
}

// sweep has all texts added once more. As soon as there is no room, what waits is
// embedded first.
func (x *Index) sweep(ctx context.Context) {
	err := x.o.Sweep(ctx, func(text string) error {
		text = clean(text)
		for ctx.Err() == nil {
			if missed := x.add(text); !missed {
				return nil
			}
			x.drain(ctx)
		}
		return ctx.Err()
	})
	if err == nil || ctx.Err() != nil {
		x.mu.Lock()
		x.missed = false // what was missed meanwhile was added
		x.mu.Unlock()
		return
	}
	x.o.Log.Warn("texts to embed were not all read; trying again", "error", err)
	rest(ctx, longWait)
	x.mu.Lock()
	x.missed = true
	x.mu.Unlock()
}

// take returns the first of what waits.
func (x *Index) take() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := min(batch, len(x.queue))
	texts := x.queue[:n:n]
	x.queue = x.queue[n:]
	if len(x.queue) == 0 {
		x.queue = nil
	}
	for _, t := range texts {
		x.bytes -= len(t) + textOverhead
	}
	return texts
}

// done takes texts off the list of those under way.
func (x *Index) done(texts []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, t := range texts {
		delete(x.queued, vectors.IDOf(t))
	}
}

// embedAll embeds texts and keeps their vectors. While the model or the disk fails it
// tries again.
func (x *Index) embedAll(ctx context.Context, texts []string) {
	defer x.done(texts)
	for wait := firstWait; ctx.Err() == nil; wait = min(2*wait, longWait) {
		start := x.o.Now()
		vs, err := x.embed(ctx, texts)
		if errors.Is(err, ErrText) {
			if len(texts) > 1 {
				for i := range texts { // one of them is at fault
					x.embedAll(ctx, texts[i:i+1])
				}
				return
			}
			x.o.Log.Warn("a text is not embedded", "model", x.o.Model.ID(), "error", err)
			x.mu.Lock()
			x.refused++
			x.mu.Unlock()
			vs, err = [][]float32{make([]float32, x.o.Model.Dim())}, nil
		}
		if err == nil {
			err = x.keep(texts, vs)
		}
		x.tried(ctx, err)
		if err == nil {
			rest(ctx, x.o.Now().Sub(start))
			return
		}
		rest(ctx, wait)
	}
}

// tried notes how it went. Only the first of failures in a row is logged.
func (x *Index) tried(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	x.mu.Lock()
	before := x.err
	x.err = err
	x.mu.Unlock()
	switch {
	case err != nil && before == nil:
		x.o.Log.Warn("texts cannot be embedded now; trying again", "model", x.o.Model.ID(), "error", err)
	case err == nil && before != nil:
		x.o.Log.Info("texts are embedded again", "model", x.o.Model.ID())
	}
}

func (x *Index) keep(texts []string, vs [][]float32) error {
	for i, t := range texts {
		if err := x.store.Put(vectors.IDOf(t), vs[i]); err != nil {
			return err
		}
	}
	return nil
}

// rest waits for d, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
