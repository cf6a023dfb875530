package s3

import (
	"errors"
	"testing"
	"time"
)

func TestBreaker(t *testing.T) {
	var b breaker
	now := time.Unix(1000, 0)
	down := errors.New("down")
	enter := func(want bool) {
		t.Helper()
		ok, err := b.enter(now)
		if ok != want || !ok && err != down {
			t.Fatalf("enter: got %v, %v, want %v", ok, err, want)
		}
	}
	fail := func() { t.Helper(); enter(true); b.failure(now, down) }

	for range breakAfter - 1 {
		fail()
	}
	fail() // it opens
	enter(false)
	now = now.Add(breakFor - 1)
	enter(false)
	now = now.Add(1)
	enter(true) // one may try
	enter(false)
	b.failure(now, down)
	now = now.Add(2*breakFor - 1)
	enter(false) // the pause has doubled
	now = now.Add(1)
	enter(true)
	b.left()
	enter(true) // nobody knows: another may try
	b.succeeded()
	for range breakAfter - 1 { // closed, and counting from nothing
		fail()
	}
	enter(true)
	b.succeeded()

	for range 40 { // the pauses do not grow for ever
		now = now.Add(breakMost)
		fail()
		if b.pause > breakMost {
			t.Fatalf("pause of %v", b.pause)
		}
	}
}
