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
//	format        version of this format, one byte: 1, or 2 once there was a log
//	table/NAME    number of the table, one byte
//	log           lap of the log, 8 bytes little-endian, and one byte: 1 when the log
//	              may hold groups of this lap, 0 when it holds nothing
//
// Buckets that are not declared are left alone. A file gets its name only when
// it is whole: it is made as PATH.new, so an empty file is a damaged one.
//
// # The log
//
// A transaction of bbolt costs two flushes and a page for every place that it changes.
// So a group of at most 128 KiB is appended to a file beside it, named PATH.log, with
// one write and one flush, and kept in memory over the committed state. A group that
// is larger, or finds the log full, is written to bbolt together with all that the log
// holds. The same transaction raises the lap, which voids the records in the log; the
// next one goes to its beginning. OpenBolt writes what it finds in the log to bbolt.
// Close does so too, and notes that the log is empty.
//
// The log has a fixed size (BoltOptions.Log), and zeros where nothing was written yet.
// A record begins at a multiple of 4096 bytes. Numbers are little-endian:
//
//	 0   8  "rdfs.log"
//	 8  16  the first half of the BLAKE3-256 of all bytes of the record from 24 on
//	24   8  lap
//	32   8  number of the record in the lap, from 0
//	40   8  n, the length of the rows in bytes
//	48   n  rows: length of the key (unsigned varint), key, length of the value plus
//	        one (unsigned varint), value; for a row that is deleted 0 and no value
//
// and zeros up to the next multiple of 4096. The records of a lap follow one another
// from the beginning of the file; the first that is not sound, or has another lap or
// number, ends them. Each was made durable before the next was written, so only the
// last may be torn, and then nobody was told that it is durable. A sound record of the
// lap behind one that is not is damage, and OpenBolt says so.
package kv
