package catalog

import (
	"context"
	"encoding/binary"
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

// Changes yields what changed in the closed epochs after the given one, in order
// of epochs; a row that changed twice in one epoch is named at least once. The
// epochs are those closed when Changes comes to them: it ends when there are no
// more. It holds no transaction between two epochs' parts. The error is yielded last.
func (c *Catalog) Changes(ctx context.Context, after Epoch) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		from := key1(tableFeed, uint64(after)+1)
		for {
			if err := ctx.Err(); err != nil {
				yield(Change{}, err)
				return
			}
			var part []byte
			var epoch Epoch
			err := c.View(func(tx *Tx) error {
				tx.kv.Ascend(from, []byte{byte(tableFeed) + 1}, func(k, v []byte) bool {
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
				n, size := binary.Uvarint(part)
				if size <= 0 || n > uint64(len(part)-size) {
					yield(Change{}, corrupt("feed row"))
					return
				}
				ch, ok := parseChange(part[size : size+int(n)])
				part = part[size+int(n):]
				ch.Epoch = epoch
				if ok && !yield(ch, nil) {
					return
				}
			}
		}
	}
}

func parseChange(k []byte) (ch Change, ok bool) {
	if len(k) < 9 {
		return ch, false
	}
	a := be.Uint64(k[1:])
	switch table(k[0]) {
	case tableNode:
		return Change{Kind: NodeChanged, Inode: Inode(a)}, true
	case tableName:
		return Change{Kind: NameChanged, Dir: Inode(a), Name: string(k[9:])}, true
	case tableAttr:
		return Change{Kind: AttrChanged, File: FileID(a), Name: string(k[9:])}, true
	case tableVersion:
		return Change{Kind: VersionChanged, File: FileID(a), Seq: Seq(be.Uint32(k[9:]))}, true
	}
	return ch, false // the reverse row changes with the name row
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
