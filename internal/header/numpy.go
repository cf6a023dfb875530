package header

import (
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// maxNPYHeader bounds the header of an npy file, in bytes; numpy refuses more than
// 10000 by itself.
const maxNPYHeader = 256 << 10

func readNPY(s *source, info *Info) {
	info.Format, info.MIME = "npy", "application/x-npy"
	a, columns, err := parseNPY(s)
	if err != nil {
		info.finding("%v", err)
		return
	}
	if len(columns) > 0 && len(a.Shape) == 1 {
		for _, c := range columns {
			info.column(c)
		}
		info.rows(a.Shape[0])
		return
	}
	info.array(a)
}

// parseNPY reads the header of an npy file: an array, and the fields of its elements.
func parseNPY(s *source) (a Array, columns []Column, err error) {
	c := s.at(6, binary.LittleEndian)
	major := c.u8()
	c.skip(1)
	n := int64(0)
	if major == 1 {
		n = int64(c.u16())
	} else {
		n = int64(c.u32())
	}
	if n > maxNPYHeader {
		return a, nil, fmt.Errorf("the npy header has %d bytes", n)
	}
	text := c.str(n)
	if c.err != nil {
		return a, nil, c.err
	}
	lit := literal{s: text}
	v, ok := lit.value(0)
	d, isDict := v.(map[string]any)
	if !ok || !isDict {
		return a, nil, fmt.Errorf("the npy header is no dictionary")
	}
	shape, _ := d["shape"].([]any)
	for _, x := range shape {
		n, ok := x.(int64)
		if !ok {
			return a, nil, fmt.Errorf("the npy header has no shape")
		}
		a.Shape = append(a.Shape, n)
	}
	switch descr := d["descr"].(type) {
	case string:
		a.Type = numpyType(descr)
	case []any:
		a.Type = "record"
		for _, f := range descr {
			if t, ok := f.([]any); ok && len(t) >= 2 {
				name, _ := t[0].(string)
				typ, isText := t[1].(string)
				if !isText {
					typ = "record"
				} else {
					typ = numpyType(typ)
				}
				if len(t) > 2 {
					typ += "[]"
				}
				columns = append(columns, Column{Name: name, Type: typ})
			}
		}
	default:
		return a, nil, fmt.Errorf("the npy header has no type")
	}
	return a, columns, nil
}

// numpyType names a type: "<f8" is float64.
func numpyType(descr string) string {
	t := strings.TrimLeft(descr, "<>|=")
	if t == "" {
		return descr
	}
	size, _ := strconv.Atoi(t[1:])
	bits := strconv.Itoa(8 * size)
	switch t[0] {
	case 'b':
		return "bool"
	case 'i':
		return "int" + bits
	case 'u':
		return "uint" + bits
	case 'f':
		return "float" + bits
	case 'c':
		return "complex" + bits
	case 'S', 'a', 'U':
		return "string"
	case 'M':
		return "datetime"
	case 'm':
		return "timedelta"
	case 'O':
		return "object"
	case 'V':
		return "opaque"
	}
	return descr
}

// literal reads what numpy writes: a Python dictionary of strings, numbers, tuples,
// lists, True, False and None. Tuples and lists become []any.
type literal struct {
	s string
	i int
}

const maxLiteralDepth = 32

func (l *literal) next() byte {
	for l.i < len(l.s) && strings.IndexByte(" \t\r\n", l.s[l.i]) >= 0 {
		l.i++
	}
	if l.i < len(l.s) {
		return l.s[l.i]
	}
	return 0
}

func (l *literal) value(depth int) (v any, ok bool) {
	if depth > maxLiteralDepth {
		return nil, false
	}
	switch c := l.next(); {
	case c == '{':
		m := make(map[string]any)
		l.i++
		for l.next() != '}' {
			key, ok := l.value(depth + 1)
			name, isText := key.(string)
			if !ok || !isText || l.next() != ':' {
				return nil, false
			}
			l.i++
			if m[name], ok = l.value(depth + 1); !ok {
				return nil, false
			}
			if l.next() == ',' {
				l.i++
			} else if l.next() != '}' {
				return nil, false
			}
		}
		l.i++
		return m, true
	case c == '(' || c == '[':
		end := map[byte]byte{'(': ')', '[': ']'}[c]
		list := []any{}
		l.i++
		for l.next() != end {
			x, ok := l.value(depth + 1)
			if !ok {
				return nil, false
			}
			list = append(list, x)
			if l.next() == ',' {
				l.i++
			} else if l.next() != end {
				return nil, false
			}
		}
		l.i++
		return list, true
	case c == '\'' || c == '"':
		end := strings.IndexByte(l.s[l.i+1:], c)
		if end < 0 {
			return nil, false
		}
		s := l.s[l.i+1 : l.i+1+end]
		l.i += end + 2
		return s, true
	}
	start := l.i
	for l.i < len(l.s) && strings.IndexByte(" ,:)]}\n", l.s[l.i]) < 0 {
		l.i++
	}
	switch word := l.s[start:l.i]; word {
	case "True", "False":
		return word == "True", true
	case "None":
		return nil, true
	case "":
		return nil, false
	default:
		n, err := strconv.ParseInt(strings.TrimSuffix(word, "L"), 10, 64)
		return n, err == nil
	}
}

// readZip reads an npz, which is a zip of npy files, and names some other zips.
func readZip(s *source, info *Info) {
	z, err := openZip(s)
	if err != nil {
		info.Format, info.MIME = "zip", "application/zip"
		info.finding("zip: %v", err)
		return
	}
	arrays := 0
	for _, f := range z.File {
		if path.Ext(f.Name) == ".npy" {
			arrays++
		}
	}
	if arrays == 0 || arrays < len(z.File) {
		info.Format, info.MIME = "zip", zipMIME(z)
		return
	}
	info.Format, info.MIME = "npz", "application/x-npz"
	for _, f := range z.File {
		if len(info.Arrays) >= maxMembers {
			info.Truncated = true
			return
		}
		name := strings.TrimSuffix(f.Name, ".npy")
		r, err := f.Open()
		if err != nil {
			info.finding("%s: %v", name, err)
			continue
		}
		head := make([]byte, 4096)
		n, err := io.ReadFull(r, head)
		r.Close()
		if n < 10 || string(head[:6]) != "\x93NUMPY" {
			info.finding("%s: it is no array: %v", name, err)
			continue
		}
		a, _, err := parseNPY(newSource(strings.NewReader(string(head[:n])), int64(n)))
		if err != nil {
			info.finding("%s: %v", name, err)
			continue
		}
		a.Name = name
		info.array(a)
	}
}
