package volume

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// With passthrough the kernel reads a cached file by itself, and 128 KiB ahead of the
// program, with which no disk reaches its speed. So a large file that is opened and not
// in the page cache is watched for a moment: a program that begins to read it from the
// front has the rest brought in ahead of it. We do not see its reads; what we see
// (cachestat(2)) is which pages have come. So each window that is asked for leaves a
// gap, and when the gap has been filled, the program has come there.

const (
	aheadFrom   = 8 << 20   // bytes: smaller files are read before we notice
	aheadStart  = 1 << 20   // bytes at the front of the file that make a stream
	aheadWindow = 8 << 20   // bytes asked for first; each further window is twice as large
	aheadMost   = 64 << 20  // bytes: the largest window
	aheadGap    = 256 << 10 // bytes that are left to the program, behind the first quarter of a window
	aheadEvery  = time.Millisecond
	aheadQuiet  = 200 * time.Millisecond // without progress it is no stream
)

// ahead decides what to read ahead in a file. The zero value is at its front.
type ahead struct {
	size   int64
	asked  int64 // up to here, but for the gap
	gap    int64 // where the last window has its gap
	window int64
}

// extent is a range of bytes.
type extent struct{ off, size int64 }

// probe is the range that is in the page cache when the program has come so far that
// the next window is due.
func (a *ahead) probe() extent {
	if a.asked == 0 {
		return extent{0, aheadStart}
	}
	return extent{a.gap, aheadGap}
}

// next returns the next window, in two parts with a gap between them, and notes that
// it was asked for. It returns nil at the end of the file.
func (a *ahead) next() []extent {
	if a.asked == 0 {
		a.asked = aheadStart
	}
	if a.asked >= a.size {
		return nil
	}
	a.window = min(max(2*a.window, aheadWindow), aheadMost)
	from, to := a.asked, min(a.asked+a.window, a.size)
	a.asked = to
	if a.gap = from + a.window/4; a.gap+aheadGap >= to {
		return []extent{{from, to - from}}
	}
	return []extent{{from, a.gap - from}, {a.gap + aheadGap, to - a.gap - aheadGap}}
}

// stream reads ahead of whoever reads the file from the front, until it stops, is
// through, or the volume closes.
func (v *Volume) stream(f *os.File, size int64) {
	if size < aheadFrom {
		return
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return
	}
	if cached(fd, extent{0, size}) > size/2 {
		unix.Close(fd) // it is warm
		return
	}
	go func() {
		defer unix.Close(fd)
		a := ahead{size: size}
		tick := time.NewTicker(aheadEvery)
		defer tick.Stop()
		for idle := time.Duration(0); idle < aheadQuiet && v.ctx.Err() == nil; idle += aheadEvery {
			<-tick.C
			if p := a.probe(); cached(fd, p) < p.size {
				continue
			}
			window := a.next()
			if window == nil {
				return
			}
			for _, e := range window {
				_ = unix.Fadvise(fd, e.off, e.size, unix.FADV_WILLNEED)
			}
			idle = 0
		}
	}()
}

// cached returns how many bytes of a range are in the page cache; 0 where the kernel
// (before 6.5) does not tell.
func cached(fd int, e extent) int64 {
	var st unix.Cachestat_t
	if err := unix.Cachestat(uint(fd), &unix.CachestatRange{Off: uint64(e.off), Len: uint64(e.size)}, &st, 0); err != nil {
		return 0
	}
	return int64(st.Cache) * int64(os.Getpagesize())
}
