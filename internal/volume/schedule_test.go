package volume

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/snapshot"
)

// scheduled opens a volume whose clock shows half past ten on a Monday.
func scheduled(t *testing.T, s snapshot.Schedule, keep snapshot.Retention) (*rig, *scheduler) {
	r := newRig(t, func(o *Options) { o.Schedule, o.KeepSnapshots = s, keep })
	now := r.clock.now()
	half := time.Date(now.Year(), now.Month(), now.Day()+7-int(now.Weekday())+1, 10, 30, 0, 0, now.Location())
	r.clock.advance(half.Sub(now))
	return r, r.scheduler()
}

func (r *rig) scheduler() *scheduler {
	r.t.Helper()
	s, err := r.v.newScheduler()
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// names returns the snapshots by name without their times.
func (r *rig) snapshots() (kinds []string) {
	r.t.Helper()
	list, err := r.v.Snapshots(bg(r.t))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, s := range list {
		kind, _, _ := strings.Cut(s.Name, "-")
		kinds = append(kinds, kind)
	}
	return kinds
}

func TestScheduleTakesOneSnapshotForAllThatWereMissed(t *testing.T) {
	r, s := scheduled(t, snapshot.Schedule{Hourly: true, Daily: true}, snapshot.Retention{})
	r.write("a", "1")
	s.step(bg(t)) // the drive is older than this hour and this day
	first := r.snapshots()
	if !slices.Equal(first, []string{"daily"}) {
		t.Fatalf("got %v, want one that is daily and hourly", first)
	}
	if wait := s.step(bg(t)); wait != maxNap || len(r.snapshots()) != 1 {
		t.Errorf("it waits for %v, and there are %v", wait, r.snapshots())
	}
	r.write("a", "2")
	r.clock.advance(30*time.Minute - time.Second)
	if wait := s.step(bg(t)); wait != time.Second || len(r.snapshots()) != 1 {
		t.Errorf("it waits for %v, and there are %v", wait, r.snapshots())
	}
	r.clock.advance(time.Second)
	s.step(bg(t))
	if got := r.snapshots(); !slices.Equal(got, []string{"daily", "hourly"}) {
		t.Errorf("on the hour: %v", got)
	}
	r.write("a", "3")
	r.clock.advance(50 * time.Hour)
	s = r.scheduler() // after a night unmounted
	s.step(bg(t))
	s.step(bg(t))
	if got := r.snapshots(); !slices.Equal(got, []string{"daily", "hourly", "daily"}) {
		t.Errorf("after two days: %v", got)
	}
	list, _ := r.v.Snapshots(bg(t))
	if want := []string{"hourly", "daily"}; !slices.Equal(list[2].Tags, want) {
		t.Errorf("tags: got %v, want %v", list[2].Tags, want)
	}
}

func TestScheduleTakesNothingWhenNothingChanged(t *testing.T) {
	r, s := scheduled(t, snapshot.Schedule{Every: time.Minute}, snapshot.Retention{})
	r.write("a", "1")
	for range 5 {
		r.clock.advance(time.Minute)
		s.step(bg(t))
	}
	if got := r.snapshots(); len(got) != 1 {
		t.Errorf("got %v, want one", got)
	}
	r.write("a", "2")
	r.clock.advance(59 * time.Second)
	if s.step(bg(t)); len(r.snapshots()) != 1 {
		t.Error("it was taken before its time")
	}
	r.clock.advance(time.Second)
	if s.step(bg(t)); len(r.snapshots()) != 2 {
		t.Error("it was not taken when it was due")
	}
}

func TestScheduleTriesAgainAfterAFailure(t *testing.T) {
	r, s := scheduled(t, snapshot.Schedule{Hourly: true}, snapshot.Retention{})
	r.write("a", "1")
	r.store.fail(syscall.ENOSPC)
	if s.step(bg(t)); len(r.snapshots()) != 0 {
		t.Error("a snapshot was taken of what could not be stored")
	}
	r.store.fail(nil)
	r.clock.advance(scheduleRetry - time.Second)
	if s.step(bg(t)); len(r.snapshots()) != 0 {
		t.Error("it was tried again at once")
	}
	r.clock.advance(time.Second)
	if s.step(bg(t)); len(r.snapshots()) != 1 {
		t.Error("it was not tried again")
	}
}

func TestSchedulePrunesAndKeepsWhatPeopleTook(t *testing.T) {
	r, s := scheduled(t, snapshot.Schedule{Every: time.Minute}, snapshot.Retention{Last: 2, Tags: []string{snapshot.Manual}})
	r.write("a", "0")
	r.snapshot("mine")
	for k := range 5 {
		r.write("a", strings.Repeat("x", k))
		r.clock.advance(time.Minute)
		s.step(bg(t))
	}
	if got := r.snapshots(); !slices.Equal(got, []string{"mine", "interval", "interval"}) {
		t.Errorf("got %v", got)
	}
}

func TestPruneSaysWhyAndIsForTheOwnerOnly(t *testing.T) {
	r := newRig(t)
	for k := range 3 {
		r.write("a", strings.Repeat("x", k))
		r.snapshot(string(rune('a' + k)))
		r.clock.advance(time.Hour)
	}
	keep := PruneRequest{Keep: &snapshot.Retention{Last: 1}}
	if _, err := r.v.PruneSnapshots(bg(t), PruneRequest{Keep: keep.Keep, Requester: Requester{UID: 1001}}); err == nil {
		t.Error("somebody else may prune")
	}
	dry := keep
	dry.DryRun = true
	plan, err := r.v.PruneSnapshots(bg(t), dry)
	if err != nil || len(plan) != 3 || !plan[0].Keep || plan[1].Keep || len(plan[1].Why) != 1 || len(r.snapshots()) != 3 {
		t.Errorf("dry run: %+v, %v", plan, err)
	}
	hold := catalog.Hold{File: catalog.FileID(Root), Reason: "audit"}
	r.v.cat.Update(func(tx *catalog.Tx) error { tx.PutHold(&hold); return nil })
	if plan, err := r.v.PruneSnapshots(bg(t), keep); err != nil || len(r.snapshots()) != 3 || !slices.Contains(plan[2].Why, "held: audit") {
		t.Errorf("with a hold on everything: %+v, %v", plan, err)
	}
	hold.Until = r.v.timeNow()
	r.v.cat.Update(func(tx *catalog.Tx) error { tx.PutHold(&hold); return nil })
	if _, err := r.v.PinSnapshots(bg(t), SnapshotsRequest{Names: []string{"a"}, Pinned: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.v.PruneSnapshots(bg(t), keep); err != nil || !slices.Equal(r.snapshots(), []string{"a", "c"}) {
		t.Errorf("left are %v, %v", r.snapshots(), err)
	}
	if _, err := r.v.PruneSnapshots(bg(t), PruneRequest{}); err != nil || !slices.Equal(r.snapshots(), []string{"a", "c"}) {
		t.Errorf("without a rule: left are %v, %v", r.snapshots(), err)
	}
}
