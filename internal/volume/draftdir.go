package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
)

// draftDir holds the files of unsealed bytes: <two hex digits>/<ino>.<gen>.
type draftDir struct {
	dir  string
	root *os.File

	mu     sync.Mutex
	closed []string // drafts closed by their writers and not synced since
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
	return &draftDir{dir: dir, root: root}, nil
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

// syncClosed makes the drafts durable that were closed since it was last called.
func (d *draftDir) syncClosed() error {
	d.mu.Lock()
	closed := d.closed
	d.closed = nil
	d.mu.Unlock()
	if len(closed) == 0 {
		return nil
	}
	if len(closed) > manyDrafts {
		if err := unix.Syncfs(int(d.root.Fd())); err != nil {
			return fmt.Errorf("sync drafts in %s: %w", d.dir, err)
		}
		return nil
	}
	for _, path := range closed {
		f, err := openFile(path, os.O_RDONLY)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, or sealed since
		}
		if err != nil {
			return err
		}
		err = unix.Fdatasync(int(f.Fd()))
		f.Close()
		if err != nil {
			return fmt.Errorf("sync draft %s: %w", path, err)
		}
	}
	return nil
}

// draftFile is one file in the directory.
type draftFile struct {
	ino  catalog.Inode
	gen  uint32
	path string
}

// list returns all drafts on disk; other files are reported as strange.
func (d *draftDir) list() (all []draftFile, strange []string, err error) {
	for i := range 256 {
		shard := filepath.Join(d.dir, fmt.Sprintf("%02x", i))
		entries, err := os.ReadDir(shard)
		if err != nil {
			return nil, nil, err
		}
		for _, e := range entries {
			path := filepath.Join(shard, e.Name())
			a, b, _ := strings.Cut(e.Name(), ".")
			ino, err1 := strconv.ParseUint(a, 10, 64)
			gen, err2 := strconv.ParseUint(b, 10, 32)
			if err1 != nil || err2 != nil || gen == 0 {
				strange = append(strange, path)
				continue
			}
			all = append(all, draftFile{catalog.Inode(ino), uint32(gen), path})
		}
	}
	return all, strange, nil
}
