package metadata

import (
	"context"
	"fmt"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/schema"
	"github.com/rdfs/rdfs/internal/volume"
)

// Store reads and changes the metadata of a volume.
type Store struct {
	vol    *volume.Volume
	schema *schema.Schema
}

// New returns a store on an open volume. s may be nil.
func New(v *volume.Volume, s *schema.Schema) *Store { return &Store{v, s} }

// Who asks.
type Who struct {
	UID     uint32   `json:"uid"`
	GID     uint32   `json:"gid"`
	Groups  []uint32 `json:"groups,omitempty"`
	Program string   `json:"program,omitempty"` // command line
}

func (w *Who) identity() volume.Identity {
	return volume.Identity{UID: w.UID, Groups: append(append([]uint32{}, w.Groups...), w.GID)}
}

// Query asks for the metadata of files.
type Query struct {
	Paths     []string `json:"paths"`               // relative to the root of the drive
	Recursive bool     `json:"recursive,omitempty"` // and of all below them
	Resolved  bool     `json:"resolved,omitempty"`  // with what directories hand down, and defaults
	All       bool     `json:"all,omitempty"`       // when recursive: also of files without metadata
	Missing   bool     `json:"missing,omitempty"`   // only of regular files that lack fields they must have
	// PathFields: without Resolved, too, with the fields that the path says.
	PathFields bool `json:"path_fields,omitempty"`
	Who        Who  `json:"who"`
}

// File is a file or directory with its metadata.
type File struct {
	Path    string   `json:"path"`
	Values  []Value  `json:"values"`
	Missing []string `json:"missing,omitempty"` // fields that it must have and has not
}

// GetMeta returns the metadata of files. What is below a path and Who may not read is
// left out.
func (s *Store) GetMeta(ctx context.Context, q Query) ([]File, error) {
	out := []File{}
	for _, p := range q.Paths {
		levels, i, err := s.levels(p)
		if err != nil {
			return nil, err
		}
		node, err := s.vol.Getattr(i)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		w := walk{s: s, ctx: ctx, who: q.Who.identity(), levels: levels}
		w.visit = func(i catalog.Inode, row *catalog.Node) {
			if f, ok := q.file(s, w.levels, row, !q.Recursive); ok {
				out = append(out, f)
			}
		}
		w.visit(i, &node.Node)
		if q.Recursive && node.IsDir() {
			if err := w.below(i, &node.Node); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// file returns the file of the last level as the query wants it; ok is false when it does
// not. always: it was asked for by its path.
func (q *Query) file(s *Store, levels []level, row *catalog.Node, always bool) (f File, ok bool) {
	last := levels[len(levels)-1]
	f = File{Path: last.path, Missing: s.missing(levels, row)}
	if q.Missing && len(f.Missing) == 0 || !always && !q.All && !q.Missing && len(last.fields) == 0 {
		return f, false
	}
	var path map[string]string
	if q.Resolved || q.PathFields {
		path = s.vol.PathFields(last.path, row.IsDir())
	}
	if q.Resolved {
		f.Values = resolve(levels, path, s.schema)
	} else {
		f.Values = own(last, path)
	}
	return f, true
}

// missing returns the fields that the file of the last level must have and has not. Only
// what is data must have any.
func (s *Store) missing(levels []level, row *catalog.Node) []string {
	if !row.IsRegular() || row.Keep != catalog.KeepData {
		return nil
	}
	last := len(levels) - 1
	p := levels[last].path
	also := s.vol.RequiredMeta(p)
	if len(also) == 0 && !s.schema.Requires() {
		return nil
	}
	var path map[string]string
	return s.schema.Missing(p, also, func(field string) bool {
		for i, l := range levels {
			if _, ok := l.fields[field]; ok && (i == last || inherits(field)) {
				return true
			}
		}
		if path == nil {
			path = s.vol.PathFields(p, false)
		}
		_, ok := path[field]
		return ok
	})
}
