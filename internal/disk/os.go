package disk

import (
	"fmt"
	"io/fs"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// OS is the real filesystem.
var OS FS = osFS{}

type osFS struct{}

func (osFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFS) Rename(oldname, newname string) error       { return os.Rename(oldname, newname) }
func (osFS) Remove(name string) error                   { return os.Remove(name) }
func (osFS) Mkdir(name string, perm fs.FileMode) error  { return os.Mkdir(name, perm) }
func (osFS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (osFS) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }

func (osFS) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync() // fsync(2): fdatasync of a directory is not promised to suffice
}

// osFile embeds *os.File for its ReadFrom too, with which io.Copy lets the kernel
// copy (copy_file_range) where it can.
type osFile struct{ *os.File }

func (f osFile) Fd() (uintptr, bool) { return f.File.Fd(), true }
func (f osFile) Sync() error         { return control(f.File, "fdatasync", unix.Fdatasync) }
func (f osFile) SyncFS() error       { return SyncFS(f.File) }

// SyncFS makes durable everything on the filesystem that holds f: syncfs(2). It
// reports failures as File.SyncFS does.
func SyncFS(f *os.File) error { return control(f, "syncfs", unix.Syncfs) }

// control runs a system call on f, which cannot be closed meanwhile.
func control(f *os.File, op string, call func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var callErr error
	err = conn.Control(func(fd uintptr) {
		for callErr = unix.EINTR; callErr == unix.EINTR; {
			callErr = call(int(fd))
		}
	})
	if err != nil {
		callErr = fs.ErrClosed // the only reason for which the call is not made
	}
	if callErr != nil {
		return &fs.PathError{Op: op, Path: f.Name(), Err: callErr}
	}
	return nil
}

// Free returns the bytes and the inodes that an ordinary user may still use on
// the filesystem that holds path. inodes is math.MaxInt64 where the filesystem
// has no fixed number of them.
func Free(path string) (bytes, inodes int64, err error) {
	var st unix.Statfs_t
	for err = unix.EINTR; err == unix.EINTR; {
		err = unix.Statfs(path, &st)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("free space: %w", &fs.PathError{Op: "statfs", Path: path, Err: err})
	}
	unit := st.Frsize
	if unit <= 0 {
		unit = st.Bsize
	}
	inodes = math.MaxInt64
	if st.Files > 0 {
		inodes = int64(min(st.Ffree, math.MaxInt64))
	}
	return int64(min(st.Bavail, math.MaxInt64/uint64(unit))) * unit, inodes, nil
}
