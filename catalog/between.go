package catalog

import (
	"context"
	"iter"
)

// ChangesBetween yields what Changes does, of the epochs after after and up to upTo,
// which must be durable. Where the feed of these epochs is kept it reads that, and
// takes time in proportion to what changed. Otherwise it reads all nodes, names and
// attributes with their past; then epochs are not named, a row that came and went in
// between is left out, and the order is that of the tables.
func (c *Catalog) ChangesBetween(ctx context.Context, after, upTo Epoch) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		var horizon Epoch
		if err := c.View(func(tx *Tx) error { horizon = tx.Horizon(); return nil }); err != nil {
			yield(Change{}, err)
			return
		}
		if after+1 < horizon {
			c.rewritten(ctx, after, upTo, yield)
			return
		}
		for ch, err := range c.Changes(ctx, after) {
			if err == nil && ch.Epoch > upTo || !yield(ch, err) {
				return
			}
		}
	}
}

// rewrittenStep is how many rows are read in one transaction.
const rewrittenStep = 4096

// rewritten yields the keys of which a row was born or died in (after, upTo].
func (c *Catalog) rewritten(ctx context.Context, after, upTo Epoch, yield func(Change, error) bool) {
	within := func(e Epoch) bool { return e > after && e <= upTo }
	for _, t := range []table{tableNode, tableName, tableAttr} {
		for _, prefix := range [][]byte{{byte(t)}, {byte(tablePast), byte(t)}} {
			from, end := prefix, prefixEnd(prefix)
			for more := true; more; {
				if err := ctx.Err(); err != nil {
					yield(Change{}, err)
					return
				}
				var found []Change
				more = false
				err := c.View(func(tx *Tx) error {
					n := 0
					tx.kv.Ascend(from, end, func(k, row []byte) bool {
						if n++; n > rewrittenStep {
							from, more = append([]byte(nil), k...), true
							return false
						}
						key, died := k, Epoch(0)
						if len(prefix) > 1 {
							key, died = splitPast(k)
						}
						if born, _ := split(row); within(born) || within(died) {
							if ch, ok := changeOf(key); ok {
								found = append(found, ch)
							}
						}
						return true
					})
					return nil
				})
				if err != nil {
					yield(Change{}, err)
					return
				}
				for _, ch := range found {
					if !yield(ch, nil) {
						return
					}
				}
			}
		}
	}
}

// changeOf returns the change that the key of a row stands for.
func changeOf(key []byte) (Change, bool) {
	var w writer
	w.uint(uint64(len(key)))
	w.raw(key)
	ch, _, err := parseChange(w)
	return ch, err == nil && ch.Kind != 0
}
