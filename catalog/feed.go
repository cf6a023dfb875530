package catalog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// Kind says which table a Change is about.
type Kind uint8

// The kinds of changes.
const (
	NodeChanged    Kind = iota + 1 // Inode
	NameChanged                    // Dir, Name
	AttrChanged                    // File, Name
	VersionChanged                 // File, Seq
)

// Change says that a row was written or deleted in an epoch. What it became is
// read at that epoch, or live; the change does not say it.
type Change struct {
	Epoch Epoch
	Kind  Kind
	Inode Inode
	Dir   Inode
	File  FileID
	Name  string
	Seq   Seq
}

// Changes yields what changed in the durable epochs after the given one, in order
// of epochs; a row that changed in an epoch is named at least once. It ends when
// there are no more. It holds no transaction while yield runs. The error is
// yielded last; it is ErrForgotten when the horizon has passed changes that were not
// yielded yet: who follows the catalog must then begin anew.
func (c *Catalog) Changes(ctx context.Context, after Epoch) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		from := key1(tableFeed, uint64(after)+1)
		for {
			if err := ctx.Err(); err != nil {
				yield(Change{}, err)
				return
			}
			end := key1(tableFeed, uint64(c.durable())+1)
			var part []byte
			var epoch Epoch
			err := c.View(func(tx *Tx) error {
				if next := Epoch(be.Uint64(from[1:])); next < c.horizon {
					return fmt.Errorf("catalog: feed from epoch %d: %w", next, ErrForgotten)
				}
				tx.kv.Ascend(from, end, func(k, v []byte) bool {
					wantKey(k, 13, "key of the feed")
					part, epoch = append([]byte{}, v...), Epoch(be.Uint64(k[1:]))
					from = append(append([]byte(nil), k...), 0)
					return false
				})
				return nil
			})
			if err != nil {
				yield(Change{}, err)
				return
			}
			if part == nil {
				return
			}
			for len(part) > 0 {
				ch, rest, err := parseChange(part)
				if err != nil {
					yield(Change{}, fmt.Errorf("catalog: feed of epoch %d: %w", epoch, err))
					return
				}
				part, ch.Epoch = rest, epoch
				if ch.Kind != 0 && !yield(ch, nil) {
					return
				}
			}
		}
	}
}

// ChangedAfter reports whether a row that Changes names was written or removed after
// an epoch, uncommitted groups included; it takes that for granted when the feed after
// the epoch is forgotten.
func (t *Tx) ChangedAfter(e Epoch) bool {
	if e+1 < t.c.horizon {
		return true // what changed is forgotten
	}
	changed := e < t.c.epoch && len(t.c.feed) > 0
	if !changed {
		t.kv.Ascend(key1(tableFeed, uint64(e)+1), prefixEnd([]byte{byte(tableFeed)}), func(_, _ []byte) bool {
			changed = true
			return false
		})
	}
	return changed
}

// parseChange reads the first entry of a part of the feed. The kind is 0 for a
// table that this version does not follow.
func parseChange(part []byte) (ch Change, rest []byte, err error) {
	r := reader{b: part}
	k := reader{b: r.bytes(r.uint())}
	if r.err == nil {
		t, a := table(k.fixed(1)), k.fixed(8)
		switch t {
		case tableNode:
			ch = Change{Kind: NodeChanged, Inode: Inode(a)}
		case tableName:
			ch = Change{Kind: NameChanged, Dir: Inode(a), Name: string(k.b)}
		case tableAttr:
			ch = Change{Kind: AttrChanged, File: FileID(a), Name: string(k.b)}
		case tableVersion:
			ch = Change{Kind: VersionChanged, File: FileID(a), Seq: Seq(k.fixed(4))}
		}
	}
	return ch, r.b, errors.Join(r.done(), k.done())
}

// feedCut returns the length of the longest prefix of whole entries of at most
// size bytes, and of one entry at least.
func feedCut(feed []byte, size int) int {
	cut := 0
	for cut < len(feed) {
		n, l := binary.Uvarint(feed[cut:])
		next := cut + l + int(n)
		if next > size && cut > 0 {
			break
		}
		cut = next
	}
	return cut
}
