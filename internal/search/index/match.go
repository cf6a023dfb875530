package index

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rdfs/rdfs/internal/search/query"
)

// matcher says which values of fields a term matches.
type matcher struct {
	term *query.Term
	word string   // the text, folded
	toks []string // its words
	same *bound   // the text as a number, of the field that is looked at; nil: none
}

func newMatcher(t *query.Term) *matcher {
	m := &matcher{term: t, word: fold(t.Text)}
	if t.Kind != query.Glob {
		m.toks = tokensOf(t.Text)
	}
	return m
}

// wordly reports whether a field is compared word by word, whatever its values are.
func (m *matcher) wordly(f *field) bool { return m.term.Field == "" || f.text }

// matches returns the values of a field that the term matches. Weights are of those
// that are worth less than 1.
func (m *matcher) matches(f *field) (vals set, weights map[uint32]float32) {
	vals = newSet(f.vals.count() + 1)
	switch m.term.Kind {
	case query.Exact:
		m.exact(f, vals)
	case query.Word, query.Phrase:
		weights = m.words(f, vals)
	case query.Prefix:
		m.prefix(f, vals)
	case query.Glob:
		m.terms(f, vals, func(w []byte) bool { return glob(m.word, string(w)) })
		m.whole(f, vals, func(v []byte) bool { return glob(m.word, string(v)) })
	case query.Fuzzy:
		weights = m.fuzzy(f, vals)
	}
	return vals, weights
}

func (m *matcher) exact(f *field, vals set) {
	text := m.term.Text
	if f.whole || len(text) <= maxKept && utf8.ValidString(text) {
		if n := f.vals.find([]byte(text)); n != 0 {
			vals.add(n)
		}
		return
	}
	for v := uint32(1); v <= uint32(f.vals.count()); v++ {
		if f.isExactly(v, text) {
			vals.add(v)
		}
	}
}

// words matches words in their order, and whole values.
func (m *matcher) words(f *field, vals set) (weights map[uint32]float32) {
	if m.same != nil && f.nums != nil {
		for v := uint32(1); v <= uint32(f.vals.count()); v++ {
			if n, dim, ok := f.num(v); ok && m.same.is(n, dim) {
				vals.add(v)
			}
		}
	}
	switch {
	case len(m.toks) == 0:
		m.whole(f, vals, func(v []byte) bool { return string(v) == m.word })
		return nil
	case len(m.toks) > 1:
		f.sequences(m.toks, func(v uint32) {
			if m.accepts(f, v) {
				vals.add(v)
			}
		})
		return nil
	}
	forms := []string{m.toks[0]}
	if m.term.Kind == query.Word {
		forms = variants(m.toks[0])
	}
	exact := newSet(f.vals.count() + 1)
	for i, w := range forms {
		t := f.terms.find([]byte(w))
		if t == 0 {
			continue
		}
		f.posts[t].each(func(v uint32) {
			switch {
			case i == 0 && m.accepts(f, v):
				vals.add(v)
				exact.add(v)
			case i > 0 && m.acceptsWord(f, v):
				if !exact.has(v) {
					if weights == nil {
						weights = make(map[uint32]float32)
					}
					weights[v] = otherForm
				}
				vals.add(v)
			}
		})
	}
	return weights
}

// What inexact words are worth.
const (
	otherForm = 0.9
	oneWrong  = 0.5
	twoWrong  = 0.25
)

// accepts reports whether a value in which the words stand matches: a plain value of
// other than text fields must be the text as a whole.
func (m *matcher) accepts(f *field, v uint32) bool {
	if m.wordly(f) {
		return true
	}
	text, plain := f.plain(v)
	return !plain || equalFold(text, m.word)
}

// acceptsWord is accepts for another form of the word, which is never the whole value.
func (m *matcher) acceptsWord(f *field, v uint32) bool {
	if m.wordly(f) {
		return true
	}
	_, plain := f.plain(v)
	return !plain
}

// equalFold reports whether v, folded, is the folded text word.
func equalFold(v []byte, word string) bool {
	for i, c := range v {
		if c >= utf8.RuneSelf {
			return fold(string(v)) == word
		}
		if i >= len(word) || lower(c) != word[i] {
			return false
		}
	}
	return len(v) == len(word)
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// sequences yields the values in which words stand behind each other.
func (f *field) sequences(toks []string, yield func(uint32)) {
	var rarest *post
	for _, w := range toks {
		t := f.terms.find([]byte(w))
		if t == 0 {
			return
		}
		if p := &f.posts[t]; rarest == nil || p.n < rarest.n {
			rarest = p
		}
	}
	rarest.each(func(v uint32) {
		if f.contains(v, toks, func(w, want string) bool { return w == want }) {
			yield(v)
		}
	})
}

// contains reports whether words stand behind each other in a value; last compares the
// last of them.
func (f *field) contains(v uint32, toks []string, last func(w, want string) bool) bool {
	all := f.wordsOf(v)
	for i := 0; i+len(toks) <= len(all); i++ {
		n := len(toks) - 1
		if slices.Equal(all[i:i+n], toks[:n]) && last(all[i+n], toks[n]) {
			return true
		}
	}
	return false
}

func (m *matcher) prefix(f *field, vals set) {
	// A value that begins with a word has a word that does: it need not be looked at whole.
	if !m.wordly(f) || len(m.toks) != 1 || m.toks[0] != m.word {
		m.whole(f, vals, func(v []byte) bool { return bytes.HasPrefix(v, []byte(m.word)) })
	}
	switch n := len(m.toks); {
	case n == 1:
		m.terms(f, vals, func(w []byte) bool { return bytes.HasPrefix(w, []byte(m.toks[0])) })
	case n > 1:
		t := f.terms.find([]byte(m.toks[0]))
		if t == 0 {
			return
		}
		f.posts[t].each(func(v uint32) {
			if m.acceptsWord(f, v) && f.contains(v, m.toks, strings.HasPrefix) {
				vals.add(v)
			}
		})
	}
}

// terms adds the values with a word of which is is true, where words are compared.
func (m *matcher) terms(f *field, vals set, is func(w []byte) bool) {
	for t := uint32(1); t <= uint32(f.terms.count()); t++ {
		if is(f.terms.at(t)) {
			f.posts[t].each(func(v uint32) {
				if m.acceptsWord(f, v) {
					vals.add(v)
				}
			})
		}
	}
}

// whole adds the plain values of which, folded, is is true.
func (m *matcher) whole(f *field, vals set, is func(v []byte) bool) {
	var buf []byte
	for v := uint32(1); v <= uint32(f.vals.count()); v++ {
		text, plain := f.plain(v)
		if !plain {
			continue
		}
		if buf = foldInto(buf, text); is(buf) {
			vals.add(v)
		}
	}
}

func foldInto(buf, text []byte) []byte {
	buf = buf[:0]
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return append(buf[:0], fold(string(text))...)
		}
		buf = append(buf, lower(c))
	}
	return buf
}

func (m *matcher) fuzzy(f *field, vals set) map[uint32]float32 {
	weights := make(map[uint32]float32)
	d := m.term.Distance
	note := func(v uint32, w string) {
		weight := float32(1)
		if w != m.word {
			if weight = oneWrong; d == 2 && !within(w, m.word, 1) {
				weight = twoWrong
			}
		}
		if vals.has(v) && weights[v] >= weight {
			return
		}
		vals.add(v)
		weights[v] = weight
	}
	letters, size := lettersOf([]byte(m.word)), utf8.RuneCountInString(m.word)
	near := func(w []byte) bool {
		if len(w) == 0 || len(w) < size-d || utf8.RuneCount(w) > size+d {
			return false
		}
		other := lettersOf(w)
		if bits.OnesCount64(letters&^other) > d || bits.OnesCount64(other&^letters) > d {
			return false
		}
		return within(string(w), m.word, d)
	}
	for t := uint32(1); t <= uint32(f.terms.count()); t++ {
		if w := f.terms.at(t); near(w) {
			f.posts[t].each(func(v uint32) {
				if m.acceptsWord(f, v) {
					note(v, string(w))
				}
			})
		}
	}
	var buf []byte
	for v := uint32(1); v <= uint32(f.vals.count()); v++ {
		if e := f.vals.at(v); len(e) > size+d && ascii(e) { // too long, and folding changes no length
			continue
		}
		if text, plain := f.plain(v); plain {
			if buf = foldInto(buf, text); near(buf) {
				note(v, string(buf))
			}
		}
	}
	return weights
}

// ascii reports whether no byte of b is beyond ASCII.
func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// lettersOf is a set of the letters of a word, coarsely: a word that differs in d
// letters differs in at most d elements each way.
func lettersOf(w []byte) (letters uint64) {
	for _, r := range string(w) {
		letters |= 1 << (uint32(r) % 64)
	}
	return letters
}
