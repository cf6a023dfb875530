package cache

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Need says what an eviction has to free.
type Need struct {
	Bytes  int64         // on disk
	Inodes int64         // files
	Grace  time.Duration // what was used less than this ago stays
}

// met reports whether nothing is needed any more.
func (n Need) met() bool { return n.Bytes <= 0 && n.Inodes <= 0 }

// Decision says what is to become of one file, and why, for people.
type Decision struct {
	Entry Entry
	Evict bool
	Why   string
}

// Plan decides which of entries to evict so that need is met with the smallest
// harm. It is pure. The result is sorted: first what goes first. Harm is judged
// by how long a file was not used; when bytes are needed, a large file goes
// somewhat earlier than a small one, because bringing many small ones back
// costs more than one large.
func Plan(entries []Entry, need Need, now time.Time) []Decision {
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b Entry) int { return before(rankOf(&a, need, now), rankOf(&b, need, now)) })
	plan := make([]Decision, 0, len(sorted))
	for _, e := range sorted {
		d := Decision{Entry: e}
		idle := e.idle(now)
		switch {
		case need.met():
			d.Why = "there is room"
		case idle < need.Grace:
			d.Why = fmt.Sprintf("used %s ago, and what was used in the last %s stays", max(idle, 0).Round(time.Second), need.Grace)
		case need.Inodes <= 0 && e.Bytes == 0:
			d.Why = "it takes no space"
		default:
			d.Evict = true
			d.Why = fmt.Sprintf("not used for %s; frees %d bytes", idle.Round(time.Second), e.Bytes)
			need.Bytes -= e.Bytes
			need.Inodes--
		}
		plan = append(plan, d)
	}
	return plan
}

// idle returns for how long the file was not used. A use that lies ahead of now was
// noted by a clock that was wrong: nothing is known of it, and the file counts as not
// used for long. Otherwise it could not be evicted until that time comes.
func (e *Entry) idle(now time.Time) time.Duration {
	idle := now.Sub(e.Used)
	if idle < -touchEvery {
		return unknownIdle
	}
	return idle
}

const unknownIdle = 365 * 24 * time.Hour

// rank orders files by how little harm it does to evict them. It does not change
// while one eviction pass runs.
type rank struct {
	score float64 // the higher the sooner
	path  string
}

// before compares ranks: negative when a goes before b.
func before(a, b rank) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.path, b.path))
}

// rankOf weighs the idle time of a file by 1 up to 64 KiB, and by 0.2 more for
// each doubling up to 3 at 64 MiB, if bytes are needed.
func rankOf(e *Entry, need Need, now time.Time) rank {
	score := e.idle(now).Seconds()
	if need.Bytes > 0 && score > 0 {
		score *= 1 + 0.2*min(max(math.Log2(float64(e.Bytes)/(64<<10)), 0), 10)
	}
	return rank{score, e.Path}
}
