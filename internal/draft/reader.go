package draft

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/pack"
)

// maxRange is how much of a pack Chunks reads at once, in bytes; a chunk that is
// longer is read alone. maxGap is what may lie between two chunks that are read
// by one range: reading it costs less than another request.
const (
	maxRange = 4 << 20
	maxGap   = 128 << 10
)

// Reader reads chunks from packs in a store. It is safe for concurrent use.
type Reader struct {
	store tiers.Store
	ring  *crypt.Ring
	bufs  sync.Pool // of *[]byte: stored bytes
}

// Located is a chunk and where it is.
type Located struct {
	blob.Chunk
	Location blob.Location
}

// NewReader returns a Reader of packs in s. A ring says that they are encrypted.
func NewReader(s tiers.Store, ring *crypt.Ring) *Reader {
	return &Reader{store: s, ring: ring, bufs: sync.Pool{New: func() any { return new([]byte) }}}
}

// Chunk returns the raw bytes of c, verified, in dst's memory where that is large
// enough. It is one range read. Errors wrap those of the store, or blob.ErrCorrupt
// when what is stored is not c.
func (r *Reader) Chunk(ctx context.Context, c blob.Chunk, loc blob.Location, dst []byte) ([]byte, error) {
	if err := r.check(c, loc); err != nil {
		return nil, err
	}
	buf := r.bufs.Get().(*[]byte)
	defer r.bufs.Put(buf)
	*buf = slices.Grow((*buf)[:0], int(loc.Stored))[:loc.Stored]
	if err := r.read(ctx, loc.Pack, *buf, int64(loc.Offset)); err != nil {
		return nil, err
	}
	return pack.Decode(r.ring, dst, loc, c.ID, *buf)
}

// Chunks reads chunks in the given order and yields the number and the verified
// bytes of each, which are good until yield returns. Neighbours in the list that
// are neighbours in a pack are read by one range of at most 4 MiB. The first
// error, also of yield, ends it. It holds about 12 MiB at most, however many
// chunks there are, when none is above 4 MiB.
func (r *Reader) Chunks(ctx context.Context, list []Located, yield func(i int, raw []byte) error) error {
	buf, raw := r.bufs.Get().(*[]byte), r.bufs.Get().(*[]byte)
	defer r.bufs.Put(buf)
	defer r.bufs.Put(raw)
	for i := 0; i < len(list); {
		end := run(list, i)
		for _, l := range list[i:end] {
			if err := r.check(l.Chunk, l.Location); err != nil {
				return err
			}
		}
		first, last := list[i].Location, list[end-1].Location
		n := int(int64(last.Offset) + int64(last.Stored) - int64(first.Offset))
		*buf = slices.Grow((*buf)[:0], n)[:n]
		if err := r.read(ctx, first.Pack, *buf, int64(first.Offset)); err != nil {
			return err
		}
		for ; i < end; i++ {
			l := list[i]
			stored := (*buf)[l.Location.Offset-first.Offset:][:l.Location.Stored]
			got, err := pack.Decode(r.ring, *raw, l.Location, l.ID, stored)
			if err != nil {
				return err
			}
			*raw = got
			if err := yield(i, got); err != nil {
				return err
			}
		}
	}
	return nil
}

// run returns the end of the run of chunks that begins at i and can be read by one
// range.
func run(list []Located, i int) int {
	first := list[i].Location
	end := int64(first.Offset) + int64(first.Stored)
	for i++; i < len(list); i++ {
		l := list[i].Location
		next := int64(l.Offset) + int64(l.Stored)
		if l.Pack != first.Pack || int64(l.Offset) < end || int64(l.Offset) > end+maxGap || next-int64(first.Offset) > maxRange {
			break
		}
		end = next
	}
	return i
}

// check keeps a damaged chunk table from asking for impossible ranges.
func (r *Reader) check(c blob.Chunk, loc blob.Location) error {
	most := loc.Size
	if r.ring != nil {
		most += crypt.Overhead
	}
	if c.Size != loc.Size || loc.Size > pack.MaxChunk || loc.Stored > most {
		return fmt.Errorf("chunk %s in pack %s: %w: %d bytes stored as %d, expected %d",
			c.ID.Short(), loc.Pack, blob.ErrCorrupt, loc.Size, loc.Stored, c.Size)
	}
	return nil
}

// read reads a range of a pack. A pack that ends before it is corrupt.
func (r *Reader) read(ctx context.Context, id blob.PackID, p []byte, off int64) error {
	err := r.store.ReadAt(ctx, pack.Key(id), p, off)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("pack %s: %w: cut off before %d: %w", pack.Key(id), blob.ErrCorrupt, off+int64(len(p)), err)
	}
	return err
}
