package tiers

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
)

// answer is what one tier said to a read.
type answer struct {
	tier, nth int
	p         []byte
	err       error
}

// ReadAt implements Store. A tier that does not answer in time is not waited for alone:
// the next is asked as well, and who comes first is believed. That the bytes are the
// right ones is the caller's to see.
func (s *Stack) ReadAt(ctx context.Context, key string, p []byte, off int64) error {
	order, known := s.order(key)
	if len(order) == 1 {
		err := s.o.Tiers[0].Store.ReadAt(ctx, key, p, off)
		s.note(0, err)
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, len(order))
	asked, open := 0, 0
	ask := func() {
		nth, i := asked, order[asked]
		asked++
		open++
		go func() {
			own := make([]byte, len(p)) // it may come when p is the caller's again
			err := s.o.Tiers[i].Store.ReadAt(ctx, key, own, off)
			answers <- answer{i, nth, own, err}
		}()
	}
	ask()
	patience := time.NewTimer(s.o.Patience)
	defer patience.Stop()
	var errs []error
	for open > 0 {
		select {
		case a := <-answers:
			open--
			if a.err == nil {
				s.note(a.tier, nil)
				copy(p, a.p)
				return nil
			}
			if ctx.Err() != nil {
				return a.err
			}
			s.failed(key, a.tier, a.err, a.nth < known)
			errs = append(errs, a.err)
			if open == 0 && asked < len(order) {
				ask()
				patience.Reset(s.o.Patience)
			}
		case <-patience.C:
			if asked < len(order) {
				s.note(order[asked-1], errSlow)
				ask()
				patience.Reset(s.o.Patience)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return together(errs)
}

// failed notes an error of a tier; should is whether it was known to have the object.
func (s *Stack) failed(key string, tier int, err error, should bool) {
	s.note(tier, err)
	wrong := errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrCorrupt) || errors.Is(err, io.ErrUnexpectedEOF)
	if wrong && should && len(s.o.Tiers) > 1 {
		s.o.Suspect(key, s.o.Tiers[tier].Name)
	}
}
