package header

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// readJSON recognises a JSON text and JSON lines: the keys of the object, or of the
// objects of the list, and the types of their values.
func readJSON(s *source, info *Info, text []byte, whole bool) {
	body := bytes.TrimLeft(text, " \t\r\n")
	if len(body) == 0 || body[0] != '{' && body[0] != '[' {
		return
	}
	d := scanner{b: body}
	if body[0] == '{' {
		keys := newKeys()
		end := d.object(keys)
		if d.err || !end && whole {
			if d.keys == 0 {
				return // some other text that begins with a brace
			}
			info.finding("the JSON text is broken near byte %d", d.i)
		}
		info.Format, info.MIME = "json", "application/json"
		// More objects behind the first, one a line: JSON lines.
		objects := int64(1)
		for end && objects < sampleRows && d.next() == '{' {
			if end = d.object(keys); end {
				objects++
			}
		}
		if objects > 1 {
			info.Format, info.MIME = "jsonl", "application/jsonl"
			if n := countRows(s); n >= 0 {
				info.rows(n)
			}
		}
		keys.into(info)
		return
	}
	keys := newKeys()
	objects, values := int64(0), int64(0)
	d.i++
	done := false
	for !done && objects+values < sampleRows {
		switch c := d.next(); c {
		case ']':
			d.i++
			done = true
			continue
		case ',':
			d.i++
			continue
		case 0:
			d.err = true
		case '{':
			if d.object(keys) {
				objects++
			}
		default:
			if _, ok := d.value(); ok {
				values++
			}
		}
		if d.err {
			break
		}
	}
	if d.err && (whole || objects+values == 0) {
		if objects+values == 0 {
			return
		}
		info.finding("the JSON text is broken near byte %d", d.i)
	}
	info.Format, info.MIME = "json", "application/json"
	if objects > 0 && values == 0 {
		keys.into(info)
	}
	if done {
		info.rows(objects + values)
	}
}

// keys collects the keys of objects in the order in which they come.
type keys struct {
	at    map[string]int
	names []string
	types []string
}

func newKeys() *keys { return &keys{at: make(map[string]int)} }

func (k *keys) add(name, typ string) {
	i, ok := k.at[name]
	if !ok {
		if len(k.names) > maxItems {
			return
		}
		k.at[name] = len(k.names)
		k.names, k.types = append(k.names, name), append(k.types, typ)
		return
	}
	switch old := k.types[i]; {
	case old == typ || typ == "":
	case old == "":
		k.types[i] = typ
	case old == "int64" && typ == "float64" || old == "float64" && typ == "int64":
		k.types[i] = "float64"
	default:
		k.types[i] = "mixed"
	}
}

func (k *keys) into(info *Info) {
	for i, name := range k.names {
		info.column(Column{Name: name, Type: k.types[i]})
	}
}

// scanner goes through a JSON text without making values of it.
type scanner struct {
	b    []byte
	i    int
	err  bool
	keys int // of the outermost object that were read
}

// next passes over space and returns the next byte, 0 at the end.
func (d *scanner) next() byte {
	for d.i < len(d.b) {
		switch c := d.b[d.i]; c {
		case ' ', '\t', '\r', '\n':
			d.i++
		default:
			return c
		}
	}
	return 0
}

// object reads an object that begins here. It is false when it does not end.
func (d *scanner) object(k *keys) (ends bool) {
	d.i++
	for first := true; ; first = false {
		c := d.next()
		if c == '}' {
			d.i++
			return true
		}
		if !first {
			if c != ',' {
				d.err = c != 0
				return false
			}
			d.i++
			c = d.next()
		}
		if c != '"' {
			d.err = c != 0
			return false
		}
		name, ok := d.string()
		if !ok {
			return false
		}
		if c := d.next(); c != ':' {
			d.err = c != 0
			return false
		}
		d.i++
		typ, ok := d.value()
		if !ok {
			return false
		}
		d.keys++
		k.add(name, typ)
	}
}

func (d *scanner) string() (s string, ok bool) {
	start := d.i
	if end := bytes.IndexByte(d.b[start+1:], '"'); end >= 0 {
		if b := d.b[start+1 : start+1+end]; isPlain(b) {
			d.i += end + 2
			return string(b), true
		}
	}
	for d.i++; d.i < len(d.b); d.i++ {
		switch d.b[d.i] {
		case '\\':
			d.i++
		case '"':
			d.i++
			if err := json.Unmarshal(d.b[start:d.i], &s); err != nil {
				d.err = true
				return "", false
			}
			return s, true
		}
	}
	return "", false
}

// isPlain reports whether a string means what it shows: nothing is escaped, or would
// have to be.
func isPlain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c >= 0x80 || c == '\\' {
			return false
		}
	}
	return true
}

// value passes over a value and returns its type; "" is null.
func (d *scanner) value() (typ string, ok bool) {
	switch c := d.next(); {
	case c == '"':
		for d.i++; d.i < len(d.b) && d.b[d.i] != '"'; d.i++ {
			if d.b[d.i] == '\\' {
				d.i++
			}
		}
		d.i++
		return "string", d.i <= len(d.b)
	case c == '{' || c == '[':
		return map[byte]string{'{': "object", '[': "list"}[c], d.nested()
	case c == 0:
		return "", false
	}
	start := d.i
	for d.i < len(d.b) && bytes.IndexByte([]byte(",]} \t\r\n"), d.b[d.i]) < 0 {
		d.i++
	}
	switch word := string(d.b[start:d.i]); word {
	case "null":
		return "", true
	case "true", "false":
		return "bool", true
	default:
		if _, err := strconv.ParseInt(word, 10, 64); err == nil {
			return "int64", true
		}
		if _, err := strconv.ParseFloat(word, 64); err == nil {
			return "float64", true
		}
		// A word that is cut off at the end of the sample is no mistake.
		d.err = d.i < len(d.b)
		return "", false
	}
}

// nested passes over an object or a list, by its brackets.
func (d *scanner) nested() bool {
	depth := 0
	for ; d.i < len(d.b); d.i++ {
		switch d.b[d.i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				d.i++
				return true
			}
		case '"':
			for d.i++; d.i < len(d.b) && d.b[d.i] != '"'; d.i++ {
				if d.b[d.i] == '\\' {
					d.i++
				}
			}
		}
	}
	return false
}
