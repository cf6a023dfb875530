package index

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zeebo/blake3"
)

// field is one field of all files: a column of cells, each a value or several. Cell n
// is value n as long as no file has several values of the field.
type field struct {
	name  string
	text  bool // compared word by word
	whole bool // long values are kept, too

	column column
	refs   []uint32 // by cell: how many files have it
	dead   int      // cells that no file has

	cells *words // of values, as varints; nil: cell n is value n
	vals  words
	nums  []float64 // by value; NaN: no number; nil: no value has one
	dims  []uint8   // what the numbers measure; nil: plain numbers
	lens  []uint8   // words in the value, 255 at most

	terms words
	posts []post // by term: the values in which it stands
	total int    // of lens
}

// post is a rising list of values: all but the last are in more, as varints of their
// differences.
type post struct {
	more *[]byte
	last uint32
	n    uint32
}

func (p *post) add(v uint32) {
	if p.n > 0 {
		if p.last == v {
			return
		}
		if p.more == nil {
			p.more = new([]byte)
		}
		before := uint32(0)
		if p.n > 1 {
			before = p.tail()
		}
		*p.more = appendPost(*p.more, p.last-before, p.last)
	}
	p.last = v
	p.n++
}

// The last value in more stands behind the differences in 4 bytes.

func appendPost(b []byte, diff, value uint32) []byte {
	if len(b) >= 4 {
		b = b[:len(b)-4]
	}
	b = binary.AppendUvarint(b, uint64(diff))
	return binary.LittleEndian.AppendUint32(b, value)
}

func (p *post) tail() uint32 { return binary.LittleEndian.Uint32((*p.more)[len(*p.more)-4:]) }

func (p *post) each(yield func(uint32)) {
	if p.n == 0 {
		return
	}
	if p.more != nil {
		b, v := (*p.more)[:len(*p.more)-4], uint32(0)
		for len(b) > 0 {
			d, n := binary.Uvarint(b)
			b, v = b[n:], v+uint32(d)
			yield(v)
		}
	}
	yield(p.last)
}

const (
	maxKept    = 64   // bytes of a value that is kept as it is
	longMark   = 0xff // before a value that is not: no text begins with it
	longSum    = 12   // bytes of its hash
	longPrefix = 12   // bytes of its beginning, filled up with zeros
)

// entry returns how a value is kept.
func (f *field) entry(text string) []byte {
	if f.whole || len(text) <= maxKept && utf8.ValidString(text) {
		return []byte(text)
	}
	sum := blake3.Sum256([]byte(text))
	b := append([]byte{longMark}, sum[:longSum]...)
	var begin [longPrefix]byte
	copy(begin[:], text)
	b = append(b, begin[:]...)
	tokens(strings.ToValidUTF8(text, " "), func(w string) bool {
		b = binary.AppendUvarint(b, uint64(f.term(w)))
		return true
	})
	return b
}

// term returns the number of a word, which is added if need be.
func (f *field) term(w string) uint32 {
	if n := f.terms.find([]byte(w)); n != 0 {
		return n
	}
	if f.posts == nil {
		f.posts = append(f.posts, post{})
	}
	f.posts = append(f.posts, post{})
	return f.terms.add([]byte(w))
}

// value returns the number of a value, which is added if need be; 0 when there is no
// more room.
func (f *field) value(x *Index, text string) uint32 {
	e := f.entry(text)
	if n := f.vals.find(e); n != 0 {
		return n
	}
	if f.vals.full(e) {
		return 0
	}
	num, dim, ok := float64(0), uint8(0), false
	if !f.text && len(text) <= maxKept {
		num, dim, ok = x.number(f.name, text)
	}
	return f.newValue(e, num, dim, ok)
}

// newValue adds a value that is not there.
func (f *field) newValue(entry []byte, num float64, dim uint8, hasNum bool) uint32 {
	n := f.vals.add(entry)
	count := 0
	f.words(n, func(w []byte, t uint32) bool {
		if t == 0 {
			t = f.term(string(w))
		}
		f.posts[t].add(n)
		count++
		return true
	})
	f.lens = append(f.lens, uint8(min(count, 255)))
	f.total += min(count, 255)
	f.setNumber(n, num, dim, hasNum)
	if f.cells != nil {
		f.cell([]uint32{n})
	} else {
		f.newCell()
	}
	return n
}

func (f *field) setNumber(n uint32, num float64, dim uint8, ok bool) {
	if ok && f.nums == nil {
		f.nums = make([]float64, n-1, n+16)
		for i := range f.nums {
			f.nums[i] = math.NaN()
		}
	}
	if f.nums != nil {
		if !ok {
			num = math.NaN()
		}
		f.nums = append(f.nums, num)
	}
	if ok && dim != 0 && f.dims == nil {
		f.dims = make([]uint8, n-1, n+16)
	}
	if f.dims != nil {
		f.dims = append(f.dims, dim)
	}
}

// num returns the number of a value.
func (f *field) num(v uint32) (n float64, dim uint8, ok bool) {
	if f.nums == nil || math.IsNaN(f.nums[v-1]) {
		return 0, 0, false
	}
	if f.dims != nil {
		dim = f.dims[v-1]
	}
	return f.nums[v-1], dim, true
}

func (f *field) newCell() {
	if f.refs == nil {
		f.refs = append(f.refs, 0) // of cell 0: no value
	}
	f.refs = append(f.refs, 0)
	f.dead++
}

// cell returns the number of a cell with these values, which is added if need be.
func (f *field) cell(values []uint32) uint32 {
	if f.cells == nil {
		if len(values) == 1 {
			return values[0]
		}
		f.cells = &words{}
		for v := 1; v <= f.vals.count(); v++ {
			f.cells.add(binary.AppendUvarint(nil, uint64(v)))
		}
	}
	var b []byte
	for _, v := range values {
		b = binary.AppendUvarint(b, uint64(v))
	}
	if n := f.cells.find(b); n != 0 {
		return n
	}
	if f.cells.full(b) {
		return 0
	}
	f.newCell()
	return f.cells.add(b)
}

// eachValue yields the values of a cell.
func (f *field) eachValue(cell uint32, yield func(uint32)) {
	if cell == 0 {
		return
	}
	if f.cells == nil {
		yield(cell)
		return
	}
	for b := f.cells.at(cell); len(b) > 0; {
		v, n := binary.Uvarint(b)
		b = b[n:]
		yield(uint32(v))
	}
}

// put gives a file a cell.
func (f *field) put(row, cell uint32, rows int) {
	old := f.column.get(row)
	if old == cell {
		return
	}
	f.column.set(row, cell, rows)
	if old != 0 {
		if f.refs[old]--; f.refs[old] == 0 {
			f.dead++
		}
	}
	if cell != 0 {
		if f.refs[cell]++; f.refs[cell] == 1 {
			f.dead--
		}
	}
}

// cellsOf returns the cells that have one of the values.
func (f *field) cellsOf(vals set) set {
	if f.cells == nil {
		return vals
	}
	out := newSet(f.cells.count() + 1)
	for c := uint32(1); c <= uint32(f.cells.count()); c++ {
		f.eachValue(c, func(v uint32) {
			if vals.has(v) {
				out.add(c)
			}
		})
	}
	return out
}

// long reports whether a value is kept as its words only.
func (f *field) long(v uint32) bool {
	e := f.vals.at(v)
	return len(e) > 0 && e[0] == longMark
}

// plain returns a value that is compared whole: a short one without spaces.
func (f *field) plain(v uint32) (text []byte, ok bool) {
	e := f.vals.at(v)
	if len(e) > 0 && e[0] == longMark {
		return nil, false
	}
	for _, c := range e {
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			return nil, false
		case c >= utf8.RuneSelf:
			return e, !strings.ContainsFunc(string(e), unicode.IsSpace)
		}
	}
	return e, true
}

// words yields the words of a value, in their order: their letters, or, of a long
// value, their numbers as terms.
func (f *field) words(v uint32, yield func(w []byte, term uint32) bool) {
	e := f.vals.at(v)
	if len(e) == 0 || e[0] != longMark {
		tokens(string(e), func(w string) bool { return yield([]byte(w), 0) })
		return
	}
	for b := e[1+longSum+longPrefix:]; len(b) > 0; {
		t, n := binary.Uvarint(b)
		b = b[n:]
		if !yield(nil, uint32(t)) {
			return
		}
	}
}

// wordsOf returns the words of a value.
func (f *field) wordsOf(v uint32) (list []string) {
	f.words(v, func(w []byte, t uint32) bool {
		if t != 0 {
			w = f.terms.at(t)
		}
		list = append(list, string(w))
		return true
	})
	return list
}

// shown returns a value as it was given; of a long one its beginning.
func (f *field) shown(v uint32) string {
	if f.long(v) {
		return strings.ToValidUTF8(string(f.sortable(v)), "") + "…"
	}
	return string(f.vals.at(v))
}

// isExactly reports whether a value is a text, letter by letter.
func (f *field) isExactly(v uint32, text string) bool {
	e := f.vals.at(v)
	if len(e) == 0 || e[0] != longMark {
		return string(e) == text
	}
	sum := blake3.Sum256([]byte(text))
	return len(text) > maxKept && string(e[1:1+longSum]) == string(sum[:longSum])
}

// sortable returns the bytes by which a value sorts.
func (f *field) sortable(v uint32) []byte {
	e := f.vals.at(v)
	if len(e) > 0 && e[0] == longMark {
		b := e[1+longSum : 1+longSum+longPrefix]
		for len(b) > 0 && b[len(b)-1] == 0 {
			b = b[:len(b)-1]
		}
		return b
	}
	return e
}
