package volume

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rdfs/rdfs/catalog"
)

// manyFlushed is the number of jobs from which on flush looks at them now and then,
// not whenever one ends.
const manyFlushed = 100

// Sync returns when everything that was closed before is sealed, and the catalog
// is durable. path limits it to one file, or is "" or a directory for all.
func (v *Volume) Sync(ctx context.Context, path string, progress func(Progress)) error {
	var only catalog.Inode
	if path != "" {
		i, a, err := v.Resolve(path)
		if err != nil {
			return err
		}
		if a.IsRegular() {
			only = i
		}
	}
	if err := v.sealer.flush(ctx, only, progress); err != nil {
		return err
	}
	return v.cat.Sync(ctx)
}

// flush hurries the jobs that there are now, of one inode or of all (0), and waits
// until each has ended or failed.
func (s *sealer) flush(ctx context.Context, only catalog.Inode, progress func(Progress)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer context.AfterFunc(ctx, s.wake)()
	waiting := make(map[*job]int)
	for j := range s.jobs {
		if only == 0 || j.n.ino == only {
			waiting[j] = j.tries
			j.mapped = false
			s.hurryLocked(j)
		}
	}
	s.changed.Broadcast()
	total := len(waiting)
	for {
		var failed error
		for j, tries := range waiting {
			if e := j.after; e != nil {
				if _, ok := waiting[e]; !ok { // of another inode
					waiting[e] = e.tries
					s.hurryLocked(e)
				}
			}
			switch {
			case j.state == jobEnded:
				delete(waiting, j)
			case j.mapped:
				delete(waiting, j) // still in use, as if it were open
			case j.tries > tries:
				failed = fmt.Errorf("seal %s: %w", j.path, j.err)
			}
		}
		if progress != nil {
			s.mu.Unlock()
			progress(Progress{Phase: "sealing", Done: int64(total - len(waiting)), Total: int64(total), Unit: "files"})
			s.mu.Lock()
		}
		switch {
		case len(waiting) == 0:
			return nil
		case failed != nil:
			return failed
		case ctx.Err() != nil:
			return ctx.Err()
		case s.stopped:
			return errors.New("the volume is closing")
		}
		ended := false
		for j := range waiting {
			ended = ended || j.state == jobEnded || j.mapped
		}
		switch {
		case len(waiting) > manyFlushed: // looking at all of them at each end of one would be quadratic
			s.mu.Unlock()
			time.Sleep(10 * time.Millisecond)
			s.mu.Lock()
		case !ended:
			s.changed.Wait()
		}
	}
}
