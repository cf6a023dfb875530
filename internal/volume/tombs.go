package volume

import (
	"sync"

	"github.com/rdfs/rdfs/catalog"
)

// tomb is what a path remembers of the file that was removed from it. The past
// tables of the catalog remember it as well, and longer; but not what came and went
// within one epoch.
type tomb struct {
	ino   catalog.Inode
	file  catalog.FileID
	seq   catalog.Seq
	attrs map[string][]byte
	died  catalog.Time
}

func newTomb(tx *catalog.Tx, i catalog.Inode, row *catalog.Node, now catalog.Time) *tomb {
	t := &tomb{ino: i, file: row.File, seq: row.Seq, died: now}
	tx.Attrs(row.File, func(name string, value []byte) bool {
		if t.attrs == nil {
			t.attrs = make(map[string][]byte)
		}
		t.attrs[name] = append([]byte{}, value...)
		return true
	})
	return t
}

// tombs holds the tombs of the last seconds, at most maxTombs of them.
type tombs struct {
	mu    sync.Mutex
	m     map[catalog.Name]*tomb
	order []catalog.Name
}

const maxTombs = 10_000

func (t *tombs) put(dir catalog.Inode, name string, x *tomb) {
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
	}
}

// take removes and returns the tomb of a path, if it is not too old.
func (t *tombs) take(dir catalog.Inode, name string, now catalog.Time) (*tomb, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := catalog.Name{Dir: dir, Name: name}
	x := t.m[k]
	if x == nil {
		return nil, false
	}
	delete(t.m, k)
	return x, now-x.died <= catalog.Time(inheritFor)
}
