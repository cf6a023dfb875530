package volume

import (
	"container/heap"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// The workers of the sealer: when they take which jobs off the queue, and at what
// priority they run.

const (
	// A batch waits for the disk four times, whatever it holds: the more small files
	// share one, the more are sealed in a second.
	batchJobs  = 2048
	batchBytes = 16 << 20

	// While programs keep the volume busy a job that is not urgent waits longer
	// than it is due, but not longer than this, and not when many wait.
	maxDelay    = 5 * time.Second
	manyWaiting = 20_000
	busyRate    = 200 // operations a second
)

func (s *sealer) start(workers int) {
	for range workers {
		s.wg.Add(1)
		go func() {
			defer s.wg.Done()
			runtime.LockOSThread() // whose priority is ours
			s.work()
		}()
	}
}

// stop ends the workers after the batch they run. What waits stays a draft.
func (s *sealer) stop() {
	s.mu.Lock()
	s.stopped = true
	s.changed.Broadcast()
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *sealer) work() {
	prio := 0
	for {
		jobs := s.take()
		if jobs == nil {
			return
		}
		if p := s.priority(); p != prio {
			// To go back takes a privilege. Without it sealing stays behind the programs.
			if unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), p) == nil {
				prio = p
			}
		}
		s.run(jobs)
	}
}

// priority returns the nice value that sealing should have: it gives way to the
// programs, until so much waits that they will soon have to wait for it.
func (s *sealer) priority() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.jobs) > maxUnsealed/2 || s.bytes > maxUnsealedBytes/2 {
		return 0
	}
	return 5
}

// take waits for jobs that are ready and returns a batch of them, nil when the
// sealer stops.
func (s *sealer) take() []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	ops, since := s.v.ops.Load(), s.v.now()
	for {
		if s.stopped {
			return nil
		}
		var wait time.Duration
		if len(s.queue) > 0 {
			j, now := s.queue[0], s.v.now()
			wait = j.ready().Sub(now)
			if wait <= 0 && !j.urgent && len(s.queue) < manyWaiting && now.Sub(j.ready()) < maxDelay {
				if span := now.Sub(since); span >= 50*time.Millisecond {
					n := s.v.ops.Load()
					if float64(n-ops) > busyRate*span.Seconds() {
						wait = 100 * time.Millisecond
					}
					ops, since = n, now
				} else {
					wait = 50 * time.Millisecond
				}
			}
			if j.urgent || wait <= 0 {
				return s.batch(now)
			}
		}
		if wait > 0 {
			t := time.AfterFunc(wait, s.wake)
			s.changed.Wait()
			t.Stop()
		} else {
			s.changed.Wait()
		}
	}
}

// batch takes ready jobs off the queue. s.mu is held.
func (s *sealer) batch(now time.Time) (jobs []*job) {
	size := int64(0)
	for len(s.queue) > 0 && len(jobs) < batchJobs {
		j := s.queue[0]
		if !j.urgent && j.ready().After(now) || len(jobs) > 0 && size+j.size > batchBytes {
			break
		}
		heap.Pop(&s.queue)
		j.state = jobRunning
		size += j.size
		jobs = append(jobs, j)
	}
	s.running += len(jobs)
	return jobs
}
