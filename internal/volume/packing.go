package volume

import (
	"sync"

	"github.com/rdfs/rdfs/internal/blob"
)

// packing knows the packs that are being stored and are not all in the catalog yet:
// what nothing refers to of them is no garbage.
type packing struct {
	mu  sync.Mutex
	ids map[blob.PackID]string // the tier that took it; empty: none yet
	n   int                    // batches under way
}

func (p *packing) add(id blob.PackID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids == nil {
		p.ids = make(map[blob.PackID]string)
	}
	p.ids[id] = ""
}

// stored notes which tier has taken a pack.
func (p *packing) stored(id blob.PackID, tier string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.ids[id]; ok {
		p.ids[id] = tier
	}
}

// tier returns which tier has taken a pack.
func (p *packing) tier(id blob.PackID) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ids[id]
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
