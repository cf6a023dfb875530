package search

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/metadata"
	"github.com/rdfs/rdfs/internal/search/index"
	"github.com/rdfs/rdfs/internal/search/query"
	"github.com/rdfs/rdfs/internal/volume"
)

// Directories of links to what is found. A link has the name of its file; where several
// of the files have one name, all their links get the inode number before the ending.

// maxLinks is the most links in a directory, maxNames the most values of a field.
const (
	maxLinks = 10_000
	maxNames = 10_000
	maxLists = 32 // that are remembered at a time
)

// listFor is how long a directory shows the same, so that reading it in pieces, and then
// looking up each of its names, is one search.
const listFor = time.Second

// shelf makes the directories of links.
type shelf struct {
	s *Search

	mu    sync.Mutex
	lists map[string]*links
}

// links are what a directory shows, in order of name.
type links struct {
	until time.Time
	list  []volume.Link
}

func (l *links) find(name string) (volume.Link, error) {
	k, ok := slices.BinarySearchFunc(l.list, name, func(a volume.Link, name string) int { return cmp.Compare(a.Name, name) })
	if !ok {
		return volume.Link{}, volume.ErrNotExist
	}
	return l.list[k], nil
}

func (l *links) after(name string, limit int) []volume.Link {
	k, ok := slices.BinarySearchFunc(l.list, name, func(a volume.Link, name string) int { return cmp.Compare(a.Name, name) })
	if ok {
		k++
	}
	return l.list[k:min(k+limit, len(l.list))]
}

// remembered returns what a directory shows somebody, made anew when it is old.
func (h *shelf) remembered(dir string, who volume.Identity, make func() ([]volume.Link, error)) (*links, error) {
	key := fmt.Sprint(who.UID, who.Groups, "/", dir)
	now := h.s.o.Now()
	h.mu.Lock()
	l := h.lists[key]
	h.mu.Unlock()
	if l != nil && now.Before(l.until) {
		return l, nil
	}
	list, err := make()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b volume.Link) int { return cmp.Compare(a.Name, b.Name) })
	l = &links{until: h.s.o.Now().Add(listFor), list: list}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.lists) >= maxLists {
		clear(h.lists)
	}
	if h.lists == nil {
		h.lists = map[string]*links{}
	}
	h.lists[key] = l
	return l, nil
}

// files returns links to the files that a query finds for somebody.
func (h *shelf) files(q query.Node, text string, who volume.Identity) ([]volume.Link, error) {
	res, err := h.search(&index.Request{Query: q, Text: text, Limit: maxLinks}, who)
	if err != nil {
		return nil, err
	}
	count := make(map[string]int)
	for _, hit := range res.Hits {
		count[hit.Name]++
	}
	out := make([]volume.Link, 0, len(res.Hits))
	err = h.s.o.Volume.Catalog().View(func(tx *catalog.Tx) error {
		for _, hit := range res.Hits {
			i, err := tx.Lookup(catalog.Inode(hit.Dir), hit.Name)
			if err != nil {
				continue // it went a moment ago
			}
			name := hit.Name
			if count[name] > 1 {
				name = metadata.Mark(name, i)
			}
			out = append(out, volume.Link{Name: name, Target: i})
		}
		return nil
	})
	return out, err
}

func (h *shelf) search(r *index.Request, who volume.Identity) (*index.Result, error) {
	r.May = mayOf(&volume.Requester{UID: who.UID, Groups: who.Groups, GID: firstGroup(who)})
	res, _, err := h.s.findNow(r)
	if err != nil {
		return nil, wrong(err)
	}
	return res, nil
}

// firstGroup returns a group of somebody; a caller has one at least.
func firstGroup(who volume.Identity) uint32 {
	if len(who.Groups) == 0 {
		return 1<<32 - 1 // nobody's
	}
	return who.Groups[0]
}

var (
	escapeName   = strings.NewReplacer("%", "%25", "/", "%2F")
	unescapeName = strings.NewReplacer("%25", "%", "%2F", "/", "%2f", "/")
)

// Queries is a virtual directory that has a directory for each query, with links to what
// it finds. It lists none of them. It is safe for concurrent use.
type Queries struct{ shelf }

// Queries returns that directory.
func (s *Search) Queries() *Queries { return &Queries{shelf{s: s}} }

// Lookup returns a directory for a query, and in it the link of a name.
func (d *Queries) Lookup(dir, name string, who volume.Identity) (volume.Link, error) {
	if dir == "" {
		_, err := d.list(name, who)
		return volume.Link{Name: name}, err
	}
	l, err := d.list(dir, who)
	if err != nil {
		return volume.Link{}, err
	}
	return l.find(name)
}

// List returns the links of a query.
func (d *Queries) List(dir, after string, limit int, who volume.Identity) ([]volume.Link, error) {
	if dir == "" {
		return nil, nil
	}
	l, err := d.list(dir, who)
	if err != nil {
		return nil, err
	}
	return l.after(after, limit), nil
}

func (d *Queries) list(dir string, who volume.Identity) (*links, error) {
	text := unescapeName.Replace(dir)
	q, err := query.Parse(text)
	if err != nil {
		return nil, wrong(err)
	}
	return d.remembered(dir, who, func() ([]volume.Link, error) { return d.files(q, text, who) })
}

// Values is a virtual directory of the fields, in each one of its values, and in these
// links to the files that have it. It is safe for concurrent use.
type Values struct{ shelf }

// Values returns that directory.
func (s *Search) Values() *Values { return &Values{shelf{s: s}} }

// Lookup returns a directory, or the link of a name.
func (d *Values) Lookup(dir, name string, who volume.Identity) (volume.Link, error) {
	if field, value, _ := strings.Cut(dir, "/"); value != "" || field == "" {
		l, err := d.list(dir, who)
		if err != nil {
			return volume.Link{}, err
		}
		return l.find(name)
	}
	// A value, also one of more than are listed.
	l, err := d.list(dir+"/"+name, who)
	if err != nil || len(l.list) == 0 {
		return volume.Link{}, cmp.Or(err, volume.ErrNotExist)
	}
	return volume.Link{Name: name}, nil
}

// List returns the entries of a directory.
func (d *Values) List(dir, after string, limit int, who volume.Identity) ([]volume.Link, error) {
	l, err := d.list(dir, who)
	if err != nil {
		return nil, err
	}
	return l.after(after, limit), nil
}

func (d *Values) list(dir string, who volume.Identity) (*links, error) {
	field, value, deep := strings.Cut(dir, "/")
	return d.remembered(dir, who, func() ([]volume.Link, error) {
		switch {
		case dir == "":
			return d.fields(who)
		case deep:
			q := &query.Term{Field: unescapeName.Replace(field), Text: unescapeName.Replace(value), Kind: query.Exact, Boost: 1}
			return d.files(q, "", who)
		}
		return d.names(unescapeName.Replace(field), who)
	})
}

// fields returns a directory for each field that a file has which somebody may see.
func (d *Values) fields(who volume.Identity) (out []volume.Link, err error) {
	x := d.s.current()
	if x == nil {
		return nil, ErrNotReady
	}
	d.s.mu.RLock()
	all := x.Fields()
	d.s.mu.RUnlock()
	all = slices.DeleteFunc(all, func(f string) bool {
		return slices.Contains([]string{index.Size, index.Modified, index.Created, index.Name, index.Folder}, f)
	})
	res, err := d.search(&index.Request{Query: query.All{}, Facets: all, FacetLimit: 1}, who)
	if err != nil {
		return nil, err
	}
	for _, f := range res.Facets {
		if len(f.Values) > 0 {
			out = append(out, entry(f.Field)...)
		}
	}
	return out, nil
}

// names returns a directory for each value of a field.
func (d *Values) names(field string, who volume.Identity) (out []volume.Link, err error) {
	res, err := d.search(&index.Request{Query: query.All{}, Facets: []string{field}, FacetLimit: maxNames}, who)
	if err != nil {
		return nil, volume.ErrNotExist
	}
	for _, v := range res.Facets[0].Values {
		out = append(out, entry(v.Value)...)
	}
	return out, nil
}

// entry returns a directory of a name, if one can be called so.
func entry(text string) []volume.Link {
	name := escapeName.Replace(text)
	if name == "" || name == "." || name == ".." || len(name) > volume.MaxName || strings.ContainsRune(name, 0) {
		return nil
	}
	return []volume.Link{{Name: name}}
}
