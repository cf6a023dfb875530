package index

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxToken bounds the bytes of a word.
const maxToken = 64

// fold writes text as it is compared: in normal form C and lower case.
func fold(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return strings.ToLower(norm.NFC.String(s))
		}
	}
	return strings.ToLower(s)
}

// tokens yields the words of a text, folded: runs of letters and digits. Signs of
// scripts that put no spaces between words are words by themselves.
func tokens(text string, yield func(string) bool) {
	text = fold(text)
	from := -1
	end := func(i int) bool {
		if from < 0 {
			return true
		}
		w := text[from:i]
		from = -1
		if len(w) > maxToken {
			w = strings.ToValidUTF8(w[:maxToken], "")
		}
		return yield(w)
	}
	for i, r := range text {
		switch {
		case r < utf8.RuneSelf && (r >= 'a' && r <= 'z' || r >= '0' && r <= '9'):
		case r >= utf8.RuneSelf && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai):
			if !end(i) || !yield(text[i:i+utf8.RuneLen(r)]) {
				return
			}
			continue
		case r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)):
		default:
			if !end(i) {
				return
			}
			continue
		}
		if from < 0 {
			from = i
		}
	}
	end(len(text))
}

func tokensOf(text string) (list []string) {
	tokens(text, func(w string) bool { list = append(list, w); return true })
	return list
}

// variants returns a word in the singular and the plural, as far as endings tell.
func variants(w string) []string {
	out := []string{w}
	if len(w) < 3 || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") != "" {
		return out
	}
	one := w
	switch {
	case strings.HasSuffix(w, "ies") && len(w) > 4:
		one = w[:len(w)-3] + "y"
	case strings.HasSuffix(w, "ches"), strings.HasSuffix(w, "shes"), strings.HasSuffix(w, "sses"), strings.HasSuffix(w, "xes"):
		one = w[:len(w)-2]
	case strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") && !strings.HasSuffix(w, "us") && !strings.HasSuffix(w, "is") && len(w) > 3:
		one = w[:len(w)-1]
	}
	if one != w {
		out = append(out, one)
	}
	switch {
	case strings.HasSuffix(one, "y") && !strings.HasSuffix(one, "ey") && !strings.HasSuffix(one, "ay") && !strings.HasSuffix(one, "oy"):
		one = one[:len(one)-1] + "ies"
	case strings.HasSuffix(one, "ch"), strings.HasSuffix(one, "sh"), strings.HasSuffix(one, "ss"), strings.HasSuffix(one, "x"):
		one += "es"
	default:
		one += "s"
	}
	if one != w {
		out = append(out, one)
	}
	return out
}

// within reports whether a and b differ in at most d letters: one to insert, remove or
// replace each, or two neighbours to exchange.
func within(a, b string, d int) bool {
	ra, rb := []rune(a), []rune(b)
	if len(ra)-len(rb) > d || len(rb)-len(ra) > d {
		return false
	}
	var before []int
	prev := make([]int, len(rb)+1)
	cur := make([]int, len(rb)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(ra); i++ {
		cur[0] = i
		least := i
		for j := 1; j <= len(rb); j++ {
			cost := 1
			if ra[i-1] == rb[j-1] {
				cost = 0
			}
			n := min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && ra[i-1] == rb[j-2] && ra[i-2] == rb[j-1] {
				n = min(n, before[j-2]+1)
			}
			cur[j] = n
			least = min(least, n)
		}
		if least > d {
			return false
		}
		before, prev, cur = prev, cur, before
		if cur == nil {
			cur = make([]int, len(rb)+1)
		}
	}
	return prev[len(rb)] <= d
}
