package volume

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/disk"
)

// draftDir holds the files of unsealed bytes: <two hex digits>/<ino>.<gen>.
type draftDir struct {
	dir   string
	root  *os.File
	exact bool // every write after an fstat shows in the next one

	sync    func(path string) error // makes one draft durable
	syncAll func() error            // makes all of them durable

	mu     sync.Mutex
	closed []string         // drafts closed by their writers and not synced since
	failed map[string]error // drafts that are poisoned
}

// manyDrafts is the number of closed drafts from which on one syncfs(2) is cheaper
// than an fdatasync(2) of each.
const manyDrafts = 8

func openDraftDir(dir string) (*draftDir, error) {
	for i := range 256 {
		if err := os.MkdirAll(filepath.Join(dir, fmt.Sprintf("%02x", i)), 0o700); err != nil {
			return nil, err
		}
	}
	root, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	d := &draftDir{dir: dir, root: root, exact: exactTimes(dir)}
	d.sync, d.syncAll = d.syncFile, d.syncFS
	return d, nil
}

// exactTimes reports whether the filesystem gives a write another time than an fstat(2)
// before it has shown, as Linux does from 6.13 on. Otherwise times change with the
// kernel's clock tick, in which much can be written.
func exactTimes(dir string) bool {
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return false
	}
	defer f.Close()
	os.Remove(f.Name())
	last, err := fstat(f)
	for range 4 {
		if _, werr := f.WriteAt([]byte("x"), 0); err != nil || werr != nil {
			return false
		}
		s, serr := fstat(f)
		if serr != nil || s.mtime == last.mtime {
			return false
		}
		last = s
	}
	return true
}

func (d *draftDir) close() { d.root.Close() }

// path returns the file of a draft. Inodes that are made one after the other share a
// directory, and so a neighbourhood on the disk.
func (d *draftDir) path(i catalog.Inode, gen uint32) string {
	b := make([]byte, 0, len(d.dir)+36)
	b = append(b, d.dir...)
	b = append(b, '/', hexDigits[i>>14&15], hexDigits[i>>10&15], '/')
	b = strconv.AppendUint(b, uint64(i), 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, uint64(gen), 10)
	return string(b)
}

const hexDigits = "0123456789abcdef"

// create makes an empty draft, open for reading.
func (d *draftDir) create(i catalog.Inode, gen uint32) (*os.File, error) {
	return openFile(d.path(i, gen), os.O_RDONLY|os.O_CREATE|os.O_EXCL)
}

// openFile opens a regular file without what os.OpenFile does for others.
func openFile(path string, flags int) (*os.File, error) {
	for {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC|unix.O_LARGEFILE, 0o600)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), path), nil
		case syscall.EINTR:
			continue
		}
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
}

func sameFile(f, g *os.File) bool {
	var s, t unix.Stat_t
	return unix.Fstat(int(f.Fd()), &s) == nil && unix.Fstat(int(g.Fd()), &t) == nil && s.Dev == t.Dev && s.Ino == t.Ino
}

// noteClosed remembers that the writer of a draft is done: the next group commit
// makes its bytes durable before the rows that follow from them.
func (d *draftDir) noteClosed(path string) {
	d.mu.Lock()
	d.closed = append(d.closed, path)
	d.mu.Unlock()
}

// noteRenamed does the same for a draft that may still have a writer when it gets a
// new name: the kernel does not wait for the Release of a file before it sends what
// the program does next, and a save by rename must not become durable before its bytes.
// It must be called inside the transaction that names it. n.mu is held.
func (d *draftDir) noteRenamed(n *node) {
	if n.draft != "" && n.writers > 0 {
		d.noteClosed(n.draft)
	}
}

// draftFile is one file in the directory.
type draftFile struct {
	ino  catalog.Inode
	gen  uint32
	path string
	// failed: it is the mark that says that the draft is poisoned.
	failed bool
}

// list returns all drafts on disk, and marks of poisoned ones; other files are reported as strange.
func (d *draftDir) list() (all []draftFile, strange []string, err error) {
	for i := range 256 {
		shard := filepath.Join(d.dir, fmt.Sprintf("%02x", i))
		entries, err := os.ReadDir(shard)
		if err != nil {
			return nil, nil, err
		}
		for _, e := range entries {
			path := filepath.Join(shard, e.Name())
			if disk.IsTemp(e.Name()) {
				os.Remove(path) // a mark that was not finished
				continue
			}
			name, failed := strings.CutSuffix(e.Name(), failedEnding)
			a, b, _ := strings.Cut(name, ".")
			ino, err1 := strconv.ParseUint(a, 10, 64)
			gen, err2 := strconv.ParseUint(b, 10, 32)
			if err1 != nil || err2 != nil || gen == 0 {
				strange = append(strange, path)
				continue
			}
			all = append(all, draftFile{catalog.Inode(ino), uint32(gen), strings.TrimSuffix(path, failedEnding), failed})
		}
	}
	return all, strange, nil
}
