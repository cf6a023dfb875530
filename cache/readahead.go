package cache

import (
	"context"
	"sort"
)

const (
	aheadMin   = 4 << 20  // bytes that are read ahead when a stream is noticed
	aheadMax   = 32 << 20 // bytes that are read ahead of a long stream
	aheadPiece = 4 << 20  // bytes of one call of the source; several run side by side
	aheadSlack = 1 << 20  // readers' requests may overtake each other by this many bytes
	aheadAfter = 2        // reads that went on from where another ended make a stream
	maxStreams = 8        // readers at different places of one file that are told apart
)

// streams notices who reads a file sequentially. The zero value is ready to use.
type streams struct {
	s     [maxStreams]stream
	clock uint64
}

type stream struct {
	next   int64 // where the reader goes on
	asked  int64 // up to here was read ahead
	window int64 // how far to read ahead; 0: not yet
	runs   int   // reads that went on
	used   uint64
}

// advance notes a read of the bytes [off, end) and returns what to read ahead
// because of it; nothing if from == to.
func (s *streams) advance(off, end int64) (from, to int64) {
	s.clock++
	var st *stream
	for i := range s.s {
		t := &s.s[i]
		if t.used != 0 && off >= t.next-aheadSlack && off <= t.next+aheadSlack {
			if st == nil || t.used > st.used {
				st = t
			}
		}
	}
	if st == nil {
		st = &s.s[0]
		for i := range s.s {
			if s.s[i].used < st.used {
				st = &s.s[i]
			}
		}
		*st = stream{next: end, asked: end, used: s.clock}
		return 0, 0
	}
	st.used = s.clock
	if end <= st.next {
		return 0, 0 // the same place again
	}
	st.next = end
	st.asked = max(st.asked, end)
	if st.runs++; st.runs < aheadAfter {
		return 0, 0
	}
	if st.window == 0 {
		st.window = aheadMin
	} else if st.asked-st.next > st.window/2 {
		return 0, 0
	} else {
		st.window = min(2*st.window, aheadMax)
	}
	from, to = st.asked, st.next+st.window
	st.asked = to
	return from, to
}

// readAhead brings what a sequential reader will want next. Its errors reach
// nobody: the reader asks again. The caller holds f.mu.
func (f *fill) readAhead(ctx context.Context, off, end int64) {
	from, to := f.streams.advance(off, end)
	to = min(to, f.m.Size)
	for from < to {
		lo := sort.Search(len(f.m.Chunks), func(i int) bool { return f.offs[i+1] > from })
		hi := lo + 1
		for hi < len(f.m.Chunks) && f.offs[hi] < to && f.offs[hi]-f.offs[lo] < aheadPiece {
			hi++
		}
		f.start(ctx, lo, hi, true)
		from = f.offs[hi]
	}
}
