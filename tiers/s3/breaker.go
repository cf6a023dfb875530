package s3

import (
	"sync"
	"time"
)

// breaker lets calls fail at once while the server fails again and again. It opens
// after breakAfter failures in a row; then one call at a time is let through, after
// pauses that double from breakFor to breakMost, until one succeeds. The zero value
// is closed and ready to use.
type breaker struct {
	mu     sync.Mutex
	failed int           // in a row
	pause  time.Duration // before the next trial; 0: closed
	until  time.Time     // of the pause
	trial  bool          // a call is trying
	last   error
}

const (
	breakAfter = 8
	breakFor   = time.Second
	breakMost  = 30 * time.Second
)

// enter reports whether a call may go to the server. After true, exactly one of
// succeeded, failure and left must follow; after false, err says why.
func (b *breaker) enter(now time.Time) (ok bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pause == 0 {
		return true, nil
	}
	if b.trial || now.Before(b.until) {
		return false, b.last
	}
	b.trial = true
	return true, nil
}

// succeeded: the server answered.
func (b *breaker) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed, b.pause, b.trial, b.last = 0, 0, false, nil
}

// failure: the server could not be reached, or could not serve.
func (b *breaker) failure(now time.Time, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed++
	b.trial, b.last = false, err
	if b.failed < breakAfter {
		return
	}
	b.pause = min(max(2*b.pause, breakFor), breakMost)
	b.until = now.Add(b.pause)
}

// left: the caller went away, and nothing is known of the server.
func (b *breaker) left() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trial = false
}
