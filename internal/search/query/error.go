package query

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error says what is wrong with a query.
type Error struct {
	Query   string
	At      int    // byte at which the wrong part begins
	Text    string // what is wrong
	Suggest string // what was probably meant, or what to do; ""
}

func (e *Error) Error() string {
	s := fmt.Sprintf("query, at character %d: %s", e.character()+1, e.Text)
	if e.Suggest != "" {
		s += "; " + e.Suggest
	}
	return s
}

// character counts in letters, as people do.
func (e *Error) character() int { return utf8.RuneCountInString(e.Query[:min(e.At, len(e.Query))]) }

// shownAround is how many bytes of a long query Pointer shows on either side.
const shownAround = 60

// Pointer returns two lines that show the place: the query, and a mark under the part.
func (e *Error) Pointer() string {
	at := min(e.At, len(e.Query))
	from, to := max(0, at-shownAround), min(len(e.Query), at+shownAround)
	for from > 0 && !utf8.RuneStart(e.Query[from]) {
		from--
	}
	for to < len(e.Query) && !utf8.RuneStart(e.Query[to]) {
		to++
	}
	line := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, s)
	}
	return line(e.Query[from:to]) + "\n" + strings.Repeat(" ", utf8.RuneCountInString(e.Query[from:at])) + "^"
}
