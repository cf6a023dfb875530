package pack

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/huff0"
	"github.com/klauspost/compress/zstd"

	"github.com/rdfs/rdfs/internal/blob"
)

// keep is the part of the raw size, in 1/32, that compression has to stay below:
// a chunk that shrinks less is stored as it is, which is faster to read.
const keep = 31

// width returns the element size of a shuffled kind in bytes, 1 for others.
func width(k blob.Kind) int {
	switch k {
	case blob.Shuffle2:
		return 2
	case blob.Shuffle4:
		return 4
	case blob.Shuffle8:
		return 8
	}
	return 1
}

// Encoder turns chunks into payloads. It keeps about 1 MiB of tables and a
// scratch buffer of the size of the largest chunk. It is not safe for concurrent
// use.
type Encoder struct {
	zstd    *zstd.Encoder
	huff    huff0.Scratch
	hist    [2][256]uint32
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
	if w := width(kind); w == 1 {
		dst = e.zstd.EncodeAll(raw, dst)
	} else {
		e.scratch = slices.Grow(e.scratch[:0], len(raw))[:len(raw)]
		shuffle(e.scratch, raw, w)
		dst = e.planes(dst, e.scratch, w)
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
// is verified: its BLAKE3 is id. Everything else is an error that wraps
// blob.ErrCorrupt. dst and stored must not overlap. Safe for concurrent use.
func Decode(dst []byte, loc blob.Location, id blob.ID, stored []byte) ([]byte, error) {
	corrupt := func(why string) ([]byte, error) {
		return nil, fmt.Errorf("chunk %s in pack %s: %w: %s", id.Short(), loc.Pack, blob.ErrCorrupt, why)
	}
	if !loc.Kind.Valid() || loc.Size == 0 || loc.Size > MaxChunk || len(stored) != int(loc.Stored) {
		return corrupt(fmt.Sprintf("%d bytes of %v for %d bytes", len(stored), loc.Kind, loc.Size))
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
	} else if err := decompress(dst, stored, width(loc.Kind)); err != nil {
		return corrupt(err.Error())
	}
	if blob.Sum(dst) != id {
		return corrupt("its bytes do not have its hash")
	}
	return dst, nil
}

// decompress fills dst. It writes nothing beyond dst and takes no memory that
// stored asks for.
func decompress(dst, stored []byte, w int) error {
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	out := dst[:0:len(dst)]
	var diffs byte // the planes that hold differences
	if w > 1 {
		if len(stored) == 0 || stored[0]>>w != 0 {
			return errors.New("it says that planes are differences that it has not")
		}
		diffs, stored = stored[0], stored[1:]
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
	if w > 1 {
		n := len(got) / w
		for k := range w {
			if diffs>>k&1 != 0 {
				sums(got[k*n : (k+1)*n])
			}
		}
		unshuffle(dst, got, w)
	} else if &got[0] != &dst[0] {
		copy(dst, got)
	}
	return nil
}
