package search

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/search/index"
	"github.com/rdfs/rdfs/internal/search/query"
	"github.com/rdfs/rdfs/internal/volume"
)

// Request asks for files.
type Request struct {
	volume.Requester
	Query    string        `json:"query"`
	Under    string        `json:"under,omitempty"` // only at and below a path, relative to the root of the drive
	Sort     []string      `json:"sort,omitempty"`  // FIELD, FIELD:asc or FIELD:desc; "score" is a field
	Limit    int           `json:"limit"`           // of hits; 0: none, they are only counted
	After    string        `json:"after,omitempty"`
	Facets   []string      `json:"facets,omitempty"`
	Explain  bool          `json:"explain,omitempty"`
	At       volume.Moment `json:"at"`                 // the zero Moment: now
	Versions bool          `json:"versions,omitempty"` // all versions of the files, each by itself
	Any      bool          `json:"any,omitempty"`      // free words need not all be there
	Mode     string        `json:"mode,omitempty"`     // text, semantic or hybrid; "": text
}

// MaxLimit is the most hits at a time.
const MaxLimit = 100_000

// Result is what was found.
type Result struct {
	Total  int     `json:"total"`
	Hits   []Hit   `json:"hits"`
	Next   string  `json:"next,omitempty"` // the cursor of what comes behind; "": that was all
	Facets []Facet `json:"facets,omitempty"`
	// Stale: the index is being made anew; this is from the old one, or not all.
	Stale bool          `json:"stale,omitempty"`
	Took  time.Duration `json:"took"` // nanoseconds
	// Warning says what could not be looked at; "": nothing.
	Warning string `json:"warning,omitempty"`
}

// Hit is a file that was found.
type Hit struct {
	Path     string              `json:"path"`
	Size     int64               `json:"size"` // bytes
	Modified time.Time           `json:"modified"`
	Created  time.Time           `json:"created"`
	Score    float64             `json:"score,omitempty"`
	Fields   map[string][]string `json:"fields,omitempty"` // of long values the beginning
	Why      []index.Reason      `json:"why,omitempty"`
}

// Facet counts values.
type Facet struct {
	Field   string        `json:"field"`
	Values  []index.Count `json:"values"`
	Missing int           `json:"missing"`
	Others  int           `json:"others"` // values that are not told
}

// ErrNotReady: there is no index yet.
var ErrNotReady = fmt.Errorf("the search index is not read yet; try again in a moment: %w", volume.ErrBusy)

// Find finds files that the requester may see. The error wraps volume.ErrInvalid when
// the query is wrong, and the *query.Error says where.
func (s *Search) Find(ctx context.Context, r Request) (Result, error) {
	start := s.o.Now()
	res, err := s.find(ctx, &r)
	res.Took = s.o.Now().Sub(start)
	return res, err
}

func (s *Search) find(ctx context.Context, r *Request) (out Result, err error) {
	q, err := query.Parse(r.Query)
	if err != nil {
		return out, wrong(err)
	}
	if r.Under != "" {
		q = &query.And{Of: []query.Node{q, &query.Path{Glob: globEscaper.Replace(r.Under) + "/**"}}}
	}
	req := index.Request{Query: q, Text: r.Query, May: mayOf(&r.Requester), Limit: min(max(r.Limit, 0), MaxLimit), After: r.After,
		Facets: r.Facets, Explain: r.Explain, Any: r.Any}
	for _, by := range r.Sort {
		field, how, _ := strings.Cut(by, ":")
		if how != "" && how != "asc" && how != "desc" {
			return out, fmt.Errorf("sort by %q: want FIELD, FIELD:asc or FIELD:desc: %w", by, volume.ErrInvalid)
		}
		req.Sort = append(req.Sort, index.Sort{Field: field, Desc: how == "desc"})
	}
	if out.Warning, err = s.ask(ctx, r, q, &req); err != nil {
		return out, err
	}
	var res *index.Result
	if !r.At.IsLive() || r.Versions {
		res, err = s.findThen(ctx, r, &req)
	} else {
		res, out.Stale, err = s.findNow(&req)
	}
	if err != nil {
		return out, wrong(err)
	}
	out.Total, out.Next, out.Hits = res.Total, res.Next, make([]Hit, 0, len(res.Hits))
	for i := range res.Hits {
		out.Hits = append(out.Hits, hitOf(&res.Hits[i]))
	}
	for _, f := range res.Facets {
		out.Facets = append(out.Facets, Facet{Field: f.Field, Values: append([]index.Count{}, f.Values...), Missing: f.Missing, Others: f.Others})
	}
	return out, nil
}

// globEscaper takes the meaning from what means something in a pattern.
var globEscaper = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`)

func (s *Search) findNow(req *index.Request) (res *index.Result, stale bool, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.x == nil {
		return nil, false, ErrNotReady
	}
	res, err = s.x.Search(req)
	return res, s.building, err
}

// wrong makes an error about a query one that is the caller's.
func wrong(err error) error {
	if e := (*query.Error)(nil); errors.As(err, &e) {
		if e.Query != "" {
			return fmt.Errorf("%w: %w\n  %s", volume.ErrInvalid, err, strings.ReplaceAll(e.Pointer(), "\n", "\n  "))
		}
		return fmt.Errorf("%w: %s", volume.ErrInvalid, e.Text)
	}
	if errors.Is(err, index.ErrCursor) {
		return fmt.Errorf("%w: %w", volume.ErrInvalid, err)
	}
	return err
}

// mayOf returns how the index asks for permissions; nil for root, who may see all.
func mayOf(r *volume.Requester) func(index.Owner, uint32) bool {
	if r.UID == 0 {
		return nil
	}
	who := volume.Identity{UID: r.UID, Groups: append(append([]uint32{}, r.Groups...), r.GID)}
	return func(o index.Owner, bits uint32) bool {
		return volume.May(&catalog.Node{UID: o.UID, GID: o.GID, Mode: o.Mode}, who, bits)
	}
}

func hitOf(h *index.Hit) Hit {
	out := Hit{Path: h.Path, Size: h.Size, Modified: time.Unix(0, h.Modified).UTC(), Created: time.Unix(0, h.Created).UTC(), Score: h.Score, Why: h.Why}
	for _, v := range h.Values {
		if out.Fields == nil {
			out.Fields = make(map[string][]string)
		}
		out.Fields[v.Field] = append(out.Fields[v.Field], v.Text)
	}
	return out
}
