package volume

import (
	"sync"

	"github.com/rdfs/rdfs/catalog"
)

// tomb is what a path remembers of the regular file that it meant before.
type tomb struct {
	ino   catalog.Inode
	file  catalog.FileID
	seq   catalog.Seq // of its last version, or near it
	kind  tombKind
	attrs map[string][]byte // of the file, when it went
	died  catalog.Time
}

// tombKind says what became of the node whose name was taken away.
type tombKind int

const (
	tombGone   tombKind = iota // it was removed
	tombBackup                 // it lives on, under backup names of the path only
	tombMoved                  // it was renamed for good, or has other names, and took its history along
)

// newTomb returns the tomb of a path whose name was just taken from node i; row is what
// the node was under it. gone says that this was its last name.
func newTomb(tx *catalog.Tx, name string, i catalog.Inode, row *catalog.Node, gone bool, now catalog.Time) *tomb {
	t := &tomb{ino: i, file: row.File, seq: row.Seq, died: now}
	switch {
	case gone:
	case onlyBackup(tx, i, name):
		t.kind = tombBackup
	default:
		t.kind = tombMoved
		return t
	}
	tx.Attrs(row.File, func(name string, value []byte) bool {
		if t.attrs == nil {
			t.attrs = make(map[string][]byte)
		}
		t.attrs[name] = append([]byte{}, value...)
		return true
	})
	return t
}

// lastTomb makes a tomb from what the past of the catalog says of a path, if its name
// was taken away before epoch since: in an earlier run, mostly. The catalog does not
// know what came and went within one epoch.
func lastTomb(tx *catalog.Tx, dir catalog.Inode, name string, since catalog.Epoch, now catalog.Time) (*tomb, bool) {
	old, died, ok := tx.LastAt(dir, name, tx.Since(now-catalog.Time(inheritFor)))
	if !ok || died >= since {
		return nil, false
	}
	if closed, err := tx.EpochTime(died); err == nil && closed < now-catalog.Time(inheritFor) {
		return nil, false // Since is not exact when little happens
	}
	was, err := tx.At(died - 1).Node(old)
	if err != nil || !was.IsRegular() {
		return nil, false
	}
	_, err = tx.At(died).Node(old)
	t := newTomb(tx.At(died), name, old, &was, err != nil, now)
	if t.kind != tombMoved {
		t.attrs = attrsOf(tx.At(died-1), was.File)
	}
	return t, true
}

// tombs holds the tombs of the last seconds, at most maxTombs of them. Its methods may
// be called inside a transaction of the catalog.
type tombs struct {
	mu    sync.Mutex
	m     map[catalog.Name]*tomb
	order []catalog.Name
	// since: names that were taken away in this epoch, or later, are all here.
	since catalog.Epoch
}

const maxTombs = 10_000

func (t *tombs) put(tx *catalog.Tx, dir catalog.Inode, name string, x *tomb) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m == nil {
		t.m = make(map[catalog.Name]*tomb)
	}
	k := catalog.Name{Dir: dir, Name: name}
	t.m[k] = x
	if t.order = append(t.order, k); len(t.order) > maxTombs {
		for _, old := range t.order[:maxTombs/2] {
			delete(t.m, old)
		}
		t.order = append(t.order[:0], t.order[maxTombs/2:]...)
		t.since = tx.Epoch() + 1
	}
}

// take removes and returns the tomb of a path, if it is not too old. Where none was
// kept it asks the catalog.
func (t *tombs) take(tx *catalog.Tx, dir catalog.Inode, name string, now catalog.Time) (*tomb, bool) {
	t.mu.Lock()
	k := catalog.Name{Dir: dir, Name: name}
	x, since := t.m[k], t.since
	delete(t.m, k)
	t.mu.Unlock()
	if x == nil {
		return lastTomb(tx, dir, name, since, now)
	}
	return x, now-x.died <= catalog.Time(inheritFor)
}
