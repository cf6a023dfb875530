package volume

import (
	"container/heap"
	"errors"
	"slices"
	"sync"
	"syscall"

	"github.com/rdfs/rdfs/catalog"
)

// Versions of a file are numbered in the order of its saves. As a rule a file has
// one draft at a time, and nothing needs to be done. But when a program saves anew
// before the sealer came to the last save (the store is slow, or fails), several
// drafts are on their way to one file. Then the later ones are parked until the
// earlier ones have ended.

// saves knows the jobs that other jobs have to wait for.
type saves struct {
	// Guarded by sealer.mu.
	of   map[catalog.FileID][]*job // finished saves that no node has any more, oldest first
	live map[catalog.Inode]*job    // of the drafts that nodes have

	mu    sync.Mutex                       // taken last: inside a transaction of the catalog
	moved map[catalog.FileID]catalog.Inode // file -> node whose draft is a save of it, too (Draft.Also)
}

func (s *saves) init() {
	s.of = make(map[catalog.FileID][]*job)
	s.live = make(map[catalog.Inode]*job)
	s.moved = make(map[catalog.FileID]catalog.Inode)
}

// move notes that the draft of i is a save of the file that it left.
func (s *saves) move(f catalog.FileID, i catalog.Inode) {
	s.mu.Lock()
	s.moved[f] = i
	s.mu.Unlock()
}

// finished notes the job of a draft that no node has any more. sealer.mu is held.
func (s *saves) finished(j *job) {
	if s.live[j.n.ino] == j {
		delete(s.live, j.n.ino)
	}
	for _, f := range []catalog.FileID{j.detached.File, j.detached.Also} {
		if f != 0 {
			s.of[f] = append(s.of[f], j)
		}
	}
}

// ended forgets a job. sealer.mu is held.
func (s *saves) ended(j *job) {
	if s.live[j.n.ino] == j {
		delete(s.live, j.n.ino)
	}
	if j.detached == nil {
		return
	}
	for _, f := range []catalog.FileID{j.detached.File, j.detached.Also} {
		list := slices.DeleteFunc(s.of[f], func(x *job) bool { return x == j })
		if s.of[f] = list; len(list) == 0 {
			delete(s.of, f)
		}
	}
}

// before returns a job that has to end before j may make a version of f, or nil.
// sealer.mu is held.
func (s *saves) before(j *job, f catalog.FileID) *job {
	list := s.of[f]
	if k := slices.Index(list, j); k >= 0 {
		list = list[:k]
	}
	for _, e := range slices.Backward(list) {
		if e != j && e.waitFor(j) {
			return e
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, ok := s.moved[f]
	if !ok {
		return nil
	}
	e := s.live[i]
	switch {
	case e == nil:
		delete(s.moved, f)
	case e != j && e.waitFor(j):
		return e
	}
	return nil
}

// waitFor reports whether j may wait for e: not when e waits for j, and not when the
// bytes of e cannot be read.
func (e *job) waitFor(j *job) bool {
	if e.unreadable() {
		return false
	}
	for x := e; x != nil; x = x.after {
		if x == j {
			return false
		}
	}
	return true
}

func (e *job) unreadable() bool {
	return e.tries > 2 && (errors.Is(e.err, syscall.EIO) || errors.Is(e.err, syscall.ENOENT))
}

// inOrder parks those of the jobs, which are running, that have to wait for others,
// and returns the rest.
func (s *sealer) inOrder(jobs []*job) []*job {
	s.mu.Lock()
	s.saves.mu.Lock()
	easy := len(s.saves.of) == 0 && len(s.saves.moved) == 0
	s.saves.mu.Unlock()
	s.mu.Unlock()
	if easy {
		return jobs
	}
	files := make([]catalog.FileID, len(jobs))
	s.v.cat.View(func(tx *catalog.Tx) error {
		for k, j := range jobs {
			if row, err := tx.Node(j.n.ino); err == nil {
				files[k] = row.File
			}
		}
		return nil
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	ready := jobs[:0]
	for k, j := range jobs {
		var e *job
		switch {
		case j.state != jobRunning || j.committed:
		case j.detached == nil:
			e = s.saves.before(j, files[k])
		default:
			if e = s.saves.before(j, j.detached.File); e == nil && j.detached.Also != 0 {
				e = s.saves.before(j, j.detached.Also)
			}
		}
		if e == nil {
			ready = append(ready, j)
			continue
		}
		j.state, j.after = jobParked, e
		e.parked = append(e.parked, j)
		s.running--
		if j.urgent {
			s.hurryLocked(e)
		}
	}
	s.changed.Broadcast()
	return ready
}

// unpark queues the jobs that waited for j. s.mu is held.
func (s *sealer) unpark(j *job) {
	for _, p := range j.parked {
		if p.state == jobParked && p.after == j {
			p.state, p.after = jobQueued, nil
			heap.Push(&s.queue, p)
		}
	}
	j.parked = nil
}
