package fs

import (
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// backing keeps the kernel's ids of backing files, one for each node that is open
// by passthrough. The invariant: while any handle of a node is counted the node
// keeps its id, because the kernel refuses (EIO) an open that names another file
// than the one that handles of the inode already use.
type backing struct {
	mu sync.Mutex
	m  map[uint64]*backingFile
}

type backingFile struct {
	id   int32
	refs int
}

func (b *backing) init() { b.m = make(map[uint64]*backingFile) }

// acquire returns the id under which the kernel knows the file of a node.
func (b *backing) acquire(s *fuse.Server, node uint64, f *os.File) (int32, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.m[node]; known != nil {
		known.refs++
		return known.id, nil
	}
	id, errno := s.RegisterBackingFd(&fuse.BackingMap{Fd: int32(f.Fd())})
	if errno != 0 {
		return 0, fmt.Errorf("register backing file %s: %w", f.Name(), errno)
	}
	b.m[node] = &backingFile{id: id, refs: 1}
	return id, nil
}

// release gives up one handle of a node.
func (b *backing) release(s *fuse.Server, node uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.m[node]
	if f.refs--; f.refs == 0 {
		s.UnregisterBackingFd(f.id)
		delete(b.m, node)
	}
}

// probe finds out whether the kernel takes backing files from us, with a file on
// the filesystem that the real ones will be on.
func (b *backing) probe(s *fuse.Server, dir string) error {
	if s.KernelSettings().Flags64()&fuse.CAP_PASSTHROUGH == 0 {
		return fmt.Errorf("the kernel is older than 6.9")
	}
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	defer f.Close()
	os.Remove(f.Name())
	id, errno := s.RegisterBackingFd(&fuse.BackingMap{Fd: int32(f.Fd())})
	switch errno {
	case 0:
		s.UnregisterBackingFd(id)
		return nil
	case syscall.EPERM:
		return fmt.Errorf("it takes root or CAP_SYS_ADMIN")
	case syscall.ELOOP:
		return fmt.Errorf("the repository is on a stacked filesystem")
	}
	return errno
}
