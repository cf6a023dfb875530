package main

import (
	"runtime/debug"
	"testing"
)

func TestTheMemoryLimitIsRaisedWhileSomebodyNeedsRoom(t *testing.T) {
	const own = 100 << 20
	old := debug.SetMemoryLimit(own)
	defer debug.SetMemoryLimit(old)
	want := func(when string, want int64) {
		t.Helper()
		if got := debug.SetMemoryLimit(-1); got != want {
			t.Errorf("%s: got %d, want %d", when, got, want)
		}
	}
	var r room
	first, second := r.take(), r.take()
	want("two users", changeLimit)
	first()
	want("one user", changeLimit)
	second()
	want("no user", own)
	debug.SetMemoryLimit(4 * changeLimit)
	leave := r.take()
	want("a limit that is higher", 4*changeLimit)
	leave()
	want("and after it", 4*changeLimit)
}
