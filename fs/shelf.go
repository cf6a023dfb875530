package fs

import (
	"strings"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/rdfs/rdfs/internal/volume"
)

// Shelf is a directory in .rdfs of symbolic links to live files, and of further such
// directories. The links are relative, and lead to where the file is when they are read.
// Nothing in it can be changed, and the kernel keeps nothing of it: each user may see
// another one. Its methods are called from many goroutines.
//
// dir is a directory in the shelf, relative to it; "" is the shelf itself.
type Shelf interface {
	// Lookup returns what a name in a directory is; volume.ErrNotExist when there is
	// nothing that who may see.
	Lookup(dir, name string, who volume.Identity) (volume.Link, error)
	// List returns up to limit entries of a directory, in any order that stays the same:
	// those that come after the entry after, which may be gone; "" begins. Fewer than limit
	// are the last ones.
	List(dir, after string, limit int, who volume.Identity) ([]volume.Link, error)
}

// shelfKey identifies the node of a link that is in a directory below .rdfs.
func shelfKey(dir string, l volume.Link) virtualKey {
	k := virtualKey{kind: shelfLink, dir: l.Target, name: dir + "/" + l.Name}
	if l.Target == 0 {
		k.kind, k.dir = shelfDir, volume.Root
	}
	return k
}

// shelfOf returns the shelf that a node stands in, and where.
func (d *door) shelfOf(node uint64) (s Shelf, dir string, n *virtualNode) {
	if node < firstVirtual {
		return nil, "", nil
	}
	n = d.virtual.get(node)
	if n == nil || n.kind != shelfDir && n.kind != shelfLink {
		return nil, "", nil
	}
	name, dir, _ := strings.Cut(n.name, "/")
	return d.shelves[name], dir, n
}

// lookupShelf answers a lookup in a directory of a shelf.
func (d *door) lookupShelf(s Shelf, dir string, n *virtualNode, in *fuse.InHeader, name string, out *fuse.EntryOut) error {
	if n.kind != shelfDir {
		return volume.ErrNotDir
	}
	who := caller(in)
	l, err := s.Lookup(dir, name, who.Identity())
	if err != nil {
		return err
	}
	if err := d.virtualEntry(shelfKey(n.name, l), out); err != nil {
		return err
	}
	out.SetEntryTimeout(0)
	return nil
}

// shelfAttr returns the attributes of a node of a shelf. A link shows the owner and the times
// of its file.
func (d *door) shelfAttr(k *virtualKey) (a volume.Attr, err error) {
	if a, err = d.vol.Getattr(k.dir); err != nil {
		return a, err
	}
	if k.kind == shelfDir {
		a.Mode, a.Nlink, a.Size, a.Blocks = volume.TypeDir|0o555, 2, 4096, 8
		return a, nil
	}
	to, err := d.shelfTarget(k)
	a.Mode, a.Nlink, a.Size, a.Blocks = volume.TypeSymlink|0o777, 1, int64(len(to)), 0
	return a, err
}

// shelfTarget returns where a link leads to, from its directory.
func (d *door) shelfTarget(k *virtualKey) (string, error) {
	p, err := d.vol.PathOf(k.dir)
	return strings.Repeat("../", strings.Count(k.name, "/")+1) + p, err
}

// openShelf opens a directory of a shelf for somebody.
func (d *door) openShelf(n *virtualNode, in *fuse.InHeader) *dirHandle {
	s, dir, _ := d.shelfOf(n.id)
	from := caller(in)
	who := from.Identity()
	up := virtualKey{kind: metaDir, dir: volume.Root}
	if at := strings.LastIndexByte(n.name, '/'); at >= 0 {
		up = virtualKey{kind: shelfDir, dir: volume.Root, name: n.name[:at]}
	}
	return &dirHandle{
		ino:    func(i volume.Inode) uint64 { return uint64(i) },
		self:   n.ino(),
		parent: up.ino,
		fill:   func(*volume.Entry, *fuse.EntryOut) {}, // the kernel asks for what it wants to know
		list: func(after string, limit int, _ bool) ([]volume.Entry, error) {
			links, err := s.List(dir, after, limit, who)
			list := make([]volume.Entry, len(links))
			for i, l := range links {
				k := shelfKey(n.name, l)
				list[i].Name, list[i].Ino, list[i].Mode = l.Name, volume.Inode(k.ino()), volume.TypeSymlink
				if k.kind == shelfDir {
					list[i].Mode = volume.TypeDir
				}
			}
			return list, err
		},
	}
}
