package catalog

import "fmt"

// Costs is what the last mark found: how many bytes of the packs are needed, and what
// for.
type Costs struct {
	Time      Time  // when the mark began; 0: there was none yet
	Live      int64 // bytes in packs that the live tree needs
	History   int64 // bytes in packs that only versions and snapshots need
	Dead      int64 // bytes in packs that nothing needs
	Packs     int64 // bytes of all packs then, with their directories
	Contents  int64 // contents that are needed
	Forgotten int64 // rows of the past that the forgetting before it removed
}

// Costs returns what the last mark found.
func (t *Tx) Costs() (c Costs, err error) {
	row := t.kv.Get(keyMeta("costs"))
	if row == nil {
		return c, nil
	}
	r := reader{b: row}
	c.Time = Time(r.int())
	for _, f := range c.fields() {
		*f = r.size()
	}
	if err := r.done(); err != nil {
		return Costs{}, fmt.Errorf("catalog: costs: %w", err)
	}
	return c, nil
}

// PutCosts writes what a mark found.
func (t *Tx) PutCosts(c *Costs) {
	w := make(writer, 0, 48)
	w.int(int64(c.Time))
	for _, f := range c.fields() {
		w.uint(uint64(*f))
	}
	t.store(keyMeta("costs"), w)
}

func (c *Costs) fields() []*int64 {
	return []*int64{&c.Live, &c.History, &c.Dead, &c.Packs, &c.Contents, &c.Forgotten}
}
