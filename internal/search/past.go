package search

import (
	"context"
	"fmt"
	"sync"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/search/index"
)

// past remembers the index of the moment that was asked for last.
type past struct {
	mu       sync.Mutex
	epoch    catalog.Epoch
	versions bool
	x        *index.Index
}

// findThen searches a moment, or the versions of files at it, with an index made for it.
func (s *Search) findThen(ctx context.Context, r *Request, req *index.Request) (*index.Result, error) {
	epoch, err := s.o.Volume.Epoch(r.At)
	if err != nil {
		return nil, err
	}
	s.past.mu.Lock()
	defer s.past.mu.Unlock()
	if s.past.x == nil || epoch == catalog.Live || s.past.epoch != epoch || s.past.versions != r.Versions {
		s.past.x = nil // the memory is needed
		x, err := s.indexOf(ctx, epoch, r.Versions)
		if err != nil {
			return nil, err
		}
		if epoch == catalog.Live { // it is another one in a moment
			return x.Search(req)
		}
		s.past.x, s.past.epoch, s.past.versions = x, epoch, r.Versions
	}
	return s.past.x.Search(req)
}

// indexOf makes an index of the tree at an epoch.
func (s *Search) indexOf(ctx context.Context, epoch catalog.Epoch, versions bool) (*index.Index, error) {
	g := &gatherer{vol: s.o.Volume, schema: s.o.Schema}
	g.forget()
	g.versions = versions
	var top *place
	err := s.o.Volume.Catalog().View(func(tx *catalog.Tx) error {
		if epoch != catalog.Live && !tx.Readable(epoch) {
			return fmt.Errorf("that moment is not kept: %w", catalog.ErrForgotten)
		}
		top = g.place(tx.At(epoch), catalog.Root, 0)
		return nil
	})
	if err != nil {
		return nil, err
	}
	x := s.empty()
	err = g.walk(ctx, epoch, top, func(f *found) error { return apply(x, f) })
	return x, err
}

// versionBits is how many bits of the number of a directory are its inode; above stands
// the number of the version, so that each version is a document of its own.
const versionBits = 40

// versionsOf returns a document for each version of a file that tx shows: with the
// attributes that it had then, and what directories hand down.
func (g *gatherer) versionsOf(tx *catalog.Tx, in *place, name string, i catalog.Inode, row *catalog.Node, f *found) error {
	return tx.Versions(row.File, 1, func(v *catalog.Version) bool {
		if v.Seq > row.Seq {
			return false
		}
		then := *row
		then.Gen, then.Seq, then.Content, then.Size, then.Mtime = 0, v.Seq, v.Content, v.Size, v.Mtime
		at := tx
		if tx.Readable(v.Epoch) {
			at = tx.At(v.Epoch)
		}
		d := g.doc(at, in, name, i, &then)
		d.Dir |= uint64(v.Seq) << versionBits
		dir := in.dir()
		dir.Ino = d.Dir
		f.dirs = append(f.dirs, dir)
		f.docs = append(f.docs, d)
		return true
	})
}
