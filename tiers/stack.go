package tiers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
)

// Tier is one place of a Stack.
type Tier struct {
	// Name is how the catalog remembers what lies there: it is given once.
	Name string
	// Provider is who keeps it: what one provider keeps is lost together.
	Provider string
	Store    Store
}

// Only returns s as the one tier of a Stack.
func Only(s Store) []Tier { return []Tier{{Name: "local", Provider: "local", Store: s}} }

// StackOptions configure a Stack. Tiers is required.
type StackOptions struct {
	Tiers []Tier // the nearest first

	// Where returns the names of the tiers that hold an object; none when that is not
	// known. Nil: it never is.
	Where func(key string) []string
	// Stored is told, before Put returns nil, which tier took an object.
	Stored func(key, tier string)
	// Suspect is told of an object that a tier should have and gave an error for that
	// is no weather: it is missing, or cut off. It must not wait.
	Suspect func(key, tier string)

	// Patience is how long a read waits for one tier before it asks the next as well.
	// Default 3 s.
	Patience time.Duration
	Now      func() time.Time // default time.Now
}

// Stack is several tiers as one Store: an object is put into the nearest tier that
// takes it, and read from the nearest healthy one that has it; where that fails, or
// takes too long, from the next. Delete removes it from all. Further copies are its
// user's to make, by Tier. It is safe for concurrent use.
type Stack struct {
	o StackOptions

	mu     sync.Mutex
	health []health // one for each tier
}

var _ Store = (*Stack)(nil)

// NewStack returns a Stack.
func NewStack(o StackOptions) *Stack {
	if o.Where == nil {
		o.Where = func(string) []string { return nil }
	}
	if o.Stored == nil {
		o.Stored = func(string, string) {}
	}
	if o.Suspect == nil {
		o.Suspect = func(string, string) {}
	}
	if o.Patience <= 0 {
		o.Patience = 3 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Stack{o: o, health: make([]health, len(o.Tiers))}
}

// Tiers returns the tiers, the nearest first. It must not be changed.
func (s *Stack) Tiers() []Tier { return s.o.Tiers }

// Tier returns the tier of a name. What is asked of its Store counts for the health
// of the tier only by Note.
func (s *Stack) Tier(name string) (Tier, bool) {
	i := s.index(name)
	if i < 0 {
		return Tier{}, false
	}
	return s.o.Tiers[i], true
}

func (s *Stack) index(name string) int {
	return slices.IndexFunc(s.o.Tiers, func(t Tier) bool { return t.Name == name })
}

// order returns the numbers of the tiers in which an object is looked for: first those
// that have it and are healthy, the nearest first, last those that are not known to
// have it. known is how many are known to.
func (s *Stack) order(key string) (order []int, known int) {
	where := s.o.Where(key)
	now := s.o.Now()
	rank := func(i int) (r int) {
		if !slices.Contains(where, s.o.Tiers[i].Name) {
			r = 2
		}
		if s.down(i, now) {
			r++
		}
		return r
	}
	order = make([]int, len(s.o.Tiers))
	ranks := make([]int, len(order))
	for i := range order {
		order[i], ranks[i] = i, rank(i)
		if ranks[i] < 2 {
			known++
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return ranks[a] - ranks[b] })
	return order, known
}

// Nearest returns the tiers in which an object is looked for, in this order.
func (s *Stack) Nearest(key string) []Tier {
	order, _ := s.order(key)
	near := make([]Tier, len(order))
	for n, i := range order {
		near[n] = s.o.Tiers[i]
	}
	return near
}

// Put implements Store.
func (s *Stack) Put(ctx context.Context, key string, src io.ReaderAt, size int64) error {
	now := s.o.Now()
	order := make([]int, 0, len(s.o.Tiers))
	for _, down := range []bool{false, true} {
		for i := range s.o.Tiers {
			if s.down(i, now) == down {
				order = append(order, i)
			}
		}
	}
	var errs []error
	for _, i := range order {
		t := &s.o.Tiers[i]
		err := t.Store.Put(ctx, key, src, size)
		s.note(i, err)
		if err == nil {
			s.o.Stored(key, t.Name)
			return nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil || errors.Is(err, blob.ErrCorrupt) || CheckKey(key) != nil {
			break
		}
	}
	return errors.Join(errs...)
}

// Stat implements Store.
func (s *Stack) Stat(ctx context.Context, key string) (info Info, err error) {
	err = s.first(ctx, key, func(st Store) (err error) { info, err = st.Stat(ctx, key); return err })
	return info, err
}

// Recall implements Store: an object is asked for in the nearest tier that has it.
func (s *Stack) Recall(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := s.first(ctx, key, func(st Store) error { return st.Recall(ctx, key) }); err != nil {
			return err
		}
	}
	return nil
}

// first calls fn for one tier after the other until it succeeds.
func (s *Stack) first(ctx context.Context, key string, fn func(Store) error) error {
	order, known := s.order(key)
	var errs []error
	for n, i := range order {
		err := fn(s.o.Tiers[i].Store)
		if err == nil {
			s.note(i, nil)
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		s.failed(key, i, err, n < known)
		errs = append(errs, err)
	}
	return together(errs)
}

// together makes one error of those of all tiers. That one has not heard of an object
// says nothing when another could not be asked.
func together(errs []error) error {
	told := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return errors.Is(err, blob.ErrNotFound) })
	switch {
	case len(told) > 0:
		return errors.Join(told...)
	case len(errs) > 0:
		return errs[0]
	}
	return errors.New("no tier")
}

// Delete implements Store. It tries all tiers, also after one has failed.
func (s *Stack) Delete(ctx context.Context, key string) error {
	var errs []error
	for i, t := range s.o.Tiers {
		err := t.Store.Delete(ctx, key)
		s.note(i, err)
		if err != nil && len(s.o.Tiers) > 1 {
			err = fmt.Errorf("tier %s: %w", t.Name, err)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// List implements Store: what any tier has, once.
func (s *Stack) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		type source struct {
			next func() (Info, error, bool)
			head Info
		}
		var all []*source
		for _, t := range s.o.Tiers {
			next, stop := iter.Pull2(t.Store.List(ctx, prefix))
			defer stop()
			all = append(all, &source{next: next})
		}
		// advance reads the next object of a tier, and drops the tier at its end.
		advance := func(from *source) (err error) {
			info, err, ok := from.next()
			if !ok {
				all = slices.DeleteFunc(all, func(a *source) bool { return a == from })
			}
			from.head = info
			return err
		}
		for _, from := range slices.Clone(all) {
			if err := advance(from); err != nil {
				yield(Info{}, err)
				return
			}
		}
		for len(all) > 0 {
			least := slices.MinFunc(all, func(a, b *source) int { return strings.Compare(a.head.Key, b.head.Key) }).head
			if !yield(least, nil) {
				return
			}
			for _, from := range slices.Clone(all) {
				if from.head.Key != least.Key {
					continue
				}
				if err := advance(from); err != nil {
					yield(Info{}, err)
					return
				}
			}
		}
	}
}
