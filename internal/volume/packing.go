package volume

import (
	"sync"

	"github.com/rdfs/rdfs/internal/blob"
)

// packing knows the packs that are being stored and are not all in the catalog yet:
// what nothing refers to of them is no garbage.
type packing struct {
	mu  sync.Mutex
	ids map[blob.PackID]struct{}
	n   int // batches under way
}

func (p *packing) add(id blob.PackID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids == nil {
		p.ids = make(map[blob.PackID]struct{})
	}
	p.ids[id] = struct{}{}
}

func (p *packing) drop(id blob.PackID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.ids, id)
}

func (p *packing) has(id blob.PackID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.ids[id]
	return ok
}

func (p *packing) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
}

// end ends a batch. With the last one, the packs that failed are forgotten.
func (p *packing) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n--; p.n == 0 {
		clear(p.ids)
	}
}
