package volume

import "testing"

// A program that waits for the sealer must not wait for one that gives way to others.
func TestSealingGivesWayUntilProgramsWouldWait(t *testing.T) {
	r := newRig(t)
	s := r.v.sealer
	for _, c := range []struct {
		bytes int64
		want  int
	}{{0, 5}, {maxUnsealedBytes / 2, 5}, {maxUnsealedBytes/2 + 1, 0}} {
		s.mu.Lock()
		was := s.bytes
		s.bytes = c.bytes
		s.mu.Unlock()
		if got := s.priority(); got != c.want {
			t.Errorf("%d bytes wait: nice %d, want %d", c.bytes, got, c.want)
		}
		s.mu.Lock()
		s.bytes = was
		s.mu.Unlock()
	}
}
