// Package fs is the FUSE door of the drive: it speaks the kernel's protocol and
// lets package volume do the work. It implements go-fuse's RawFileSystem itself,
// without go-fuse's tree of nodes: a node id of the kernel is an inode number of
// the catalog, so the door remembers nothing of a live file that is not open, and
// memory stays bounded however many files the kernel knows.
//
// Reads and writes go past this process where the kernel and the privileges allow
// (passthrough, Linux 6.9 and later, as root or with CAP_SYS_ADMIN): the kernel
// uses the backing file that the volume names. An inode has one such file, and one
// way of being open, from its first handle to the arrival of its last RELEASE; the
// volume guarantees the one, and backing.go the other.
//
// Attributes and names are cached by the kernel for an hour, names that do not
// exist as well: nobody changes the drive but through this door, and what the
// volume itself changes it tells (notify.go). Only a file that is open for writing
// is asked for at each stat(2), because the kernel changes it without telling.
//
// Virtual names: .versions (versions.go) and .snapshots (snapshots.go) in every
// directory, .rdfs (meta.go) in the root, with directories of links to live files that
// others fill (shelf.go). They have node ids from 2^63 on, which the door keeps until the kernel
// forgets them; of the files below .snapshots/NAME it keeps nothing but the moment
// that they are seen at (snapshots_view.go).
//
// Caveats: access times change only by utimensat(2) (as with the noatime mount
// option). Direct I/O, locks and memory maps are left to the kernel.
package fs
