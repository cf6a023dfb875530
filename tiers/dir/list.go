package dir

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rdfs/rdfs/tiers"
)

// List implements tiers.Store. It holds the names of one directory per level in
// memory. Objects that come or go while it runs may be missed.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[tiers.Info, error] {
	return func(yield func(tiers.Info, error) bool) {
		// Objects that vanish are passed over; so make sure that it was not the disk.
		err := s.mounted()
		if err == nil {
			err = s.walk(ctx, "", prefix, func(info tiers.Info) bool { return yield(info, nil) })
		}
		if err == errStop {
			return
		}
		if err == nil {
			err = s.mounted()
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			yield(tiers.Info{}, s.failed("list", strconv.Quote(prefix), err))
		}
	}
}

// errStop ends a walk whose consumer has seen enough.
var errStop = errors.New("stop")

// walk yields the objects whose keys start with prefix below a directory. dir is
// empty for the root, and ends in a slash otherwise.
func (s *Store) walk(ctx context.Context, dir, prefix string, yield func(tiers.Info) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	entries, err := s.fs.ReadDir(filepath.Join(s.root, filepath.FromSlash(dir)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// Of keys, not of names: "a-b" comes before "a/b".
	order := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(order(a), order(b)) })
	for _, e := range entries {
		key := dir + e.Name()
		if _, err := s.path(key); err != nil {
			continue // not ours: the marker, an unfinished file, lost+found
		}
		if e.IsDir() {
			below := key + "/"
			if strings.HasPrefix(below, prefix) || strings.HasPrefix(prefix, below) {
				if err := s.walk(ctx, below, prefix, yield); err != nil {
					return err
				}
			}
			continue
		}
		if !e.Type().IsRegular() || !strings.HasPrefix(key, prefix) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if !yield(tiers.Info{Key: key, Size: info.Size(), Modified: info.ModTime()}) {
			return errStop
		}
	}
	return nil
}
