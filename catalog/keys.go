package catalog

import (
	"encoding/binary"

	"github.com/rdfs/rdfs/catalog/kv"
	"github.com/rdfs/rdfs/internal/blob"
)

// A table is the first byte of a key. The values are part of the format.
type table byte

const (
	tableMeta    table = 'm' // name -> value
	tableNode    table = 'i' // ino
	tableName    table = 'n' // parent ‖ name
	tableParent  table = 'r' // ino ‖ parent ‖ name: the names of an inode
	tableAttr    table = 'a' // file ‖ name
	tablePast    table = 'p' // table ‖ key ‖ 0 ‖ died
	tableEpoch   table = 'e' // epoch
	tableFeed    table = 'f' // epoch ‖ part
	tableVersion table = 'v' // file ‖ seq
	tableContent table = 'c' // content ‖ part
	tableChunk   table = 'k' // chunk
	tablePack    table = 'P' // pack
	tableDraft   table = 'd' // ino ‖ gen

	tableSnapshot table = 's' // name
	tableHold     table = 'h' // file
	tableHolder   table = 'o' // file: the node that has its history
	tableSave     table = 'w' // file ‖ order: saves that wait to become versions

	tableAttrChange table = 'A' // file ‖ epoch ‖ name: who changed an attribute
	tableOp         table = 'O' // epoch ‖ part
	tableHeader     table = 'H' // content
	tableMove       table = 'q' // pack: what is to be done about its copies
)

// tables lists all tables for the store. Rising: keys arrive mostly in rising order.
var tables = []kv.TableSpec{
	{ID: byte(tableMeta), Name: "meta"},
	{ID: byte(tableNode), Name: "node", Rising: true},
	{ID: byte(tableName), Name: "name"},
	{ID: byte(tableParent), Name: "parent", Rising: true},
	{ID: byte(tableAttr), Name: "attr"},
	{ID: byte(tablePast), Name: "past"},
	{ID: byte(tableEpoch), Name: "epoch", Rising: true},
	{ID: byte(tableFeed), Name: "feed", Rising: true},
	{ID: byte(tableVersion), Name: "version", Rising: true},
	{ID: byte(tableContent), Name: "content"},
	{ID: byte(tableChunk), Name: "chunk"},
	{ID: byte(tablePack), Name: "pack", Rising: true},
	{ID: byte(tableDraft), Name: "draft", Rising: true},
	{ID: byte(tableSnapshot), Name: "snapshot"},
	{ID: byte(tableHold), Name: "hold"},
	{ID: byte(tableHolder), Name: "holder"},
	{ID: byte(tableSave), Name: "save"},
	{ID: byte(tableAttrChange), Name: "attrchange", Rising: true},
	{ID: byte(tableOp), Name: "op", Rising: true},
	{ID: byte(tableHeader), Name: "header"},
	{ID: byte(tableMove), Name: "move", Rising: true},
}

// Tables returns the tables of a catalog, for who writes rows as they are.
func Tables() []kv.TableSpec { return tables }

// HeadKey returns the key of a row that every commit changes.
func HeadKey() []byte { return keyMeta("counters") }

var be = binary.BigEndian

// appendKey appends t ‖ a to b.
func appendKey(b []byte, t table, a uint64) []byte { return be.AppendUint64(append(b, byte(t)), a) }

func key1(t table, a uint64) []byte { return appendKey(make([]byte, 0, 9), t, a) }

func key1s(t table, a uint64, s string) []byte {
	return append(appendKey(make([]byte, 0, 9+len(s)), t, a), s...)
}

func key2s(t table, a, b uint64, s string) []byte {
	return append(be.AppendUint64(appendKey(make([]byte, 0, 17+len(s)), t, a), b), s...)
}

func key1n(t table, a uint64, n uint32) []byte {
	return be.AppendUint32(appendKey(make([]byte, 0, 13), t, a), n)
}

func keyID(t table, id blob.ID) []byte { return append([]byte{byte(t)}, id[:]...) }

func keyContent(id blob.ID, part uint32) []byte {
	return be.AppendUint32(append([]byte{byte(tableContent)}, id[:]...), part)
}

func keyPack(id blob.PackID) []byte { return append([]byte{byte(tablePack)}, id[:]...) }

func keyMeta(name string) []byte { return append([]byte{byte(tableMeta)}, name...) }

func snapshotKey(name string) []byte          { return append([]byte{byte(tableSnapshot)}, name...) }
func nodeKey(i Inode) []byte                  { return key1(tableNode, uint64(i)) }
func nameKey(dir Inode, name string) []byte   { return key1s(tableName, uint64(dir), name) }
func attrKey(f FileID, name string) []byte    { return key1s(tableAttr, uint64(f), name) }
func versionKey(f FileID, s Seq) []byte       { return key1n(tableVersion, uint64(f), uint32(s)) }
func draftKey(i Inode, gen uint32) []byte     { return key1n(tableDraft, uint64(i), gen) }
func parentKey(i, dir Inode, n string) []byte { return key2s(tableParent, uint64(i), uint64(dir), n) }

// A key of the past is p ‖ key ‖ 0 ‖ died. Names and attribute names hold no NUL,
// so the rows of one key stand together, and p ‖ key ‖ 1 comes after them all.

// pastExtra is how many bytes longer than its key a key of the past is.
const pastExtra = 1 + 1 + 8

// appendPast appends p ‖ key ‖ 0 ‖ died to b.
func appendPast(b, key []byte, died Epoch) []byte {
	b = append(append(append(b, byte(tablePast)), key...), 0)
	return be.AppendUint64(b, uint64(died))
}

// pastEnd appends what comes after all past rows of key to b.
func pastEnd(b, key []byte) []byte {
	return append(append(append(b, byte(tablePast)), key...), 1)
}

// splitPast takes a key of the past apart.
func splitPast(k []byte) (key []byte, died Epoch) {
	const tail = pastExtra - 1
	if len(k) <= pastExtra || k[len(k)-tail] != 0 {
		damaged("key of a past row")
	}
	return k[1 : len(k)-tail], Epoch(be.Uint64(k[len(k)-8:]))
}

// prefixEnd returns the first key after all keys that start with prefix, in
// place; nil when there is none.
func prefixEnd(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
