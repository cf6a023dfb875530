package volume

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
)

// job is one draft on its way to become a version. It is in the queue, or run by a
// worker, or ended; it ends once.
type job struct {
	n    *node // acquired
	path string
	gen  uint32
	size int64 // bytes of the content
	disk int64 // bytes that the draft takes on the disk: less, when it has holes

	done chan struct{} // closed when the job has ended, whether it was sealed or dropped

	// manifest and committed belong to the worker that runs the job. A committed job
	// only waits for the catalog to be durable.
	manifest  blob.Manifest
	pristine  bool // the draft was not written to: it is put back
	committed bool

	// due is when the draft will have been quiet long enough. It does not change
	// while the job belongs to a node.
	due time.Time

	// Guarded by sealer.mu.
	state    jobState
	urgent   bool
	retry    time.Time      // not before
	tries    int            // that failed
	err      error          // of the last try
	mapped   bool           // the last try found the draft mapped for writing
	detached *catalog.Draft // set when the node has gone on without this draft
	index    int            // in the heap
}

type jobState int

const (
	jobQueued jobState = iota
	jobRunning
	jobDropped // nobody wants the result any more
	jobEnded
)

// Bounds of what may wait to be sealed. Beyond them a program that makes a file or
// opens one for writing waits. Bytes are those on the disk: holes take no room. Drafts
// that a program has mapped do not count, nobody could end the wait but that program.
const (
	maxUnsealed      = 100_000
	maxUnsealedBytes = 16 << 30
)

// sealer holds the queue of jobs and the workers that run them.
type sealer struct {
	v *Volume

	mu      sync.Mutex
	changed *sync.Cond // a job was added, hurried, ended or failed; or the sealer stops
	queue   jobHeap
	jobs    map[*job]struct{} // queued and running
	bytes   int64             // of these
	load    load              // of these, but for mapped ones
	limit   load              // of the load
	running int
	stopped bool
	slow    map[catalog.FileID]time.Duration // how long the last seal took, if long

	// live has the jobs of drafts that nodes have. Its lock is taken last: inside a
	// transaction of the catalog, too.
	liveMu sync.Mutex
	live   map[catalog.Inode]*job

	wg sync.WaitGroup
}

// load is what can be sealed and is not yet.
type load struct {
	jobs int
	disk int64 // bytes
}

func (l load) reached(limit load) bool { return l.jobs >= limit.jobs || l.disk >= limit.disk }

func newSealer(v *Volume) *sealer {
	s := &sealer{v: v, limit: load{maxUnsealed, maxUnsealedBytes}, jobs: make(map[*job]struct{}),
		slow: make(map[catalog.FileID]time.Duration), live: make(map[catalog.Inode]*job)}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *sealer) setLive(j *job) {
	s.liveMu.Lock()
	s.live[j.n.ino] = j
	s.liveMu.Unlock()
}

func (s *sealer) notLive(j *job) {
	s.liveMu.Lock()
	if s.live[j.n.ino] == j {
		delete(s.live, j.n.ino)
	}
	s.liveMu.Unlock()
}

// rested reports whether the draft of a node has been closed and quiet long enough to
// be a version, as isVersion does, without the node's lock.
func (s *sealer) rested(i catalog.Inode) bool {
	s.liveMu.Lock()
	defer s.liveMu.Unlock()
	j := s.live[i]
	return j != nil && !s.v.now().Before(j.due)
}

// schedule queues the draft of n, whose last writer has just gone. n.mu is held.
func (s *sealer) schedule(n *node, row *catalog.Node) {
	s.mu.Lock()
	rest := s.v.quiet(s.slow[row.File])
	s.mu.Unlock()
	j := s.newJob(n.ino, n.draft, n.gen, row.Size, s.v.now().Add(rest))
	j.disk = n.seen.disk()
	n.job = j
	s.add(j)
}

// addDetached queues a draft that no node has any more.
func (s *sealer) addDetached(d *catalog.Draft) {
	path := s.v.drafts.path(d.Inode, d.Gen)
	j := s.newJob(d.Inode, path, d.Gen, 0, s.v.now())
	j.detached = d
	s.add(j)
}

func (s *sealer) newJob(i catalog.Inode, path string, gen uint32, size int64, due time.Time) *job {
	return &job{n: s.v.nodes.acquire(i), path: path, gen: gen, size: size, due: due, done: make(chan struct{})}
}

func (s *sealer) add(j *job) {
	s.mu.Lock()
	s.jobs[j] = struct{}{}
	s.bytes += j.size
	s.load.add(j, 1)
	if j.detached == nil {
		s.setLive(j)
	}
	heap.Push(&s.queue, j)
	s.changed.Broadcast()
	s.mu.Unlock()
}

// add counts a job, by 1, or no more, by -1.
func (l *load) add(j *job, by int) {
	l.jobs += by
	l.disk += int64(by) * j.disk
}

// setMapped notes whether the draft of j is mapped for writing. s.mu is held.
func (s *sealer) setMapped(j *job, mapped bool) {
	switch {
	case mapped && !j.mapped:
		s.load.add(j, -1)
	case !mapped && j.mapped:
		s.load.add(j, 1)
	}
	j.mapped = mapped
}

// detach makes the job one of a draft that no node has any more. The node's mu is held.
func (s *sealer) detach(j *job, d *catalog.Draft) {
	s.mu.Lock()
	j.detached = d
	s.notLive(j)
	s.mu.Unlock()
}

// drop ends a job whose result nobody wants; a running one ends soon.
func (s *sealer) drop(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notLive(j)
	switch j.state {
	case jobQueued:
		heap.Remove(&s.queue, j.index)
		s.end(j)
	case jobRunning:
		j.state = jobDropped
	}
}

// end takes the job out of the books. s.mu is held.
func (s *sealer) end(j *job) {
	j.state = jobEnded
	delete(s.jobs, j)
	s.notLive(j)
	s.bytes -= j.size
	if !j.mapped {
		s.load.add(j, -1)
	}
	close(j.done)
	s.changed.Broadcast()
	s.v.nodes.release(j.n)
}

// hurry puts a job in front.
func (s *sealer) hurry(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hurryLocked(j)
	s.changed.Broadcast()
}

func (s *sealer) hurryLocked(j *job) {
	j.urgent, j.retry = true, time.Time{}
	if j.state == jobQueued {
		heap.Fix(&s.queue, j.index)
	}
}

// admit waits while too much is unsealed. No lock may be held.
func (s *sealer) admit(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.load.reached(s.limit) {
		return nil
	}
	defer context.AfterFunc(ctx, s.wake)()
	for s.load.reached(s.limit) && !s.stopped {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.changed.Wait()
	}
	return nil
}

func (s *sealer) wake() {
	s.mu.Lock()
	s.changed.Broadcast()
	s.mu.Unlock()
}

// running reports whether a worker has the job.
func (j *job) running(s *sealer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return j.state == jobRunning
}

// jobHeap orders jobs: urgent ones first, then by the time they are due.
type jobHeap []*job

func (h jobHeap) Len() int { return len(h) }
func (h jobHeap) Less(a, b int) bool {
	if h[a].urgent != h[b].urgent {
		return h[a].urgent
	}
	return h[a].ready().Before(h[b].ready())
}
func (h jobHeap) Swap(a, b int) {
	h[a], h[b] = h[b], h[a]
	h[a].index, h[b].index = a, b
}
func (h *jobHeap) Push(x any) {
	j := x.(*job)
	j.index = len(*h)
	*h = append(*h, j)
}
func (h *jobHeap) Pop() any {
	old := *h
	j := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return j
}

// ready returns when the job may run.
func (j *job) ready() time.Time {
	if j.retry.After(j.due) {
		return j.retry
	}
	return j.due
}
