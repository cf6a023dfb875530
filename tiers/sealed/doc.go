// Package sealed is a tiers.Store whose objects are encrypted whole before they reach the
// Store under it: for objects that are not packs, which are encrypted inside. Keys of
// objects stay as they are.
//
// An object is bound to its key (the name), so that two of them cannot be swapped
// unnoticed. That one is missing, or is an older one, is not noticed here.
//
// # Caveats
//
// An object is read and opened whole, however little of it is asked for, and held in
// memory: use it for objects of some MiB. Equal objects are sealed as other bytes
// each time.
//
// # Format
//
// "RDFSSEAL"; the format version, 1, in 2 bytes; 2 bytes of zero; the number of the data
// key, 4 bytes; a random salt, 16 bytes; then AES-256-GCM of the object with a tag of 16
// bytes. Numbers are little-endian. The key of it is HKDF-SHA256 of the data key with the
// salt and the info "rdfs object 1", the nonce is 12 bytes of zero, and the additional data
// are the 32 bytes before it and the key of the object.
package sealed
