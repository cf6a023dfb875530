package pack

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/zstd"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/crypt"
)

// keep is the part of the raw size, in 1/32, that compression has to stay below:
// a chunk that shrinks less is stored as it is, which is faster to read.
const keep = 31

// width returns the element size of a kind that has planes in bytes, 1 for others.
func width(k blob.Kind) int {
	switch k {
	case blob.Shuffle2, blob.Diff2:
		return 2
	case blob.Shuffle4, blob.Diff4:
		return 4
	case blob.Shuffle8, blob.Diff8:
		return 8
	}
	return 1
}

// differs reports whether the elements of a kind are differences.
func differs(k blob.Kind) bool { return k == blob.Diff2 || k == blob.Diff4 || k == blob.Diff8 }

// Encoder turns chunks into payloads. It keeps about 1 MiB of tables and two
// scratch buffers of the size of the largest chunk. It is not safe for concurrent
// use.
type Encoder struct {
	zstd    *zstd.Encoder
	huff    huff0.Scratch
	hist    [1][256]uint32
	numbers []byte // differences of a chunk's elements
	scratch []byte // a shuffled chunk
}

// NewEncoder returns an Encoder.
func NewEncoder() *Encoder {
	z, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(1<<20),
		zstd.WithEncoderCRC(false)) // chunks have an id
	if err != nil {
		panic(err) // the options are constants
	}
	return &Encoder{zstd: z, huff: huff0.Scratch{Reuse: huff0.ReusePolicyNone}}
}

// Encode appends to dst the payload of raw as the given kind, or raw itself as
// blob.Raw when that is hardly longer. It returns the kind that it used. dst and
// raw must not overlap.
func (e *Encoder) Encode(dst, raw []byte, kind blob.Kind) ([]byte, blob.Kind) {
	if kind == blob.Raw {
		return append(dst, raw...), blob.Raw
	}
	at := len(dst)
	switch w := width(kind); {
	case w == 1:
		dst = e.zstd.EncodeAll(raw, dst)
	case differs(kind):
		dst = e.differenced(dst, raw, w)
	default:
		dst = e.shuffled(dst, raw, w)
	}
	if (len(dst)-at)*32 >= len(raw)*keep {
		return append(dst[:at], raw...), blob.Raw
	}
	return dst, kind
}

// A decoder holds what Decode needs besides its arguments.
type decoder struct {
	zstd    *zstd.Decoder
	scratch []byte
}

// decoders saves Decode from building its tables anew. Nothing in it outlives a
// call but memory.
var decoders = sync.Pool{New: func() any {
	z, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxMemory(MaxChunk),
		zstd.WithDecoderMaxWindow(MaxChunk),
		zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // the options are constants
	}
	return &decoder{zstd: z}
}}

// Decode returns the raw bytes of the chunk id, whose stored bytes are given, in
// dst's memory where that is large enough. It ignores what is in dst. The result
// is verified: it has the id. Everything else is an error that wraps
// blob.ErrCorrupt or crypt.ErrNoKey. dst and stored must not overlap; stored is
// overwritten if it is encrypted, which is when there is a ring. Safe for concurrent use.
func Decode(ring *crypt.Ring, dst []byte, loc blob.Location, id blob.ID, stored []byte) ([]byte, error) {
	corrupt := func(why string) ([]byte, error) {
		return nil, fmt.Errorf("chunk %s in pack %s: %w: %s", id.Short(), loc.Pack, blob.ErrCorrupt, why)
	}
	if !loc.Kind.Valid() || loc.Size == 0 || loc.Size > MaxChunk || len(stored) != int(loc.Stored) {
		return corrupt(fmt.Sprintf("%d bytes of %v for %d bytes", len(stored), loc.Kind, loc.Size))
	}
	stored, err := Open(ring, &Entry{Type: ChunkEntry, ID: id, Key: ring.KeyOf(id), Location: loc}, stored)
	if err != nil {
		return nil, fmt.Errorf("chunk %s in pack %s: %w", id.Short(), loc.Pack, err)
	}
	size := int(loc.Size)
	if cap(dst) < size {
		dst = make([]byte, size)
	}
	dst = dst[:size]
	if loc.Kind == blob.Raw {
		if len(stored) != size {
			return corrupt("wrong length")
		}
		copy(dst, stored)
	} else if err := decompress(dst, stored, loc.Kind); err != nil {
		return corrupt(err.Error())
	}
	if !ring.IsChunk(id, dst) {
		return corrupt("its bytes do not have its hash")
	}
	return dst, nil
}

// decompress fills dst. It writes nothing beyond dst and takes no memory that
// stored asks for.
func decompress(dst, stored []byte, kind blob.Kind) error {
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	w := width(kind)
	out := dst[:0:len(dst)]
	var flags byte // the first byte of a kind with planes
	if w > 1 {
		switch {
		case len(stored) == 0:
			return errors.New("it is empty")
		case differs(kind) && !validDiff(stored[0], w, len(dst)):
			return fmt.Errorf("it has impossible differences: %#x", stored[0])
		case !differs(kind) && stored[0]>>w != 0:
			return errors.New("it says that planes are differences that it has not")
		}
		flags, stored = stored[0], stored[1:]
		d.scratch = slices.Grow(d.scratch[:0], len(dst))
		out = d.scratch[:0:len(dst)]
	}
	got, err := d.zstd.DecodeAll(stored, out)
	if err != nil {
		return err
	}
	if len(got) != len(dst) {
		return fmt.Errorf("it has %d bytes, not %d", len(got), len(dst))
	}
	switch {
	case w == 1:
		if &got[0] != &dst[0] {
			copy(dst, got)
		}
	case differs(kind):
		skip := int(flags >> 4)
		n := len(got) - skip
		unshuffle(dst[skip:], got[:n], w)
		undiff(dst[skip:], w, int(flags&3))
		copy(dst, got[n:])
	default:
		sumPlanes(got, w, flags)
		unshuffle(dst, got, w)
	}
	return nil
}
