package cache

import (
	"container/heap"
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

const (
	// candidates is how many files an eviction pass keeps in memory at once.
	candidates = 16384
	// maxWalks bounds the walks of one pass, for the case that most of what is old
	// may not be evicted.
	maxWalks = 8
	// grace protects what was just written or used; less of it when the disk is
	// nearly full, as somebody may wait for space, or the size is well exceeded.
	grace       = time.Minute
	urgentGrace = 5 * time.Second
	// A pass frees 1/slack more of a limit than it must, so that the next one is
	// not needed at once.
	slack = 20
	// checkEvery is how often the free space is looked at.
	checkEvery = 10 * time.Second
	// The pause after a pass that could not free enough; it doubles.
	retryMin = urgentGrace
	retryMax = time.Minute
)

// Report says what one eviction pass did.
type Report struct {
	Need   Need  // at the start; met when nothing had to be done
	Left   Need  // what could not be freed
	Files  int64 // evicted
	Bytes  int64 // freed on disk
	Kept   int64 // files that were old enough, and may not be evicted
	Walked int64 // files looked at
}

// Evict runs one eviction pass now, if a limit is exceeded. Passes run one at a
// time.
func (c *Cache) Evict(ctx context.Context) (Report, error) { return c.evict(ctx, 0, c.o.Now()) }

// keepFree evicts before size bytes are brought for k, if MinFree would be
// touched. What cannot be freed is not an error: reading goes on until the disk
// is really full.
func (c *Cache) keepFree(ctx context.Context, k Key, size int64) {
	var fs unix.Statfs_t
	if c.o.MinFree <= 0 || unix.Statfs(c.o.Dir, &fs) != nil || freeBytes(&fs)-size >= c.o.MinFree {
		return
	}
	c.makeRoom(ctx, k.String(), size)
}

// MakeRoom evicts so that size bytes can be written by somebody else on the cache's
// disk, who just met a full disk; what names it in the log. It reports whether anything
// was freed: then another try is worth while. On a disk that has room it does nothing.
func (c *Cache) MakeRoom(ctx context.Context, what string, size int64) bool {
	var fs unix.Statfs_t
	if unix.Statfs(c.o.Dir, &fs) != nil || freeBytes(&fs) > size+size/slack+1<<20 {
		return false
	}
	return c.makeRoom(ctx, what, size)
}

// makeRoom evicts so that size bytes can be written for somebody. It reports whether
// anything was freed. After a pass that could not free enough there is none for a
// while, as each walks the whole cache.
func (c *Cache) makeRoom(ctx context.Context, what string, size int64) bool {
	now := c.o.Now()
	if now.UnixNano() < c.noRoom.Load() {
		return false
	}
	r, err := c.evict(ctx, max(size, 1<<20), now)
	if err != nil {
		return false
	}
	if !r.Left.met() {
		c.noRoom.Store(now.Add(retryMin).UnixNano())
	}
	c.log.Warn("the disk of the cache is nearly full", "for", what, "needed", size, "evicted", r.Files, "freed", r.Bytes)
	return r.Bytes > 0
}

func freeBytes(fs *unix.Statfs_t) int64 { return int64(fs.Bavail) * fs.Bsize }

// need returns what has to be freed so that the limits are kept; extra is what
// is needed in any case, in bytes.
func (c *Cache) need(extra int64) (Need, error) {
	n := Need{Bytes: extra, Grace: grace}
	if extra > 0 {
		n.Grace = urgentGrace
	}
	total, _ := c.use.total()
	if limit := c.o.MaxSize; limit > 0 && total > limit {
		n.Bytes = max(n.Bytes, total-limit+limit/slack)
		if total > limit+limit/10 {
			n.Grace = urgentGrace
		}
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(c.o.Dir, &fs); err != nil {
		if missing(err) { // the whole cache was removed
			return Need{}, nil
		}
		return n, fmt.Errorf("cache: free space of %s: %w", c.o.Dir, err)
	}
	if free := freeBytes(&fs) - extra; free < c.o.MinFree {
		n.Bytes = max(n.Bytes, c.o.MinFree-free+c.o.MinFree/slack)
		n.Grace = urgentGrace
	}
	if free := int64(fs.Ffree); fs.Files > 0 && free < c.o.MinFreeInodes {
		n.Inodes = c.o.MinFreeInodes - free + c.o.MinFreeInodes/slack
		n.Grace = urgentGrace
	}
	return n, nil
}

func (c *Cache) evict(ctx context.Context, extra int64, now time.Time) (Report, error) {
	select {
	case c.pass <- struct{}{}:
		defer func() { <-c.pass }()
	case <-ctx.Done():
		return Report{}, ctx.Err()
	}
	var r Report
	if !c.use.counted.Load() {
		if err := c.walk(ctx, nil, func(*Entry) error { return nil }); err != nil {
			return r, err
		}
	}
	need, err := c.need(extra)
	r.Need, r.Left = need, need
	if err != nil || need.met() {
		return r, err
	}
	order := need // of the whole pass, so that ranks can be compared
	var after *rank
	for walk := range maxWalks {
		old := oldest{limit: c.remember, need: order, now: now, after: after}
		r.Walked = 0
		err := c.walk(ctx, nil, func(e *Entry) error {
			r.Walked++
			old.offer(e)
			return nil
		})
		if err != nil {
			return r, err
		}
		if walk == 0 { // everything has been counted: the need is exact now
			need, err := c.need(extra)
			r.Need, r.Left = need, need
			if err != nil {
				return r, err
			}
		}
		if err := c.carryOut(ctx, old.entries, &r, now); err != nil {
			return r, err
		}
		if r.Left.met() || len(old.entries) < old.limit {
			break
		}
		at := rankOf(&old.entries[0], order, now)
		after = &at
	}
	if r.Files > 0 {
		c.log.Info("evicted from the cache", "files", r.Files, "bytes", r.Bytes)
	}
	if !r.Left.met() {
		c.log.Warn("the cache could not free enough space", "bytes missing", max(r.Left.Bytes, 0), "files missing", max(r.Left.Inodes, 0), "may not be evicted", r.Kept)
	}
	return r, nil
}

// carryOut plans, and evicts, until the need is met or every entry was decided on.
func (c *Cache) carryOut(ctx context.Context, entries []Entry, r *Report, now time.Time) error {
	for decided := true; decided && !r.Left.met(); {
		decided = false
		var rest []Entry
		for _, d := range Plan(entries, r.Left, now) {
			if !d.Evict {
				rest = append(rest, d.Entry)
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			decided = true
			switch {
			case !c.evictable(&d.Entry):
				r.Kept++
			case c.evictOne(&d.Entry):
				c.log.Debug("evict", "file", d.Entry.Path, "why", d.Why)
				r.Files++
				r.Bytes += d.Entry.Bytes
				r.Left.Bytes -= d.Entry.Bytes
				r.Left.Inodes--
			}
		}
		entries = rest
	}
	return nil
}

func (c *Cache) evictable(e *Entry) bool {
	if c.o.Evictable == nil {
		return false
	}
	id := blob.ID{}
	if e.Key.Ino == 0 {
		id = e.Key.ID
	}
	return c.o.Evictable(e.Key, id)
}

// evictOne removes the file, unless it was used or replaced since it was seen.
func (c *Cache) evictOne(e *Entry) bool {
	defer c.lock(e.Key)()
	st, err := lstat(e.Path)
	if err != nil || !unchanged(&st, &e.st) || e.Partial && !e.Suspect && c.filling(e.Key) {
		return false
	}
	if e.Partial {
		_ = unix.Unlink(e.Path + fillsSuffix)
	}
	removed, err := c.unlink(e.Key, e.Path)
	if err != nil {
		c.log.Warn("a cached file could not be evicted", "file", e.Path, "error", err)
	}
	if removed {
		c.use.evicted.Add(1)
		c.use.evictedBytes.Add(e.Bytes)
	}
	return removed
}

// oldest keeps the limit entries that rank first after a given one, as a heap
// whose root ranks last of them.
type oldest struct {
	limit   int
	need    Need
	now     time.Time
	after   *rank
	entries []Entry
}

func (o *oldest) offer(e *Entry) {
	if e.idle(o.now) < o.need.Grace || o.need.Inodes <= 0 && e.Bytes == 0 {
		return
	}
	at := rankOf(e, o.need, o.now)
	if o.after != nil && before(at, *o.after) <= 0 {
		return
	}
	switch {
	case len(o.entries) < o.limit:
		heap.Push(o, *e)
	case before(at, rankOf(&o.entries[0], o.need, o.now)) < 0:
		o.entries[0] = *e
		heap.Fix(o, 0)
	}
}

func (o *oldest) Len() int { return len(o.entries) }
func (o *oldest) Less(i, j int) bool {
	return before(rankOf(&o.entries[i], o.need, o.now), rankOf(&o.entries[j], o.need, o.now)) > 0
}
func (o *oldest) Swap(i, j int) { o.entries[i], o.entries[j] = o.entries[j], o.entries[i] }
func (o *oldest) Push(x any)    { o.entries = append(o.entries, x.(Entry)) }
func (o *oldest) Pop() any      { panic("cache: nothing pops") }
