package tiers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
)

// All is a Store of a few objects that all of several tiers must have: an object is there
// when it is in each of them. With one away nothing can be stored, and what is read is
// what another has.
type All []Tier

var _ Store = All(nil)

// each calls fn for all tiers.
func (a All) each(fn func(Store) error) error {
	var errs []error
	for _, t := range a {
		err := fn(t.Store)
		if err != nil && len(a) > 1 {
			err = fmt.Errorf("tier %s: %w", t.Name, err)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// any calls fn for one tier after the other until it succeeds.
func (a All) any(fn func(Store) error) error {
	var errs []error
	for _, t := range a {
		err := fn(t.Store)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return together(errs)
}

// Put implements Store.
func (a All) Put(ctx context.Context, key string, src io.ReaderAt, size int64) error {
	return a.each(func(s Store) error { return s.Put(ctx, key, src, size) })
}

// ReadAt implements Store.
func (a All) ReadAt(ctx context.Context, key string, p []byte, off int64) error {
	return a.any(func(s Store) error { return s.ReadAt(ctx, key, p, off) })
}

// Stat implements Store.
func (a All) Stat(ctx context.Context, key string) (info Info, err error) {
	err = a.any(func(s Store) (err error) { info, err = s.Stat(ctx, key); return err })
	return info, err
}

// Delete implements Store.
func (a All) Delete(ctx context.Context, key string) error {
	return a.each(func(s Store) error { return s.Delete(ctx, key) })
}

// Recall implements Store.
func (a All) Recall(ctx context.Context, keys ...string) error {
	return a.any(func(s Store) error { return s.Recall(ctx, keys...) })
}

// List implements Store: what all tiers have.
func (a All) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		n := make(map[string]int)
		infos := make(map[string]Info)
		for _, t := range a {
			for info, err := range t.Store.List(ctx, prefix) {
				if err != nil {
					yield(Info{}, err)
					return
				}
				if n[info.Key]++; n[info.Key] == 1 {
					infos[info.Key] = info
				}
			}
		}
		for _, key := range slices.Sorted(maps.Keys(infos)) {
			if n[key] == len(a) && !yield(infos[key], nil) {
				return
			}
		}
	}
}
