package kv

import "github.com/tidwall/btree"

// span is a range of keys in one table: from <= key, and key < to unless open.
type span struct {
	from, to string
	open     bool // to the end of the table of from
}

func (r span) before(key string) bool {
	if r.open {
		return key[0] == r.from[0]
	}
	return key < r.to
}

// Ascend yields the rows with from <= key < to in order of their keys, as they
// were when Ascend was called, until yield returns false. A range never leaves
// the table of from; to nil means its end. The slices are valid during yield
// and must not be modified. Inside Update, yield may Put and Delete.
func (tx *Tx) Ascend(from, to []byte, yield func(key, value []byte) bool) {
	tx.alive()
	if len(from) == 0 {
		panic("kv: Ascend without a table")
	}
	if to != nil {
		if len(to) == 0 || to[0] < from[0] {
			return
		}
		if to[0] > from[0] {
			to = nil
		}
	}
	r := span{from: keyString(from), to: keyString(to), open: to == nil}
	if !r.open && r.from >= r.to {
		return
	}
	var o overlay
	o.span = r
	if len(tx.own) > 0 {
		o.own = tx.ownBetween(r)
	}
	o.seek(&o.active, tx.active)
	o.seek(&o.frozen, tx.frozen)
	o.over(tx.base.Ascend, from, to, yield)
}

// overlay merges what lies over the base: a Tx's own writes, the active and the
// frozen table. The newest layer wins. ok, key and value are its current row.
type overlay struct {
	span           span
	own            []write
	active, frozen cursor

	ok    bool
	key   string
	value []byte // nil: a tombstone
}

// cursor is a position in a table.
type cursor struct {
	it btree.MapIter[string, []byte]
	ok bool
}

func (o *overlay) seek(c *cursor, t *table) {
	if t == nil || t.rows.Len() == 0 {
		return
	}
	c.it = t.rows.Iter()
	c.ok = c.it.Seek(o.span.from) && o.span.before(c.it.Key())
}

func (o *overlay) step(c *cursor) { c.ok = c.it.Next() && o.span.before(c.it.Key()) }

// settle makes the smallest key of the layers the current row.
func (o *overlay) settle() bool {
	o.ok = false
	if len(o.own) > 0 {
		o.ok, o.key, o.value = true, o.own[0].key, o.own[0].value
	}
	if o.active.ok && (!o.ok || o.active.it.Key() < o.key) {
		o.ok, o.key, o.value = true, o.active.it.Key(), o.active.it.Value()
	}
	if o.frozen.ok && (!o.ok || o.frozen.it.Key() < o.key) {
		o.ok, o.key, o.value = true, o.frozen.it.Key(), o.frozen.it.Value()
	}
	return o.ok
}

// over yields the rows of a range: of the layers, and where they have no say those
// that ascend yields.
func (o *overlay) over(ascend func(from, to []byte, yield func(k, v []byte) bool), from, to []byte, yield func(key, value []byte) bool) {
	if !o.settle() {
		ascend(from, to, yield)
		return
	}
	stopped := false
	ascend(from, to, func(k, v []byte) bool {
		ks := keyString(k)
		for o.ok && o.key < ks {
			if o.value != nil && !yield(keyBytes(o.key), o.value) {
				stopped = true
				return false
			}
			o.next()
		}
		if o.ok && o.key == ks {
			if o.value == nil {
				o.next()
				return true
			}
			v = o.value
			o.next()
		}
		stopped = !yield(k, v)
		return !stopped
	})
	for ; o.ok && !stopped; o.next() {
		if o.value != nil && !yield(keyBytes(o.key), o.value) {
			return
		}
	}
}

// next steps over the current key in every layer that has it.
func (o *overlay) next() {
	if len(o.own) > 0 && o.own[0].key == o.key {
		o.own = o.own[1:]
	}
	if o.active.ok && o.active.it.Key() == o.key {
		o.step(&o.active)
	}
	if o.frozen.ok && o.frozen.it.Key() == o.key {
		o.step(&o.frozen)
	}
	o.settle()
}
