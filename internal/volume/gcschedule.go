package volume

import (
	"context"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
)

// idleOps is how many operations in a nap programs may do for the drive to count as idle.
const idleOps = 200

// RunGC collects garbage each time that GCOptions.Every has passed, until ctx ends. It
// waits until programs do little, but not for longer than another such time.
func (v *Volume) RunGC(ctx context.Context) {
	if v.o.GC.Every <= 0 {
		return
	}
	// Collecting gives way to the programs: its thread runs at a lower priority, and
	// ends with this function.
	runtime.LockOSThread()
	unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 10)
	t := gcTimer{v: v, retry: v.now()}
	for {
		nap := time.NewTimer(maxNap)
		select {
		case <-ctx.Done():
			nap.Stop()
			return
		case <-nap.C:
			t.step(ctx)
		}
	}
}

// gcTimer collects when it is time to. It is for one goroutine.
type gcTimer struct {
	v     *Volume
	ops   int64     // of programs, until the last step
	retry time.Time // not before
}

// gcIsDue decides whether garbage is collected now: at its time when programs do
// little, a period later in any case, and not before retry, which is after a failure.
func gcIsDue(now, due, retry time.Time, every time.Duration, ops int64) bool {
	if now.Before(due) || now.Before(retry) {
		return false
	}
	return ops <= idleOps || !now.Before(due.Add(every))
}

// step is called once in a nap.
func (t *gcTimer) step(ctx context.Context) {
	v, now := t.v, t.v.now()
	ops := v.ops.Load() - t.ops
	t.ops += ops
	due, err := v.nextGC()
	if err == nil && !gcIsDue(now, due, t.retry, v.o.GC.Every, ops) {
		return
	}
	var res GCResult
	if err == nil {
		res, err = v.GC(ctx, false, nil)
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		v.log.Error("garbage could not be collected; it is tried again", "err", err)
		t.retry = now.Add(min(v.o.GC.Every, time.Hour))
	default:
		v.log.Info("garbage collected", "past_rows", res.PastForgotten, "versions", res.VersionsGone, "packs", res.PacksGone,
			"freed_bytes", res.FreedBytes, "took", v.now().Sub(now))
	}
}

// nextGC returns when the next collection is due: after the last one, or the making of
// the drive.
func (v *Volume) nextGC() (due time.Time, err error) {
	err = v.cat.View(func(tx *catalog.Tx) error {
		c, err := tx.Costs()
		if err != nil {
			return err
		}
		last := c.Time
		if last == 0 {
			root, err := tx.Node(catalog.Root)
			if err != nil {
				return err
			}
			last = root.Btime
		}
		due = last.Time().Add(v.o.GC.Every)
		return nil
	})
	return due, err
}
