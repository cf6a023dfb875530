// Package blob holds the nouns of sealed bytes: content and chunk ids, chunk
// locations, manifests, and the sentinel errors that every store of bytes
// speaks. It holds no verbs; packages tiers, cache and internal/draft do things
// with these nouns.
//
// A content id is the BLAKE3-256 hash of a whole file, the same that b3sum
// prints. A chunk id is the BLAKE3-256 hash of one chunk's raw bytes. A content
// that consists of exactly one chunk therefore has the id of its chunk.
//
// Values in this package are plain data: copy them freely, use them from any
// goroutine.
package blob
