package disk

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Crash is a filesystem in memory that knows what of it is durable. CrashClone
// returns a disk as it may be found after a power loss at this moment. It holds
// directories and regular files; the root directory "/" exists and relative paths
// start there. Permissions are kept and not enforced. Safe for concurrent use.
type Crash struct {
	// mu guards everything below, and all nodes.
	mu   sync.Mutex
	root *node
	// pending are the changes of directory entries that no sync has made durable,
	// oldest first.
	pending []dirChange
	// now counts operations: the modification times of files are seconds of it.
	now int64
}

// node is a file or a directory. The link from a directory to a node is apart
// from the node, as on a disk: each has its own durable state.
type node struct {
	mode     fs.FileMode // fs.ModeDir tells directories
	modified int64

	// Of a directory.
	entries map[string]*node // as programs see it
	durable map[string]*node // as a power loss leaves it at least

	// Of a file. stable is data as of the last sync; dirty is what happened since.
	data   []byte
	stable []byte
	dirty  []fileChange
}

// dirChange is one step that changes entries: a create, mkdir or remove changes
// one, a rename two. It reaches the disk as a whole.
type dirChange struct {
	entries []entryChange
	ordered bool // renames a directory: never on the disk before what happened earlier
}

type entryChange struct {
	dir  *node
	name string
	to   *node // nil: no such entry
}

// fileChange is a write of data at off or, if data is nil, a truncation to off.
type fileChange struct {
	off  int64
	data []byte
}

// NewCrash returns an empty disk.
func NewCrash() *Crash { return &Crash{root: newDir(fs.ModeDir | 0o755)} }

func newDir(mode fs.FileMode) *node {
	return &node{mode: mode, entries: map[string]*node{}, durable: map[string]*node{}}
}

func (n *node) isDir() bool { return n.mode.IsDir() }

// clean returns the elements of name below the root.
func clean(name string) []string {
	name = strings.Trim(filepath.Clean("/"+name), "/")
	if name == "" {
		return nil
	}
	return strings.Split(name, "/")
}

// lookup returns the node at the elements. Callers hold mu.
func (c *Crash) lookup(elems []string) (*node, error) {
	n := c.root
	for _, e := range elems {
		if !n.isDir() {
			return nil, syscall.ENOTDIR
		}
		if n = n.entries[e]; n == nil {
			return nil, syscall.ENOENT
		}
	}
	return n, nil
}

// parent returns the directory that holds name, and the name in it. Callers hold mu.
func (c *Crash) parent(name string) (*node, string, error) {
	elems := clean(name)
	if len(elems) == 0 {
		return nil, "", syscall.EBUSY
	}
	last := elems[len(elems)-1]
	if len(last) > 255 {
		return nil, "", syscall.ENAMETOOLONG
	}
	dir, err := c.lookup(elems[:len(elems)-1])
	if err == nil && !dir.isDir() {
		err = syscall.ENOTDIR
	}
	return dir, last, err
}

// change applies d at once and remembers that it is not durable. Callers hold mu.
func (c *Crash) change(d dirChange) {
	c.now++
	for _, e := range d.entries {
		set(e.dir.entries, e.name, e.to)
		e.dir.modified = c.now
	}
	c.pending = append(c.pending, d)
}

func set(m map[string]*node, name string, to *node) {
	if to == nil {
		delete(m, name)
	} else {
		m[name] = to
	}
}

// OpenFile implements FS.
func (c *Crash) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.open(name, flag, perm)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &crashFile{disk: c, node: n, name: name, flag: flag}, nil
}

func (c *Crash) open(name string, flag int, perm fs.FileMode) (*node, error) {
	writes := flag&(os.O_WRONLY|os.O_RDWR) != 0
	if len(clean(name)) == 0 {
		if writes || flag&os.O_CREATE != 0 {
			return nil, syscall.EISDIR
		}
		return c.root, nil
	}
	dir, base, err := c.parent(name)
	if err != nil {
		return nil, err
	}
	n := dir.entries[base]
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, syscall.ENOENT
	case n == nil:
		n = &node{mode: perm.Perm(), modified: c.now}
		c.change(dirChange{entries: []entryChange{{dir, base, n}}})
	case flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		return nil, syscall.EEXIST
	case n.isDir() && (writes || flag&os.O_CREATE != 0):
		return nil, syscall.EISDIR
	case flag&os.O_TRUNC != 0:
		c.truncate(n, 0)
	}
	return n, nil
}

// Rename implements FS.
func (c *Crash) Rename(oldname, newname string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.rename(oldname, newname); err != nil {
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: err}
	}
	return nil
}

func (c *Crash) rename(oldname, newname string) error {
	oldDir, oldBase, err := c.parent(oldname)
	if err != nil {
		return err
	}
	newDir, newBase, err := c.parent(newname)
	if err != nil {
		return err
	}
	n := oldDir.entries[oldBase]
	if n == nil {
		return syscall.ENOENT
	}
	switch target := newDir.entries[newBase]; {
	case target != nil && target.isDir():
		return syscall.EEXIST // as os.Rename, not rename(2): a directory is never replaced
	case target == n:
		return nil
	case n.isDir() && within(newname, oldname):
		return syscall.EINVAL
	case n.isDir() && target != nil:
		return syscall.ENOTDIR
	}
	c.change(dirChange{
		entries: []entryChange{{oldDir, oldBase, nil}, {newDir, newBase, n}},
		ordered: n.isDir(),
	})
	return nil
}

// within reports whether name is below dir.
func within(name, dir string) bool {
	n, d := clean(name), clean(dir)
	return len(n) > len(d) && slices.Equal(n[:len(d)], d)
}

// Remove implements FS.
func (c *Crash) Remove(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	dir, base, err := c.parent(name)
	if err == nil {
		switch n := dir.entries[base]; {
		case n == nil:
			err = syscall.ENOENT
		case n.isDir() && len(n.entries) > 0:
			err = syscall.ENOTEMPTY
		}
	}
	if err != nil {
		return &fs.PathError{Op: "remove", Path: name, Err: err}
	}
	c.change(dirChange{entries: []entryChange{{dir, base, nil}}})
	return nil
}

// Mkdir implements FS.
func (c *Crash) Mkdir(name string, perm fs.FileMode) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(clean(name)) == 0 {
		return &fs.PathError{Op: "mkdir", Path: name, Err: syscall.EEXIST}
	}
	dir, base, err := c.parent(name)
	if err == nil && dir.entries[base] != nil {
		err = syscall.EEXIST
	}
	if err != nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: err}
	}
	n := newDir(fs.ModeDir | perm.Perm())
	c.change(dirChange{entries: []entryChange{{dir, base, n}}})
	return nil
}

// ReadDir implements FS.
func (c *Crash) ReadDir(name string) ([]fs.DirEntry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	dir, err := c.lookup(clean(name))
	if err == nil && !dir.isDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	entries := make([]fs.DirEntry, 0, len(dir.entries))
	for base, n := range dir.entries {
		entries = append(entries, fs.FileInfoToDirEntry(n.info(base)))
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// Stat implements FS.
func (c *Crash) Stat(name string) (fs.FileInfo, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.lookup(clean(name))
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return n.info(filepath.Base(name)), nil
}

func (n *node) info(base string) fs.FileInfo {
	return crashInfo{base, int64(len(n.data)), n.mode, time.Unix(n.modified, 0)}
}

type crashInfo struct {
	name     string
	size     int64
	mode     fs.FileMode
	modified time.Time
}

func (i crashInfo) Name() string       { return i.name }
func (i crashInfo) Size() int64        { return i.size }
func (i crashInfo) Mode() fs.FileMode  { return i.mode }
func (i crashInfo) ModTime() time.Time { return i.modified }
func (i crashInfo) IsDir() bool        { return i.mode.IsDir() }
func (i crashInfo) Sys() any           { return nil }
