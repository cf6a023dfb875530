package kv

import (
	"time"

	"golang.org/x/sys/unix"
)

// releaseEvery is how often pages of the file that were read are given back: they stay
// in the page cache, and no longer count as memory of the process. Otherwise a walk
// through a large catalog would leave all of it there. A page that is read again costs
// a microsecond.
const releaseEvery = 30 * time.Second

// releaser gives pages back until the engine is closed.
func (e *boltEngine) releaser() {
	tick := time.NewTicker(releaseEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			e.release()
		case <-e.closed:
			return
		}
	}
}

// release gives back what was read of the file. The mapping is never moved, and is
// there until Close, which takes commit before it ends it.
func (e *boltEngine) release() {
	e.commit.Lock()
	defer e.commit.Unlock()
	select {
	case <-e.closed:
	default:
		if e.isBroken() == nil {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, e.db.Info().Data, uintptr(e.used.Load())&^(logPage-1), unix.MADV_DONTNEED)
		}
	}
}
