// Package disk is the one place that writes files durably, and the seam at which
// tests take disks away.
//
// FS and File hold exactly the operations that packs, drafts and the cache need
// to make bytes durable. OS is the real filesystem. Crash is one in memory that
// forgets, at a simulated power loss, what was not synced. NewFaulty wraps any FS
// and fails chosen operations (a full disk, a bad sector).
//
// WriteFile, MkdirAll and RemoveTemps are the habits every package shares: a file
// appears under its name whole or not at all, and stays.
//
// # Guarantees
//
// When WriteFile returns nil, the bytes and the name survive power loss. When it
// fails, or the machine stops half-way, the path holds what it held before, or
// the new bytes whole; what can be left over is a file for which IsTemp is true.
//
// # Caveats
//
// Durable means that fdatasync(2) and fsync(2) of the directory returned 0. A
// drive that acknowledges a flush without doing it, and a network filesystem
// exported "async", break the promise where no program can see it.
//
// A rename is taken to be atomic across a power loss, and to become durable as a
// whole when either of its directories is synced, as on ext4, xfs and btrfs.
//
// After a failed sync the kernel forgets which pages were dirty: a second sync
// that succeeds proves nothing. Whoever sees Sync or SyncFS fail has to give the
// file up, not to try again.
//
// The package needs Linux: fdatasync(2) and syncfs(2).
package disk
