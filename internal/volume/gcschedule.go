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
	every := v.o.GC.Every
	if every <= 0 {
		return
	}
	// Collecting gives way to the programs: its thread runs at a lower priority, and
	// ends with this function.
	runtime.LockOSThread()
	unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 10)
	retry := v.now()
	for {
		ops := v.ops.Load()
		t := time.NewTimer(maxNap)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		now := v.now()
		due, err := v.nextGC()
		if err == nil && (now.Before(due) || now.Before(retry) || now.Before(due.Add(every)) && v.ops.Load()-ops > idleOps) {
			continue
		}
		var res GCResult
		if err == nil {
			res, err = v.GC(ctx, false, nil)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			v.log.Error("garbage could not be collected; it is tried again", "err", err)
			retry = now.Add(min(every, time.Hour))
		default:
			v.log.Info("garbage collected", "past_rows", res.PastForgotten, "versions", res.VersionsGone, "packs", res.PacksGone,
				"freed_bytes", res.FreedBytes, "took", v.now().Sub(now))
		}
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
