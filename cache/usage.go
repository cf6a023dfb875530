package cache

import (
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Usage says what the cache holds and what it has done since Open.
type Usage struct {
	Bytes   int64 // on disk; holes take none
	Files   int64
	Counted bool // false while the count at Open still runs: Bytes and Files are too small

	Hits         int64 // Get found the file
	Misses       int64 // Get did not
	Bad          int64 // files that were found bad, and removed
	FetchedBytes int64 // brought back by Fetch and Partial
	Evicted      int64 // files
	EvictedBytes int64
}

// Usage returns the present figures. Bytes and Files are kept up to date by what
// the cache itself does, and are counted anew at Open and by each eviction pass.
func (c *Cache) Usage() Usage {
	b, f := c.use.total()
	return Usage{
		Bytes: b, Files: f, Counted: c.use.counted.Load(),
		Hits: c.use.hits.Load(), Misses: c.use.misses.Load(), Bad: c.use.bad.Load(),
		FetchedBytes: c.use.fetched.Load(),
		Evicted:      c.use.evicted.Load(), EvictedBytes: c.use.evictedBytes.Load(),
	}
}

type usage struct {
	bytes, files atomic.Int64 // the sums over shard
	shard        [shards]counter
	counted      atomic.Bool // all shards have been counted once

	hits, misses, bad, fetched, evicted, evictedBytes atomic.Int64
}

// counter holds the totals of one shard of all kinds. Counting a directory takes
// a while, so changes in the meantime are counted apart.
type counter struct {
	mu                     sync.Mutex // guards the fields below
	bytes, files           int64
	sinceBytes, sinceFiles int64 // changes since the count in progress began
	counting               bool
}

func (u *usage) total() (bytes, files int64) {
	return max(u.bytes.Load(), 0), max(u.files.Load(), 0)
}

// change adds to the totals of a shard.
func (u *usage) change(shard int, bytes, files int64) {
	s := &u.shard[shard]
	s.mu.Lock()
	s.bytes += bytes
	s.files += files
	s.sinceBytes += bytes
	s.sinceFiles += files
	s.mu.Unlock()
	u.bytes.Add(bytes)
	u.files.Add(files)
}

// beginCount is called before a shard is counted, and endCount after. It returns
// false when the shard is being counted by somebody else already.
func (u *usage) beginCount(shard int) bool {
	s := &u.shard[shard]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counting {
		return false
	}
	s.counting, s.sinceBytes, s.sinceFiles = true, 0, 0
	return true
}

// endCount sets the totals of a shard to what was counted, if the count was
// whole. A change during the count may be in it twice or not at all; the next
// count puts that right.
func (u *usage) endCount(shard int, bytes, files int64, whole bool) {
	s := &u.shard[shard]
	s.mu.Lock()
	s.counting = false
	db, df := bytes+s.sinceBytes-s.bytes, files+s.sinceFiles-s.files
	if whole {
		s.bytes += db
		s.files += df
	}
	s.mu.Unlock()
	if whole {
		u.bytes.Add(db)
		u.files.Add(df)
	}
}

// account notes that the file of k went from old to new; nil is no file. It
// wakes the eviction when the cache has become too large.
func (c *Cache) account(k Key, old, new *unix.Stat_t) {
	var bytes, files int64
	if old != nil {
		bytes -= onDisk(old)
		files--
	}
	if new != nil {
		bytes += onDisk(new)
		files++
	}
	c.grow(k, bytes, files)
}

func (c *Cache) grow(k Key, bytes, files int64) {
	c.use.change(k.shard(), bytes, files)
	if total, _ := c.use.total(); bytes > 0 && c.o.MaxSize > 0 && total > c.o.MaxSize {
		select {
		case c.kick <- struct{}{}:
		default:
		}
	}
}
