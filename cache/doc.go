// Package cache keeps sealed bytes on a local disk as whole files, so that the
// kernel can read them directly. It is only a cache: removing its directory
// loses nothing, at any time, also while the drive is mounted. Directories are
// made again when they are needed, and a file that is missing just is not here.
//
// # What is kept
//
// A live file (Key.Ino is set) belongs to one inode of the drive: the same file
// on disk was its draft, came here by rename when it was sealed (Adopt), and
// goes back by rename when somebody writes to it again (Take). A content file
// (Key.Ino is 0) is shared by all read-only views of the same bytes: snapshots
// and versions. The two kinds never share a file, because a writer must go to
// the very file that readers of the live inode already hold open.
//
// A file that is not here is brought back whole (Fetch), or, when it is large,
// served while it arrives (Partial). FORMAT.md describes the directory.
//
// # Guarantees
//
//   - Bytes brought back are verified by BLAKE3 before anybody sees them: Fetch by
//     the content id over the whole file, Partial by the chunk id of each chunk.
//   - A whole file is opened after a check that costs one fstat: its size, and its
//     modification time, which is a stamp made from its content id. Any write by
//     anybody moves the modification time away from the stamp; then the file is
//     hashed, and either stamped again, or removed and reported in the log.
//   - When Open is told that the machine may have lost power (Options.Trusted is
//     false), no stamp is believed: every file that was here is hashed at its first
//     use. That costs no memory: the directories are moved aside at Open, and each
//     file is moved back when it was found good.
//   - A fetch that fails, or whose last waiter goes away, leaves no file. An error is
//     returned, never wrong bytes, and the next try starts afresh.
//   - Memory is bounded at any number of files: there is no map of what is here.
//     The time of the last use is the file's access time; eviction walks the directory.
//   - Eviction removes only what Options.Evictable allows, oldest first.
//
// # Caveats
//
//   - A byte that is changed on disk without a change of the modification time (a
//     failing disk, or a program that sets the time back) is not noticed by Get in
//     a trusted run. Verify, which check --data uses, finds it.
//   - A file that is changed by somebody else while it is open here is served changed.
//   - Nothing here is made durable by fsync. After a power loss files are hashed
//     again instead.
//   - On a filesystem that does not keep modification times to 100 ns every open
//     hashes the file. Open warns of it.
//   - Two processes must not use one directory at once; the repository's lock sees to it.
//
// A Cache is safe for concurrent use.
package cache
