package cache

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openPartial takes up what is here of the content, or begins anew. The caller
// holds the lock of the key.
func (f *fill) openPartial() error {
	c, p := f.c, place{partial: true}
	path := c.path(p, f.key)
	if _, err := lstat(path); missing(err) {
		c.rescue(f.key, &f.m)
	}
	fd, st, err := openStat(path, unix.O_RDWR)
	if err == nil {
		next, claims := here, 0
		if !fresh(&st, f.id, f.m.Size) {
			next, claims = claimed, 1
		}
		ok := st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size == f.m.Size && nil == loadFills(path+fillsSuffix, &f.m, func(i int) {
			f.state[i] = next
			f.claims += claims
			f.left += claims - 1
		})
		if ok {
			f.file = os.NewFile(uintptr(fd), path)
			f.sparse = next == here
			f.accounted = onDisk(&st)
			c.touch(fd, &st)
			return nil
		}
		unix.Close(fd)
	}
	_ = unix.Unlink(path + fillsSuffix)
	if _, err := c.unlink(f.key, path); err != nil {
		return err
	}
	err = withDir(filepath.Dir(path), func() error {
		var err error
		f.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
		return err
	})
	if err != nil {
		return err
	}
	f.sparse = true
	c.grow(f.key, 0, 1)
	if err := f.file.Truncate(f.m.Size); err != nil {
		return err
	}
	return nil
}

// finish ends all work and settles what becomes of the file.
func (f *fill) finish() {
	f.mu.Lock()
	f.finishing = true
	for r := range f.runs {
		r.cancel()
	}
	f.mu.Unlock()
	f.working.Wait()
	if f.file == nil {
		return
	}
	defer f.file.Close()
	if f.whole {
		return
	}
	defer f.c.lock(f.key)()
	var st unix.Stat_t
	fd := int(f.file.Fd())
	if err := unix.Fstat(fd, &st); err != nil || st.Nlink == 0 {
		f.c.grow(f.key, -f.accounted, -1)
		return
	}
	f.c.grow(f.key, onDisk(&st)-f.accounted, 0)
	if err := f.keep(fd, &st); err != nil {
		f.c.log.Warn("a partly filled file of the cache could not be kept", "file", f.file.Name(), "error", err)
	}
}

// keep makes the file the whole one, or stores its fills. The caller holds the
// lock of the key; no run is working.
func (f *fill) keep(fd int, st *unix.Stat_t) error {
	c, path := f.c, f.file.Name()
	if f.err != nil || f.left == len(f.state) && f.claims == 0 && f.m.Size > 0 {
		_ = unix.Unlink(path + fillsSuffix)
		_, err := c.unlink(f.key, path)
		return err
	}
	if f.left == 0 {
		if err := c.stamp(fd, f.id); err != nil {
			return err
		}
		c.grow(f.key, -onDisk(st), -1) // install counts it again
		if err := c.install(f.key, path, st); err != nil {
			return err
		}
		_ = unix.Unlink(path + fillsSuffix)
		return nil
	}
	if err := f.store(); err != nil { // without its list the file is of no use
		_ = unix.Unlink(path + fillsSuffix)
		_, _ = c.unlink(f.key, path)
		return err
	}
	if f.claims > 0 {
		return nil // no stamp: claims must be hashed the next time, too
	}
	return c.stamp(fd, f.id)
}
