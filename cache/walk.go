package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

// Entry is one cached file.
type Entry struct {
	Key     Key
	Path    string
	Size    int64     // bytes, as the content has
	Bytes   int64     // on disk; holes take none
	Used    time.Time // last use, to a minute
	Partial bool      // only some chunks of the content are here
	Suspect bool      // will be hashed before it is used

	st unix.Stat_t
}

// Walk calls yield for each file of the cache, in no particular order, until
// yield returns false. Files that come or go meanwhile may be missed.
func (c *Cache) Walk(yield func(Entry) bool) error {
	err := c.walk(context.Background(), nil, func(e *Entry) error {
		if !yield(*e) {
			return errStop
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return fmt.Errorf("cache: walk: %w", err)
	}
	return nil
}

var errStop = errors.New("stop")

// walkBatch is how many names are read at once.
const walkBatch = 512

// walk calls each for every file, and counts them for the usage on the way. e is
// valid during the call. pace, if not nil, is called after each batch of names.
// A whole walk also removes the suspect directories that have become empty.
func (c *Cache) walk(ctx context.Context, pace func(), each func(e *Entry) error) error {
	gens := *c.suspects.Load()
	found := make(map[int]bool, len(gens))
	for shard := range shards {
		if err := c.walkShard(ctx, shard, gens, found, pace, each); err != nil {
			return err
		}
	}
	c.use.counted.Store(true)
	var empty []int
	for _, g := range gens {
		if !found[g] {
			empty = append(empty, g)
		}
	}
	c.dropSuspects(ctx, empty)
	return nil
}

// walkShard walks the directories of one shard of all kinds. It notes in found
// which of the suspect directories gens have files.
func (c *Cache) walkShard(ctx context.Context, shard int, gens []int, found map[int]bool, pace func(), each func(e *Entry) error) (err error) {
	var bytes, files int64
	if c.use.beginCount(shard) {
		defer func() { c.use.endCount(shard, bytes, files, err == nil) }()
	}
	for _, gen := range append([]int{0}, gens...) {
		for _, partial := range []bool{false, true} {
			for _, kind := range []string{"live", "content"} {
				err := c.walkDir(ctx, place{gen, partial}, kind, shard, pace, func(e *Entry) error {
					bytes += e.Bytes
					files++
					found[gen] = true
					return each(e)
				})
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (c *Cache) walkDir(ctx context.Context, p place, kind string, shard int, pace func(), each func(e *Entry) error) error {
	dir := filepath.Join(c.o.Dir, p.dir(), kind, shardName(shard))
	d, err := os.Open(dir)
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		names, err := d.Readdirnames(walkBatch) // at the end, or when the directory is removed: none
		if len(names) == 0 {
			if err != nil && !missing(err) && err != io.EOF {
				return err
			}
			return nil
		}
		for _, name := range names {
			k, ok := parseKey(kind, name)
			if !ok || k.shard() != shard {
				continue
			}
			e := Entry{Key: k, Partial: p.partial, Suspect: p.gen != 0}
			if err := unix.Fstatat(int(d.Fd()), name, &e.st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
				continue // it has just gone
			}
			e.Path = dir + "/" + name
			e.Size, e.Bytes = e.st.Size, onDisk(&e.st)
			e.Used = time.Unix(e.st.Atim.Unix())
			if err := each(&e); err != nil {
				return err
			}
		}
		if pace != nil {
			pace()
		}
	}
}

// Verify hashes the file of e, which should hold content id of size bytes, and
// of a partial file those chunks that are said to be here. The error wraps
// blob.ErrCorrupt and names the file when it does not, and blob.ErrNotFound when
// the file has gone. Verify changes nothing and does not count as a use; what is
// bad can be removed with Remove. A file that changes meanwhile is not an error, nor
// is one that is not believed since a power loss: what it holds is hashed before use.
func (c *Cache) Verify(ctx context.Context, e Entry, id blob.ID, size int64) error {
	fd, st, err := openQuiet(e.Path)
	if missing(err) {
		return fmt.Errorf("cache: verify %s: %w", e.Path, blob.ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("cache: verify %s: %w", e.Path, err)
	}
	f := os.NewFile(uintptr(fd), e.Path)
	defer f.Close()
	if e.Suspect || e.Partial && st.Mtim == (unix.Timespec{}) { // see moveDoubted
		return nil
	}
	if e.Partial {
		err = c.verifyPartial(ctx, f, id)
	} else {
		err = c.check(ctx, fd, &st, id, size)
	}
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	if now, lerr := lstat(e.Path); lerr != nil || !unchanged(&now, &st) {
		return nil
	}
	return fmt.Errorf("cache: verify %s: %w: %w (remove the file; it is brought back from the tiers)", e.Path, blob.ErrCorrupt, err)
}

func (c *Cache) verifyPartial(ctx context.Context, f *os.File, id blob.ID) error {
	m, err := c.manifest(ctx, id)
	if err != nil {
		return err
	}
	has := make([]bool, len(m.Chunks))
	if err := loadFills(f.Name()+fillsSuffix, &m, func(i int) { has[i] = true }); err != nil {
		return nil // nothing of it would be used
	}
	var off int64
	var buf []byte
	for i, ch := range m.Chunks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if has[i] {
			buf = append(buf[:0], make([]byte, ch.Size)...)
			if _, err := f.ReadAt(buf, off); err != nil {
				return fmt.Errorf("chunk %d cannot be read at byte %d: %w", i, off, err)
			}
			if !c.o.Ring.IsChunk(ch.ID, buf) {
				return fmt.Errorf("chunk %d at byte %d is not what was stored", i, off)
			}
		}
		off += int64(ch.Size)
	}
	return nil
}
