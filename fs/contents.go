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

	mu    sync.Mutex // guards the rest; held while the bytes are brought back
	known bool       // id, size and pass are set
	id    blob.ID
	size  int64 // bytes
	pass  bool
	open  *volume.Content // nil: not needed yet
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

// begin makes the content ready for one more handle. A small one is opened when the
// first read comes to us: the page cache may have it.
func (n *content) begin(ctx context.Context, id blob.ID, size int64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.known {
		return nil // the way of being open is in force
	}
	if size > volume.SmallFile {
		open, err := n.vol.OpenContent(ctx, id, size)
		if err != nil {
			return err
		}
		n.open = open
		n.pass = n.vol.Passthrough() && open.File() != nil
	}
	n.known, n.id, n.size = true, id, size
	return nil
}

// get returns the bytes, opened if need be. They stay open until the last release.
func (n *content) get(ctx context.Context) (*volume.Content, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.open == nil {
		open, err := n.vol.OpenContent(ctx, n.id, n.size)
		if err != nil {
			return nil, err
		}
		n.open = open
	}
	return n.open, nil
}

func (n *content) readAt(ctx context.Context, p []byte, off int64) (int, error) {
	open, err := n.get(ctx)
	if err != nil {
		return 0, err
	}
	return open.ReadAt(ctx, p, off)
}

func (n *content) seek(ctx context.Context, off int64, whence int) (int64, error) {
	open, err := n.get(ctx)
	if err != nil {
		return 0, err
	}
	return open.Seek(off, whence)
}
