package volume

import (
	"syscall"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog"
)

func TestWhenGarbageIsCollected(t *testing.T) {
	due := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	const every = 24 * time.Hour
	for _, tc := range []struct {
		name  string
		now   time.Time
		retry time.Time
		ops   int64
		want  bool
	}{
		{"before its time", due.Add(-time.Second), time.Time{}, 0, false},
		{"at its time", due, time.Time{}, 0, true},
		{"while programs do a little", due, time.Time{}, idleOps, true},
		{"while programs do much", due, time.Time{}, idleOps + 1, false},
		{"while programs do much, a period later", due.Add(every), time.Time{}, 1 << 40, true},
		{"after a failure", due.Add(time.Hour), due.Add(time.Hour + time.Second), 0, false},
		{"after a failure, in time", due.Add(time.Hour), due.Add(time.Hour), 0, true},
		{"after weeks unmounted", due.Add(1000 * time.Hour), due.Add(time.Hour), 0, true},
	} {
		if got := gcIsDue(tc.now, due, tc.retry, every, tc.ops); got != tc.want {
			t.Errorf("%s: got %v", tc.name, got)
		}
	}
}

func (r *rig) lastGC() (last catalog.Time) {
	r.v.cat.View(func(tx *catalog.Tx) error {
		c, err := tx.Costs()
		last = c.Time
		return err
	})
	return last
}

func TestTheTimerCollects(t *testing.T) {
	r := newRig(t, limited, func(o *Options) { o.GC.Every = 24 * time.Hour })
	timer := gcTimer{v: r.v, retry: r.clock.now()}
	r.write("f", bytesOf("old", 1<<20))
	r.sync()
	old := r.attr("f").Content
	r.write("f", "new")
	r.sync()
	if timer.step(bg(t)); r.lastGC() != 0 {
		t.Error("it collected before its time")
	}
	r.later()
	r.store.readErr.Store(ptr(error(syscall.EIO)))
	if timer.step(bg(t)); r.lastGC() != 0 {
		t.Error("a collection that failed counts as one")
	}
	r.store.readErr.Store(nil)
	if timer.step(bg(t)); r.lastGC() != 0 {
		t.Error("it was tried again at once")
	}
	r.clock.advance(time.Hour)
	first := r.clock.now()
	if timer.step(bg(t)); r.lastGC().Time().Before(first) || r.knows(old) {
		t.Errorf("nothing was collected an hour after the failure: the last time was %v", r.lastGC().Time())
	}
	r.clock.advance(23 * time.Hour)
	if timer.step(bg(t)); r.lastGC().Time().After(first) {
		t.Error("it collected again within the period")
	}
	r.clock.advance(2 * time.Hour)
	if timer.step(bg(t)); !r.lastGC().Time().After(first) {
		t.Error("it did not collect in the next period")
	}
}
