package disk

import (
	"io"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// crashFile is an open file of a Crash. Its fields are guarded by disk.mu.
type crashFile struct {
	disk   *Crash
	node   *node
	name   string
	flag   int
	pos    int64
	closed bool
}

// begin locks the disk for one operation, which the returned function ends.
func (f *crashFile) begin(op string, writes bool) (func(), error) {
	f.disk.mu.Lock()
	var err error
	switch access := f.flag & (os.O_WRONLY | os.O_RDWR); {
	case f.closed:
		err = fs.ErrClosed
	case writes && access == 0, op == "read" && access == os.O_WRONLY:
		err = syscall.EBADF
	case op == "read" && f.node.isDir():
		err = syscall.EISDIR
	default:
		return f.disk.mu.Unlock, nil
	}
	f.disk.mu.Unlock()
	return nil, &fs.PathError{Op: op, Path: f.name, Err: err}
}

func (f *crashFile) Name() string        { return f.name }
func (f *crashFile) Fd() (uintptr, bool) { return 0, false }

func (f *crashFile) Close() error {
	end, err := f.begin("close", false)
	if err != nil {
		return err
	}
	defer end()
	f.closed = true
	return nil
}

func (f *crashFile) Stat() (fs.FileInfo, error) {
	end, err := f.begin("stat", false)
	if err != nil {
		return nil, err
	}
	defer end()
	return f.node.info(f.name), nil
}

func (f *crashFile) Read(p []byte) (int, error) {
	end, err := f.begin("read", false)
	if err != nil {
		return 0, err
	}
	defer end()
	if f.pos >= int64(len(f.node.data)) && len(p) > 0 {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[min(f.pos, int64(len(f.node.data))):])
	f.pos += int64(n)
	return n, nil
}

func (f *crashFile) ReadAt(p []byte, off int64) (int, error) {
	end, err := f.begin("read", false)
	if err != nil {
		return 0, err
	}
	defer end()
	if off < 0 {
		return 0, &fs.PathError{Op: "read", Path: f.name, Err: syscall.EINVAL}
	}
	n := copy(p, f.node.data[min(off, int64(len(f.node.data))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *crashFile) Write(p []byte) (int, error) {
	end, err := f.begin("write", true)
	if err != nil {
		return 0, err
	}
	defer end()
	if f.flag&os.O_APPEND != 0 {
		f.pos = int64(len(f.node.data))
	}
	f.disk.write(f.node, p, f.pos)
	f.pos += int64(len(p))
	return len(p), nil
}

func (f *crashFile) WriteAt(p []byte, off int64) (int, error) {
	end, err := f.begin("write", true)
	if err != nil {
		return 0, err
	}
	defer end()
	if off < 0 || f.flag&os.O_APPEND != 0 {
		return 0, &fs.PathError{Op: "write", Path: f.name, Err: syscall.EINVAL}
	}
	f.disk.write(f.node, p, off)
	return len(p), nil
}

func (f *crashFile) Truncate(size int64) error {
	end, err := f.begin("truncate", true)
	if err != nil {
		return err
	}
	defer end()
	if size < 0 {
		return &fs.PathError{Op: "truncate", Path: f.name, Err: syscall.EINVAL}
	}
	f.disk.truncate(f.node, size)
	return nil
}

func (f *crashFile) Sync() error {
	end, err := f.begin("fdatasync", false)
	if err != nil {
		return err
	}
	defer end()
	f.node.sync()
	return nil
}

func (f *crashFile) SyncFS() error {
	end, err := f.begin("syncfs", false)
	if err != nil {
		return err
	}
	defer end()
	f.disk.syncAll()
	return nil
}

// syncFailed makes the disk behave as after a failed fdatasync(2): programs read
// the new bytes, the kernel takes them for written, and no later sync writes them.
func (f *crashFile) syncFailed() {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.node.dirty = nil
}

// write changes n. Callers hold mu.
func (c *Crash) write(n *node, p []byte, off int64) {
	if len(p) == 0 {
		return
	}
	c.now++
	n.modified = c.now
	w := fileChange{off, slices.Clone(p)}
	n.dirty = append(n.dirty, w)
	n.data = w.apply(n.data)
}

// truncate changes n. Callers hold mu.
func (c *Crash) truncate(n *node, size int64) {
	c.now++
	n.modified = c.now
	w := fileChange{off: size}
	n.dirty = append(n.dirty, w)
	n.data = w.apply(n.data)
}

// apply returns data with the change made in place where that is possible.
func (w fileChange) apply(data []byte) []byte {
	if w.data == nil {
		return resize(data, w.off)
	}
	end := w.off + int64(len(w.data))
	if end > int64(len(data)) {
		data = resize(data, end)
	}
	copy(data[w.off:], w.data)
	return data
}

func resize(data []byte, size int64) []byte {
	if n := int64(len(data)); size > n {
		data = slices.Grow(data, int(size-n))[:size]
		clear(data[n:])
		return data
	}
	return data[:size]
}
