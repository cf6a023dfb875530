package kv

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// reserve is a file whose only purpose is the room that it takes.
type reserve struct {
	path string
	size int64 // bytes; not positive: no reserve
	lost bool  // given up, to be filled again
}

var errNoReserve = errors.New("no reserve")

// fill makes the file as large as it should be.
func (r *reserve) fill() error {
	if r.size <= 0 {
		return nil
	}
	r.lost = true
	f, err := os.OpenFile(r.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return &os.PathError{Op: "reserve", Path: r.path, Err: err}
	}
	err = unix.Fallocate(int(f.Fd()), 0, 0, r.size)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
			r.size = 0 // this filesystem cannot hold room back
		}
		return errors.Join(&os.PathError{Op: "reserve", Path: r.path, Err: err}, os.Remove(r.path))
	}
	r.lost = false
	return nil
}

// refill fills a reserve that was given up, when there is room for it and as
// much again: the first bytes that come free belong to the commits.
func (r *reserve) refill() error {
	if !r.lost || r.size <= 0 {
		return errNoReserve
	}
	var st unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(r.path), &st); err != nil {
		return err
	}
	if int64(st.Bavail)*st.Bsize < 2*r.size {
		return errNoReserve
	}
	return r.fill()
}

// release gives the room back to the filesystem and reports whether it did.
func (r *reserve) release() bool {
	if r.lost || r.size <= 0 {
		return false
	}
	r.lost = true
	return os.Remove(r.path) == nil
}

// syncDir makes the name of a file durable.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
