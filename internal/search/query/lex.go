package query

import (
	"strings"
)

// lexer reads a query byte by byte. All that means something is ASCII.
type lexer struct {
	in string
	at int
}

func (l *lexer) space() {
	for l.at < len(l.in) && isSpace(l.in[l.at]) {
		l.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// peek returns the next byte, 0 at the end.
func (l *lexer) peek() byte {
	if l.at < len(l.in) {
		return l.in[l.at]
	}
	return 0
}

// take passes over s if it stands next.
func (l *lexer) take(s string) bool {
	if !strings.HasPrefix(l.in[l.at:], s) {
		return false
	}
	l.at += len(s)
	return true
}

// keyword passes over a word of the language, which ends where a word does.
func (l *lexer) keyword(word string) bool {
	l.space()
	rest, ok := strings.CutPrefix(l.in[l.at:], word)
	if !ok || rest != "" && !isSpace(rest[0]) && rest[0] != '(' && rest[0] != ')' && rest[0] != '"' {
		return false
	}
	l.at += len(word)
	return true
}

// word is what stands between spaces and parentheses.
type word struct {
	text  string // without backslashes
	glob  string // with those backslashes that a pattern needs
	wild  int    // how many * and ? mean something
	star  bool   // the last character is a * that means something
	plain bool   // no backslash
}

// word reads up to a space, a parenthesis, a quote, or one of the bytes of stop.
func (l *lexer) word(stop string) (w word) {
	var text, glob strings.Builder
	w.plain = true
	for l.at < len(l.in) {
		c := l.in[l.at]
		if isSpace(c) || c == '(' || c == ')' || c == '"' || strings.IndexByte(stop, c) >= 0 {
			break
		}
		w.star = false
		switch {
		case c == '\\' && l.at+1 < len(l.in):
			l.at++
			c = l.in[l.at]
			w.plain = false
			text.WriteByte(c)
			if c == '*' || c == '?' || c == '\\' {
				glob.WriteByte('\\')
			}
			glob.WriteByte(c)
		case c == '*' || c == '?':
			w.wild++
			w.star = c == '*'
			text.WriteByte(c)
			glob.WriteByte(c)
		default:
			text.WriteByte(c)
			if c == '\\' { // the last byte of the query
				glob.WriteByte('\\')
			}
			glob.WriteByte(c)
		}
		l.at++
	}
	w.text, w.glob = text.String(), glob.String()
	return w
}

// quoted reads from a quote to the next; ok is false when there is none.
func (l *lexer) quoted() (text string, ok bool) {
	var b strings.Builder
	for l.at++; l.at < len(l.in); l.at++ {
		switch c := l.in[l.at]; {
		case c == '"':
			l.at++
			return b.String(), true
		case c == '\\' && l.at+1 < len(l.in):
			l.at++
			b.WriteByte(l.in[l.at])
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}
