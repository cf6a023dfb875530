package fs

import (
	"strconv"
	"strings"

	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/rdfs/rdfs/internal/volume"
)

// In every directory, .versions/FILE lists the versions of FILE, also of one that
// was deleted. The directories are not listed, and nothing in them can be changed.

func (d *door) findVirtual(parent uint64, name string) (k virtualKey, err error) {
	if dir, ok := live(parent); ok {
		switch name {
		case ".versions":
			return virtualKey{kind: versionsDir, dir: dir}, nil
		case ".snapshots":
			return virtualKey{kind: snapshotsDir, dir: dir}, nil
		}
		return k, volume.ErrNotExist
	}
	p := d.virtual.get(parent)
	if p == nil {
		return k, volume.ErrNotExist
	}
	switch p.kind {
	case versionsDir:
		a, err := d.vol.Versioned(p.dir, name)
		return virtualKey{kind: versionDir, dir: p.dir, name: name, file: a.File}, err
	case versionDir:
		digits, _, _ := strings.Cut(name, "_")
		seq, err := strconv.ParseUint(digits, 10, 32)
		if err != nil {
			return k, volume.ErrNotExist
		}
		ver, err := d.vol.Version(p.file, volume.Seq(seq))
		if err == nil && volume.VersionName(&ver, p.name) != name {
			err = volume.ErrNotExist
		}
		return virtualKey{kind: versionFile, dir: p.dir, name: p.name, file: p.file, seq: ver.Seq}, err
	}
	return k, volume.ErrNotDir
}

// virtualAttr returns the attributes of a virtual node: the permissions are those
// of the directory or the file that it shows.
func (d *door) virtualAttr(k *virtualKey) (a volume.Attr, err error) {
	switch k.kind {
	case shelfDir, shelfLink:
		a, err = d.shelfAttr(k)
		a.Ino = volume.Inode(k.ino())
		return a, err
	case versionsDir, snapshotsDir:
		a, err = d.vol.Getattr(k.dir)
	case versionDir, versionFile:
		a, err = d.vol.Versioned(k.dir, k.name)
	}
	if err != nil {
		return a, err
	}
	a.Ino = volume.Inode(k.ino())
	if k.kind == versionFile {
		ver, err := d.vol.Version(k.file, k.seq)
		if err != nil {
			return a, err
		}
		a.Size, a.Blocks, a.Nlink = ver.Size, (ver.Size+511)/512, 1
		a.Mtime, a.Atime, a.Ctime, a.Btime = ver.Mtime, ver.Mtime, ver.Sealed, ver.Sealed
		return a, nil
	}
	if k.kind == versionDir {
		// Who may read the file may list its versions.
		a.Mode = volume.TypeDir | a.Mode&0o777 | a.Mode&0o444>>2
	}
	a.Nlink, a.Size, a.Blocks = 2, 4096, 8
	return a, nil
}

// listVersioned lists the regular files of the directory, as directories.
func (d *door) listVersioned(n *virtualNode, after string, limit int) (list []volume.Entry, err error) {
	for len(list) == 0 {
		entries, err := d.vol.ReadDir(n.dir, after, limit, true)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			after = e.Name
			if e.IsRegular() && e.IsData() {
				k := virtualKey{kind: versionDir, dir: n.dir, name: e.Name, file: e.File}
				e.Ino, e.Mode = volume.Inode(k.ino()), volume.TypeDir
				list = append(list, e)
			}
		}
		if len(entries) < limit {
			break
		}
	}
	return list, nil
}

func (d *door) listVersions(n *virtualNode, after string, limit int) (list []volume.Entry, err error) {
	digits, _, _ := strings.Cut(after, "_")
	last, _ := strconv.ParseUint(digits, 10, 32)
	versions, err := d.vol.Versions(n.file, volume.Seq(last), limit)
	for k := range versions {
		ver := &versions[k]
		key := virtualKey{kind: versionFile, dir: n.dir, name: n.name, file: n.file, seq: ver.Seq}
		e := volume.Entry{Name: volume.VersionName(ver, n.name)}
		e.Ino, e.Mode = volume.Inode(key.ino()), volume.TypeRegular
		list = append(list, e)
	}
	return list, err
}

func (d *door) getxattrVersion(node uint64, name string, dest []byte) (uint32, fuse.Status) {
	n := d.virtual.get(node)
	if n == nil || n.kind != versionFile {
		return 0, fuse.ENODATA
	}
	ver, err := d.vol.Version(n.file, n.seq)
	if err != nil {
		return 0, d.report("getxattr", node, err)
	}
	value, err := d.vol.VersionAttr(&ver, name)
	if err == nil {
		return reply(value, dest)
	}
	attrs, err := d.vol.VersionAttrs(&ver)
	if err != nil {
		return 0, d.report("getxattr", node, err)
	}
	value, ok := attrs[name]
	if !ok {
		if value = d.vol.ContentAttr(ver.Content, name); value == nil {
			return 0, fuse.ENODATA
		}
	}
	return reply(value, dest)
}

func (d *door) listxattrVersion(node uint64, dest []byte) (uint32, fuse.Status) {
	n := d.virtual.get(node)
	if n == nil || n.kind != versionFile {
		return 0, fuse.OK
	}
	ver, err := d.vol.Version(n.file, n.seq)
	if err != nil {
		return 0, d.report("listxattr", node, err)
	}
	attrs, err := d.vol.VersionAttrs(&ver)
	if err != nil {
		return 0, d.report("listxattr", node, err)
	}
	var names []string
	for name := range attrs {
		names = append(names, name)
	}
	return reply(joinNames(names), dest)
}
