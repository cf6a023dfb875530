package volume

import (
	"container/heap"
	"context"
	"errors"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/draft"
)

// errMapped: a program has the draft mapped for writing.
var errMapped = errors.New("a program has the file mapped into its memory")

// mapped reports whether a program still writes to the draft f, open for reading,
// though no handle is left. With passthrough a mapping belongs to the backing file,
// and outlives the Release of the handle that it was made with; and the kernel lets
// the backing file of a handle go a moment after its Release.
func (v *Volume) mapped(f *os.File) bool {
	for wait := time.Millisecond; ; wait *= 2 {
		busy, err := leaseRefused(f)
		if err != nil || !busy {
			return false // no leases on this filesystem: fstat has to tell
		}
		if wait > 16*time.Millisecond {
			return true
		}
		select {
		case <-time.After(wait):
		case <-v.ctx.Done():
			return true
		}
	}
}

// sealed is what became of the bytes of one job.
type sealed struct {
	*job
	known  bool   // the content was stored before
	header []byte // what the content is; nil: that is known, or the draft is empty
	feed   *feed  // what it says as a sidecar, or its sidecar says; nil: nothing
	swept  uint64 // Volume.swept when it was begun
	took   time.Duration
	err    error
}

// putHeader records what the content is.
func (w *sealed) putHeader(tx *catalog.Tx) {
	if w.header != nil {
		tx.PutHeader(w.manifest.ID, w.header)
	}
}

// errWriter: the draft changed while it was sealed.
var errWriter = errors.New("the file is being written to")

// errSwept: what the save counted on was collected as garbage meanwhile.
var errSwept = errors.New("chunks that were stored before are gone")

// intact returns errSwept if a part of what was sealed is stored no more. Nothing can
// be while Volume.swept is what it was before the first part was looked for.
func (v *Volume) intact(tx *catalog.Tx, w *sealed) error {
	if v.swept.Load() == w.swept || w.manifest.Size == 0 {
		return nil
	}
	if len(w.manifest.Chunks) == 0 && !tx.HasContent(w.manifest.ID) {
		return errSwept
	}
	for _, c := range w.manifest.Chunks {
		if !tx.HasChunk(c.ID) {
			return errSwept
		}
	}
	return nil
}

// run seals a batch: bytes into packs, packs durable, then the catalog.
func (s *sealer) run(jobs []*job) {
	v := s.v
	defer func() {
		s.mu.Lock()
		s.running -= len(jobs)
		s.mu.Unlock()
	}()
	v.packing.begin()
	defer v.packing.end()
	work := s.store(jobs)
	if size, full := noSpace(work); full && v.cache.MakeRoom(v.ctx, "sealing", size) {
		work = s.store(jobs)
	}
	committed := work[:0]
	for _, w := range work {
		if w.err == nil && !w.committed {
			w.err = s.commit(w)
			w.committed = w.err == nil
			if w.committed {
				w.feed.done(v)
			}
		}
		if w.err != nil {
			s.failed(w)
			continue
		}
		committed = append(committed, w)
	}
	// Only now may the drafts leave their directory: until the group is durable they
	// are what recovery would seal again.
	if err := v.cat.Sync(context.WithoutCancel(v.ctx)); err != nil {
		for _, w := range committed {
			w.err = err
			s.failed(w)
		}
		return
	}
	for _, w := range committed {
		s.settle(w)
	}
}

// store brings the bytes of jobs into the tier.
func (s *sealer) store(jobs []*job) []*sealed {
	v := s.v
	b := v.pipe.Begin()
	defer b.Discard()
	work := make([]*sealed, 0, len(jobs))
	swept := v.swept.Load()
	for _, j := range jobs {
		w := &sealed{job: j, swept: swept}
		work = append(work, w)
		if j.committed {
			w.known = true
			continue
		}
		start := v.now()
		w.manifest, w.known, w.err = s.read(b, w)
		w.took = v.now().Sub(start)
	}
	stored, err := b.Finish(v.ctx)
	if err == nil {
		err = v.recordPacks(&stored)
	}
	if err != nil {
		for _, w := range work {
			if w.err == nil && !w.known {
				w.err = err
			}
		}
	}
	return work
}

// noSpace reports whether a full disk is why something could not be stored, and how
// many bytes that was.
func noSpace(work []*sealed) (size int64, full bool) {
	for _, w := range work {
		if errors.Is(w.err, syscall.ENOSPC) {
			full = true
			size += w.size
		}
	}
	return size, full
}

// read brings the bytes of a draft into the batch.
func (s *sealer) read(b *draft.Batch, w *sealed) (m blob.Manifest, known bool, err error) {
	j := w.job
	still := func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if j.state == jobDropped {
			return errWriter
		}
		return nil
	}
	if err := still(); err != nil {
		return m, false, err
	}
	f, err := openFile(j.path, os.O_RDONLY)
	if err != nil {
		return m, false, err
	}
	defer f.Close()
	before, err := fstat(f)
	if err != nil {
		return m, false, err
	}
	if s.v.mapped(f) {
		return m, false, errMapped
	}
	key, err := s.v.keyOf(j)
	if err != nil {
		return m, false, err
	}
	b.Use(key)
	j.n.mu.Lock()
	c, seen := j.n.copied, j.n.seen
	mine := j.n.job == j
	j.pristine = mine && j.n.pristine && before.same(seen)
	j.n.mu.Unlock()
	if err := s.v.drafts.failure(j.path); err != nil {
		return m, false, err
	}
	if j.pristine {
		return m, true, nil
	}
	if mine && !c.content.IsZero() && c.stamp == before && c.size == before.size && s.v.sealedUnder(c.content, key) {
		w.feed = s.v.readFeed(w, f, c.size)
		return blob.Manifest{ID: c.content, Size: c.size}, true, nil
	}
	m, err = b.Add(s.v.ctx, f, before.size, still)
	if err != nil {
		return m, false, err
	}
	w.header = s.v.readHeader(f, &m)
	w.feed = s.v.readFeed(w, f, m.Size)
	after, err := fstat(f)
	if err == nil && after != before {
		err = errWriter
	}
	return m, false, err
}

// recordPacks makes the packs and their chunks known.
func (v *Volume) recordPacks(stored *draft.Stored) error {
	for _, p := range stored.Packs {
		err := v.cat.Update(func(tx *catalog.Tx) error {
			v.newPack(tx, catalog.Pack{ID: p.ID, Size: p.Size, Chunks: p.Chunks, Sum: p.Sum})
			return nil
		})
		if err != nil {
			return err
		}
	}
	const step = 2000
	for rest := stored.Chunks; len(rest) > 0; {
		part := rest[:min(step, len(rest))]
		rest = rest[len(part):]
		err := v.cat.Update(func(tx *catalog.Tx) error {
			for _, c := range part {
				tx.PutChunk(c.ID, c.Location)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, p := range stored.Packs {
		v.packing.drop(p.ID)
	}
	v.copies.wake()
	return nil
}

// commit makes the sealed bytes a version in the catalog.
func (s *sealer) commit(w *sealed) error {
	v, n := s.v, w.n
	n.mu.Lock()
	defer n.mu.Unlock()
	s.mu.Lock()
	d := w.detached
	s.mu.Unlock()
	if d != nil {
		return v.cat.Update(func(tx *catalog.Tx) error {
			if w.pristine { // so it was when it was read, and not when the node let it go
				return errWriter
			}
			if err := v.intact(tx, w); err != nil {
				return err
			}
			tx.PutContent(&w.manifest)
			w.putHeader(tx)
			// The files whose paths it left had it first.
			for _, f := range append(slices.Clone(d.Also), d.File) {
				v.recordAt(tx, v.sealedSave(d, f, &w.manifest, d.Mtime), 0, d.Inode, d.Gen)
			}
			tx.DeleteDraft(d.Inode, d.Gen)
			return nil
		})
	}
	if n.job != w.job || n.writers > 0 {
		return errWriter
	}
	if w.pristine {
		row, err := v.row(n)
		w.manifest = blob.Manifest{ID: row.Content, Size: row.Size}
		return errors.Join(err, v.putBack(n))
	}
	_, err := v.modify(n, func(tx *catalog.Tx, row *catalog.Node) error {
		if row.Gen != w.gen {
			return errWriter
		}
		if tx == nil { // it lost its name, and would have dropped the job
			return errWriter
		}
		d, err := tx.Draft(n.ino, w.gen)
		if err != nil {
			return notExist(err)
		}
		if err := v.intact(tx, w); err != nil {
			return err
		}
		tx.PutContent(&w.manifest)
		w.putHeader(tx)
		for _, f := range d.Also {
			v.recordAt(tx, v.sealedSave(&d, f, &w.manifest, row.Mtime), 0, n.ino, w.gen)
		}
		// The content may be the row's old one and still new to the file: the node may
		// have been moved over another since.
		row.Seq = v.record(tx, v.sealedSave(&d, row.File, &w.manifest, row.Mtime), row.Seq)
		row.Content, row.Size, row.Gen = w.manifest.ID, w.manifest.Size, 0
		tx.DeleteDraft(n.ino, w.gen)
		if w.feed != nil {
			w.feed.apply(v, tx, n.ino, row, Caller{UID: d.UID, GID: d.GID, Program: d.Program})
		}
		return nil
	})
	return err
}

// settle moves the file of a sealed draft to where it belongs now.
func (s *sealer) settle(w *sealed) {
	v, n := s.v, w.n
	n.mu.Lock()
	defer n.mu.Unlock()
	s.mu.Lock()
	detached := w.detached != nil
	s.mu.Unlock()
	switch {
	case detached, n.job != w.job:
		if row, err := v.row(n); err == nil && row.Gen == 0 && n.draft == w.path {
			n.draft, n.gen = "", 0 // it lost its name and is open: its bytes are sealed
		}
		v.removeLater(w.path)
	default:
		n.job = nil
		if n.writers > 0 || n.draft != w.path {
			break
		}
		n.draft, n.gen, n.copied = "", 0, copied{}
		if w.manifest.Size == 0 && n.opens == 0 {
			v.removeLater(w.path)
			break
		}
		if err := v.cache.Adopt(liveKey(n.ino), w.manifest.ID, w.manifest.Size, w.path); err != nil {
			v.log.Warn("a sealed file could not be moved into the cache; it is fetched when it is needed", "path", w.path, "err", err)
			v.removeLater(w.path)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.took > v.o.SealAfter && w.detached == nil {
		if row, err := v.row(n); err == nil {
			if len(s.slow) >= 10_000 {
				clear(s.slow)
			}
			s.slow[row.File] = w.took
		}
	}
	s.end(w.job)
}

// failed ends a job that nobody wants any more, and queues others again.
func (s *sealer) failed(w *sealed) {
	w.n.mu.Lock()
	defer w.n.mu.Unlock()
	if s.again(w) {
		return
	}
	// Its bytes cannot be read, and perhaps never will be: the saves after it do not
	// wait for it any more.
	err := s.v.cat.Update(func(tx *catalog.Tx) error {
		if d, err := tx.Draft(w.n.ino, w.gen); err == nil {
			dropSaves(tx, &d)
		}
		return nil
	})
	if err != nil {
		s.v.log.Error("the saves after a draft that cannot be read wait", "path", w.path, "err", err)
	}
}

// again queues a job that failed once more, unless nobody wants it any more. It
// returns false when the draft could not be read several times. The node's mu is held.
func (s *sealer) again(w *sealed) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.state == jobDropped || w.detached == nil && w.n.job != w.job {
		s.end(w.job)
		return true
	}
	s.setMapped(w.job, errors.Is(w.err, errMapped))
	if w.mapped || errors.Is(w.err, errWriter) || errors.Is(w.err, errSwept) { // without a handle of ours: it is sealed when it is quiet
		w.state, w.urgent = jobQueued, w.urgent && !w.mapped
		w.retry = s.v.now().Add(min(s.v.o.SealAfter, time.Second))
		heap.Push(&s.queue, w.job)
		s.changed.Broadcast()
		return true
	}
	w.tries++
	w.job.err = w.err
	w.urgent = false
	w.state = jobQueued
	w.retry = s.v.now().Add(min(time.Second<<min(w.tries-1, 5), 30*time.Second))
	heap.Push(&s.queue, w.job)
	s.changed.Broadcast()
	s.v.log.Error("sealing failed, the draft is kept and tried again", "path", w.path, "inode", w.n.ino, "try", w.tries, "err", w.err)
	return w.tries <= 2 || !errors.Is(w.err, syscall.EIO) && !errors.Is(w.err, syscall.ENOENT)
}
