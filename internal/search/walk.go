package search

import (
	"context"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/search/index"
	"github.com/rdfs/rdfs/internal/volume"
)

// page is how many names are read in one View.
const page = 100

// found is a batch of what a walk has read.
type found struct {
	dirs []index.Dir
	docs []index.Doc
	gone []index.Doc // of which Dir and Name count: what is there is no file that can be found
}

// walk reads all documents at and below a directory at an epoch, parents first, and
// hands them to take in batches. A directory that goes meanwhile is passed over.
func (g *gatherer) walk(ctx context.Context, at catalog.Epoch, top *place, take func(*found) error) error {
	stack := []*place{top}
	for len(stack) > 0 {
		in := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if err := take(&found{dirs: []index.Dir{in.dir()}}); err != nil {
			return err
		}
		for after, more := "", true; more; {
			if err := ctx.Err(); err != nil {
				return err
			}
			var f found
			err := g.vol.Catalog().View(func(tx *catalog.Tx) error {
				tx = tx.At(at)
				var names []catalog.Dirent
				tx.ReadDir(in.ino, after, func(e catalog.Dirent) bool { names = append(names, e); return len(names) < page })
				more = len(names) == page
				for _, e := range names {
					after = e.Name
					if volume.Reserved(e.Name) {
						continue
					}
					row, err := tx.Node(e.Ino)
					switch {
					case err != nil:
						continue // it will be in the feed
					case row.IsDir():
						stack = append(stack, g.below(tx, in, e.Name, e.Ino, &row))
					case findable(&row) && g.versions:
						if err := g.versionsOf(tx, in, e.Name, e.Ino, &row, &f); err != nil {
							return err
						}
					case findable(&row):
						f.docs = append(f.docs, g.doc(tx, in, e.Name, e.Ino, &row))
					default:
						f.gone = append(f.gone, index.Doc{Dir: uint64(in.ino), Name: e.Name})
					}
				}
				return nil
			})
			if err == nil {
				err = take(&f)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// apply brings an index up to what was found.
func apply(x *index.Index, f *found) error {
	for _, d := range f.dirs {
		x.PutDir(d)
	}
	for i := range f.gone {
		x.Delete(f.gone[i].Dir, f.gone[i].Name)
	}
	for i := range f.docs {
		if err := x.Put(&f.docs[i]); err != nil {
			return err
		}
	}
	return nil
}
