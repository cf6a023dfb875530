package cache

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

// settleTries is how often Get and Take look again after a file was settled: it
// may be removed or replaced at any moment.
const settleTries = 3

// suspectMax is the size in bytes up to which Get hashes a suspect file.
const suspectMax = 64 << 20

// Get opens the whole file of k, which must hold content id of size bytes. flag
// is os.O_RDONLY or os.O_RDWR. The error wraps blob.ErrNotFound when the file is
// not here, or was found bad and has been removed. Get does not wait for the
// network. It hashes a file that is not known to be good, except a large one that
// is suspect after a power loss: that one is left to Partial, which hashes only
// what is read, or to Fetch and Take.
func (c *Cache) Get(k Key, id blob.ID, size int64, flag int) (*os.File, error) {
	f, err := c.get(k.norm(), id, size, flag, size <= suspectMax)
	switch {
	case err == nil:
		c.use.hits.Add(1)
	case errors.Is(err, blob.ErrNotFound):
		c.use.misses.Add(1)
	}
	return f, err
}

// get is Get without counting. It looks among the suspects if told so.
func (c *Cache) get(k Key, id blob.ID, size int64, flag int, suspects bool) (*os.File, error) {
	path := c.path(place{}, k)
	fd, _, err := c.openGood(k, id, size, path, flag&unix.O_ACCMODE, suspects)
	if err != nil {
		return nil, fmt.Errorf("cache: get %s: %w", k, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// openGood opens the file of k after the cheap check, or else after hashing it.
func (c *Cache) openGood(k Key, id blob.ID, size int64, path string, flag int, suspects bool) (int, unix.Stat_t, error) {
	for range settleTries {
		fd, st, err := openStat(path, flag)
		switch {
		case err == nil && fresh(&st, id, size):
			c.touch(fd, &st)
			return fd, st, nil
		case err == nil:
			unix.Close(fd)
		case missing(err):
			if !suspects || len(*c.suspects.Load()) == 0 {
				return -1, st, blob.ErrNotFound
			}
		case err == unix.ELOOP: // a link was put here: settle removes it
		default:
			return -1, st, err
		}
		if err := c.settle(k, id, size); err != nil {
			return -1, st, err
		}
	}
	return -1, unix.Stat_t{}, blob.ErrNotFound
}

// Adopt takes the file of a sealed draft, which holds content id of size bytes,
// by renaming it from path from; it must be on the cache's filesystem. An
// earlier file of k is replaced. On an error the file is still at from.
func (c *Cache) Adopt(k Key, id blob.ID, size int64, from string) error {
	k = k.norm()
	fd, st, err := openStat(from, unix.O_RDONLY)
	if err != nil {
		return fmt.Errorf("cache: adopt %s as %s: %w", from, k, err)
	}
	defer unix.Close(fd)
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size != size {
		return fmt.Errorf("cache: adopt %s as %s: it is not a file of %d bytes (it has %d)", from, k, size, st.Size)
	}
	defer c.lock(k)()
	if err := c.install(k, from, &st); err != nil {
		return fmt.Errorf("cache: adopt %s: %w", from, err)
	}
	// Stamped only now, so that a crash before the rename leaves the draft's own
	// time. Without a stamp the file is hashed at its next use, so an error is none.
	if err := c.stamp(fd, id); err != nil {
		c.log.Warn("a cached file could not be stamped", "file", c.path(place{}, k), "error", err)
	}
	c.removeOthers(k)
	return nil
}

// install renames the file from, whose attributes are st, to its place as the
// whole file of k, and accounts it. The caller holds the lock of k.
func (c *Cache) install(k Key, from string, st *unix.Stat_t) error {
	path := c.path(place{}, k)
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
	if err == nil { // as nearly always: nothing was there, so nothing has to be looked at
		c.account(k, nil, st)
		return nil
	}
	var old *unix.Stat_t
	if o, err := lstat(path); err == nil {
		old = &o
	}
	if err := renameInto(from, path); err != nil {
		return err
	}
	c.account(k, old, st)
	return nil
}

// Take gives the whole live file of k back as a draft: it renames it to the path
// to, on the same filesystem, and opens it for reading and writing. It is
// checked first as Get does. The modification time is still the stamp; the
// caller sets it.
func (c *Cache) Take(k Key, id blob.ID, size int64, to string) (*os.File, error) {
	k = k.norm()
	fd, err := c.take(k, id, size, to)
	if err != nil {
		return nil, fmt.Errorf("cache: take %s: %w", k, err)
	}
	return os.NewFile(uintptr(fd), to), nil
}

func (c *Cache) take(k Key, id blob.ID, size int64, to string) (int, error) {
	path := c.path(place{}, k)
	for range settleTries {
		fd, st, err := c.openGood(k, id, size, path, unix.O_RDWR, true)
		if err != nil {
			return -1, err
		}
		done, err := c.takeOpen(k, &st, path, to)
		if done {
			return fd, nil
		}
		unix.Close(fd)
		if err != nil {
			return -1, err
		}
	}
	return -1, blob.ErrNotFound
}

// takeOpen renames the file of k, which was opened with attributes st, to the
// path to. It is not done when another file stands at path.
func (c *Cache) takeOpen(k Key, st *unix.Stat_t, path, to string) (done bool, err error) {
	defer c.lock(k)()
	if now, err := lstat(path); err != nil || !sameFile(&now, st) {
		return false, nil
	}
	if err := unix.Rename(path, to); err != nil {
		if _, lerr := lstat(path); missing(lerr) {
			return false, nil
		}
		return false, &os.LinkError{Op: "rename", Old: path, New: to, Err: err}
	}
	c.account(k, st, nil)
	return true, nil
}

// Remove removes all that is here of k. What is open stays readable. Nothing
// being here is success.
func (c *Cache) Remove(k Key) error {
	k = k.norm()
	defer c.lock(k)()
	c.removeOthers(k)
	if _, err := c.unlink(k, c.path(place{}, k)); err != nil {
		return fmt.Errorf("cache: remove %s: %w", k, err)
	}
	return nil
}

// removeOthers removes what is here of k beside the whole file: suspects and
// fills. The caller holds the lock of k.
func (c *Cache) removeOthers(k Key) {
	c.removePartial(place{partial: true}, k)
	for _, gen := range *c.suspects.Load() {
		_, _ = c.unlink(k, c.path(place{gen: gen}, k))
		c.removePartial(place{gen: gen, partial: true}, k)
	}
}

// removePartial removes a partial file and its list of fills. The space of one
// that is open is accounted when it is closed. The caller holds the lock of k.
func (c *Cache) removePartial(p place, k Key) {
	path := c.path(p, k)
	if _, err := lstat(path); missing(err) {
		return // a list of fills without its file means nothing: openPartial removes it
	}
	_ = unix.Unlink(path + fillsSuffix)
	if p.gen == 0 && c.filling(k) {
		_ = unix.Unlink(path)
		return
	}
	_, _ = c.unlink(k, path)
}

// unlink removes one file of k and accounts it. A missing file is success.
func (c *Cache) unlink(k Key, path string) (removed bool, err error) {
	st, err := lstat(path)
	if err == nil {
		err = unix.Unlink(path)
	}
	switch {
	case missing(err):
		return false, nil
	case err != nil:
		return false, &os.PathError{Op: "unlink", Path: path, Err: err}
	}
	c.account(k, &st, nil)
	return true, nil
}
