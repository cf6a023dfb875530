package metadata

import (
	"context"
	"fmt"
	"path"
	"strings"

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
	Who       Who      `json:"who"`
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
		w := walk{s: s, ctx: ctx, q: &q, who: q.Who.identity(), levels: levels, out: &out}
		w.emit(&node.Node, !q.Recursive)
		if q.Recursive && node.IsDir() {
			if err := w.below(i, &node.Node); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// levels returns a path with all directories above it, the root first.
func (s *Store) levels(p string) (levels []level, i catalog.Inode, err error) {
	i = catalog.Root
	clean := strings.Trim(path.Clean("/"+p), "/")
	err = s.vol.Catalog().View(func(tx *catalog.Tx) error {
		at := ""
		for rest := clean; ; {
			row, err := tx.Node(i)
			if err != nil {
				return volume.ErrNotExist
			}
			levels = append(levels, levelOf(tx, at, row.File))
			if rest == "" {
				return nil
			}
			var name string
			name, rest, _ = strings.Cut(rest, "/")
			at = path.Join(at, name)
			if i, err = tx.Lookup(i, name); err != nil {
				return volume.ErrNotExist
			}
		}
	})
	if err != nil {
		err = fmt.Errorf("%s: %w", p, err)
	}
	return levels, i, err
}

func levelOf(tx *catalog.Tx, p string, f catalog.FileID) level {
	l := level{path: p}
	tx.Attrs(f, func(name string, value []byte) bool {
		if field, ok := fieldOf(name); ok {
			if l.fields == nil {
				l.fields = make(map[string]string)
			}
			l.fields[field] = EncodeValue(value)
		}
		return true
	})
	return l
}

// walk goes through a tree and appends what the query asks for.
type walk struct {
	s      *Store
	ctx    context.Context
	q      *Query
	who    volume.Identity
	levels []level
	out    *[]File
}

// emit appends the file of the last level.
func (w *walk) emit(row *catalog.Node, always bool) {
	last := w.levels[len(w.levels)-1]
	f := File{Path: last.path}
	path, required := w.s.vol.PathFields(last.path, row.IsDir())
	if row.IsRegular() {
		f.Missing = w.missing(last.path, required, path)
	}
	if w.q.Missing && len(f.Missing) == 0 || !always && !w.q.All && !w.q.Missing && len(last.fields) == 0 {
		return
	}
	if w.q.Resolved {
		f.Values = resolve(w.levels, path, w.s.schema)
	} else {
		f.Values = own(last)
	}
	*w.out = append(*w.out, f)
}

// missing returns the fields that the file of the last level must have and has not.
func (w *walk) missing(p string, required []string, path map[string]string) []string {
	return w.s.schema.Missing(p, required, func(field string) bool {
		if _, ok := path[field]; ok {
			return true
		}
		for i, l := range w.levels {
			if _, ok := l.fields[field]; ok && (i == len(w.levels)-1 || inherits(field)) {
				return true
			}
		}
		return false
	})
}

// page is how many names of a directory are read in one View.
const page = 500

type child struct {
	level level
	ino   catalog.Inode
	row   catalog.Node
}

// below walks through a directory, which is the last level.
func (w *walk) below(dir catalog.Inode, row *catalog.Node) error {
	if !volume.May(row, w.who, 5) {
		return nil
	}
	at := w.levels[len(w.levels)-1].path
	for after := ""; ; {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		var children []child
		err := w.s.vol.Catalog().View(func(tx *catalog.Tx) error {
			var names []catalog.Dirent
			tx.ReadDir(dir, after, func(d catalog.Dirent) bool {
				names = append(names, d)
				return len(names) < page
			})
			for _, d := range names {
				c := child{ino: d.Ino}
				var err error
				if c.row, err = tx.Node(d.Ino); err != nil {
					return err
				}
				c.level = levelOf(tx, path.Join(at, d.Name), c.row.File)
				children = append(children, c)
				after = d.Name
			}
			return nil
		})
		if err != nil {
			return err
		}
		for k := range children {
			c := &children[k]
			w.levels = append(w.levels, c.level)
			switch {
			case c.row.IsDir():
				w.emit(&c.row, false)
				err = w.below(c.ino, &c.row)
			case c.row.IsRegular() && volume.May(&c.row, w.who, 4):
				w.emit(&c.row, false)
			}
			w.levels = w.levels[:len(w.levels)-1]
			if err != nil {
				return err
			}
		}
		if len(children) < page {
			return nil
		}
	}
}
