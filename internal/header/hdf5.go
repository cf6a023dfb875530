package header

import (
	"bytes"
	"encoding/binary"
	"strings"
)

const (
	hdf5Magic    = "\x89HDF\r\n\x1a\n"
	maxObjects   = 2000
	maxMessages  = 2000 // of one object
	maxGroupDeep = 16
)

// hdf5 walks through the groups of an HDF5 file and collects the datasets. It reads
// superblocks 0 to 3, object headers 1 and 2, and groups of all kinds: symbol tables,
// links in the header, and links in a fractal heap.
type hdf5 struct {
	s       *source
	info    *Info
	base    int64 // that addresses count from
	offsets int   // bytes of an offset, and of a length
	lengths int
	objects int // that were read
	seen    map[int64]bool
	netcdf  bool // it has marks of the NetCDF library
}

// readHDF5 finds the superblock at the beginning or behind a block of others' bytes.
func readHDF5(s *source, info *Info) {
	at := int64(-1)
	for _, off := range []int64{0, 512, 1024, 2048} {
		if string(s.bytes(off, 8)) == hdf5Magic {
			at = off
			break
		}
	}
	if at < 0 {
		return
	}
	info.Format, info.MIME = "hdf5", "application/x-hdf5"
	if bytes.HasPrefix(s.head(20), []byte("MATLAB 7.3 MAT-file")) {
		info.Format, info.MIME = "matlab-7.3", "application/x-matlab-data"
	}
	h := &hdf5{s: s, info: info, seen: make(map[int64]bool)}
	root := h.superblock(at)
	if root < 0 {
		info.finding("the superblock is broken")
		return
	}
	h.group(root, "", 0)
	if h.netcdf && info.Format == "hdf5" {
		info.Format, info.MIME = "netcdf-4", "application/x-netcdf"
	}
}

// superblock returns the address of the root group, -1 when it cannot be told.
func (h *hdf5) superblock(at int64) int64 {
	c := h.s.at(at+8, binary.LittleEndian)
	version := c.u8()
	switch version {
	case 0, 1:
		c.skip(4)
		h.offsets, h.lengths = int(c.u8()), int(c.u8())
		c.skip(1 + 4 + 4)
		if version == 1 {
			c.skip(4)
		}
	case 2, 3:
		h.offsets, h.lengths = int(c.u8()), int(c.u8())
		c.skip(1)
	default:
		return -1
	}
	if h.offsets < 2 || h.offsets > 8 || h.lengths < 2 || h.lengths > 8 {
		return -1
	}
	h.base = int64(c.uint(h.offsets))
	if h.base == 0 && at > 0 {
		h.base = at // some programs write 0 behind a user block
	}
	c.uint(h.offsets)
	c.uint(h.offsets)
	if version < 2 {
		c.uint(h.offsets)
		c.uint(h.offsets) // offset of the root's name
	}
	root := h.addr(c)
	if c.err != nil {
		return -1
	}
	return root
}

// addr reads an address: a place in the file, -1 when it is none.
func (h *hdf5) addr(c *cursor) int64 {
	a := c.uint(h.offsets)
	if a > 1<<62 || h.offsets < 8 && a == 1<<(8*h.offsets)-1 {
		return -1
	}
	return int64(a) + h.base
}

func (h *hdf5) at(off int64) *cursor { return h.s.at(off, binary.LittleEndian) }

// object is what the header of an object says.
type object struct {
	dataset  bool
	typ      string
	shape    []int64
	null     bool
	btree    int64 // of an old group: where its names are
	heap     int64
	links    []link
	fractal  int64 // of a new group: the heap of its links, and the index
	index    int64
	attrs    map[string]string // of short text
	hasAttrs map[string]bool
}

type link struct {
	name string
	to   int64
}

// group adds the datasets in and below a group.
func (h *hdf5) group(at int64, path string, depth int) {
	if at < 0 || h.seen[at] {
		return
	}
	if h.objects++; h.objects > maxObjects || depth > maxGroupDeep {
		h.info.Truncated = true
		return
	}
	h.seen[at] = true
	o, err := h.header(at)
	if err != nil {
		h.info.finding("%s: %v", orRoot(path), err)
		return
	}
	if o.hasAttrs["_NCProperties"] || o.hasAttrs["_Netcdf4Dimid"] || o.hasAttrs["_Netcdf4Coordinates"] {
		h.netcdf = true
	}
	if depth == 0 {
		for _, name := range []string{"Conventions", "title", "nwb_version", "encoding-type"} {
			h.info.attr(name, o.attrs[name])
		}
	}
	if o.dataset {
		h.dataset(o, path)
		return
	}
	links := o.links
	if o.btree >= 0 && o.heap >= 0 {
		links = append(links, h.symbols(o.btree, o.heap, path)...)
	}
	if o.fractal >= 0 && o.index >= 0 {
		dense, ok := h.denseLinks(o.fractal, o.index)
		if !ok {
			h.info.finding("%s: not all of its links could be read", orRoot(path))
		}
		links = append(links, dense...)
	}
	for _, l := range links {
		if depth == 0 && h.info.Format == "matlab-7.3" && strings.HasPrefix(l.name, "#") {
			continue // what MATLAB keeps for itself
		}
		h.group(l.to, path+"/"+l.name, depth+1)
	}
}

func (h *hdf5) dataset(o *object, path string) {
	if strings.HasPrefix(o.attrs["NAME"], "This is a netCDF dimension but not a netCDF variable") {
		return
	}
	a := Array{Name: path, Type: o.typ, Shape: o.shape, Unit: o.attrs["units"]}
	if class := o.attrs["MATLAB_class"]; class != "" && class != "cell" && class != "struct" {
		if class == "logical" {
			class = "bool"
		}
		a.Type = strings.NewReplacer("double", "float64", "single", "float32").Replace(class)
		for l, r := 0, len(a.Shape)-1; l < r; l, r = l+1, r-1 { // columns first
			a.Shape[l], a.Shape[r] = a.Shape[r], a.Shape[l]
		}
	}
	if o.null {
		a.Shape = []int64{0}
	}
	h.info.array(a)
}

func orRoot(path string) string {
	if path == "" {
		return "/"
	}
	return clean(path)
}

// header reads the messages of an object.
func (h *hdf5) header(at int64) (*object, error) {
	o := &object{btree: -1, heap: -1, fractal: -1, index: -1}
	var err error
	if string(h.s.bytes(at, 4)) == "OHDR" {
		err = h.header2(at, o)
	} else {
		err = h.header1(at, o)
	}
	return o, err
}

// block is a part of a header.
type block struct{ at, size int64 }

func (h *hdf5) header1(at int64, o *object) error {
	c := h.at(at)
	if c.u8() != 1 {
		return errHDF5
	}
	c.skip(1)
	count := int(c.u16())
	c.skip(4)
	size := int64(c.u32())
	blocks := []block{{at + 16, size}}
	read := 0
	for b := 0; b < len(blocks) && b < 100; b++ {
		m := h.at(blocks[b].at)
		end := blocks[b].at + blocks[b].size
		for read < count && m.off+8 <= end {
			if read++; read > maxMessages {
				return errHDF5
			}
			typ, size, flags := m.u16(), int64(m.u16()), m.u8()
			m.skip(3)
			if m.err != nil {
				return m.err
			}
			if next, ok := h.message(o, uint8(min(typ, 255)), flags, block{m.off, size}); ok {
				blocks = append(blocks, next)
			}
			m.skip(size)
		}
	}
	return nil
}

func (h *hdf5) header2(at int64, o *object) error {
	c := h.at(at + 4)
	if c.u8() != 2 {
		return errHDF5
	}
	flags := c.u8()
	if flags&0x20 != 0 {
		c.skip(16)
	}
	if flags&0x10 != 0 {
		c.skip(4)
	}
	size := int64(c.uint(1 << (flags & 3)))
	if c.err != nil || size < 0 {
		return errHDF5
	}
	blocks := []block{{c.off, size}}
	read := 0
	for b := 0; b < len(blocks) && b < 100; b++ {
		m := h.at(blocks[b].at)
		end := blocks[b].at + blocks[b].size
		if b > 0 {
			if m.str(4) != "OCHK" {
				return errHDF5
			}
			end -= 4 // checksum
		}
		for m.off+4 <= end {
			if read++; read > maxMessages {
				return errHDF5
			}
			typ, size, mflags := m.u8(), int64(m.u16()), m.u8()
			if flags&4 != 0 {
				m.skip(2)
			}
			if m.err != nil {
				return m.err
			}
			if next, ok := h.message(o, typ, mflags, block{m.off, size}); ok {
				blocks = append(blocks, next)
			}
			m.skip(size)
		}
	}
	return nil
}

// message reads one message of a header. ok is true when the header goes on in next.
func (h *hdf5) message(o *object, typ, flags uint8, b block) (next block, ok bool) {
	c := h.at(b.at)
	switch typ {
	case 0x01:
		o.dataset = true
		o.shape, o.null = h.dataspace(c)
	case 0x02: // link info
		c.skip(1)
		f := c.u8()
		if f&1 != 0 {
			c.skip(8)
		}
		o.fractal, o.index = h.addr(c), h.addr(c)
		if c.err != nil {
			o.fractal = -1
		}
	case 0x03:
		if flags&2 != 0 { // kept by another object
			o.typ = h.sharedType(c, 0)
			break
		}
		o.typ, _ = h.datatype(c.off, b.size, 0)
	case 0x06:
		if l, ok := h.link(c); ok {
			o.links = append(o.links, l)
		}
	case 0x0c:
		h.attribute(o, b)
	case 0x10:
		at := h.addr(c)
		size := int64(c.uint(h.lengths))
		return block{at, size}, c.err == nil && at >= 0 && size > 0 && size < 1<<24
	case 0x11:
		o.btree, o.heap = h.addr(c), h.addr(c)
		if c.err != nil {
			o.btree = -1
		}
	}
	return block{}, false
}

func (h *hdf5) dataspace(c *cursor) (shape []int64, null bool) {
	version, rank := c.u8(), int(c.u8())
	c.skip(1)
	switch version {
	case 1:
		c.skip(5)
	case 2:
		null = c.u8() == 2
	default:
		return nil, false
	}
	if rank > 32 {
		return nil, false
	}
	for range rank {
		shape = append(shape, int64(c.uint(h.lengths)))
	}
	if c.err != nil {
		return nil, false
	}
	return shape, null
}

// link reads a link message; only hard links lead on.
func (h *hdf5) link(c *cursor) (l link, ok bool) {
	if c.u8() != 1 {
		return l, false
	}
	flags := c.u8()
	kind := uint8(0)
	if flags&8 != 0 {
		kind = c.u8()
	}
	if flags&4 != 0 {
		c.skip(8)
	}
	if flags&0x10 != 0 {
		c.skip(1)
	}
	n := int64(c.uint(1 << (flags & 3)))
	if n < 0 || n > 4096 {
		return l, false
	}
	l.name = c.str(n)
	if kind != 0 {
		return l, false
	}
	l.to = h.addr(c)
	return l, c.err == nil && l.to >= 0
}

// attribute notes the name of an attribute, and its value when it is short text.
func (h *hdf5) attribute(o *object, b block) {
	c := h.at(b.at)
	version := c.u8()
	flags := c.u8()
	nameSize, typeSize, spaceSize := int64(c.u16()), int64(c.u16()), int64(c.u16())
	if version == 3 {
		c.skip(1)
	}
	if version < 1 || version > 3 || nameSize > 4096 {
		return
	}
	pad := func(n int64) int64 {
		if version == 1 {
			return (n + 7) / 8 * 8
		}
		return n
	}
	start := c.off
	name := strings.TrimRight(c.str(nameSize), "\x00")
	if c.err != nil {
		return
	}
	if o.hasAttrs == nil {
		o.hasAttrs, o.attrs = make(map[string]bool), make(map[string]string)
	}
	o.hasAttrs[name] = true
	typeAt := start + pad(nameSize)
	valueAt := typeAt + pad(typeSize) + pad(spaceSize)
	t := h.at(typeAt)
	class := t.u8()
	bits := t.u8()
	t.skip(2)
	size := int64(t.u32())
	if t.err != nil || flags&1 != 0 || size > 200 || valueAt > b.at+b.size {
		return
	}
	switch class & 15 {
	case 3:
		o.attrs[name] = clean(string(h.s.bytes(valueAt, size)))
	case 9:
		if bits&15 == 1 { // a string elsewhere: length, and where in which global heap
			v := h.at(valueAt)
			n := int64(v.u32())
			at, index := h.addr(v), v.u32()
			if v.err == nil && n < maxName {
				o.attrs[name] = clean(h.global(at, index, n))
			}
		}
	}
}

// global reads the first n bytes of an object of a global heap.
func (h *hdf5) global(at int64, index uint32, n int64) string {
	c := h.at(at)
	if at < 0 || c.str(4) != "GCOL" {
		return ""
	}
	c.skip(4)
	size := int64(c.uint(h.lengths))
	end := at + min(size, 1<<20)
	for range 10_000 {
		if c.off >= end || c.err != nil {
			break
		}
		i := c.u16()
		c.skip(6)
		length := int64(c.uint(h.lengths))
		if i == 0 {
			break
		}
		if uint32(i) == index {
			return c.str(min(n, length))
		}
		c.skip((length + 7) / 8 * 8)
	}
	return ""
}
