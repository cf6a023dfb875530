// Package crypt is the cryptography of an encrypted repository: data keys, what they
// seal, and the ids that they give to bytes. It reads and writes nothing; package
// internal/keys keeps the keys.
//
// A [Ring] holds the data keys of a repository by their numbers. A nil Ring is that of a
// repository that is not encrypted: its ids are plain BLAKE3, and it seals nothing.
//
// # Ids
//
// The id of a chunk is 28 bytes of BLAKE3 keyed by its key and the number of that (4 bytes):
// it says nothing of the chunk to who has not the key, and equal chunks under two keys are
// two chunks. The id of a content is its BLAKE3 XOR a mask that belongs to the key. So
// the contents of two keys never share an id or a chunk, and whoever has the keys still
// knows the BLAKE3 of a file, as b3sum prints it. The empty content has no key.
//
// # Sealing
//
// AES-256-GCM. No key seals two things under one nonce: for each pack, and each object
// that is sealed whole, HKDF-SHA256 makes a key of its own from the data key and the id of
// the pack, or a random salt; inside a pack the nonce is the offset of the record.
// What a record is, and where, is bound to it as additional data.
//
// # Caveats
//
// Sizes, numbers and times of objects are seen by who sees the tier. Who can write the
// tier can remove objects, or put back an older catalog: that is not noticed.
package crypt
