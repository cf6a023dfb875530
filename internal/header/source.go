package header

import (
	"encoding/binary"
	"errors"
	"io"
)

const (
	pageSize = 16 << 10
	maxPages = 256 // of one file that are read

	// maxWork bounds what is done with the pages: structures may lie over each other, and lead to each other
	// again and again. A read is a unit, and so is each workBytes that it gives.
	maxWork   = 1 << 20
	workBytes = 64
)

// source reads a file in pages, of which it reads so many and no more. A read behind
// the last one, or behind the end of the file, gives nothing.
type source struct {
	r     io.ReaderAt
	size  int64
	pages map[int64][]byte
	work  int64
	full  bool // there was more to read, or to do, than is allowed
	// nested: the file is the unpacked beginning of another, whose length is not known.
	nested bool
	err    error
}

func newSource(r io.ReaderAt, size int64) *source { return &source{r: r, size: size} }

// page returns a page of the file.
func (s *source) page(n int64) []byte {
	if p, ok := s.pages[n]; ok {
		return p
	}
	if n < 0 || n*pageSize >= s.size {
		return nil
	}
	if len(s.pages) >= maxPages {
		s.full = true
		return nil
	}
	p := make([]byte, min(pageSize, s.size-n*pageSize))
	if k, err := s.r.ReadAt(p, n*pageSize); k < len(p) {
		s.err = err
		p = p[:k]
	}
	if s.pages == nil {
		s.pages = make(map[int64][]byte)
	}
	s.pages[n] = p
	return p
}

// head returns the first n bytes, or all there are; n is at most a page.
func (s *source) head(n int) []byte {
	p := s.page(0)
	return p[:min(n, len(p))]
}

// prefix returns the first n bytes, or fewer.
func (s *source) prefix(n int64) []byte { return s.bytes(0, min(n, s.size)) }

// bytes returns n bytes at off, or fewer at the end. The result must not be changed.
func (s *source) bytes(off, n int64) []byte {
	if off < 0 || n <= 0 || off >= s.size {
		return nil
	}
	if s.work > maxWork {
		s.full = true
		return nil
	}
	n = min(n, s.size-off)
	s.work += 1 + min(n, maxPages*pageSize)/workBytes
	first := s.page(off / pageSize)
	at := off % pageSize
	if at+n <= int64(len(first)) {
		return first[at : at+n]
	}
	if n > maxPages*pageSize {
		s.full = true
		n = maxPages * pageSize
	}
	out := make([]byte, 0, min(n, 1<<20))
	for n > 0 {
		p := s.page(off / pageSize)
		at := off % pageSize
		if at >= int64(len(p)) {
			break
		}
		part := p[at:min(int64(len(p)), at+n)]
		out = append(out, part...)
		off += int64(len(part))
		n -= int64(len(part))
	}
	return out
}

// ReadAt implements io.ReaderAt within the same bounds.
func (s *source) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, s.bytes(off, int64(len(p))))
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

var errEnd = errors.New("the file ends within its header")

// cursor reads numbers one behind the other. After an error all that it reads is zero.
type cursor struct {
	s     *source
	off   int64
	order binary.ByteOrder
	err   error
}

func (s *source) at(off int64, order binary.ByteOrder) *cursor {
	return &cursor{s: s, off: off, order: order}
}

// take returns the next n bytes, nil after an error.
func (c *cursor) take(n int64) []byte {
	if c.err != nil || n == 0 {
		return nil
	}
	b := c.s.bytes(c.off, n)
	if int64(len(b)) < n || n < 0 {
		c.err = errEnd
		return nil
	}
	c.off += n
	return b
}

func (c *cursor) skip(n int64) {
	if n < 0 || c.off+n < c.off || c.off+n > c.s.size {
		c.err = errEnd
		return
	}
	c.off += n
}

func (c *cursor) u8() uint8 {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if b := c.take(2); b != nil {
		return c.order.Uint16(b)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if b := c.take(4); b != nil {
		return c.order.Uint32(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return c.order.Uint64(b)
	}
	return 0
}

// uint reads a little-endian number of n bytes, at most 8.
func (c *cursor) uint(n int) (v uint64) {
	b := c.take(int64(n))
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v
}

func (c *cursor) str(n int64) string { return string(c.take(n)) }
