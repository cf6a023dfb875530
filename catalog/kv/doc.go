// Package kv is the ordered key-value store under the catalog: rows of bytes in
// tables, transactions, and group commit over an Engine. The engine of a
// repository on one machine is a bbolt file (OpenBolt); Memory is for tests.
//
// # Guarantees
//
// Update runs alone; what it wrote is seen by every View from then on, whole or
// not at all. A View sees one state for as long as it runs. A row is durable
// when a Sync that was called after its Update has returned nil, and otherwise
// at the latest about Options.Interval later. A crash keeps a prefix of the
// Updates in the order in which they returned: groups are cut between Updates,
// never inside one, and each is one atomic commit of the engine.
//
// # How
//
// Over the committed state (base) lie two ordered tables in memory: active takes
// the writes, frozen is the group that is being committed. A read asks active,
// frozen, base, in this order. To commit, active becomes frozen and a new active
// takes its place; when the engine is done, a new base and no frozen table
// appear in one step. Neither readers nor writers wait for the disk.
//
// # Errors
//
// An engine error that wraps ErrRetry (the disk is full) changed nothing. The
// group stays in memory and readable, Sync returns the error, the commit is
// tried again every Interval, and Update refuses with the same error once more
// than MaxRows rows or an eighth of MaxBytes are pending. OpenBolt keeps a file
// beside the database, its name ends in .reserve, which is removed when the disk
// is full so that what was accepted can still be committed.
//
// After any other error of a commit the outcome is unknown. The store is then
// poisoned: every Update and Sync returns an error that wraps ErrPoisoned and
// the cause, Views go on, and only opening it again tells what is on disk.
//
// Damage that is found while reading (a page that is not what it should be, a
// wrong checksum, a file that was cut off) ends the View or Update with an error
// that wraps blob.ErrCorrupt and names the file. It does not end the process.
//
// # Caveats
//
// The functions passed to View and Update hold a lock that everybody needs: they
// must not block, and must not call the DB. Nothing that Get and Ascend hand out
// may be kept after the function ends: it may lie in memory that is unmapped.
//
// bbolt has no checksum on pages. A damaged row is always recognised, by its own
// checksum, and damage of the structure down to the headers of the leaves when
// the file is opened, which reads a few hundred bytes per page of branches and
// 32 bytes per leaf. Inside a leaf, a damaged key may hide rows, and a damaged
// length make a commit ask for up to 2 GiB before it fails, until Check looks.
// Damage that comes while the file is open is as dangerous as bbolt takes it.
//
// A Snapshot, CopyTo and Check keep old pages from being reused while they run,
// and the file never shrinks. Sharing a read transaction of bbolt among
// goroutines is not promised by bbolt; the tests run it under the race detector.
//
// # Format of the bbolt file
//
// One bucket per table, named TableSpec.Name. A key in it is the whole key as
// passed to Put, its first byte, the number of the table, included. The value is
// the value as passed to Put, followed by the CRC-32C (Castagnoli) of key and
// value, 4 bytes little-endian. The bucket ".kv" has rows in the same form:
//
//	format        version of this format, one byte: 1
//	table/NAME    number of the table, one byte
//
// Buckets that are not declared are left alone. A file gets its name only when
// it is whole: it is made as PATH.new, so an empty file is a damaged one.
package kv
