package fs

import (
	"context"
	"sync"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/volume"
)

// contents holds the sealed contents that are open under read-only nodes: versions,
// and files of the past. As with live nodes all handles of a node share one file and
// one way of being open, chosen by the first.
type contents struct {
	mu sync.Mutex
	m  map[uint64]*content // by node id
}

func (c *contents) init() { c.m = make(map[uint64]*content) }

// content is the sealed content of a node that is open, or being opened.
type content struct {
	vol  *volume.Volume
	node uint64
	refs int // guarded by contents.mu

	mu   sync.Mutex // held while the bytes are brought back
	pass bool
	open *volume.Content // nil before the first begin has succeeded; the same from then on
}

// acquire returns the content of a node for a handle, made if need be. Exactly one
// release must follow.
func (c *contents) acquire(vol *volume.Volume, node uint64) *content {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.m[node]
	if n == nil {
		n = &content{vol: vol, node: node}
		c.m[node] = n
	}
	n.refs++
	return n
}

func (c *contents) release(n *content) {
	c.mu.Lock()
	n.refs--
	last := n.refs == 0
	if last {
		delete(c.m, n.node)
	}
	c.mu.Unlock()
	if last && n.open != nil { // nobody else knows n now
		n.open.Close()
	}
}

// begin opens the content for the first handle; the others find the way of being open
// in force.
func (n *content) begin(ctx context.Context, id blob.ID, size int64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.open != nil {
		return nil
	}
	open, err := n.vol.OpenContent(ctx, id, size)
	if err != nil {
		return err
	}
	n.open = open
	n.pass = size > volume.SmallFile && n.vol.Passthrough() && open.File() != nil
	return nil
}
