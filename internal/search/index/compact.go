package index

import (
	"encoding/binary"
)

// A value that no file has any more stays in the dictionary until Compact.

// wasteful is how many cells without a file a field may have, beside a fifth of all.
const wasteful = 4096

// Compact forgets values that no file has, of fields of which these are many. It
// reports whether there were any.
func (x *Index) Compact() bool { return x.compact(wasteful) }

func (x *Index) compact(allowed int) (did bool) {
	for i, f := range x.order {
		if f.dead > allowed && f.dead*5 >= len(f.refs) {
			x.order[i] = f.compacted(x.rows)
			x.fields[f.name] = x.order[i]
			did = true
		}
	}
	return did
}

// Sparse reports whether most rows have no document: then an index that is made anew
// takes much less memory.
func (x *Index) Sparse() bool { return len(x.free) > 1<<16 && len(x.free)*2 > x.rows }

// compacted returns the field with those values only that files have.
func (f *field) compacted(rows int) *field {
	to := &field{name: f.name, text: f.text, whole: f.whole}
	value := make([]uint32, f.vals.count()+1) // old to new
	cell := make([]uint32, len(f.refs))
	for c := 1; c < len(f.refs); c++ {
		if f.refs[c] == 0 {
			continue
		}
		var values []uint32
		f.eachValue(uint32(c), func(v uint32) {
			if value[v] == 0 {
				num, dim, ok := f.num(v)
				value[v] = to.newValue(f.moved(v, to), num, dim, ok)
			}
			values = append(values, value[v])
		})
		cell[c] = to.cell(values)
	}
	f.column.each(func(row, c uint32) { to.put(row, cell[c], rows) })
	return to
}

// moved returns how a value is kept in another field.
func (f *field) moved(v uint32, to *field) []byte {
	e := f.vals.at(v)
	if !f.long(v) {
		return e
	}
	b := append([]byte{}, e[:1+longSum+longPrefix]...)
	f.words(v, func(_ []byte, t uint32) bool {
		b = binary.AppendUvarint(b, uint64(to.term(string(f.terms.at(t)))))
		return true
	})
	return b
}
