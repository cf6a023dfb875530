package fs

import (
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// unsupported says that a namespace of attributes is not kept: the kernel asks for
// security.* and access lists at every turn, and remembers nothing.
func unsupported(name string) bool {
	return strings.HasPrefix(name, "security.") || strings.HasPrefix(name, "system.")
}

const errNotSup = fuse.Status(syscall.EOPNOTSUPP)

// reply copies a value into the kernel's buffer; an empty buffer asks for its size.
func reply(value, dest []byte) (uint32, fuse.Status) {
	if len(dest) < len(value) {
		return uint32(len(value)), fuse.ERANGE
	}
	return uint32(copy(dest, value)), fuse.OK
}

// GetXAttr implements fuse.RawFileSystem.
func (d *door) GetXAttr(_ <-chan struct{}, in *fuse.InHeader, name string, dest []byte) (uint32, fuse.Status) {
	if unsupported(name) {
		return 0, errNotSup
	}
	i, ok := live(in.NodeId)
	if !ok {
		return d.getxattrVirtual(in.NodeId, name, dest)
	}
	value, err := d.vol.Getxattr(i, name)
	if err != nil {
		return 0, d.reportNode("getxattr", in.NodeId, err)
	}
	return reply(value, dest)
}

// ListXAttr implements fuse.RawFileSystem.
func (d *door) ListXAttr(_ <-chan struct{}, in *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	i, ok := live(in.NodeId)
	if !ok {
		return d.listxattrVirtual(in.NodeId, dest)
	}
	names, err := d.vol.Listxattr(i)
	if err != nil {
		return 0, d.reportNode("listxattr", in.NodeId, err)
	}
	return reply(joinNames(names), dest)
}

func joinNames(names []string) []byte {
	if len(names) == 0 {
		return nil
	}
	return append([]byte(strings.Join(names, "\x00")), 0)
}

// SetXAttr implements fuse.RawFileSystem.
func (d *door) SetXAttr(_ <-chan struct{}, in *fuse.SetXAttrIn, name string, data []byte) fuse.Status {
	if unsupported(name) {
		return errNotSup
	}
	i, ok := live(in.NodeId)
	if !ok {
		return fuse.EROFS
	}
	return d.reportNode("setxattr", in.NodeId, d.vol.Setxattr(i, name, data, int(in.Flags), caller(&in.InHeader)))
}

// RemoveXAttr implements fuse.RawFileSystem.
func (d *door) RemoveXAttr(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	if unsupported(name) {
		return errNotSup
	}
	i, ok := live(in.NodeId)
	if !ok {
		return fuse.EROFS
	}
	return d.reportNode("removexattr", in.NodeId, d.vol.Removexattr(i, name, caller(in)))
}
