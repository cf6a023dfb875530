package uselite

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// piece is a word, or part of one, that the model knows. Words begin with space.
type piece struct {
	id    int
	score float32 // logarithm of its probability
}

const (
	unknown  = 0
	space    = "▁"
	maxRunes = 4096 // of a text; more cannot be needed for 128 tokens of at most 16
)

// tokenize cuts a text into the pieces that are most probable together (SentencePiece,
// unigram model), and returns the ids of the first maxTokens. A run of letters that
// no piece covers is one unknown token.
func (m *model) tokenize(text string) []int {
	text = clip(text)
	words := strings.Fields(norm.NFKC.String(text))
	if len(words) == 0 {
		return nil
	}
	return m.cut(clip(space + strings.Join(words, space)))
}

// cut finds the best way through s: best[i] is the score of the best pieces up to
// byte i, and last[i] the one that ends there.
func (m *model) cut(s string) []int {
	type step struct {
		from, id int
		score    float32
	}
	best := make([]step, len(s)+1)
	for i := range best {
		best[i].from = -1
	}
	best[0].from = 0
	for at, r := range s {
		if best[at].from < 0 {
			continue // inside of an encoding, or of nothing that pieces reach
		}
		reach := func(end int, p piece) {
			// of two equally good ways that with the shorter last piece is taken
			if score := best[at].score + p.score; best[end].from < 0 || score >= best[end].score {
				best[end] = step{at, p.id, score}
			}
		}
		found := false
		for end := at; end < min(len(s), at+m.longest); {
			_, n := utf8.DecodeRuneInString(s[end:])
			end += n
			if p, ok := m.pieces[s[at:end]]; ok {
				reach(end, p)
				found = true
			}
		}
		if !found {
			reach(at+utf8.RuneLen(r), piece{id: unknown})
		}
	}
	var ids []int
	for at := len(s); at > 0; at = best[at].from {
		if id := best[at].id; id != unknown || len(ids) == 0 || ids[len(ids)-1] != unknown {
			ids = append(ids, id)
		}
	}
	slices.Reverse(ids)
	return ids[:min(len(ids), maxTokens)]
}

// clip bounds the work on a text, and replaces what is not UTF-8.
func clip(text string) string {
	n := 0
	for i := range text {
		if n++; n > maxRunes {
			text = text[:i]
			break
		}
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
