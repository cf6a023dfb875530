package volume

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
)

// recover takes up the drafts that the last run left: what the catalog calls a
// draft is sealed, what it does not know is looked at.
func (v *Volume) recover() error {
	files, strange, err := v.drafts.list()
	if err != nil {
		return err
	}
	for _, path := range strange {
		v.log.Warn("a file in the drafts directory is not a draft; it is left alone", "path", path)
	}
	onDisk := make(map[draftKey]draftFile, len(files))
	for _, f := range files {
		if f.failed {
			v.drafts.failedBefore(f.path)
		} else {
			onDisk[draftKey{f.ino, f.gen}] = f
		}
	}
	for _, f := range files {
		if _, ok := onDisk[draftKey{f.ino, f.gen}]; f.failed && !ok {
			v.drafts.pardon(f.path)
		}
	}
	var drafts []catalog.Draft
	err = v.cat.View(func(tx *catalog.Tx) error {
		return tx.Drafts(0, 0, func(d *catalog.Draft) bool { drafts = append(drafts, *d); return true })
	})
	if err != nil {
		return err
	}
	for k := range drafts {
		d := &drafts[k]
		f, ok := onDisk[draftKey{d.Inode, d.Gen}]
		delete(onDisk, draftKey{d.Inode, d.Gen})
		if err := v.takeUp(d, f, ok); err != nil {
			return err
		}
	}
	for _, f := range onDisk {
		if err := v.unknownDraft(f); err != nil {
			return err
		}
	}
	if len(files) > 0 {
		return v.cat.Sync(v.ctx)
	}
	return nil
}

// takeUp continues with a draft that the catalog knows.
func (v *Volume) takeUp(d *catalog.Draft, f draftFile, found bool) error {
	var row catalog.Node
	err := v.cat.View(func(tx *catalog.Tx) (err error) { row, err = tx.Node(d.Inode); return err })
	current := err == nil && row.Gen == d.Gen
	if err != nil && !errors.Is(err, catalog.ErrNotExist) {
		return err
	}
	if !current && !d.Detached {
		v.log.Warn("a draft that no file refers to is dropped", "inode", d.Inode, "gen", d.Gen)
		if found {
			v.drafts.remove(f.path)
		}
		return v.cat.Update(func(tx *catalog.Tx) error { deleteDraft(tx, d.Inode, d.Gen); return nil })
	}
	if !found {
		return v.lostDraft(d, &row, current)
	}
	if f, err = v.ours(f); err != nil {
		return err
	}
	if d.Detached {
		if f.gen != d.Gen {
			err := v.cat.Update(func(tx *catalog.Tx) error {
				renameDraft(tx, d, f.gen)
				return nil
			})
			if err != nil {
				return err
			}
		}
		v.sealer.addDetached(d)
		return nil
	}
	var st unix.Stat_t
	if err := unix.Stat(f.path, &st); err != nil {
		return &os.PathError{Op: "stat", Path: f.path, Err: err}
	}
	return v.adoptDraft(d, f, stampOf(&st))
}

// adoptDraft makes the file the draft of its node and queues it. Size and time are
// those of the file: the kernel wrote to it without telling us.
func (v *Volume) adoptDraft(d *catalog.Draft, f draftFile, s stamp) error {
	n := v.nodes.acquire(d.Inode)
	defer v.nodes.release(n)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.draft, n.gen, n.seen = f.path, f.gen, s
	row, err := v.modify(n, func(tx *catalog.Tx, row *catalog.Node) error {
		if f.gen != d.Gen || row.Gen != f.gen {
			renameDraft(tx, d, f.gen)
			row.Gen, row.LastGen = f.gen, max(row.LastGen, f.gen)
		}
		// A time after the row's last change is that of a write which nobody was told
		// of; an earlier one may be the cache's stamp, or one that a program set.
		if s.size != row.Size || s.mtime > row.Ctime {
			row.Size = s.size
			row.Mtime = max(row.Mtime, s.mtime)
			row.Ctime = max(row.Ctime, row.Mtime)
		}
		if row.Keep != catalog.KeepData { // perhaps the scheme is another one now
			row.Keep = v.keepNow(tx, n.ino, row)
		}
		return nil
	})
	if err != nil {
		return err
	}
	v.queue(n, &row)
	return nil
}

// renameDraft gives a draft another generation.
func renameDraft(tx *catalog.Tx, d *catalog.Draft, gen uint32) {
	tx.DeleteDraft(d.Inode, d.Gen)
	for _, f := range append(slices.Clone(d.Also), d.File) {
		moveSaves(tx, f, d.Inode, d.Gen, gen)
	}
	d.Gen = gen
	tx.PutDraft(d)
}

// ours returns a file that nobody else writes to: a program that had the draft open
// through the kernel goes on writing to it after the volume has died. The file is
// left to such a program, and a copy taken.
func (v *Volume) ours(f draftFile) (draftFile, error) {
	busy, err := hasWriters(f.path)
	if err != nil || !busy {
		return f, err
	}
	c := f
	for c.path == f.path || exists(c.path) {
		c.gen++
		c.path = v.drafts.path(c.ino, c.gen)
	}
	v.log.Warn("a program that outlived the last mount still writes to a draft; what it has written by now is kept, what it writes from now on is not", "draft", f.path)
	if err := copyFile(f.path, c.path); err != nil {
		return f, fmt.Errorf("copy draft %s, which is still being written to: %w", f.path, err)
	}
	if v.drafts.failure(f.path) != nil {
		v.drafts.failedBefore(c.path)
	}
	v.drafts.remove(f.path)
	return c, nil
}

// hasWriters reports whether any process has the file open for writing: only then
// a read lease is refused with EAGAIN (fcntl(2), F_SETLEASE).
func hasWriters(path string) (bool, error) {
	f, err := openFile(path, os.O_RDONLY)
	if err != nil {
		return false, err
	}
	defer f.Close()
	busy, err := leaseRefused(f)
	return busy || err != nil, nil // a filesystem without leases: take no risk
}

// leaseRefused reports whether the kernel refuses a read lease on f, which is open
// for reading: it does when any process has the file open, or mapped, for writing.
func leaseRefused(f *os.File) (bool, error) {
	_, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
	switch err {
	case nil:
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
		return false, err
	case unix.EAGAIN:
		return true, nil
	}
	return false, err
}

// lostDraft deals with a draft whose file is gone. A file that was made just before
// the power failed, and neither closed nor synced, may be known to the catalog and not
// to the disk; then it is empty. Otherwise somebody removed it: its bytes were durable
// before the catalog told its size.
func (v *Volume) lostDraft(d *catalog.Draft, row *catalog.Node, current bool) error {
	path := v.drafts.path(d.Inode, d.Gen)
	if current && row.Content.IsZero() && row.Size == 0 && v.o.LastStop == StopUnknown {
		f, err := v.drafts.create(d.Inode, d.Gen)
		if err != nil {
			return err
		}
		defer f.Close()
		s, err := fstat(f)
		if err != nil {
			return err
		}
		v.log.Warn("a new file was not on the disk yet when the power failed; it is empty", "inode", d.Inode)
		return v.adoptDraft(d, draftFile{ino: d.Inode, gen: d.Gen, path: path}, s)
	}
	v.log.Error("a draft is missing; the file falls back to its last sealed version", "draft", path, "inode", d.Inode)
	return v.cat.Update(func(tx *catalog.Tx) error {
		if !current {
			deleteDraft(tx, d.Inode, d.Gen)
			return nil
		}
		if row.Content.IsZero() {
			dropSaves(tx, d)
			return nil // nothing to fall back to: opening it says ErrLost, check reports it
		}
		deleteDraft(tx, d.Inode, d.Gen)
		row, err := tx.Node(d.Inode) // what waited for the draft has its number now
		if err != nil {
			return notExist(err)
		}
		row.Gen = 0
		if ver, err := tx.Version(row.File, row.Seq); err == nil {
			row.Size, row.Mtime = ver.Size, ver.Mtime
		} else if m, err := tx.Content(row.Content); err == nil {
			row.Size = m.Size
		}
		tx.PutNode(d.Inode, &row)
		return nil
	})
}

// unknownDraft deals with a file that the catalog does not call a draft. Either its
// node does not exist: then its making or its removal was the last thing that
// happened. Or the file is of a generation that is over. Or it is newer than all that
// the catalog knows: a program had just opened the sealed file for writing.
func (v *Volume) unknownDraft(f draftFile) error {
	var row catalog.Node
	err := v.cat.View(func(tx *catalog.Tx) (err error) { row, err = tx.Node(f.ino); return err })
	if errors.Is(err, catalog.ErrNotExist) || err == nil && (row.Gen != 0 || !row.IsRegular()) {
		return v.drafts.remove(f.path)
	}
	if err != nil {
		return err
	}
	if f, err = v.ours(f); err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Stat(f.path, &st); err != nil {
		return &os.PathError{Op: "stat", Path: f.path, Err: err}
	}
	same, err := v.fileHolds(f.path, row.Content, row.Size)
	if err != nil {
		return err
	}
	if !same && f.gen <= row.LastGen {
		return v.drafts.remove(f.path)
	}
	if same {
		if err := v.cache.Adopt(liveKey(f.ino), row.Content, row.Size, f.path); err != nil {
			return v.drafts.remove(f.path)
		}
		return nil
	}
	if v.o.LastStop == StopUnknown {
		// After a power loss the bytes may be torn, and nobody was told that they are
		// safe: the sealed content is what counts.
		v.log.Warn("a file was being rewritten when the power failed; it holds its last sealed version", "inode", f.ino)
		return v.drafts.remove(f.path)
	}
	d := catalog.Draft{Inode: f.ino, Gen: f.gen, File: row.File, Opened: v.timeNow(), UID: row.UID, GID: row.GID}
	row.Mtime = catalog.Time(st.Mtim.Nano())
	return v.adoptDraft(&d, f, stampOf(&st))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// fileHolds reports whether the file has the content.
func (v *Volume) fileHolds(path string, id blob.ID, size int64) (bool, error) {
	f, err := openFile(path, os.O_RDONLY)
	if err != nil {
		return false, err
	}
	defer f.Close()
	s, err := fstat(f)
	if err != nil || s.size != size {
		return false, err
	}
	got, err := hashFile(f)
	return v.ring.IsContent(id, got), err
}

func hashFile(f *os.File) (blob.ID, error) {
	h := blob.NewHasher()
	buf := make([]byte, 1<<20)
	for off := int64(0); ; {
		n, err := f.ReadAt(buf, off)
		h.Write(buf[:n])
		off += int64(n)
		if n < len(buf) {
			if err != nil && !errors.Is(err, io.EOF) {
				return blob.ID{}, err
			}
			return h.Sum(), nil
		}
	}
}
