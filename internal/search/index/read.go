package index

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/rdfs/rdfs/internal/schema"
)

// ErrDamaged: what was read is no index, is one of another version, or was damaged. An
// index can be made anew.
var ErrDamaged = errors.New("search index: damaged, or of another version")

// decoder reads what an encoder wrote. The checksum was verified before, so that
// nothing but a mistake of ours can be wrong; the first error stays.
type decoder struct {
	r   *bufio.Reader
	err error
}

func (d *decoder) uint() uint64 {
	if d.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(d.r)
	d.err = err
	return n
}

// count reads the length of a list.
func (d *decoder) count() int {
	n := d.uint()
	if n > 1<<33 {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = ErrDamaged
	}
}

func (d *decoder) raw(n int) []byte {
	if d.err != nil || n == 0 {
		return nil
	}
	b := make([]byte, n)
	_, d.err = io.ReadFull(d.r, b)
	return b
}

func (d *decoder) bytes() []byte { return d.raw(d.count()) }

// list reads numbers of size bytes each.
func list[T any](d *decoder, size int, get func([]byte) T) []T {
	n := d.count()
	if n == 0 {
		return nil
	}
	out := make([]T, 0, n)
	buf := make([]byte, min(n, chunk)*size)
	for len(out) < n && d.err == nil {
		part := buf[:min(chunk, n-len(out))*size]
		if _, d.err = io.ReadFull(d.r, part); d.err != nil {
			break
		}
		for ; len(part) > 0; part = part[size:] {
			out = append(out, get(part))
		}
	}
	return out
}

func getInt64(b []byte) int64     { return int64(le.Uint64(b)) }
func getFloat64(b []byte) float64 { return math.Float64frombits(le.Uint64(b)) }

func (d *decoder) words() (w words) {
	w.ends = list(d, 4, le.Uint32)
	w.bytes = d.bytes()
	if n := len(w.ends); n > 0 && int(w.ends[n-1]) != len(w.bytes) {
		d.fail()
		return words{}
	}
	w.reindex()
	return w
}

func (d *decoder) column() (c column) {
	switch c.width = uint8(d.uint()); c.width {
	case 0:
		n := d.count()
		if n > 0 {
			c.sparse = make(map[uint32]uint32)
		}
		for ; n > 0 && d.err == nil; n-- {
			row := uint32(d.uint())
			c.sparse[row] = uint32(d.uint())
		}
	case 1:
		c.n1 = d.bytes()
	case 2:
		c.n2 = list(d, 2, le.Uint16)
	case 4:
		c.n4 = list(d, 4, le.Uint32)
	default:
		d.fail()
	}
	c.each(func(_, _ uint32) { c.filled++ })
	return c
}

// verify reads everything and compares the checksum at the end.
func verify(r io.Reader) error {
	sum := crc32.New(castagnoli)
	buf := make([]byte, 1<<20)
	held := 0 // bytes at the beginning of buf that may be the checksum
	for {
		n, err := io.ReadFull(r, buf[held:])
		n += held
		held = min(n, 4)
		sum.Write(buf[:n-held])
		copy(buf, buf[n-held:n])
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			if held < 4 || le.Uint32(buf) != sum.Sum32() {
				return ErrDamaged
			}
			return nil
		case err != nil:
			return err
		}
	}
}

// Read reads an index that Write wrote, and the note. Options must be those with which
// it was made. The error wraps ErrDamaged when it is none.
func Read(r io.ReadSeeker, o Options) (x *Index, note []byte, err error) {
	if err := verify(r); err != nil {
		return nil, nil, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	d := &decoder{r: bufio.NewReaderSize(r, 1<<20)}
	if string(d.raw(len(magic))) != magic {
		return nil, nil, ErrDamaged
	}
	note = d.bytes()
	x = New(o)
	for n := d.count(); n > 0 && d.err == nil; n-- {
		var dim schema.Dimension
		for i, b := range d.raw(len(dim)) {
			dim[i] = int8(b)
		}
		x.dimensions = append(x.dimensions, dim)
	}
	for n := d.count(); n > 1 && d.err == nil; n-- {
		dir := Dir{Ino: d.uint(), Parent: d.uint(), Owner: d.owner()}
		if dir.Ino != 0 {
			x.dirAt[dir.Ino] = uint32(len(x.dirs))
		}
		x.dirs = append(x.dirs, dirRow{Dir: dir})
	}
	for n := d.count(); n > 1 && d.err == nil; n-- {
		x.ownerOf(d.owner())
	}
	x.size, x.modified, x.created = list(d, 8, getInt64), list(d, 8, getInt64), list(d, 8, getInt64)
	x.dir, x.own = d.column(), d.column()
	x.rows = len(x.size)
	x.order = x.order[:0]
	clear(x.fields)
	for n := d.count(); n > 0 && d.err == nil; n-- {
		d.field(x)
	}
	if d.err == nil {
		d.err = x.restore()
	}
	if d.err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrDamaged, d.err)
	}
	return x, note, nil
}

func (d *decoder) owner() Owner {
	return Owner{UID: uint32(d.uint()), GID: uint32(d.uint()), Mode: uint32(d.uint())}
}

func (d *decoder) field(x *Index) {
	f := x.field(string(d.bytes()))
	if f == nil {
		d.fail()
		return
	}
	f.column = d.column()
	if d.uint() != 0 {
		w := d.words()
		f.cells = &w
	}
	f.vals = d.words()
	f.nums, f.dims, f.lens = list(d, 8, getFloat64), d.bytes(), d.bytes()
	f.terms = d.words()
	if n := d.count(); n > 0 && d.err == nil {
		f.posts = make([]post, n)
	}
	for i := range f.posts {
		p := &f.posts[i]
		p.n, p.last = uint32(d.uint()), uint32(d.uint())
		if p.n > 1 {
			b := d.bytes()
			p.more = &b
		}
	}
	if d.err != nil || len(f.lens) != f.vals.count() {
		d.fail()
		return
	}
	for _, n := range f.lens {
		f.total += int(n)
	}
	cells := f.vals.count()
	if f.cells != nil {
		cells = f.cells.count()
	}
	if cells > 0 {
		f.refs, f.dead = make([]uint32, cells+1), cells
	}
	f.column.each(func(_, c uint32) {
		if int(c) >= len(f.refs) {
			d.fail()
			return
		}
		if f.refs[c]++; f.refs[c] == 1 {
			f.dead--
		}
	})
}

// restore makes what is not written: which rows have a document, and where.
func (x *Index) restore() error {
	if x.rows < 1 || len(x.modified) != x.rows || len(x.created) != x.rows || x.fields[Name] == nil || x.fields[Folder] == nil || x.fields[Ext] == nil {
		return ErrDamaged
	}
	x.live = newSet(x.rows)
	for row := uint32(x.rows - 1); row > 0; row-- {
		dir := x.dir.get(row)
		if dir == 0 {
			x.free = append(x.free, row)
			continue
		}
		if int(dir) >= len(x.dirs) {
			return ErrDamaged
		}
		x.live.add(row)
		x.count++
		x.dirs[dir].files++
		x.keys.insert(x.hashRow(row), row, x.hashRow)
	}
	return nil
}
