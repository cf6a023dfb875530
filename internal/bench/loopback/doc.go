// Package loopback is the yardstick of the benchmark: a FUSE filesystem that passes everything on to a directory, with every
// switch set that makes Linux ask the daemon less often. A drive that keeps its own catalog should be at least as fast.
//
// What it does beyond go-fuse's own loopback:
//
//   - passthrough for files open for writing and for large files, so that the kernel reads and writes the backing file itself;
//   - small files opened read-only are served from the page cache instead (KEEP_CACHE, no backing-file ioctl);
//   - HANDLE_KILLPRIV_V2 and ATOMIC_O_TRUNC, and therefore it clears set-id bits itself when the kernel says so;
//   - cached directory listings, entry, attribute and negative timeouts of an hour, no FLUSH;
//   - EOPNOTSUPP for security.* and system.posix_acl_* attributes.
//
// It stays correct under the rules that these switches bring: an inode has one I/O mode while it is open, and the attributes of a
// file that is open for writing are not cached, because stores through a mapping change them unseen.
//
// # Caveats
//
// The directory beneath must not be changed behind the mount's back: nothing is invalidated. Operations that the kernel sends
// without a handle go by path.
package loopback
