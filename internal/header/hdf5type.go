package header

import (
	"fmt"
	"strconv"
	"strings"
)

const maxTypeDepth = 8

// sharedType reads a type that another object keeps.
func (h *hdf5) sharedType(c *cursor, depth int) string {
	version := c.u8()
	kind := c.u8()
	if version == 1 {
		c.skip(6)
	} else if kind == 1 { // in a heap of shared messages
		return "shared"
	}
	at := h.addr(c)
	if c.err != nil || at < 0 || depth > 2 || h.objects > maxObjects {
		return "shared"
	}
	h.objects++
	o, err := h.header(at)
	if err != nil || o.typ == "" {
		return "shared"
	}
	return o.typ
}

// datatype names the type at a place, and returns how many bytes describe it.
func (h *hdf5) datatype(at, limit int64, depth int) (name string, length int64) {
	c := h.at(at)
	head := c.u8()
	class, version := head&15, head>>4
	bits := uint32(c.uint(3))
	size := int64(c.u32())
	if c.err != nil || depth > maxTypeDepth {
		return "unknown", 8
	}
	base := func(skip int64) (string, int64) {
		name, n := h.datatype(at+8+skip, limit-8-skip, depth+1)
		return name, 8 + skip + n
	}
	width := strconv.FormatInt(8*size, 10)
	switch class {
	case 0:
		if bits&8 != 0 {
			return "int" + width, 12
		}
		return "uint" + width, 12
	case 1:
		return "float" + width, 20
	case 2:
		return "time", 10
	case 3:
		return "string", 8
	case 4:
		return "bits" + width, 12
	case 5:
		return "opaque", 8 + int64(bits&0xff)
	case 6:
		return h.compound(at, limit, depth, version, int(bits&0xffff), size)
	case 7:
		return "reference", 8
	case 8:
		name, n := base(0)
		values := int64(bits & 0xffff)
		e := h.at(at + n)
		var words []string
		for range values {
			w := h.cstring(e, version < 3)
			if e.err != nil {
				break
			}
			words = append(words, w)
		}
		if len(words) == 2 && words[0] == "FALSE" && words[1] == "TRUE" {
			name = "bool"
		}
		return name, e.off - at + values*size
	case 9:
		elem, n := base(0)
		if bits&15 == 1 {
			return "string", n
		}
		return "vlen " + elem, n
	case 10:
		rank := int64(c.u8())
		if version < 3 {
			c.skip(3)
		}
		var dims []string
		for range min(rank, 32) {
			dims = append(dims, strconv.Itoa(int(c.u32())))
		}
		skip := 1 + 4*rank
		if version < 3 {
			skip = 4 + 8*rank
		}
		elem, n := base(skip)
		return elem + "[" + strings.Join(dims, ",") + "]", n
	}
	return "unknown", 8
}

// maxCompound bounds the members of a compound type that are named.
const maxCompound = 200

// compound names a compound type by its members: {x: float64, y: float64}.
func (h *hdf5) compound(at, limit int64, depth int, version uint8, members int, size int64) (string, int64) {
	c := h.at(at + 8)
	var parts []string
	for i := range members {
		if c.off > at+limit || i > maxCompound {
			break
		}
		name := h.cstring(c, version < 3)
		dims := 0
		if version < 3 {
			c.skip(4)
			if version == 1 {
				dims = int(c.u8())
				c.skip(3 + 4 + 4 + 16)
			}
		} else {
			n := 1
			for s := size >> 8; s > 0; s >>= 8 {
				n++
			}
			c.skip(int64(n))
		}
		if c.err != nil {
			break
		}
		typ, n := h.datatype(c.off, at+limit-c.off, depth+1)
		if dims > 0 {
			typ += "[]"
		}
		c.skip(n)
		parts = append(parts, name+": "+typ)
	}
	more := ""
	if len(parts) < members {
		more = fmt.Sprintf(", and %d more", members-len(parts))
	}
	name := "{" + strings.Join(parts, ", ") + more + "}"
	if len(name) > 2*maxName {
		name = fmt.Sprintf("{%d members}", members)
	}
	return name, c.off - at
}

// cstring reads a name that ends with a NUL, padded to 8 bytes in old versions.
func (h *hdf5) cstring(c *cursor, padded bool) string {
	start := c.off
	for n := int64(64); n <= 1024; n *= 4 {
		b := h.s.bytes(start, n)
		if i := strings.IndexByte(string(b), 0); i >= 0 {
			used := int64(i + 1)
			if padded {
				used = (used + 7) / 8 * 8
			}
			c.skip(used)
			return clean(string(b[:i]))
		}
	}
	c.err = errEnd
	return ""
}
