// Package vectors keeps one vector for each text, and finds those nearest to a query.
//
// A text is known by its ID, a hash: a description that a thousand files share has
// one vector. Within a process each ID has a Slot, a small number that an index can
// keep for each of its files. The elements lie on disk as int8; in memory is one bit
// for each, its sign. Search counts the bits that differ for all vectors, reads the
// elements of the nearest ones, and orders these by their cosine.
//
// # Guarantees
//
// A vector read from disk has the right checksum, or is taken for one that is not
// there. A file of another model or dimension is never mixed with this one: it is begun
// anew. After a crash the vectors that were written whole are there. A Store is safe for
// concurrent use; a Search sees the vectors that were there when it began.
//
// Memory: for each vector an eighth of its dimension in bytes (64 for 512), and about
// 40 for its ID, slot and place; the elements are not in it. Options.Max bounds their number.
//
// # Caveats
//
// Search is not exact: of the ten nearest of 10,000 real vectors the signs find ten
// when 200 are read. Cosines come from int8 elements, and are right to about 0.01.
//
// Nothing is synced before Close; what a power loss takes has to be embedded again.
// Vectors that nobody reserves any more stay until Compact.
//
// # Format
//
// See FORMAT.md; the fixture is testdata/formats/vectors-v1.bin.
package vectors
