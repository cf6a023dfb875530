package header

import (
	"encoding/binary"
	"fmt"
	"strings"
)

const (
	maxFooter   = 1 << 20       // bytes of a Parquet footer that are read: what is wanted stands first
	maxElements = 10 * maxItems // of its schema that are kept
)

var parquetTypes = []string{"bool", "int32", "int64", "int96", "float32", "float64", "binary", "fixed"}

// parquetConverted names the logical types of the older kind.
var parquetConverted = map[int64]string{0: "string", 1: "map", 2: "map", 3: "list", 4: "string", 5: "decimal", 6: "date", 7: "time", 8: "time",
	9: "datetime", 10: "datetime", 11: "uint8", 12: "uint16", 13: "uint32", 14: "uint64", 15: "int8", 16: "int16", 17: "int32", 18: "int64", 19: "json"}

// parquetLogical names those of the newer kind by their number in the union.
var parquetLogical = map[int16]string{1: "string", 2: "map", 3: "list", 4: "string", 5: "decimal", 6: "date", 7: "time", 8: "datetime", 12: "json", 14: "uuid"}

func readParquet(s *source, info *Info) {
	info.Format, info.MIME = "parquet", "application/vnd.apache.parquet"
	tail := s.bytes(s.size-8, 8)
	if len(tail) < 8 || string(tail[4:]) != "PAR1" {
		info.finding("the footer is missing: the file was not finished")
		return
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	if n > s.size-12 {
		info.finding("the footer is longer than the file")
		return
	}
	t := thrift{b: s.bytes(s.size-8-n, min(n, maxFooter))}
	var elements []parquetElement
	t.fields(func(id int16, typ byte) {
		switch {
		case id == 2 && typ == thriftList:
			size, elem := t.list()
			if elem != thriftStruct {
				t.bad = true
			}
			for i := 0; i < size && !t.bad; i++ {
				if e := t.parquetElement(); i < maxElements {
					elements = append(elements, e)
				}
			}
			info.Truncated = size > maxElements
		case id == 3 && typ == thriftI64:
			info.rows(t.zigzag())
			t.done = true // row groups come next, and are long
		default:
			t.skip(typ, 0)
		}
	})
	if t.bad || len(elements) == 0 {
		info.finding("the footer is broken")
		return
	}
	at := 1
	for range elements[0].children {
		if at = parquetColumns(info, elements, at, nil, 0); at > len(elements) {
			break
		}
	}
	if at > len(elements) && !info.Truncated {
		info.finding("the schema ends too early")
	}
}

type parquetElement struct {
	name     string
	typ      string
	children int
	repeated bool
}

// parquetColumns adds the leaves below an element and returns the one behind it, one
// that cannot be when there are no more, or too many.
func parquetColumns(info *Info, all []parquetElement, at int, above []string, depth int) int {
	if at >= len(all) || depth > 50 || info.Truncated && len(info.Columns) == maxItems {
		return len(all) + 1
	}
	e := all[at]
	path := append(above[:len(above):len(above)], e.name)
	if e.children == 0 {
		typ := e.typ
		if e.repeated {
			typ += "[]"
		}
		info.column(Column{Name: strings.Join(path, "."), Type: typ})
		return at + 1
	}
	at++
	for range e.children {
		if at = parquetColumns(info, all, at, path, depth+1); at > len(all) {
			break
		}
	}
	return at
}

// thrift reads the compact protocol of Thrift.
type thrift struct {
	b    []byte
	i    int
	bad  bool
	done bool // no more of the outermost structure is wanted
}

const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftI64    = 6
	thriftBinary = 8
	thriftList   = 9
	thriftStruct = 12
)

func (t *thrift) byte() byte {
	if t.i >= len(t.b) {
		t.bad = true
		return 0
	}
	t.i++
	return t.b[t.i-1]
}

func (t *thrift) uint() uint64 {
	v, n := binary.Uvarint(t.b[min(t.i, len(t.b)):])
	if n <= 0 {
		t.bad = true
		return 0
	}
	t.i += n
	return v
}

func (t *thrift) zigzag() int64 {
	u := t.uint()
	return int64(u>>1) ^ -int64(u&1)
}

func (t *thrift) binary() string {
	n := t.uint()
	if t.bad || n > uint64(len(t.b)-t.i) {
		t.bad = true
		return ""
	}
	t.i += int(n)
	return string(t.b[t.i-int(n) : t.i])
}

func (t *thrift) list() (size int, elem byte) {
	h := t.byte()
	size = int(h >> 4)
	if size == 15 {
		n := t.uint()
		if n > uint64(len(t.b)) {
			t.bad = true
			return 0, 0
		}
		size = int(n)
	}
	return size, h & 15
}

// fields calls field for each field of a structure; it must read or skip the value.
func (t *thrift) fields(field func(id int16, typ byte)) {
	id := int16(0)
	for !t.bad && !t.done {
		h := t.byte()
		if h == 0 {
			return
		}
		if d := h >> 4; d != 0 {
			id += int16(d)
		} else {
			id = int16(t.zigzag())
		}
		field(id, h&15)
	}
}

func (t *thrift) skip(typ byte, depth int) {
	if depth > 20 {
		t.bad = true
	}
	if t.bad {
		return
	}
	switch typ {
	case thriftTrue, thriftFalse:
	case 3:
		t.byte()
	case 4, 5, thriftI64:
		t.uint()
	case 7:
		t.i += 8
		t.bad = t.i > len(t.b)
	case thriftBinary:
		t.binary()
	case thriftList, 10:
		n, elem := t.list()
		for i := 0; i < n && !t.bad; i++ {
			t.skipElement(elem, depth+1)
		}
	case 11:
		n := t.uint()
		if n == 0 {
			return
		}
		kv := t.byte()
		for i := uint64(0); i < n && !t.bad; i++ {
			t.skipElement(kv>>4, depth+1)
			t.skipElement(kv&15, depth+1)
		}
	case thriftStruct:
		t.fields(func(_ int16, typ byte) { t.skip(typ, depth+1) })
	default:
		t.bad = true
	}
}

// skipElement passes over an element of a list or a map, in which a truth value takes
// a byte.
func (t *thrift) skipElement(typ byte, depth int) {
	if typ == thriftTrue || typ == thriftFalse {
		t.byte()
		return
	}
	t.skip(typ, depth)
}

func (t *thrift) parquetElement() (e parquetElement) {
	physical, converted, logical := int64(-1), int64(-1), int16(0)
	length := int64(0)
	t.fields(func(id int16, typ byte) {
		switch {
		case id == 1 && typ == 5:
			physical = t.zigzag()
		case id == 2 && typ == 5:
			length = t.zigzag()
		case id == 3 && typ == 5:
			e.repeated = t.zigzag() == 2
		case id == 4 && typ == thriftBinary:
			e.name = clean(t.binary())
		case id == 5 && typ == 5:
			e.children = int(min(max(t.zigzag(), 0), int64(len(t.b))))
		case id == 6 && typ == 5:
			converted = t.zigzag()
		case id == 10 && typ == thriftStruct:
			t.fields(func(id int16, typ byte) {
				logical = id
				t.skip(typ, 0)
			})
		default:
			t.skip(typ, 0)
		}
	})
	switch {
	case logical != 0 && parquetLogical[logical] != "":
		e.typ = parquetLogical[logical]
	case converted >= 0 && parquetConverted[converted] != "":
		e.typ = parquetConverted[converted]
	case physical == 3:
		e.typ = "datetime" // int96 is that and nothing else
	case physical >= 0 && physical < int64(len(parquetTypes)):
		e.typ = parquetTypes[physical]
		if physical == 7 {
			e.typ = fmt.Sprintf("fixed[%d]", length)
		}
	}
	return e
}
