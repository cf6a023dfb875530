// Package pack is the format of sealed bytes in a tier: immutable objects of up
// to 16 MiB that hold many chunks, and that say themselves what they hold.
//
// A pack is a header, the stored bytes of its records back to back, a directory
// with one entry per record, and a trailer. A record is either a chunk, or a
// part of a manifest: the chunk list of a content of more than one chunk. So
// the packs of a tier alone are enough to rebuild the chunk table and every
// content. FORMAT.md has every byte.
//
// # Guarantees
//
// Every change of a single byte, and every truncation, is found: header,
// directory and trailer by a checksum that [ReadDirectory] compares, a chunk's
// bytes by its id, which [Decode] compares, a manifest by a checksum in its
// record, and all of it by the checksum of the whole, which [Verify] compares.
// (A few bits of compressed bytes do not matter for what they decode to; damage
// there leaves the chunk right, and only Verify sees it.)
// Decoding never needs more memory than the raw size that the directory
// declares, whatever the stored bytes say, and that size is at most [MaxChunk].
//
// # Caveats
//
// The checksums find accidents. They are not signatures: who can write the tier
// can write a consistent pack. Chunk ids come from the catalog, so such a pack
// cannot put wrong bytes into a file that the catalog knows.
//
// An encrypted pack is different: it opens with the keys of its repository only, and
// nobody without them can write one. Its size, and the number of its records, show.
package pack
