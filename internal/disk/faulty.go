package disk

import (
	"io/fs"
	"os"
)

// Op names an operation to the function that decides which ones fail.
type Op string

// The operations of FS and File that can be made to fail.
const (
	OpOpen     Op = "open"   // OpenFile without os.O_CREATE
	OpCreate   Op = "create" // OpenFile with os.O_CREATE
	OpRename   Op = "rename" // the path is the new name
	OpRemove   Op = "remove"
	OpMkdir    Op = "mkdir"
	OpReadDir  Op = "readdir"
	OpStat     Op = "stat"
	OpSyncDir  Op = "syncdir"
	OpRead     Op = "read"
	OpWrite    Op = "write"
	OpTruncate Op = "truncate"
	OpSync     Op = "sync"
	OpSyncFS   Op = "syncfs"
	OpClose    Op = "close"
)

// NewFaulty returns fsys with fault called before every operation, in the
// goroutine of the operation and possibly from many at once. An error of fault,
// for instance syscall.ENOSPC, is what the operation returns, as *fs.PathError;
// nil lets it pass. A write that fails so leaves the first half of its bytes
// behind, and a close that fails still closes. On a Crash, a Sync that fails so
// loses the bytes for good, as the kernel does.
//
// A fault that only watches is how a test looks at the disk between any two steps.
func NewFaulty(fsys FS, fault func(op Op, path string) error) FS {
	return &faultyFS{fsys, fault}
}

type faultyFS struct {
	fs    FS
	fault func(op Op, path string) error
}

func (f *faultyFS) check(op Op, path string) error {
	if err := f.fault(op, path); err != nil {
		return &fs.PathError{Op: string(op), Path: path, Err: err}
	}
	return nil
}

func (f *faultyFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	op := OpOpen
	if flag&os.O_CREATE != 0 {
		op = OpCreate
	}
	if err := f.check(op, name); err != nil {
		return nil, err
	}
	file, err := f.fs.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f}, nil
}

func (f *faultyFS) Rename(oldname, newname string) error {
	if err := f.check(OpRename, newname); err != nil {
		return err
	}
	return f.fs.Rename(oldname, newname)
}

func (f *faultyFS) Remove(name string) error {
	if err := f.check(OpRemove, name); err != nil {
		return err
	}
	return f.fs.Remove(name)
}

func (f *faultyFS) Mkdir(name string, perm fs.FileMode) error {
	if err := f.check(OpMkdir, name); err != nil {
		return err
	}
	return f.fs.Mkdir(name, perm)
}

func (f *faultyFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := f.check(OpReadDir, name); err != nil {
		return nil, err
	}
	return f.fs.ReadDir(name)
}

func (f *faultyFS) Stat(name string) (fs.FileInfo, error) {
	if err := f.check(OpStat, name); err != nil {
		return nil, err
	}
	return f.fs.Stat(name)
}

func (f *faultyFS) SyncDir(name string) error {
	if err := f.check(OpSyncDir, name); err != nil {
		return err
	}
	return f.fs.SyncDir(name)
}

type faultyFile struct {
	File
	fs *faultyFS
}

func (f *faultyFile) Read(p []byte) (int, error) {
	if err := f.fs.check(OpRead, f.Name()); err != nil {
		return 0, err
	}
	return f.File.Read(p)
}

func (f *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.check(OpRead, f.Name()); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.fs.check(OpWrite, f.Name()); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.fs.check(OpWrite, f.Name()); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], off)
		return n, err
	}
	return f.File.WriteAt(p, off)
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.fs.check(OpTruncate, f.Name()); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) Sync() error {
	if err := f.fs.check(OpSync, f.Name()); err != nil {
		if c, ok := f.File.(*crashFile); ok {
			c.syncFailed()
		}
		return err
	}
	return f.File.Sync()
}

func (f *faultyFile) SyncFS() error {
	if err := f.fs.check(OpSyncFS, f.Name()); err != nil {
		return err
	}
	return f.File.SyncFS()
}

func (f *faultyFile) Close() error {
	err := f.fs.check(OpClose, f.Name())
	if closeErr := f.File.Close(); err == nil {
		err = closeErr
	}
	return err
}
