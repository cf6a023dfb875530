package search

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/search/index"
	"github.com/rdfs/rdfs/internal/search/query"
	"github.com/rdfs/rdfs/internal/search/semantic"
	"github.com/rdfs/rdfs/internal/volume"
)

// What is asked of the model for a query.
const (
	maxQuestions = 16
	nearest      = 500 // texts, each of which may describe many files
)

// describing are the fields that say in words what a file is.
var describing = []string{"title", "description", "comment", "tags"}

// describe returns the words that describe a file; "" if there are none.
func describe(d *index.Doc) string {
	var parts []string
	for _, field := range describing {
		for _, v := range d.Values {
			if v.Field == field && !slices.Contains(parts, v.Text) {
				parts = append(parts, v.Text)
			}
		}
	}
	return strings.Join(parts, ". ")
}

// mean has the description of a file embedded, and notes its name.
func (g *gatherer) mean(d *index.Doc) {
	if g.meaning != nil {
		add(d, index.Meaning, string(g.meaning.Add(describe(d))))
	}
}

// Descriptions calls add with the descriptions of all files: it is semantic.Options.Sweep.
func (s *Search) Descriptions(ctx context.Context, add func(text string) error) error {
	g := &gatherer{vol: s.o.Volume, schema: s.o.Schema}
	g.forget()
	var top *place
	err := s.o.Volume.Catalog().View(func(tx *catalog.Tx) error {
		top = g.place(tx, catalog.Root, 0)
		return nil
	})
	if err != nil || top == nil {
		return err
	}
	return g.walk(ctx, catalog.Live, top, func(f *found) error {
		for i := range f.docs {
			if text := describe(&f.docs[i]); text != "" {
				if err := add(text); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// expect tells which descriptions the index that was read speaks of.
func (s *Search) expect(x *index.Index) {
	if s.o.Meaning != nil {
		x.Meanings(func(name string) { s.o.Meaning.Expect(semantic.Name(name)) })
	}
}

// ask has the model embed what a query asks it, before the index is held. In hybrid mode
// a model that is down leaves the words: warning says so.
func (s *Search) ask(ctx context.Context, r *Request, q query.Node, req *index.Request) (warning string, err error) {
	switch req.Mode = index.Mode(r.Mode); req.Mode {
	case "", index.Text, index.Semantic, index.Hybrid:
	default:
		return "", fmt.Errorf("mode %q: want text, semantic or hybrid: %w", r.Mode, volume.ErrInvalid)
	}
	texts := index.Questions(q, req.Mode)
	switch {
	case len(texts) == 0 || s.o.Meaning == nil: // the index says that there is no meaning here
		return "", nil
	case !r.At.IsLive() || r.Versions:
		return "", fmt.Errorf("similar:, and the modes semantic and hybrid, know the present only; leave out the moment and the versions: %w", volume.ErrInvalid)
	case len(texts) > maxQuestions:
		return "", fmt.Errorf("%d times similar: is too much; at most %d: %w", len(texts), maxQuestions, volume.ErrInvalid)
	}
	asked := map[string]*semantic.Question{}
	for _, text := range texts {
		if asked[text], err = s.o.Meaning.Ask(ctx, text); err != nil {
			if ctx.Err() == nil && req.Mode == index.Hybrid && len(texts) == 1 {
				req.Mode, req.Any = index.Text, true
				return "only words were looked for: " + err.Error(), nil
			}
			return "", err
		}
	}
	req.TextWeight, req.MeaningWeight = s.o.TextWeight, s.o.MeaningWeight
	req.Near = func(text string, among []string) ([]index.Near, error) {
		var names []semantic.Name
		if among != nil {
			names = make([]semantic.Name, 0, len(among))
		}
		for _, n := range among {
			names = append(names, semantic.Name(n))
		}
		hits, err := asked[text].Nearest(nearest, names)
		near := make([]index.Near, len(hits))
		for i, h := range hits {
			near[i] = index.Near{Name: string(h.Name), Cosine: float64(h.Cosine), Asked: h.Asked}
		}
		return near, err
	}
	return "", nil
}
