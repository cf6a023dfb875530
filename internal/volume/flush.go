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

// Sync returns when everything that was closed before is sealed, the catalog is durable,
// and each pack has the copies that are asked for. path limits the sealing to one file,
// or is "" or a directory for all.
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
	v.awaitReleases(ctx)
	if err := v.sealer.flush(ctx, only, progress); err != nil {
		return err
	}
	if err := v.cat.Sync(ctx); err != nil {
		return err
	}
	v.store.Retry()
	left, err := v.carry(ctx, progress)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%d packs lack copies: %w", left, err)
	}
	return err
}

// Flush returns when everything that was closed before is sealed, and the catalog is
// durable. Copies that are still to be made wait in the catalog.
func (v *Volume) Flush(ctx context.Context, progress func(Progress)) error {
	v.awaitReleases(ctx)
	if err := v.sealer.flush(ctx, 0, progress); err != nil {
		return err
	}
	return v.cat.Sync(ctx)
}

// draftKey names a draft.
type draftKey struct {
	ino catalog.Inode
	gen uint32
}

// flush hurries the jobs that there are now, of one inode or of all (0), and waits
// until each has ended or failed. The saves of the inode's file that come before what
// it holds belong to it.
func (s *sealer) flush(ctx context.Context, only catalog.Inode, progress func(Progress)) error {
	if only == 0 {
		return s.await(ctx, func(*job) bool { return true }, progress)
	}
	var file catalog.FileID
	s.v.cat.View(func(tx *catalog.Tx) error {
		if row, err := tx.Node(only); err == nil {
			file = row.File
		}
		return nil
	})
	earlier := s.v.waiting(file)
	return s.await(ctx, func(j *job) bool { return j.n.ino == only || earlier[draftKey{j.n.ino, j.gen}] }, progress)
}

// flushFile does so for the saves of a file that no node need hold.
func (s *sealer) flushFile(ctx context.Context, f catalog.FileID) error {
	saves := s.v.waiting(f)
	if len(saves) == 0 {
		return nil
	}
	return s.await(ctx, func(j *job) bool { return saves[draftKey{j.n.ino, j.gen}] }, nil)
}

// waiting returns the drafts that are finished saves of a file.
func (v *Volume) waiting(f catalog.FileID) map[draftKey]bool {
	drafts := make(map[draftKey]bool)
	v.cat.View(func(tx *catalog.Tx) error {
		return tx.Saves(f, func(s *catalog.Save) bool {
			drafts[draftKey{s.Inode, s.Gen}] = true
			return true
		})
	})
	return drafts
}

// await hurries jobs and waits until each has ended, or one has failed. Poisoned drafts
// fail for ever: the others do not suffer for it, and errPoisoned tells of them at the end.
func (s *sealer) await(ctx context.Context, which func(*job) bool, progress func(Progress)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer context.AfterFunc(ctx, s.wake)()
	waiting := make(map[*job]int)
	for j := range s.jobs {
		if which(j) {
			waiting[j] = j.tries
			s.setMapped(j, false)
			s.hurryLocked(j)
		}
	}
	s.changed.Broadcast()
	total := len(waiting)
	var poisoned error
	for {
		var failed error
		for j, tries := range waiting {
			switch {
			case j.state == jobEnded:
				delete(waiting, j)
			case j.mapped:
				delete(waiting, j) // still in use, as if it were open
			case j.tries > tries && errors.Is(j.err, errPoisoned):
				delete(waiting, j)
				poisoned = fmt.Errorf("seal %s: %w", j.path, j.err)
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
			return poisoned
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
