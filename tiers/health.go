package tiers

import (
	"errors"
	"fmt"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
)

// health is how a tier has answered of late.
type health struct {
	err   error     // why it is not asked first; nil: it is well
	since time.Time // it is so
	fails int       // one after the other
	until time.Time // then it is tried again
}

// Health says how a tier is.
type Health struct {
	Name     string
	Provider string
	Err      error     // why it is down; nil: it is well, or was not asked yet
	Since    time.Time // it is down
}

// errSlow: a tier did not answer in time.
var errSlow = fmt.Errorf("%w: no answer in time", blob.ErrOffline)

// A tier that is down is asked after the others, for downMin, twice as long each time
// it is still down.
const (
	downMin = 2 * time.Second
	downMax = time.Minute
)

// note counts the end of a call for the health of a tier.
func (s *Stack) note(i int, err error) {
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &s.health[i]
	switch {
	case err != nil && errors.Is(err, blob.ErrOffline):
		if h.err == nil {
			h.since = now
		}
		if now.Before(h.until) {
			h.err = err // of a call that was under way
			return
		}
		h.err = err
		h.until = now.Add(min(downMin<<min(h.fails, 6), downMax))
		h.fails++
	case err == nil:
		*h = health{}
	}
}

// Note counts a call of the Store of a tier for its health, as the Stack's own calls are.
func (s *Stack) Note(name string, err error) {
	if i := s.index(name); i >= 0 {
		s.note(i, err)
	}
}

// down reports whether a tier is known not to answer.
func (s *Stack) down(i int, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health[i].err != nil && now.Before(s.health[i].until)
}

// Down reports whether a tier is known not to answer, and is not to be tried yet.
func (s *Stack) Down(name string) bool {
	i := s.index(name)
	return i < 0 || s.down(i, s.o.Now())
}

// Retry lets all tiers be tried at once.
func (s *Stack) Retry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.health {
		s.health[i].until = time.Time{}
	}
}

// Health says how each tier is, the nearest first.
func (s *Stack) Health() []Health {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Health, len(s.health))
	for i, h := range s.health {
		all[i] = Health{Name: s.o.Tiers[i].Name, Provider: s.o.Tiers[i].Provider, Err: h.err, Since: h.since}
	}
	return all
}
