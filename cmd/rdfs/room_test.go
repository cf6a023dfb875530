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

func TestTheMemoryLimitStaysAboveWhatIsInUse(t *testing.T) {
	for live, want := range map[uint64]int64{0: memoryLimit, 100 << 20: memoryLimit, 400 << 20: 600 << 20} {
		if got := heapLimit(live); got != want {
			t.Errorf("%d MiB in use: got %d MiB, want %d", live>>20, got>>20, want>>20)
		}
	}
	old := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(old)
	var r room
	leave := r.take()
	r.rest(300 << 20)
	if got := debug.SetMemoryLimit(-1); got < changeLimit {
		t.Errorf("somebody needs room: got %d", got)
	}
	leave()
	if got := debug.SetMemoryLimit(-1); got != 300<<20 {
		t.Errorf("nobody does: got %d", got)
	}
}
