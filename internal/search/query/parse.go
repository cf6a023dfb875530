package query

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The limits of a query.
const (
	MaxLength   = 64 << 10 // bytes
	MaxDepth    = 100      // parentheses and NOTs within each other
	MaxClauses  = 1000
	maxBoost    = 1000
	MaxDistance = 2
)

// The fields with a meaning of their own in the language.
const (
	fieldHas     = "has"
	fieldMissing = "missing"
	fieldPath    = "path"
	fieldSimilar = "similar"
)

// Parse reads a query. The error is an *Error.
func Parse(text string) (Node, error) {
	if len(text) > MaxLength {
		return nil, &Error{Query: text[:shownAround], Text: fmt.Sprintf("it has %d bytes, at most %d are allowed", len(text), MaxLength)}
	}
	p := parser{lexer: lexer{in: text}}
	if i := strings.IndexByte(text, 0); i >= 0 || !utf8.ValidString(text) {
		return nil, &Error{Query: strings.ToValidUTF8(text, "?"), At: max(i, 0), Text: "it is not text in UTF-8"}
	}
	p.space()
	if p.at == len(p.in) {
		return All{}, nil
	}
	n := p.or("")
	if p.err == nil && p.at < len(p.in) {
		p.fail(p.at, "a ) without a (", `put it in quotes, or a \ before it`)
	}
	if p.err != nil {
		return nil, p.err
	}
	return n, nil
}

// parser keeps the first error; after it everything ends.
type parser struct {
	lexer
	err     error
	depth   int
	clauses int
}

func (p *parser) fail(at int, text, suggest string) Node {
	if p.err == nil {
		p.err = &Error{Query: p.in, At: at, Text: text, Suggest: suggest}
	}
	p.at = len(p.in)
	return All{}
}

// enter counts what stands within each other; leave must be called.
func (p *parser) enter() bool {
	if p.depth++; p.depth > MaxDepth {
		p.fail(p.at, fmt.Sprintf("more than %d parentheses or NOTs within each other", MaxDepth), "say it in a simpler way")
		return false
	}
	return true
}

func (p *parser) leave() { p.depth-- }

// ends reports whether nothing more belongs to a list of parts.
func (p *parser) ends() bool {
	p.space()
	return p.at == len(p.in) || p.peek() == ')'
}

// or reads parts between ORs. field is what they are about; "": anything.
func (p *parser) or(field string) Node {
	parts := []Node{p.and(field)}
	for p.keyword("OR") {
		if p.ends() {
			return p.fail(p.at, "nothing stands after OR", "")
		}
		parts = append(parts, p.and(field))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	var flat []Node
	for _, n := range parts {
		if or, ok := n.(*Or); ok {
			flat = append(flat, or.Of...)
			continue
		}
		flat = append(flat, n)
	}
	return &Or{flat}
}

// and reads parts between ANDs, or beside each other.
func (p *parser) and(field string) Node {
	var flat []Node
	for {
		n := p.not(field)
		if and, ok := n.(*And); ok {
			flat = append(flat, and.Of...)
		} else {
			flat = append(flat, n)
		}
		if p.ends() {
			break
		}
		if at := p.at; p.keyword("OR") {
			p.at = at
			break
		}
		if p.keyword("AND") && p.ends() {
			return p.fail(p.at, "nothing stands after AND", "")
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return &And{flat}
}

func (p *parser) not(field string) Node {
	p.space()
	minus := p.peek() == '-' && p.at+1 < len(p.in) && !isSpace(p.in[p.at+1])
	if minus {
		p.at++
	} else if !p.keyword("NOT") {
		return p.part(field)
	}
	if !p.enter() {
		return All{}
	}
	defer p.leave()
	if p.ends() {
		return p.fail(p.at, "nothing stands after NOT", "")
	}
	return &Not{p.not(field)}
}

// part reads one part: parentheses, a field with its value, or words.
func (p *parser) part(field string) Node {
	p.space()
	at := p.at
	for _, word := range []string{"AND", "OR"} {
		if p.keyword(word) {
			return p.fail(at, "nothing stands before "+word, "to look for the word, put it in quotes")
		}
	}
	if p.clauses++; p.clauses > MaxClauses {
		return p.fail(at, fmt.Sprintf("more than %d parts", MaxClauses), "")
	}
	if field != "" || p.peek() == '(' || p.peek() == '"' {
		return p.value(field, at)
	}
	w := p.word(":^~")
	if p.peek() != ':' {
		if i := strings.IndexAny(w.text, "<>"); i > 0 && w.plain {
			return p.fail(at, fmt.Sprintf("%q is no part of a query", w.text), fmt.Sprintf("did you mean %q?", w.text[:i]+":"+w.text[i:]))
		}
		return p.term("", at, w)
	}
	if w.text == "" || w.wild > 0 {
		return p.fail(at, "a field needs a name before the colon", "to look for a colon, put it in quotes")
	}
	p.at++
	if p.at == len(p.in) || isSpace(p.peek()) || p.peek() == ')' {
		return p.fail(at, fmt.Sprintf("nothing stands after %s:", w.text), fmt.Sprintf("has:%s finds what has any value", w.text))
	}
	return p.value(w.text, at)
}

// value reads what stands after the colon of a field, or parentheses and phrases.
func (p *parser) value(field string, at int) Node {
	switch c := p.peek(); {
	case c == '(':
		return p.group(field)
	case field == fieldHas, field == fieldMissing, field == fieldPath, field == fieldSimilar:
		return p.special(field, at)
	case c == '"':
		begin := p.at
		text, ok := p.quoted()
		if !ok {
			return p.fail(begin, "the quotes do not end", `put a second " behind the phrase`)
		}
		if strings.TrimSpace(text) == "" {
			return p.fail(begin, "nothing stands in the quotes", "")
		}
		t := &Term{At: at, Field: field, Text: text, Kind: Phrase, Boost: 1}
		return p.suffix(t)
	case field == "":
		return p.term("", at, p.word("^~"))
	case c == '[' || c == '{':
		return p.between(field, at)
	case c == '<' || c == '>':
		return p.compare(field, at)
	case c == '=':
		p.at++
		b := p.operand()
		return &Term{At: at, Field: field, Text: b.Text, Kind: Exact, Boost: 1}
	}
	w := p.word("^~")
	if w.text == "*" && w.plain {
		return &Has{at, field}
	}
	return p.term(field, at, w)
}

func (p *parser) group(field string) Node {
	begin := p.at
	if !p.enter() {
		return All{}
	}
	defer p.leave()
	p.at++
	if p.ends() {
		return p.fail(begin, "nothing stands in the parentheses", "")
	}
	n := p.or(field)
	if p.err == nil && !p.take(")") {
		return p.fail(begin, "the parentheses do not end", "put a ) behind the part")
	}
	return n
}

// special reads the value of a field with a meaning of its own.
func (p *parser) special(field string, at int) Node {
	begin := p.at
	var w word
	if p.peek() == '"' {
		text, ok := p.quoted()
		if !ok {
			return p.fail(begin, "the quotes do not end", `put a second " behind the phrase`)
		}
		w.text, w.glob = text, text
	} else if field == fieldSimilar {
		w = p.word("^")
	} else {
		w = p.word("")
	}
	if strings.TrimSpace(w.text) == "" {
		return p.fail(begin, fmt.Sprintf("nothing stands after %s:", field), "")
	}
	switch field {
	case fieldPath:
		glob := strings.TrimLeft(w.glob, "/")
		if glob == "" { // the root of the drive: everything is below it
			glob = "**"
		}
		return &Path{at, glob}
	case fieldHas:
		return &Has{at, w.text}
	case fieldMissing:
		return &Not{&Has{at, w.text}}
	}
	t := &Term{Boost: 1}
	p.suffix(t)
	return &Similar{at, w.text, t.Boost}
}

// term makes a term of a word, and reads what stands behind it.
func (p *parser) term(field string, at int, w word) Node {
	t := &Term{At: at, Field: field, Text: w.text, Boost: 1}
	switch {
	case w.text == "*" && w.plain && field == "":
		return All{}
	case w.text == "":
		return p.fail(at, "a word is missing here", "to look for signs, put them in quotes")
	case w.wild == 1 && w.star:
		t.Kind, t.Text = Prefix, strings.TrimSuffix(w.text, "*")
	case w.wild > 0:
		t.Kind, t.Text = Glob, w.glob
	}
	return p.suffix(t)
}

// suffix reads ~1 and ^2.
func (p *parser) suffix(t *Term) Node {
	if at := p.at; p.take("~") {
		t.Distance = 1
		if d := p.word("^~"); d.text != "" {
			n, err := strconv.Atoi(d.text)
			if err != nil || n < 1 || n > MaxDistance {
				return p.fail(at, fmt.Sprintf("~%s: a word can have 1 or %d wrong letters", d.text, MaxDistance), "to look for the sign, put it in quotes")
			}
			t.Distance = n
		}
		if t.Kind != Word {
			return p.fail(at, "only a word can be inexact, no phrase and no pattern", "")
		}
		t.Kind = Fuzzy
	}
	if at := p.at; p.take("^") {
		n := p.word("^~")
		f, err := strconv.ParseFloat(n.text, 64)
		if err != nil || !(f > 0 && f <= maxBoost) {
			return p.fail(at, fmt.Sprintf("^%s: want a number above 0, up to %d", n.text, maxBoost), "to look for the sign, put it in quotes")
		}
		t.Boost = f
	}
	if c := p.peek(); c != 0 && !isSpace(c) && c != ')' && c != '(' && c != '"' {
		return p.fail(p.at, fmt.Sprintf("%q does not belong here", c), `put the word in quotes, or a \ before the sign`)
	}
	return t
}

// compare reads >=0.8 and the like.
func (p *parser) compare(field string, at int) Node {
	less := p.peek() == '<'
	p.at++
	incl := p.take("=")
	b := p.operand()
	b.Incl = incl
	if less {
		return &Range{At: at, Field: field, High: b}
	}
	return &Range{At: at, Field: field, Low: b}
}

// operand reads a value that ends at a space, or one in quotes.
func (p *parser) operand() *Bound {
	b := &Bound{At: p.at}
	if p.peek() == '"' {
		text, ok := p.quoted()
		if !ok {
			p.fail(b.At, "the quotes do not end", `put a second " behind the value`)
		}
		b.Text = text
	} else {
		b.Text = p.word("").text
	}
	if strings.TrimSpace(b.Text) == "" {
		p.fail(b.At, "a value is missing here", "")
	}
	return b
}

// between reads [A TO B].
func (p *parser) between(field string, at int) Node {
	begin := p.at
	low := p.peek() == '['
	p.at++
	r := &Range{At: at, Field: field}
	r.Low = p.end(low)
	if p.err == nil && !p.keyword("TO") {
		return p.fail(begin, "TO is missing between the ends", "write ["+"LOW TO HIGH]; * is an open end")
	}
	r.High = p.end(false)
	p.space()
	switch {
	case p.err != nil:
		return r
	case p.take("]"):
		if r.High != nil {
			r.High.Incl = true
		}
	case !p.take("}"):
		return p.fail(begin, "the range does not end", "put a ] behind its end")
	}
	if r.Low == nil && r.High == nil {
		return &Has{at, field}
	}
	return r
}

// end reads one end of a range, which may have spaces in it; nil: open.
func (p *parser) end(incl bool) *Bound {
	p.space()
	b := &Bound{At: p.at, Incl: incl}
	if p.peek() == '"' {
		return p.quotedEnd(b)
	}
	var parts []string
	for p.err == nil {
		p.space()
		at := p.at
		if c := p.peek(); c == 0 || c == ']' || c == '}' || p.keyword("TO") {
			p.at = at
			break
		}
		w := p.word("]}")
		if w.text == "" {
			p.fail(p.at, fmt.Sprintf("%q does not belong in a range", p.peek()), "put the end in quotes")
		}
		parts = append(parts, w.text)
	}
	b.Text = strings.Join(parts, " ")
	switch b.Text {
	case "*":
		return nil
	case "":
		p.fail(b.At, "an end of the range is missing", "write [LOW TO HIGH]; * is an open end")
	}
	return b
}

func (p *parser) quotedEnd(b *Bound) *Bound {
	text, ok := p.quoted()
	switch {
	case !ok:
		p.fail(b.At, "the quotes do not end", `put a second " behind the value`)
	case strings.TrimSpace(text) == "":
		p.fail(b.At, "nothing stands in the quotes", "")
	}
	b.Text = text
	return b
}
