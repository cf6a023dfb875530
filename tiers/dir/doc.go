// Package dir keeps objects in a directory: on the local disk, on another one, on
// a NAS. It is the tier of kind "dir". FORMAT.md describes what lies in it.
//
// # Guarantees
//
// When Put returns nil, the object and every directory above it, up to the root
// of the tier, survive power loss. An object appears under its name whole or not
// at all. An object that is there is never replaced: a Put of the same size is
// success and changes nothing, one of another size is blob.ErrCorrupt.
//
// A tier is recognised by its marker file. Where a disk is not mounted there is
// no marker, and every call is blob.ErrOffline: nothing is reported as not found,
// and nothing is written beneath the mountpoint.
//
// # Caveats
//
// One Store at a time may use a directory: Open removes what an earlier one left
// unfinished. Nobody else may write in it.
//
// The Store does not verify bytes: the packs above it carry their hashes.
//
// A key cannot be a directory of another ("a" and "a/b"): the later Put fails.
// No component of a key may be longer than the filesystem allows (255 bytes). On a
// filesystem that ignores case, keys that differ only in case are one object.
//
// An object that was deleted shortly before a power loss may be there again.
//
// Up to Options.OpenFiles objects stay open between reads, which keeps the disk
// from being unmounted until Close. A network filesystem that hangs makes calls
// hang: a context cannot interrupt the kernel.
package dir
