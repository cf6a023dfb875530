package cache

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

// settle decides about the files of k that are not known to be good: the whole
// file, and suspect ones. When it returns nil, the file is in its place and
// stamped; otherwise the error wraps blob.ErrNotFound and nothing bad is left.
func (c *Cache) settle(k Key, id blob.ID, size int64) error {
	_, err := c.settles.do(context.Background(), keyID{k, id}, func(ctx context.Context) (struct{}, error) {
		gens := append([]int{0}, *c.suspects.Load()...)
		for _, gen := range gens {
			good, err := c.judge(ctx, place{gen: gen}, k, id, size)
			if good || err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, blob.ErrNotFound
	})
	return err
}

// judge hashes one file of k, outside of all locks, and then either stamps it and
// puts it in its place, or removes it. A file that changes meanwhile is left
// alone, and not good.
func (c *Cache) judge(ctx context.Context, p place, k Key, id blob.ID, size int64) (good bool, err error) {
	path := c.path(p, k)
	fd, st, err := openQuiet(path)
	if missing(err) {
		return false, nil
	}
	var bad error
	switch {
	case err == unix.ELOOP:
		bad = errors.New("it is a symbolic link")
		if st, err = lstat(path); err != nil {
			return false, nil
		}
	case err != nil:
		return false, &os.PathError{Op: "open", Path: path, Err: err}
	default:
		defer unix.Close(fd)
		if p.gen == 0 && fresh(&st, id, size) {
			return true, nil // another has settled it
		}
		bad = c.check(ctx, fd, &st, id, size)
	}

	defer c.lock(k)()
	if now, err := lstat(path); err != nil || !unchanged(&now, &st) {
		return false, nil
	}
	if bad != nil {
		c.log.Error("a cached file is not what was stored; it is removed and will be brought back from the tiers",
			"file", path, "problem", bad.Error(), "content", id.String())
		c.use.bad.Add(1)
		_, err := c.unlink(k, path)
		return false, err
	}
	if p.gen != 0 {
		if _, err := lstat(c.path(place{}, k)); err == nil {
			return true, nil // a newer one has come; it will be looked at
		}
		if err := renameInto(path, c.path(place{}, k)); err != nil {
			return false, err
		}
	}
	return true, c.stamp(fd, id)
}

// check hashes an open file whose attributes are st. The error says for people
// how it differs from content id of size bytes.
func (c *Cache) check(ctx context.Context, fd int, st *unix.Stat_t, id blob.ID, size int64) error {
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.New("it is not a regular file")
	}
	if st.Size != size {
		return fmt.Errorf("it has %d bytes, not %d", st.Size, size)
	}
	_ = unix.Fadvise(fd, 0, 0, unix.FADV_SEQUENTIAL)
	h := blob.NewHasher()
	buf := make([]byte, min(max(size, 1), 1<<20))
	for off := int64(0); off < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := unix.Pread(fd, buf, off)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("it cannot be read at byte %d: %w", off, err)
		}
		if n == 0 {
			return fmt.Errorf("it ends at byte %d", off)
		}
		_, _ = h.Write(buf[:n])
		off += int64(n)
	}
	if sum := h.Sum(); !c.o.Ring.IsContent(id, sum) {
		return fmt.Errorf("its BLAKE3 is %s", sum)
	}
	return nil
}
