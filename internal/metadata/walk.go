package metadata

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/volume"
)

// levels returns a path with all directories above it, the root first.
func (s *Store) levels(p string) (levels []level, i catalog.Inode, err error) {
	err = s.vol.Catalog().View(func(tx *catalog.Tx) error {
		i, err = stepDown(tx, p, func(at string, i catalog.Inode, row *catalog.Node) error {
			levels = append(levels, levelOf(tx, at, row.File))
			return nil
		})
		return err
	})
	if err != nil {
		err = fmt.Errorf("%s: %w", p, err)
	}
	return levels, i, err
}

// stepDown calls fn for the root, and for each name of a path, and returns the last inode.
func stepDown(tx *catalog.Tx, p string, fn func(at string, i catalog.Inode, row *catalog.Node) error) (i catalog.Inode, err error) {
	i = catalog.Root
	at := ""
	for rest := strings.Trim(path.Clean("/"+p), "/"); ; {
		row, err := tx.Node(i)
		if err != nil {
			return i, volume.ErrNotExist
		}
		if err := fn(at, i, &row); err != nil || rest == "" {
			return i, err
		}
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		at = path.Join(at, name)
		if i, err = tx.Lookup(i, name); err != nil {
			return i, volume.ErrNotExist
		}
	}
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

// walk goes through a tree, parents first, as somebody may. What it holds is as long as
// the path to where it is, and a page of names for each directory on it.
type walk struct {
	s      *Store
	ctx    context.Context
	who    volume.Identity
	levels []level
	every  bool                                     // also links and devices, and files that who may not read
	visit  func(i catalog.Inode, row *catalog.Node) // of the last level
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
	for after, more := "", true; more; {
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
			more = len(names) == page
			for _, d := range names {
				after = d.Name
				if volume.Reserved(d.Name) { // the way to the inbox
					continue
				}
				c := child{ino: d.Ino}
				var err error
				if c.row, err = tx.Node(d.Ino); err != nil {
					return err
				}
				c.level = levelOf(tx, path.Join(at, d.Name), c.row.File)
				children = append(children, c)
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
				w.visit(c.ino, &c.row)
				err = w.below(c.ino, &c.row)
			case w.every, c.row.IsRegular() && volume.May(&c.row, w.who, 4):
				w.visit(c.ino, &c.row)
			}
			w.levels = w.levels[:len(w.levels)-1]
			if err != nil {
				return err
			}
		}
	}
	return nil
}
