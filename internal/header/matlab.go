package header

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
)

var matlabClasses = []string{"", "cell", "struct", "object", "char", "sparse", "float64", "float32", "int8", "uint8", "int16", "uint16",
	"int32", "uint32", "int64", "uint64", "function", "opaque"}

const (
	matMatrix     = 14
	matCompressed = 15
	matComplex    = 0x0800
	matLogical    = 0x0200
	matPrefix     = 2048 // bytes of a compressed variable that are unpacked
	maxVariables  = 2 * maxItems
)

// readMAT5 reads the variables of a MATLAB 5 file.
func readMAT5(s *source, info *Info) {
	info.Format, info.MIME = "matlab-5", "application/x-matlab-data"
	var order binary.ByteOrder
	switch string(s.bytes(126, 2)) {
	case "IM":
		order = binary.LittleEndian
	case "MI":
		order = binary.BigEndian
	default:
		info.finding("the byte order is not told")
		return
	}
	off := int64(128)
	for n := 0; off < s.size; n++ {
		if n == maxVariables {
			info.Truncated = true
			return
		}
		c := s.at(off, order)
		typ, size := c.u32(), int64(c.u32())
		if c.err != nil {
			info.finding("%v", c.err)
			return
		}
		switch typ {
		case matMatrix:
			matVariable(info, c)
		case matCompressed:
			z, err := zlib.NewReader(io.NewSectionReader(s, c.off, min(size, s.size-c.off)))
			if err != nil {
				info.finding("a variable at byte %d: %v", off, err)
				break
			}
			head := make([]byte, matPrefix)
			n, _ := io.ReadFull(z, head)
			in := newSource(bytes.NewReader(head[:n]), int64(n))
			inner := in.at(0, order)
			if inner.u32() == matMatrix {
				inner.u32()
				matVariable(info, inner)
			}
		}
		if typ != matCompressed {
			size += -size & 7
		}
		off += 8 + size
	}
}

// matVariable reads flags, size and name of a variable.
func matVariable(info *Info, c *cursor) {
	flags, _ := matElement(c)
	dims, _ := matElement(c)
	name, _ := matElement(c)
	if c.err != nil || len(flags) < 8 || len(dims)%4 != 0 || len(dims) > 400 {
		info.finding("a variable has a broken header")
		return
	}
	word := c.order.Uint32(flags)
	class := int(word & 0xff)
	if class == 0 || class >= len(matlabClasses) {
		info.finding("variable %q has the unknown class %d", clean(string(name)), class)
		return
	}
	a := Array{Name: string(name), Type: matlabClasses[class]}
	switch {
	case a.Type == "opaque":
		return // objects of newer MATLAB: their size is elsewhere
	case word&matLogical != 0:
		a.Type = "bool"
	case word&matComplex != 0:
		a.Type = "complex " + a.Type
	}
	for i := 0; i < len(dims); i += 4 {
		a.Shape = append(a.Shape, int64(int32(c.order.Uint32(dims[i:]))))
	}
	if a.Name == "" {
		return // what belongs to the file itself
	}
	info.array(a)
}

// matElement reads an element, in its long or its short form.
func matElement(c *cursor) (data []byte, typ uint32) {
	tag := c.u32()
	if small := tag >> 16; small != 0 {
		data = c.take(4)
		if small > 4 {
			c.err = errEnd
			return nil, 0
		}
		return data[:min(int(small), len(data))], tag & 0xffff
	}
	size := int64(c.u32())
	if size > maxName*10 {
		c.err = errEnd
		return nil, 0
	}
	data = c.take(size)
	c.skip(-size & 7)
	return data, tag
}
