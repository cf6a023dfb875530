// Package keys keeps the keys of an encrypted repository, in the repository and in its
// tier, so that a passphrase alone opens what is left of either.
//
// Data keys seal data (package crypt). The master key seals the data keys. Each slot
// seals the master key under a secret: a passphrase, or the bytes of a file. All of that
// are small objects that never change, kept twice: below REPO/keys and below keys/ in
// the tier.
//
// # Guarantees
//
// A data key is in the repository and in the tier, and was read back from there, before
// For returns it; so nothing is sealed that the tier and a secret cannot open. [Open]
// brings either side what only the other has. An object that is damaged on one side is
// read from the other.
//
// [Keys.Rotate] writes a new generation, which counts when its slots are there; they come
// last. The old one is removed after that.
//
// # Caveats
//
// Who had a secret and a copy of the tier can open what is in that copy for ever: a slot
// that is removed, and a generation that is replaced, protect only what comes later.
//
// One process at a time may change the keys: who holds the lock of the repository.
//
// FORMAT.md has the format.
package keys
