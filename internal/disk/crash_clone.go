package disk

import (
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
)

// sector is what a disk writes as a whole.
const sector = 512

// CrashClone returns a disk as it may be found when the power fails now and comes
// back. c is left as it is, and the two share nothing.
//
// What was synced is there. Of the rest, in the order it happened, each change of
// a directory entry is there or not (a rename as a whole), each truncation is
// there or not, and each write is there, not there, or torn: any of its sectors
// of 512 bytes, with zeros or older bytes between, the file as long as the write
// would have made it or shorter. rng decides; the same state and the same random
// numbers give the same disk.
func (c *Crash) CrashClone(rng *rand.Rand) *Crash {
	c.mu.Lock()
	defer c.mu.Unlock()

	keep := make([]bool, len(c.pending))
	for i, d := range c.pending {
		keep[i] = rng.IntN(2) == 0
		if keep[i] && d.ordered {
			// A directory that moved without what led there could end up inside
			// itself; no filesystem leaves that behind.
			for j := range i {
				keep[j] = true
			}
		}
	}
	// survivors overlays the durable entries of the directories with kept changes.
	survivors := map[*node]map[string]*node{}
	for i, d := range c.pending {
		if !keep[i] {
			continue
		}
		for _, e := range d.entries {
			if survivors[e.dir] == nil {
				survivors[e.dir] = maps.Clone(e.dir.durable)
			}
			set(survivors[e.dir], e.name, e.to)
		}
	}

	clone := &Crash{now: c.now}
	copied := map[*node]*node{} // a file may have two names when a rename was half undone
	var copyNode func(n *node) *node
	copyNode = func(n *node) *node {
		if to := copied[n]; to != nil {
			return to
		}
		to := &node{mode: n.mode, modified: n.modified}
		copied[n] = to
		if !n.isDir() {
			to.data = n.afterCrash(rng)
			to.stable = slices.Clone(to.data)
			return to
		}
		entries := n.durable
		if s := survivors[n]; s != nil {
			entries = s
		}
		to.entries = map[string]*node{}
		for _, name := range slices.Sorted(maps.Keys(entries)) { // in order, for rng's sake
			to.entries[name] = copyNode(entries[name])
		}
		to.durable = maps.Clone(to.entries)
		return to
	}
	clone.root = copyNode(c.root)
	return clone
}

// afterCrash returns the bytes of a file as they may be found after a power loss.
func (n *node) afterCrash(rng *rand.Rand) []byte {
	data := slices.Clone(n.stable)
	for _, w := range n.dirty {
		switch rng.IntN(3) {
		case 0: // lost
		case 1:
			data = w.apply(data)
		default:
			if w.data != nil {
				data = w.tear(data, rng)
			}
		}
	}
	return data
}

// tear applies some sectors of a write.
func (w fileChange) tear(data []byte, rng *rand.Rand) []byte {
	end := w.off + int64(len(w.data))
	if rng.IntN(2) == 0 && end > int64(len(data)) {
		data = resize(data, end) // the size reached the disk before the bytes
	}
	for off := w.off; off < end; {
		next := min(off-off%sector+sector, end)
		if rng.IntN(2) == 0 {
			data = fileChange{off, w.data[off-w.off : next-w.off]}.apply(data)
		}
		off = next
	}
	return data
}

// SyncAll makes everything durable: syncfs(2).
func (c *Crash) SyncAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.syncAll()
}

func (c *Crash) syncAll() {
	c.commit(c.pending)
	c.pending = nil
	seen := map[*node]bool{}
	var walk func(n *node)
	walk = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		n.sync()
		for _, child := range n.entries {
			walk(child)
		}
	}
	walk(c.root)
}

// sync makes the bytes of a file durable.
func (n *node) sync() {
	for _, w := range n.dirty {
		n.stable = w.apply(n.stable)
	}
	n.dirty = nil
}

// SyncDir implements FS. It makes durable the changes of the directory, and the
// earlier changes on which they rest: where a file that was renamed into it was
// before, and so on.
func (c *Crash) SyncDir(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	dir, err := c.lookup(clean(name))
	if err == nil && !dir.isDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return &fs.PathError{Op: "fsync", Path: name, Err: err}
	}
	type place struct {
		dir  *node
		name string
	}
	needed := map[place]bool{}
	all := false
	var done, rest []dirChange
	for _, d := range slices.Backward(c.pending) {
		if !all && !slices.ContainsFunc(d.entries, func(e entryChange) bool {
			return e.dir == dir || needed[place{e.dir, e.name}]
		}) {
			rest = append(rest, d)
			continue
		}
		done = append(done, d)
		all = all || d.ordered
		for _, e := range d.entries {
			needed[place{e.dir, e.name}] = true
		}
	}
	slices.Reverse(done)
	slices.Reverse(rest)
	c.commit(done)
	c.pending = rest
	return nil
}

// commit makes changes durable, oldest first. Callers hold mu.
func (c *Crash) commit(changes []dirChange) {
	for _, d := range changes {
		for _, e := range d.entries {
			set(e.dir.durable, e.name, e.to)
		}
	}
}
