// Package catalog is the temporal store of the drive: names, nodes, attributes,
// versions, contents, chunks, packs and drafts, over the ordered key-value seam
// in catalog/kv.
//
// Every group commit is an epoch with a wall time. Rows of the temporal tables
// (node, name, parent, attr) carry the epoch that wrote them (born); a row that
// is replaced or deleted in a later epoch moves to the past with the epoch in
// which it died. So the state at the end of any epoch e can be read (Tx.At), and
// a snapshot is only a name for an epoch. The live path never reads the past,
// with one exception: Tx.LastAt looks for a name that was lately taken away.
//
// Guarantees: an Update is atomic, visible at once to every View, and durable
// when Sync returns or when its group was committed, in order: a crash keeps a
// prefix of the Updates. Nothing that the methods return aliases the store's
// memory. An error about a row that is not as it was written wraps
// blob.ErrCorrupt; where a method has no error to return, View and Update return
// it.
//
// Caveats: View and Update hold a lock; their functions must be short and must
// not wait for anything. One Update runs at a time. The number of an epoch that
// is not durable yet is given to another one after a crash: who writes it down
// elsewhere calls Sync before. Times of epochs never go back: while the clock
// shows less than the time of the last epoch, epochs are a nanosecond apart, and
// EpochAt and Since take them for later than they were. Epochs before the horizon
// that no snapshot names are not kept: Tx.Readable says so; At does not.
//
// The format, byte by byte, is in FORMAT.md.
package catalog
