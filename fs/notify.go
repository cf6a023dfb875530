package fs

import (
	"github.com/rdfs/rdfs/internal/volume"
)

// ContentChanged implements volume.Notifier.
func (d *door) ContentChanged(i volume.Inode) { d.server.InodeNotify(uint64(i), 0, 0) }

// AttrChanged implements volume.Notifier. A negative offset leaves the pages alone.
func (d *door) AttrChanged(i volume.Inode) { d.server.InodeNotify(uint64(i), -1, 0) }

// EntryChanged implements volume.Notifier. The directory's own listing has to be
// told as well: a name that the kernel does not know cannot be invalidated.
func (d *door) EntryChanged(dir volume.Inode, name string) {
	d.server.EntryNotify(uint64(dir), name)
	d.server.InodeNotify(uint64(dir), 0, 0)
}
