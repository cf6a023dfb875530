package index

import (
	"bufio"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"slices"
)

// magic begins a written index; its last byte is the version of the format.
const magic = "rdfsidx\x01"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encoder writes numbers and strings. The first error stays.
type encoder struct {
	w   *bufio.Writer
	sum hash.Hash32
	buf []byte
	err error
}

func (e *encoder) raw(b []byte) {
	if e.err == nil {
		e.sum.Write(b)
		_, e.err = e.w.Write(b)
	}
}

func (e *encoder) uint(n uint64) {
	e.buf = binary.AppendUvarint(e.buf[:0], n)
	e.raw(e.buf)
}

func (e *encoder) bytes(b []byte) {
	e.uint(uint64(len(b)))
	e.raw(b)
}

// chunk is how many numbers are written at once.
const chunk = 8192

// fixed writes a list of numbers of size bytes each.
func fixed[T any](e *encoder, list []T, put func([]byte, T) []byte) {
	e.uint(uint64(len(list)))
	for part := range slices.Chunk(list, chunk) {
		e.buf = e.buf[:0]
		for _, n := range part {
			e.buf = put(e.buf, n)
		}
		e.raw(e.buf)
	}
}

var le = binary.LittleEndian

func putInt64(b []byte, n int64) []byte     { return le.AppendUint64(b, uint64(n)) }
func putFloat64(b []byte, n float64) []byte { return le.AppendUint64(b, math.Float64bits(n)) }

func (e *encoder) words(w *words) {
	fixed(e, w.ends, le.AppendUint32)
	e.bytes(w.bytes)
}

// column writes a column: its width, and its numbers; of a sparse one the rows as well.
func (e *encoder) column(c *column) {
	e.uint(uint64(c.width))
	switch c.width {
	case 0:
		e.uint(uint64(len(c.sparse)))
		for _, row := range slices.Sorted(maps.Keys(c.sparse)) {
			e.uint(uint64(row))
			e.uint(uint64(c.sparse[row]))
		}
	case 1:
		e.bytes(c.n1)
	case 2:
		fixed(e, c.n2, le.AppendUint16)
	case 4:
		fixed(e, c.n4, le.AppendUint32)
	}
}

// Write writes the index, with a note for who reads it. It only reads.
func (x *Index) Write(w io.Writer, note []byte) error {
	e := &encoder{w: bufio.NewWriterSize(w, 1<<20), sum: crc32.New(castagnoli)}
	e.raw([]byte(magic))
	e.bytes(note)
	e.uint(uint64(len(x.dimensions)))
	for _, d := range x.dimensions {
		for _, n := range d {
			e.raw([]byte{byte(n)})
		}
	}
	e.uint(uint64(len(x.dirs)))
	for _, d := range x.dirs[1:] {
		e.uint(d.Ino)
		e.uint(d.Parent)
		e.owner(d.Owner)
	}
	e.uint(uint64(len(x.owners)))
	for _, o := range x.owners[1:] {
		e.owner(o)
	}
	fixed(e, x.size, putInt64)
	fixed(e, x.modified, putInt64)
	fixed(e, x.created, putInt64)
	e.column(&x.dir)
	e.column(&x.own)
	e.uint(uint64(len(x.order)))
	for _, f := range x.order {
		e.field(f)
	}
	sum := e.sum.Sum32()
	e.raw(le.AppendUint32(nil, sum))
	if e.err == nil {
		e.err = e.w.Flush()
	}
	return e.err
}

func (e *encoder) owner(o Owner) {
	e.uint(uint64(o.UID))
	e.uint(uint64(o.GID))
	e.uint(uint64(o.Mode))
}

func (e *encoder) field(f *field) {
	e.bytes([]byte(f.name))
	e.column(&f.column)
	if f.cells == nil {
		e.uint(0)
	} else {
		e.uint(1)
		e.words(f.cells)
	}
	e.words(&f.vals)
	fixed(e, f.nums, putFloat64)
	e.bytes(f.dims)
	e.bytes(f.lens)
	e.words(&f.terms)
	e.uint(uint64(len(f.posts)))
	for i := range f.posts {
		p := &f.posts[i]
		e.uint(uint64(p.n))
		e.uint(uint64(p.last))
		if p.more != nil {
			e.bytes(*p.more)
		}
	}
}
