package volume

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/snapshot"
)

// RunSchedule takes snapshots when they are due, and removes those that no rule keeps
// after each, until ctx ends. One run at a time.
func (v *Volume) RunSchedule(ctx context.Context) {
	if v.o.Schedule.IsZero() {
		return
	}
	s, err := v.newScheduler()
	if err != nil {
		v.log.Warn("the schedule of snapshots does not start", "err", err)
		return
	}
	for {
		wait := s.step(ctx)
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
	}
}

const (
	// maxNap is how long the scheduler sleeps at most: its timer stands still while the
	// machine sleeps, and the clock may be set.
	maxNap = 20 * time.Second
	minNap = 10 * time.Millisecond
	// scheduleRetry is how long it waits after a snapshot could not be taken.
	scheduleRetry = time.Minute
	// schedulePatience is how long it waits for what was closed to be sealed.
	schedulePatience = 5 * time.Minute
)

// scheduler knows which snapshots were taken last. It is for one goroutine.
type scheduler struct {
	v     *Volume
	start time.Time // of the drive
	last  map[snapshot.Kind]time.Time
	retry time.Time // not before
	err   string    // of the last try
}

func (v *Volume) newScheduler() (*scheduler, error) {
	s := &scheduler{v: v, last: make(map[snapshot.Kind]time.Time)}
	err := v.cat.View(func(tx *catalog.Tx) error {
		made, err := tx.Node(catalog.Root)
		s.start = made.Btime.Time()
		if err != nil {
			return err
		}
		return tx.Snapshots("", func(x *catalog.Snapshot) bool {
			snapshot.LastOf(x.Tags, x.Time.Time(), s.last)
			return true
		})
	})
	return s, err
}

// step takes a snapshot if one is due, and returns for how long nothing will be.
func (s *scheduler) step(ctx context.Context) time.Duration {
	now := s.v.now().Round(0) // without the monotonic clock, which stands still in sleep
	if due := s.v.o.Schedule.Due(s.last, s.start, now); len(due) > 0 && !now.Before(s.retry) {
		switch err := s.take(ctx, due); {
		case err == nil || errors.Is(err, ErrUnchanged):
			for _, k := range due {
				s.last[k] = now
			}
			s.err = ""
		case ctx.Err() != nil:
		default:
			s.retry = now.Add(scheduleRetry)
			if s.err != err.Error() {
				s.v.log.Warn("a scheduled snapshot was not taken, it is tried again", "err", err)
			}
			s.err = err.Error()
		}
	}
	wait := s.v.o.Schedule.Next(s.last, s.start, now).Sub(now)
	return min(max(wait, s.retry.Sub(now), minNap), maxNap)
}

// take takes one snapshot for all kinds, and prunes.
func (s *scheduler) take(ctx context.Context, kinds []snapshot.Kind) error {
	r := SnapshotRequest{IfChanged: true, Requester: Requester{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}}
	for _, k := range kinds {
		r.Tags = append(r.Tags, string(k))
	}
	patient, cancel := context.WithTimeout(ctx, schedulePatience)
	defer cancel()
	info, err := s.v.takeSnapshot(patient, r, kinds[len(kinds)-1])
	if err != nil {
		return err
	}
	s.v.log.Info("took a snapshot", "name", info.Name, "open_for_writing", info.OpenCount)
	plan, err := s.v.prune(ctx, s.v.o.KeepSnapshots, false)
	if err != nil {
		s.v.log.Warn("snapshots were not pruned", "err", err)
	}
	for _, d := range plan {
		if !d.Keep {
			s.v.log.Info("dropped a snapshot", "name", d.Name, "why", d.Why)
		}
	}
	return nil
}
