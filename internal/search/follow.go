package search

import (
	"context"
	"errors"
	"fmt"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/metadata"
	"github.com/rdfs/rdfs/internal/search/index"
	"github.com/rdfs/rdfs/internal/volume"
)

// changes are those of whole epochs, each named once.
type changes struct {
	upTo  catalog.Epoch // the last of them
	names map[catalog.Name]bool
	nodes map[catalog.Inode]bool
	trees map[catalog.FileID]bool // whose attributes changed
	files map[catalog.FileID]bool
}

// enough is how many changes are taken at once; an epoch is never cut.
const enough = 4000

// next reads the changes after an epoch; nil when there are none.
func (s *Search) next(ctx context.Context, after catalog.Epoch) (*changes, error) {
	c := &changes{upTo: after, names: make(map[catalog.Name]bool), nodes: make(map[catalog.Inode]bool),
		trees: make(map[catalog.FileID]bool), files: make(map[catalog.FileID]bool)}
	n := 0
	for ch, err := range s.o.Volume.Catalog().Changes(ctx, after) {
		if err != nil {
			return nil, err
		}
		if ch.Epoch > c.upTo && n >= enough {
			break
		}
		n++
		c.upTo = ch.Epoch
		switch ch.Kind {
		case catalog.NameChanged:
			c.names[catalog.Name{Dir: ch.Dir, Name: ch.Name}] = true
		case catalog.NodeChanged:
			c.nodes[ch.Inode] = true
		case catalog.AttrChanged:
			c.files[ch.File] = true
			if metadata.Inherits(ch.Name) {
				c.trees[ch.File] = true
			}
		}
	}
	if n == 0 {
		return nil, nil
	}
	return c, nil
}

// follow takes up all changes that are durable.
func (s *Search) follow(ctx context.Context) error {
	for {
		c, err := s.next(ctx, s.epoch)
		if err != nil || c == nil {
			return err
		}
		if err := s.take(ctx, c); err != nil {
			return err
		}
		s.mu.Lock()
		s.epoch = c.upTo
		s.unsaved++
		s.x.Compact()
		s.mu.Unlock()
	}
}

// take reads what changed, as it is now, and brings the index up to that. What changes
// again meanwhile is in the feed again.
func (s *Search) take(ctx context.Context, c *changes) error {
	g := &s.g
	g.forget()
	var tops []catalog.Inode // directories below which all must be read
	todo := make([]catalog.Name, 0, len(c.names))
	for n := range c.names {
		todo = append(todo, n)
	}
	var f found
	err := s.o.Volume.Catalog().View(func(tx *catalog.Tx) error {
		for file := range c.files {
			i, ok := tx.Holder(file)
			if !ok {
				continue
			}
			if row, err := tx.Node(i); err == nil && row.IsDir() {
				if c.trees[file] {
					tops = append(tops, i)
				}
			} else {
				c.nodes[i] = true
			}
		}
		for i := range c.nodes {
			switch row, err := tx.Node(i); {
			case err != nil:
				f.gone = append(f.gone, index.Doc{Dir: uint64(i)}) // if it was a directory
			case row.IsDir():
				if p := g.place(tx, i, 0); p != nil {
					f.dirs = append(f.dirs, p.dir())
				}
			default:
				tx.Names(i, func(n catalog.Name) bool {
					if !c.names[n] {
						todo = append(todo, n)
					}
					return true
				})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	for _, d := range f.dirs {
		s.x.PutDir(d)
	}
	for _, d := range f.gone {
		s.x.DeleteDir(d.Dir)
	}
	s.mu.Unlock()
	for len(todo) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := todo[:min(page, len(todo))]
		todo = todo[len(part):]
		if tops, err = s.takeNames(part, tops); err != nil {
			return err
		}
	}
	return s.takeTrees(ctx, tops)
}

// takeNames reads what names mean now. What is a directory is added to tops.
func (s *Search) takeNames(names []catalog.Name, tops []catalog.Inode) ([]catalog.Inode, error) {
	var f found
	err := s.o.Volume.Catalog().View(func(tx *catalog.Tx) error {
		for _, n := range names {
			if volume.Reserved(n.Name) {
				continue
			}
			none := index.Doc{Dir: uint64(n.Dir), Name: n.Name}
			i, err := tx.Lookup(n.Dir, n.Name)
			row, nodeErr := tx.Node(i)
			in := s.g.place(tx, n.Dir, 0)
			switch {
			case err != nil || nodeErr != nil || in == nil:
				f.gone = append(f.gone, none)
			case row.IsDir():
				f.gone = append(f.gone, none)
				tops = append(tops, i)
			case findable(&row):
				f.docs = append(f.docs, s.g.doc(tx, in, n.Name, i, &row))
			default:
				f.gone = append(f.gone, none)
			}
		}
		return nil
	})
	if err != nil {
		return tops, err
	}
	return tops, s.put(&f)
}

// takeTrees reads all at and below directories; those within others once.
func (s *Search) takeTrees(ctx context.Context, tops []catalog.Inode) error {
	is := make(map[catalog.Inode]bool)
	for _, i := range tops {
		is[i] = true
	}
	for i := range is {
		var top *place
		err := s.o.Volume.Catalog().View(func(tx *catalog.Tx) error {
			top = s.g.place(tx, i, 0)
			for p := top; p != nil && p.parent != 0; {
				if p = s.g.place(tx, p.parent, 0); p != nil && is[p.ino] {
					top = nil // it is read with that one
					return nil
				}
			}
			return nil
		})
		if err == nil && top != nil {
			err = s.g.walk(ctx, catalog.Live, top, s.put)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// put brings the index up to what was found.
func (s *Search) put(f *found) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return apply(s.x, f)
}

// rebuild makes the index anew from the catalog. The old one answers meanwhile, if there
// is one.
func (s *Search) rebuild(ctx context.Context, why string) error {
	s.o.Logger.Info("search: the index is made anew", "because", why)
	cat := s.o.Volume.Catalog()
	if err := cat.Sync(ctx); err != nil {
		return err
	}
	var from catalog.Epoch
	var top *place
	s.g.forget()
	err := cat.View(func(tx *catalog.Tx) error {
		from = tx.Epoch() - 1
		if top = s.g.place(tx, catalog.Root, 0); top == nil {
			return errors.New("the root of the drive is gone")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("search: %w", err)
	}
	x := s.empty()
	s.mu.Lock()
	s.building = true
	old := s.x
	if old == nil {
		s.x = x // what is found so far is better than nothing
	}
	s.mu.Unlock()
	err = s.g.walk(ctx, catalog.Live, top, func(f *found) error {
		if old == nil {
			return s.put(f)
		}
		return apply(x, f)
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.building = false
	if err != nil {
		if old == nil {
			s.x = nil
		}
		return err
	}
	s.x, s.epoch, s.unsaved = x, from, s.unsaved+1
	if n := x.Dropped(); n > 0 {
		s.o.Logger.Warn("search: values were left out of the index: there are too many fields", "values", n)
	}
	return nil
}
