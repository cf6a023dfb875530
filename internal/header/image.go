package header

import (
	"encoding/binary"
	"strconv"
)

func readPNG(s *source, info *Info) {
	info.Format, info.MIME = "png", "image/png"
	c := s.at(8, binary.BigEndian)
	c.u32()
	if c.str(4) != "IHDR" {
		info.finding("the first chunk is no IHDR")
		return
	}
	w, h := int64(c.u32()), int64(c.u32())
	depth, color := c.u8(), c.u8()
	if c.err != nil || w == 0 || h == 0 || w > 1<<31 || h > 1<<31 {
		info.finding("the header is broken")
		return
	}
	channels := map[uint8]int64{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]
	typ := "uint8"
	if depth == 16 {
		typ = "uint16"
	}
	info.attr("bit_depth", strconv.Itoa(int(depth)))
	info.attr("color", map[uint8]string{0: "gray", 2: "rgb", 3: "palette", 4: "gray and alpha", 6: "rgba"}[color])
	image(info, typ, h, w, channels)
}

// image adds an image of rows, columns and channels.
func image(info *Info, typ string, h, w, channels int64) {
	a := Array{Type: typ, Shape: []int64{h, w}}
	if channels > 1 {
		a.Shape = append(a.Shape, channels)
	}
	info.array(a)
}

func readJPEG(s *source, info *Info) {
	info.Format, info.MIME = "jpeg", "image/jpeg"
	off := int64(2)
	for range 1000 {
		c := s.at(off, binary.BigEndian)
		if c.u8() != 0xff {
			info.finding("a marker is missing at byte %d", off)
			return
		}
		m := c.u8()
		switch {
		case c.err != nil:
			info.finding("%v", c.err)
			return
		case m == 0xff: // padding
			off++
			continue
		case m >= 0xd0 && m <= 0xd7 || m == 1:
			off += 2
			continue
		case m == 0xda || m == 0xd9:
			info.finding("the size of the image is missing")
			return
		}
		size := int64(c.u16())
		if m >= 0xc0 && m <= 0xcf && m != 0xc4 && m != 0xc8 && m != 0xcc {
			depth := c.u8()
			h, w := int64(c.u16()), int64(c.u16())
			channels := int64(c.u8())
			if c.err != nil {
				info.finding("%v", c.err)
				return
			}
			typ := "uint8"
			if depth > 8 {
				typ = "uint16"
			}
			image(info, typ, h, w, channels)
			return
		}
		off += 2 + size
	}
	info.finding("too many markers before the size of the image")
}

const maxPagesTIFF = 5000

// readTIFF reads TIFF and BigTIFF: pages of one size and type are one array.
func readTIFF(s *source, info *Info) {
	info.Format, info.MIME = "tiff", "image/tiff"
	var order binary.ByteOrder = binary.LittleEndian
	if s.head(1)[0] == 'M' {
		order = binary.BigEndian
	}
	c := s.at(2, order)
	bigTIFF := c.u16() == 43
	var off int64
	if bigTIFF {
		if c.u16() != 8 {
			info.finding("offsets are not of 8 bytes")
			return
		}
		c.u16()
		off = int64(c.u64())
		info.attr("variant", "BigTIFF")
	} else {
		off = int64(c.u32())
	}
	seen := make(map[int64]bool)
	last, count := tiffPage{}, int64(0)
	add := func() {
		if count == 0 {
			return
		}
		a := Array{Type: last.typ, Shape: []int64{last.h, last.w}}
		if count > 1 {
			a.Shape = append([]int64{count}, a.Shape...)
		}
		if last.channels > 1 {
			a.Shape = append(a.Shape, last.channels)
		}
		info.array(a)
	}
	for n := 0; off != 0; n++ {
		if seen[off] || n > maxPagesTIFF {
			if info.Truncated = n > maxPagesTIFF; !info.Truncated {
				info.finding("the pages go round in a circle")
			}
			break
		}
		seen[off] = true
		page, next, err := readTIFFPage(s.at(off, order), bigTIFF)
		if err != nil {
			info.finding("page %d: %v", n+1, err)
			break
		}
		if page != last {
			add()
			last, count = page, 0
		}
		count++
		off = next
	}
	add()
}

type tiffPage struct {
	w, h, channels int64
	typ            string
}

func readTIFFPage(c *cursor, bigTIFF bool) (p tiffPage, next int64, err error) {
	entries := int64(0)
	if bigTIFF {
		entries = int64(c.u64())
	} else {
		entries = int64(c.u16())
	}
	if entries < 0 || entries > 10_000 {
		return p, 0, errEnd
	}
	bits, format := int64(1), int64(1)
	p.channels = 1
	for range entries {
		tag, typ := c.u16(), c.u16()
		var count, value int64
		start := c.off
		if bigTIFF {
			count = int64(c.u64())
			value = tiffValue(c, typ)
			c.off = start + 16
		} else {
			count = int64(c.u32())
			value = tiffValue(c, typ)
			c.off = start + 8
		}
		if c.err != nil {
			return p, 0, c.err
		}
		fits := int64(4)
		if bigTIFF {
			fits = 8
		}
		if typ == 3 && count*2 > fits { // several numbers, elsewhere: the first counts
			at := c.s.at(start+4, c.order)
			var to int64
			if bigTIFF {
				at.off = start + 8
				to = int64(at.u64())
			} else {
				to = int64(at.u32())
			}
			value = int64(c.s.at(to, c.order).u16())
		}
		switch tag {
		case 256:
			p.w = value
		case 257:
			p.h = value
		case 258:
			bits = value
		case 277:
			p.channels = value
		case 339:
			format = value
		}
	}
	if bigTIFF {
		next = int64(c.u64())
	} else {
		next = int64(c.u32())
	}
	if c.err != nil {
		return p, 0, c.err
	}
	kind := map[int64]string{1: "uint", 2: "int", 3: "float", 5: "complex", 6: "complex"}[format]
	if kind == "" {
		kind = "uint"
	}
	p.typ = kind + strconv.FormatInt(bits, 10)
	if bits == 1 {
		p.typ = "bool"
	}
	if p.w <= 0 || p.h <= 0 || p.channels <= 0 || bits <= 0 {
		return p, 0, errEnd
	}
	return p, max(next, 0), nil
}

func tiffValue(c *cursor, typ uint16) int64 {
	switch typ {
	case 1:
		return int64(c.u8())
	case 3:
		return int64(c.u16())
	case 4:
		return int64(c.u32())
	case 16:
		return int64(c.u64())
	}
	return 0
}
