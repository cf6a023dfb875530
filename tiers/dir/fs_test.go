package dir

import (
	"io/fs"
	"sync/atomic"

	"github.com/rdfs/rdfs/internal/disk"
)

// countingFS counts the files that are opened, and those that are open.
type countingFS struct {
	disk.FS
	open, opened atomic.Int64
}

func (c *countingFS) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	f, err := c.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	c.open.Add(1)
	c.opened.Add(1)
	return &countedFile{f, c}, nil
}

type countedFile struct {
	disk.File
	fs *countingFS
}

func (f *countedFile) Close() error {
	f.fs.open.Add(-1)
	return f.File.Close()
}

// afterOpen calls a function after each file that was opened.
type afterOpen struct {
	disk.FS
	fn func(name string)
}

func (a *afterOpen) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	f, err := a.FS.OpenFile(name, flag, perm)
	if err == nil && flag == 0 {
		a.fn(name)
	}
	return f, err
}
