package fs

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/rdfs/rdfs/internal/volume"
)

// view is a moment of the past as the kernel sees it through .snapshots/NAME of one
// directory. A file of the past has a node in each view that it is seen through,
// because a directory must have one place for the kernel; the door remembers nothing
// of it while it is not open: its node id is made of the view and its inode.
type view struct {
	viewKey
	volume.Past
	instant volume.Instant
	entered volume.Time // first
	index   uint64
	root    volume.Inode // that dir was then
	salt    uint64       // of the inode numbers that stat(2) shows

	lookups atomic.Int64 // of all nodes of the view, that the kernel has not forgotten
	used    atomic.Int64 // volume.Time of the last request
}

// viewKey is where a view is entered: .snapshots/name of the live directory dir.
type viewKey struct {
	dir  volume.Inode
	name string
}

// node returns the id by which the kernel knows an inode of the view.
func (w *view) node(i volume.Inode) uint64 { return firstVirtual | w.index<<inodeBits | uint64(i) }

// ino returns the inode number that stat(2) shows: the same at every mount and by
// every way to the file, another one in every epoch, and in the upper half, where no
// live file is. Within one epoch no two inodes share one.
func (w *view) ino(i volume.Inode) uint64 { return firstVirtual | mix63(uint64(i)^w.salt) }

func saltOf(e volume.Epoch) uint64 { return mix63(uint64(e)) }

// mix63 maps the numbers below 2^63 to each other, one to one and without a pattern.
// It is the end of splitmix64, cut to 63 bits: each step can be undone.
func mix63(x uint64) uint64 {
	const mask = 1<<63 - 1
	x &= mask
	x ^= x >> 30
	x = x * 0xbf58476d1ce4e5b9 & mask
	x ^= x >> 27
	x = x * 0x94d049bb133111eb & mask
	return x ^ x>>31
}

// views holds the views of which the kernel knows a node.
type views struct {
	mu      sync.RWMutex
	byIndex map[uint64]*view
	byKey   map[viewKey]*view // the one that a lookup of the name last found
	last    uint64            // index given out last
}

var (
	errManyViews = errors.New("too many snapshots are open at one time")
	errManyFiles = errors.New("the inode number is too high to be shown in a snapshot")
)

func (t *views) init() {
	t.byIndex = make(map[uint64]*view)
	t.byKey = make(map[viewKey]*view)
}

// of returns the view and the inode that a node id means; nil for other nodes.
func (t *views) of(node uint64) (*view, volume.Inode) {
	if node < firstVirtual {
		return nil, 0
	}
	t.mu.RLock()
	w := t.byIndex[node>>inodeBits&maxView]
	t.mu.RUnlock()
	return w, volume.Inode(node & maxPastInode)
}

// current returns the view that a name last meant, or nil.
func (t *views) current(k viewKey) *view {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byKey[k]
}

// keeps reports whether the name of the view still means what it meant: a moment
// that is told by its distance from now does not move while somebody uses it, for as
// long again as it lies back.
func (w *view) keeps(now volume.Time) bool {
	unused := now - volume.Time(w.used.Load())
	return unused < volume.Time(w.instant.Keep) && now-w.entered < w.entered-w.instant.Time
}

// enter returns the view of an instant, made if need be, and counts a lookup.
func (t *views) enter(k viewKey, in volume.Instant, p volume.Past, root volume.Inode, now volume.Time) (*view, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w := t.byKey[k]; w != nil && w.instant.Epoch == in.Epoch && w.root == root {
		w.lookups.Add(1)
		w.used.Store(int64(now))
		return w, nil
	}
	if len(t.byIndex) >= maxView {
		return nil, errManyViews
	}
	for used := true; used; { // not one that was just given up
		if t.last++; t.last > maxView {
			t.last = 1
		}
		_, used = t.byIndex[t.last]
	}
	w := &view{viewKey: k, Past: p, instant: in, entered: now, index: t.last, root: root, salt: saltOf(in.Epoch)}
	w.lookups.Store(1)
	w.used.Store(int64(now))
	t.byIndex[w.index], t.byKey[k] = w, w
	return w, nil
}

// forget takes lookups of nodes of the view back.
func (t *views) forget(w *view, n int64) {
	if w.lookups.Add(-n) > 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.lookups.Load() > 0 || t.byIndex[w.index] != w { // entered again, or given up by another forget
		return
	}
	delete(t.byIndex, w.index)
	if t.byKey[w.viewKey] == w {
		delete(t.byKey, w.viewKey)
	}
}
