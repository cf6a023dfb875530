package volume

import (
	"sync"

	"github.com/rdfs/rdfs/catalog"
)

// nodeTable holds the nodes that are in use: open, unsealed, or worked on now.
// All other nodes are rows in the catalog and nothing in memory.
type nodeTable struct {
	mu sync.Mutex
	m  map[catalog.Inode]*node
}

func (t *nodeTable) init() { t.m = make(map[catalog.Inode]*node) }

// acquire returns the node of i, made if need be, which stays the only one of i
// until it is released.
func (t *nodeTable) acquire(i catalog.Inode) *node {
	t.mu.Lock()
	n := t.m[i]
	if n == nil {
		n = &node{ino: i, changes: 1} // what happened before may not be durable
		t.m[i] = n
	}
	n.refs++
	t.mu.Unlock()
	return n
}

// lookup returns the node of i if it is in use, acquired, or nil.
func (t *nodeTable) lookup(i catalog.Inode) *node {
	t.mu.Lock()
	n := t.m[i]
	if n != nil {
		n.refs++
	}
	t.mu.Unlock()
	return n
}

func (t *nodeTable) release(n *node) {
	t.mu.Lock()
	if n.refs--; n.refs == 0 {
		delete(t.m, n.ino)
	}
	t.mu.Unlock()
}

// inUse returns all nodes, acquired.
func (t *nodeTable) inUse() []*node {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*node, 0, len(t.m))
	for _, n := range t.m {
		n.refs++
		all = append(all, n)
	}
	return all
}

// acquire locks the nodes of the inodes in rising order and returns what unlocks
// and releases them. Zero inodes and doubles are passed over.
func (v *Volume) acquire(inos ...catalog.Inode) (map[catalog.Inode]*node, func()) {
	nodes := make(map[catalog.Inode]*node, len(inos))
	var order []*node
	for _, i := range inos {
		if i == 0 || nodes[i] != nil {
			continue
		}
		n := v.nodes.acquire(i)
		nodes[i] = n
		at := len(order)
		for at > 0 && order[at-1].ino > i {
			at--
		}
		order = append(order, nil)
		copy(order[at+1:], order[at:])
		order[at] = n
	}
	for _, n := range order {
		n.mu.Lock()
	}
	return nodes, func() {
		for _, n := range order {
			n.mu.Unlock()
			v.nodes.release(n)
		}
	}
}

// ghosts remembers the attributes of nodes that have lost their last name and are
// not open, while the door still knows them: a program may stand in a removed
// directory. It is bounded; the oldest is forgotten first.
type ghosts struct {
	mu    sync.Mutex
	m     map[catalog.Inode]catalog.Node
	order []catalog.Inode
}

const maxGhosts = 4096

func (g *ghosts) keep(i catalog.Inode, n catalog.Node) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.m == nil {
		g.m = make(map[catalog.Inode]catalog.Node)
	}
	n.Nlink = 0
	g.m[i] = n
	if g.order = append(g.order, i); len(g.order) > maxGhosts {
		for _, old := range g.order[:maxGhosts/2] {
			delete(g.m, old)
		}
		g.order = append(g.order[:0], g.order[maxGhosts/2:]...)
	}
}

func (g *ghosts) get(i catalog.Inode) (catalog.Node, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, ok := g.m[i]
	return n, ok
}

func (g *ghosts) drop(i catalog.Inode) {
	g.mu.Lock()
	delete(g.m, i)
	g.mu.Unlock()
}
