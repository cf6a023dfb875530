package fs

import (
	"errors"
	"slices"
	"strings"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/rdfs/rdfs/internal/volume"
)

// .rdfs in the root of the drive tells about the drive. It is not listed there. Its
// files are made when they are opened, and some are others for each user: the kernel
// keeps neither their bytes nor their attributes.

// metaFiles are the files in .rdfs. Beside them stand the shelves (shelf.go) and the inbox.
var metaFiles = []struct {
	name string
	text func(v *volume.Volume, uid uint32) string
}{
	{"NAMING.md", func(v *volume.Volume, _ uint32) string { return v.NamingWords() }},
	{"last-error", (*volume.Volume).LastRejection},
	{"rejections.jsonl", func(v *volume.Volume, uid uint32) string { return string(v.RejectionLines(uid)) }},
}

// metaName is reserved in every directory, and answers in the root.
const metaName = ".rdfs"

// inboxName is the directory in .rdfs where files are that waited too long for their
// right name. It is one of the live tree.
const inboxName = "inbox"

// metaText returns the content of a file in .rdfs.
func (d *door) metaText(name string, uid uint32) (string, bool) {
	for _, f := range metaFiles {
		if f.name == name {
			return f.text(d.vol, uid), true
		}
	}
	return "", false
}

// metaOf returns the node if it is .rdfs or a file in it.
func (d *door) metaOf(node uint64) *virtualNode {
	if node < firstVirtual {
		return nil
	}
	n := d.virtual.get(node)
	if n != nil && (n.kind == metaDir || n.kind == metaFile) {
		return n
	}
	return nil
}

// lookupMeta answers a lookup of .rdfs in the root, or of a name in it.
func (d *door) lookupMeta(in *fuse.InHeader, name string, out *fuse.EntryOut) error {
	key := virtualKey{kind: metaDir, dir: volume.Root}
	if p := d.metaOf(in.NodeId); p != nil {
		if name == inboxName {
			i, err := d.vol.Inbox()
			if err != nil {
				return err
			}
			a, err := d.vol.Getattr(i)
			if err == nil {
				setEntry(&a, out)
			}
			return err
		}
		if d.shelves[name] != nil {
			return d.virtualEntry(virtualKey{kind: shelfDir, dir: volume.Root, name: name}, out)
		}
		key = virtualKey{kind: metaFile, dir: volume.Root, name: name}
		if _, ok := d.metaText(name, in.Uid); p.kind != metaDir || !ok {
			return volume.ErrNotExist
		}
	}
	a, err := d.metaAttr(&key, in.Uid)
	if err != nil {
		return err
	}
	out.NodeId = d.virtual.lookup(key).id
	fillAttr(&a, &out.Attr)
	out.SetEntryTimeout(virtualFor)
	return nil
}

// metaAttr returns the attributes as a user sees them.
func (d *door) metaAttr(k *virtualKey, uid uint32) (volume.Attr, error) {
	a, err := d.vol.Getattr(volume.Root)
	if err != nil {
		return a, err
	}
	a.Ino = volume.Inode(k.ino())
	if k.kind == metaDir {
		a.Mode, a.Nlink, a.Size, a.Blocks = volume.TypeDir|0o555, 2, 4096, 8
		return a, nil
	}
	text, _ := d.metaText(k.name, uid)
	a.Mode, a.Nlink, a.Size, a.Blocks = volume.TypeRegular|0o444, 1, int64(len(text)), int64(len(text)+511)/512
	a.Mtime = d.vol.Now()
	return a, nil
}

func (d *door) getattrMeta(n *virtualNode, uid uint32, out *fuse.AttrOut) fuse.Status {
	a, err := d.metaAttr(&n.virtualKey, uid)
	if err != nil {
		return d.report("getattr", n.id, err)
	}
	fillAttr(&a, &out.Attr)
	return fuse.OK
}

// openMeta opens a file in .rdfs as it is now.
func (d *door) openMeta(n *virtualNode, uid uint32, out *fuse.OpenOut) fuse.Status {
	text, ok := d.metaText(n.name, uid)
	if !ok {
		return fuse.EISDIR
	}
	out.Fh = d.files.add(&fileHandle{node: n.id, text: &text})
	out.OpenFlags = fuse.FOPEN_DIRECT_IO | fuse.FOPEN_NOFLUSH
	return fuse.OK
}

// openMetaDir opens .rdfs.
func (d *door) openMetaDir(n *virtualNode) *dirHandle {
	return &dirHandle{
		ino:    func(i volume.Inode) uint64 { return uint64(i) },
		self:   n.ino(),
		parent: func() uint64 { return uint64(volume.Root) },
		fill:   func(*volume.Entry, *fuse.EntryOut) {}, // the kernel asks for what it wants to know
		list: func(after string, limit int, _ bool) ([]volume.Entry, error) {
			all, err := d.metaEntries()
			at, found := slices.BinarySearchFunc(all, after, func(e volume.Entry, name string) int { return strings.Compare(e.Name, name) })
			if found {
				at++
			}
			return all[at:min(len(all), at+limit)], err
		},
	}
}

// metaEntries returns what is in .rdfs, in order of names.
func (d *door) metaEntries() (all []volume.Entry, err error) {
	add := func(name string, i volume.Inode, mode uint32) {
		e := volume.Entry{Name: name}
		e.Ino, e.Mode = i, mode
		all = append(all, e)
	}
	for _, f := range metaFiles {
		k := virtualKey{kind: metaFile, dir: volume.Root, name: f.name}
		add(f.name, volume.Inode(k.ino()), volume.TypeRegular)
	}
	for name := range d.shelves {
		k := virtualKey{kind: shelfDir, dir: volume.Root, name: name}
		add(name, volume.Inode(k.ino()), volume.TypeDir)
	}
	i, err := d.vol.Inbox()
	if err == nil {
		add(inboxName, i, volume.TypeDir)
	} else if errors.Is(err, volume.ErrNotExist) {
		err = nil // there was none yet
	}
	slices.SortFunc(all, func(a, b volume.Entry) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}
