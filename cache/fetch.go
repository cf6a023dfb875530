package cache

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

// Fetch brings the whole content id back as the file of k and opens it for
// reading. Callers of one key and content share one transfer, which ends early
// only when all of them have gone away. An error leaves nothing behind. ENOSPC
// is returned only after eviction was tried.
func (c *Cache) Fetch(ctx context.Context, k Key, id blob.ID) (*os.File, error) {
	k = k.norm()
	wrap := func(err error) error { return fmt.Errorf("cache: fetch %s (content %s): %w", k, id.Short(), err) }
	for range fetchTries {
		size, err := c.fetches.do(ctx, keyID{k, id}, func(ctx context.Context) (int64, error) {
			size, err := c.fetch(ctx, k, id)
			if errors.Is(err, unix.ENOSPC) && c.makeRoom(ctx, k.String(), size) {
				size, err = c.fetch(ctx, k, id)
			}
			return size, err
		})
		if err != nil {
			return nil, wrap(err)
		}
		f, err := c.get(k, id, size, os.O_RDONLY, true)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, blob.ErrNotFound) {
			return nil, wrap(err)
		}
	}
	return nil, wrap(errGone) // not ErrNotFound: the source has it
}

// fetchTries is how often Fetch begins anew because somebody removed the file while it
// came: removing a large cache takes a while.
const fetchTries = 50

// fetch brings the content back if it is not here, and returns its size.
func (c *Cache) fetch(ctx context.Context, k Key, id blob.ID) (size int64, err error) {
	m, err := c.manifest(ctx, id)
	if err != nil {
		return 0, err
	}
	if f, err := c.get(k, id, m.Size, os.O_RDONLY, true); err == nil {
		f.Close()
		return m.Size, nil
	}
	c.keepFree(ctx, k, m.Size)
	f, err := c.temp()
	if err != nil {
		return m.Size, err
	}
	installed := false
	defer func() {
		f.Close()
		if !installed {
			_ = os.Remove(f.Name())
		}
	}()
	if err := c.receive(ctx, f, m); err != nil {
		return m.Size, err
	}
	if err := c.stamp(int(f.Fd()), id); err != nil {
		return m.Size, &os.PathError{Op: "futimens", Path: f.Name(), Err: err}
	}
	defer c.lock(k)()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return m.Size, err
	}
	if err := c.install(k, f.Name(), &st); err != nil && !errors.Is(err, errGone) {
		return m.Size, err
	}
	// When the file is gone, somebody has removed the cache: Fetch tries again.
	installed = true
	if !c.filling(k) {
		c.removePartial(place{partial: true}, k)
	}
	return m.Size, nil
}

// manifest asks the source and checks that the answer fits together.
func (c *Cache) manifest(ctx context.Context, id blob.ID) (blob.Manifest, error) {
	m, err := c.o.Source.Manifest(ctx, id)
	if err != nil {
		return m, err
	}
	var sum int64
	for _, ch := range m.Chunks {
		sum += int64(ch.Size)
	}
	if m.ID != id || m.Size != sum {
		return m, fmt.Errorf("manifest: %w: it says content %s of %d bytes in chunks of %d", blob.ErrCorrupt, m.ID.Short(), m.Size, sum)
	}
	return m, nil
}

// receive writes the content m into the empty file f, and verifies all of it by
// the content id.
func (c *Cache) receive(ctx context.Context, f *os.File, m blob.Manifest) error {
	if err := f.Truncate(m.Size); err != nil {
		return err
	}
	h := blob.NewHasher()
	var off int64
	next := 0
	err := c.o.Source.Chunks(ctx, m.Chunks, func(i int, p []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if i != next || i >= len(m.Chunks) || len(p) != int(m.Chunks[i].Size) {
			return fmt.Errorf("chunk %d: %w: the source sent chunk %d of %d bytes", next, blob.ErrCorrupt, i, len(p))
		}
		_, _ = h.Write(p)
		if _, err := c.writeSparse(f, p, off); err != nil {
			return err
		}
		c.use.fetched.Add(int64(len(p)))
		off += int64(len(p))
		next++
		return nil
	})
	if err != nil {
		return err
	}
	if next != len(m.Chunks) {
		return fmt.Errorf("%w: the source sent %d of %d chunks", blob.ErrCorrupt, next, len(m.Chunks))
	}
	if sum := h.Sum(); !c.o.Ring.IsContent(m.ID, sum) {
		return fmt.Errorf("%w: the bytes that came have BLAKE3 %s", blob.ErrCorrupt, sum)
	}
	return nil
}
