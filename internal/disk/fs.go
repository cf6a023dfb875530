package disk

import (
	"io"
	"io/fs"
)

// FS is a filesystem on which things are made durable. Implementations are safe
// for concurrent use. Paths are those of the operating system; errors are
// *fs.PathError or *os.LinkError and answer errors.Is for fs.ErrNotExist,
// fs.ErrExist and the syscall.Errno behind them.
type FS interface {
	// OpenFile opens name with the flags of package os. A directory opens with
	// os.O_RDONLY; the only things to do with it are Sync, SyncFS, Stat and Close.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	// Rename replaces newname, if it is a file, in one step. The change is durable
	// after SyncDir of the directory of newname.
	Rename(oldname, newname string) error
	// Remove removes a file or an empty directory. It does not wait for the disk.
	Remove(name string) error
	// Mkdir makes one directory. It is durable after SyncDir of its parent.
	Mkdir(name string, perm fs.FileMode) error
	// ReadDir returns the entries of a directory in ascending order of names.
	ReadDir(name string) ([]fs.DirEntry, error)
	// Stat follows symbolic links.
	Stat(name string) (fs.FileInfo, error)
	// SyncDir makes the entries of a directory durable (not the bytes of its
	// files, and not the directory's own name).
	SyncDir(name string) error
}

// File is an open file. ReadAt, WriteAt, Sync, SyncFS and Stat may be called from
// many goroutines at once; Read and Write share one position.
type File interface {
	io.Reader
	io.Writer
	io.ReaderAt
	io.WriterAt
	// Close ends the use of the file. It makes nothing durable.
	io.Closer
	// Name is the path given to OpenFile.
	Name() string
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	// Sync makes the bytes and the size durable: fdatasync(2). Modification time
	// and mode may lag behind. It says nothing about the name: see FS.SyncDir.
	Sync() error
	// SyncFS makes durable everything on the filesystem that holds the file, names
	// included: syncfs(2). It reports failures of writing back only if they came
	// after the file was opened, and each once; so keep one File open for it.
	SyncFS() error
	// Fd returns the descriptor, which is valid until Close, and false for a file
	// that is none of the kernel's.
	Fd() (uintptr, bool)
}
