package query

import (
	"strconv"
	"strings"
)

// Node is a part of a query: *And, *Or, *Not, *Term, *Range, *Has, *Path, *Similar or All.
type Node interface {
	write(b *strings.Builder, within int)
}

// All matches every file.
type All struct{}

// And matches what all its parts match; it has at least two.
type And struct{ Of []Node }

// Or matches what one of its parts matches; it has at least two.
type Or struct{ Of []Node }

// Not matches what its part does not.
type Not struct{ Of Node }

// Kind says how the text of a Term is compared.
type Kind uint8

// The kinds of terms.
const (
	Word   Kind = iota // words, as they are written
	Phrase             // the same, from quotes
	Exact              // the whole value, letter by letter; has a field
	Prefix             // Text*
	Glob               // Text is a pattern with * and ?; a backslash stands before what is meant as it is
	Fuzzy              // at most Distance letters wrong
)

// Term matches files by text.
type Term struct {
	At       int    // byte of the query at which it begins
	Field    string // "": anywhere
	Text     string
	Kind     Kind
	Distance int
	Boost    float64 // of its score; 1 if nothing was said
}

// Bound is an end of a Range.
type Bound struct {
	At   int
	Text string
	Incl bool // the end itself is included
}

// Range matches files by the order of values. One end at least is there.
type Range struct {
	At        int
	Field     string
	Low, High *Bound // nil: open
}

// Has matches files that have a value of a field.
type Has struct {
	At    int
	Field string
}

// Path matches files by their path from the root of the drive.
type Path struct {
	At   int
	Glob string // * ? and **; a backslash stands before what is meant as it is
}

// Similar matches files by what their descriptions mean.
type Similar struct {
	At    int
	Text  string
	Boost float64
}

// String writes a tree as a query that parses to it, up to positions.
func String(n Node) string {
	var b strings.Builder
	n.write(&b, 0)
	return b.String()
}

// How strong parts bind.
const (
	inOr = iota
	inAnd
	inNot
)

func list(b *strings.Builder, of []Node, word string, own, within int) {
	if within > own {
		b.WriteByte('(')
		defer b.WriteByte(')')
	}
	for i, n := range of {
		if i > 0 {
			b.WriteString(word)
		}
		n.write(b, own+1)
	}
}

func (All) write(b *strings.Builder, _ int)          { b.WriteByte('*') }
func (n *And) write(b *strings.Builder, within int)  { list(b, n.Of, " AND ", inAnd, within) }
func (n *Or) write(b *strings.Builder, within int)   { list(b, n.Of, " OR ", inOr, within) }
func (n *Has) write(b *strings.Builder, _ int)       { b.WriteString("has:" + quote(n.Field)) }
func (n *Path) write(b *strings.Builder, within int) { b.WriteString("path:" + escapeGlob(n.Glob)) }
func (n *Similar) write(b *strings.Builder, _ int) {
	b.WriteString("similar:" + quote(n.Text) + boost(n.Boost))
}
func (n *Not) write(b *strings.Builder, within int)   { b.WriteString("NOT "); n.Of.write(b, inNot) }
func (n *Term) write(b *strings.Builder, within int)  { n.text(b) }
func (n *Range) write(b *strings.Builder, within int) { n.text(b) }

func (n *Term) text(b *strings.Builder) {
	if n.Field != "" {
		b.WriteString(name(n.Field) + ":")
	}
	switch n.Kind {
	case Word:
		b.WriteString(escape(n.Text))
	case Phrase:
		b.WriteString(quote(n.Text))
	case Exact:
		b.WriteString("=" + quote(n.Text))
	case Prefix:
		b.WriteString(escape(n.Text) + "*")
	case Glob:
		b.WriteString(escapeGlob(n.Text))
	case Fuzzy:
		b.WriteString(escape(n.Text) + "~" + strconv.Itoa(n.Distance))
	}
	b.WriteString(boost(n.Boost))
}

func (n *Range) text(b *strings.Builder) {
	b.WriteString(name(n.Field) + ":")
	open, end := "[", "]"
	if n.Low != nil && !n.Low.Incl {
		open = "{"
	}
	if n.High != nil && !n.High.Incl {
		end = "}"
	}
	b.WriteString(open + bound(n.Low) + " TO " + bound(n.High) + end)
}

func bound(v *Bound) string {
	if v == nil {
		return "*"
	}
	return quote(v.Text)
}

func boost(f float64) string {
	if f == 1 {
		return ""
	}
	return "^" + strconv.FormatFloat(f, 'f', -1, 64)
}

// quote writes text in quotes.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// name writes the name of a field.
func name(s string) string { return escape(s) }

// special are the bytes that mean something in a word.
const special = "\\\"()[]{}:*?~^<>=!-+ \t\r\n"

// escape writes a word so that nothing in it means anything.
func escape(s string) string {
	switch s {
	case "AND", "OR", "NOT", "TO":
		return `\` + s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.IndexByte(special, s[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// escapeGlob is escape for a pattern.
func escapeGlob(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			b.WriteByte('\\')
			i++
		case s[i] == '*', s[i] == '?':
		case strings.IndexByte(special, s[i]) >= 0:
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
