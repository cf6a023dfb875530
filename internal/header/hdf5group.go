package header

import (
	"errors"
	"math/bits"
	"slices"
	"strings"
)

var errHDF5 = errors.New("the object header is broken")

// maxNodes bounds the nodes of the trees of one group.
const maxNodes = 500

// symbols returns the links of an old group: a B-tree of symbol tables, whose names
// are in a local heap.
func (h *hdf5) symbols(btree, heap int64, path string) (links []link) {
	hc := h.at(heap)
	if hc.str(4) != "HEAP" {
		h.info.finding("%s: the heap of its names is broken", orRoot(path))
		return nil
	}
	hc.skip(4)
	size := int64(hc.uint(h.lengths))
	hc.uint(h.lengths)
	names := h.addr(hc)
	todo := []int64{btree}
	for n := 0; len(todo) > 0; n++ {
		at := todo[0]
		todo = todo[1:]
		if n > maxNodes || len(links) > maxObjects {
			h.info.Truncated = true
			return links
		}
		c := h.at(at)
		switch c.str(4) {
		case "TREE":
			c.skip(2)
			used := int(c.u16())
			h.addr(c)
			h.addr(c)
			for range min(used, 4096) {
				c.uint(h.lengths)
				if child := h.addr(c); child >= 0 && c.err == nil {
					todo = append(todo, child)
				}
			}
		case "SNOD":
			c.skip(2)
			for range c.u16() {
				off := int64(c.uint(h.offsets))
				l := link{to: h.addr(c)}
				c.skip(24)
				if c.err != nil {
					break
				}
				if off < size && names >= 0 {
					l.name = h.cstring(h.at(names+off), false)
				}
				links = append(links, l)
			}
		default:
			h.info.finding("%s: the tree of its names is broken", orRoot(path))
			return links
		}
	}
	return links
}

// fractal is a fractal heap: managed objects in direct blocks, which an indirect block
// lists when there are several.
type fractal struct {
	h         *hdf5
	offBytes  int   // of an offset in the heap
	width     int64 // blocks of a row
	start     int64 // bytes of a block of the first two rows
	maxDirect int64
	root      int64 // the direct block, or the indirect one when there are rows
	rows      int
}

func (h *hdf5) openHeap(at int64) (f fractal, ok bool) {
	c := h.at(at)
	if c.str(4) != "FRHP" || c.u8() != 0 {
		return f, false
	}
	c.skip(2) // of an id
	filters := c.u16()
	c.skip(5)
	c.uint(h.lengths)
	c.uint(h.offsets)
	c.uint(h.lengths)
	c.uint(h.offsets)
	for range 8 {
		c.uint(h.lengths)
	}
	f.h = h
	f.width = int64(c.u16())
	f.start = int64(c.uint(h.lengths))
	f.maxDirect = int64(c.uint(h.lengths))
	heapBits := int(c.u16())
	c.skip(2)
	f.root = h.addr(c)
	f.rows = int(c.u16())
	f.offBytes = (heapBits + 7) / 8
	const most = 1 << 32
	ok = c.err == nil && filters == 0 && f.root >= 0 && f.width > 0 && f.start > 0 && f.start <= most && f.maxDirect <= most && f.offBytes <= 8 &&
		f.maxDirect >= f.start && f.rows < 64
	return f, ok
}

// find returns where an object of the heap is in the file, -1 when it cannot be told.
func (f *fractal) find(off int64) int64 {
	if f.rows == 0 {
		return f.root + off
	}
	h := f.h
	if string(h.s.bytes(f.root, 4)) != "FHIB" {
		return -1
	}
	first := f.root + 5 + int64(h.offsets) + int64(f.offBytes)
	at, size := int64(0), f.start
	for row := range int64(f.rows) {
		if row > 1 {
			size *= 2
		}
		if size > f.maxDirect {
			return -1 // a block of blocks: a group of many thousand links
		}
		if span := size * f.width; off < at+span {
			k := row*f.width + (off-at)/size
			block := h.addr(h.at(first + k*int64(h.offsets)))
			if block < 0 {
				return -1
			}
			return block + (off-at)%size
		}
		at += size * f.width
	}
	return -1
}

// denseLinks returns the links of a new group that has many: an index of names leads to
// link messages in a fractal heap. ok is false when some could not be read.
func (h *hdf5) denseLinks(heap, index int64) (links []link, ok bool) {
	f, ok := h.openHeap(heap)
	if !ok {
		return nil, false
	}
	c := h.at(index)
	if c.str(4) != "BTHD" || c.u8() != 0 {
		return nil, false
	}
	kind := c.u8()
	node, record := int64(c.u32()), int64(c.u16())
	depth := int(c.u16())
	c.skip(2)
	root, count := h.addr(c), int(c.u16())
	if c.err != nil || kind != 5 || record < 5 || node < 20 || node > 1<<20 || depth > 5 || root < 0 {
		return nil, false
	}
	t := btree2{h: h, node: node, record: record, heap: &f, ok: true}
	t.sizes(depth)
	t.walk(root, count, depth)
	// The index is in the order of hashes.
	slices.SortFunc(t.links, func(a, b link) int { return strings.Compare(a.name, b.name) })
	return t.links, t.ok
}

// btree2 is a version 2 B-tree of link names.
type btree2 struct {
	h      *hdf5
	heap   *fractal
	node   int64
	record int64
	counts int   // bytes of a child's number of records
	totals []int // and of the number in all its tree, by the child's depth
	links  []link
	nodes  int
	ok     bool
}

// sizes computes the widths of the numbers in the inner nodes.
func (t *btree2) sizes(depth int) {
	width := func(n uint64) int { return (bits.Len64(n) + 7) / 8 }
	most := uint64((t.node - 10) / t.record)
	total := most
	t.counts, t.totals = width(most), []int{0}
	for d := 1; d <= depth; d++ {
		pointer := int64(t.h.offsets + t.counts + t.totals[d-1])
		n := uint64(max(t.node-10-pointer, 0) / (t.record + pointer))
		total = n + (n+1)*min(total, 1<<40)
		t.totals = append(t.totals, width(total))
	}
}

func (t *btree2) walk(at int64, count, depth int) {
	if t.nodes++; t.nodes > maxNodes || len(t.links) > maxObjects {
		t.h.info.Truncated = true
		return
	}
	c := t.h.at(at)
	magic := "BTLF"
	if depth > 0 {
		magic = "BTIN"
	}
	if c.str(4) != magic || int64(count)*t.record > t.node {
		t.ok = false
		return
	}
	c.skip(2)
	for range count {
		start := c.off
		t.entry(c)
		c.off = start + t.record
	}
	if depth == 0 {
		return
	}
	for range count + 1 {
		child := t.h.addr(c)
		n := int(c.uint(t.counts))
		if depth > 1 {
			c.uint(t.totals[depth-1])
		}
		if c.err != nil || child < 0 {
			t.ok = false
			return
		}
		t.walk(child, n, depth-1)
	}
}

// entry reads a record: the hash of a name, and where in the heap its link is.
func (t *btree2) entry(c *cursor) {
	c.skip(4)
	if kind := c.u8() >> 4 & 3; kind != 0 {
		t.ok = false // a link too large for the blocks of the heap
		return
	}
	off := int64(c.uint(t.heap.offBytes))
	at := t.heap.find(off)
	if c.err != nil || at < 0 {
		t.ok = false
		return
	}
	l, ok := t.h.link(t.h.at(at))
	if ok {
		t.links = append(t.links, l)
	}
}
