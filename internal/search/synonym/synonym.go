package synonym

import (
	"bufio"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:embed default.txt
var defaults string

const (
	maxBytes = 1 << 20 // of a file
	maxWords = 6       // of a phrase
)

// Table says which phrases may stand for which. The zero value knows none. It is not
// changed once it is made, and safe for concurrent use.
type Table struct {
	of map[string][]phrase // by the folded phrase
}

// phrase is one that may stand for another.
type phrase struct {
	text    string // as it is written in the file
	exactly string // the phrase stands for it only where this is written; "" anywhere
}

// Problem says what is wrong in a file, and where.
type Problem struct {
	File string
	Line int
	Text string
}

func (p *Problem) Error() string { return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text) }

// Parse returns the default groups, as the text of a repository's file changes them; with
// no text, as they are. The error is a *Problem with the file's name.
func Parse(file, text string) (*Table, error) {
	if len(text) > maxBytes {
		return nil, &Problem{file, 1, fmt.Sprintf("%d bytes are too many; at most %d", len(text), maxBytes)}
	}
	groups, _, err := parse("default.txt", defaults)
	if err != nil {
		return nil, err
	}
	own, without, err := parse(file, text)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(without, "*") {
		own = append(slices.DeleteFunc(groups, func(g group) bool { return g.hasAny(without) }), own...)
	}
	t := &Table{of: map[string][]phrase{}}
	for _, g := range own {
		g.into(t.of)
	}
	return t, nil
}

// group is a line of a file.
type group struct {
	from, to []string // phrases; each of to may stand for each of from
}

func (g group) hasAny(folded []string) bool {
	return slices.ContainsFunc(slices.Concat(g.from, g.to), func(p string) bool { return slices.Contains(folded, fold(p)) })
}

func (g group) into(of map[string][]phrase) {
	for _, from := range g.from {
		key, exactly := fold(from), ""
		if utf8.RuneCountInString(from) == 2 && from == strings.ToUpper(from) {
			exactly = from
		}
		for _, to := range g.to {
			p := phrase{to, exactly}
			if fold(to) != key && !slices.Contains(of[key], p) {
				of[key] = append(of[key], p)
			}
		}
	}
}

// parse reads the lines of a file: groups, and what default groups to leave out.
func parse(file, text string) (groups []group, without []string, err error) {
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, maxBytes+1)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		wrong := func(format string, args ...any) error { return &Problem{file, n, fmt.Sprintf(format, args...)} }
		if !utf8.ValidString(line) {
			return nil, nil, wrong("not UTF-8")
		}
		if word, ok := strings.CutPrefix(line, "-"); ok {
			if word = fold(word); word == "" {
				return nil, nil, wrong("want a word behind the -, or * to leave out all default groups")
			}
			without = append(without, word)
			continue
		}
		var g group
		left, right, oneWay := strings.Cut(line, "=")
		if g.from, err = phrases(left); err == nil && oneWay {
			g.to, err = phrases(right)
		} else {
			g.to = g.from
		}
		switch {
		case err != nil:
			return nil, nil, wrong("%v", err)
		case !oneWay && len(g.from) < 2:
			return nil, nil, wrong("%q stands alone; want at least two, with a comma between them", line)
		}
		groups = append(groups, g)
	}
	return groups, without, lines.Err()
}

func phrases(list string) (out []string, err error) {
	for p := range strings.SplitSeq(list, ",") {
		p = strings.Join(strings.Fields(p), " ")
		switch {
		case p == "":
			return nil, fmt.Errorf("nothing between two commas, or at an end")
		case len(words(p)) == 0:
			return nil, fmt.Errorf("%q has no letter and no digit", p)
		case len(words(p)) > maxWords:
			return nil, fmt.Errorf("%q has %d words; at most %d", p, len(words(p)), maxWords)
		}
		out = append(out, p)
	}
	return out, nil
}

// Of returns the phrases that may stand for a word or phrase, as they are written in
// the file; none if it is in no group.
func (t *Table) Of(text string) (out []string) {
	if t == nil {
		return nil
	}
	for _, p := range t.of[fold(text)] {
		if p.exactly == "" || strings.Join(strings.Fields(text), " ") == p.exactly {
			out = append(out, p.text)
		}
	}
	return out
}

// Variants returns text, and then texts that come of putting another phrase for one of
// its own, most at most in all. Of phrases within each other the longest counts.
func (t *Table) Variants(text string, most int) []string {
	out := []string{text}
	at := words(text)
	for i := 0; i < len(at); {
		n := min(maxWords, len(at)-i)
		for ; n > 0; n-- {
			from, to := at[i].from, at[i+n-1].to
			others := t.Of(text[from:to])
			for _, other := range others {
				if v := text[:from] + other + text[to:]; len(out) < most && !slices.Contains(out, v) {
					out = append(out, v)
				}
			}
			if len(others) > 0 {
				break
			}
		}
		i += max(n, 1)
	}
	return out
}

// span is where a word stands in a text, in bytes.
type span struct{ from, to int }

// words finds the runs of letters and digits, and what joins them without space.
func words(text string) (out []span) {
	start := -1
	for i, r := range text + " " {
		in := unicode.IsLetter(r) || unicode.IsDigit(r)
		switch {
		case in && start < 0:
			start = i
		case start >= 0 && !in && (r != '\'' && r != '-' && r != '/' || !letterAt(text, i+1)):
			out = append(out, span{start, i})
			start = -1
		}
	}
	return out
}

func letterAt(text string, i int) bool {
	r, _ := utf8.DecodeRuneInString(text[min(i, len(text)):])
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// fold makes phrases comparable: lower case, one space between words, and a hyphen as a
// space.
func fold(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(strings.ToLower(s), "-", " ")), " ")
}
