package cache

import (
	"context"
	"time"
)

// background counts what is here, removes old suspects, and evicts when a limit
// is exceeded, until ctx ends.
func (c *Cache) background(ctx context.Context) {
	defer close(c.stopped)
	c.dropSuspects(ctx, nil)
	batch := c.o.Now()
	err := c.walk(ctx, func() {
		// As long a pause as the work took: at most half of the disk and of a core.
		rest := min(max(c.o.Now().Sub(batch), 0), 50*time.Millisecond)
		pause(ctx, rest)
		batch = c.o.Now()
	}, func(*Entry) error { return nil })
	if err != nil && ctx.Err() == nil {
		c.log.Warn("the cache could not be counted", "dir", c.o.Dir, "error", err)
	}
	retry := retryMin
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		r, err := c.Evict(ctx)
		if err != nil && ctx.Err() == nil {
			c.log.Warn("the cache could not be evicted", "dir", c.o.Dir, "error", err)
		}
		if err != nil || !r.Left.met() {
			pause(ctx, retry)
			retry = min(2*retry, retryMax)
		} else {
			retry = retryMin
		}
		select {
		case <-tick.C:
		case <-c.kick:
		case <-ctx.Done():
		}
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
