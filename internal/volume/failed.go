package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/disk"
)

// A draft of which an fsync failed is poisoned: some of its bytes may not be on the
// disk, and never will be. Every later fsync of it fails, and it is not sealed, until
// it is truncated to nothing, replaced or removed. That is a fact on the disk, the
// empty file DRAFT.failed, which is durable before a group commit goes on without the
// draft: so the rows of other files are committed, and no row tells of bytes that tore.

// errPoisoned: what the file holds is not all on the disk, and is not stored.
var errPoisoned = errors.New("not safe")

// failedEnding is what the name of a poisoned draft's mark ends in.
const failedEnding = ".failed"

// fail poisons a draft. The error it returns says that this could not be made durable.
func (d *draftDir) fail(path string, why error) error {
	d.mu.Lock()
	if d.failed == nil {
		d.failed = make(map[string]error)
	}
	if d.failed[path] == nil {
		d.failed[path] = fmt.Errorf("%w: fsync draft %s: %w: what was written since the last fsync may be lost; save it again under another name", errPoisoned, path, why)
	}
	d.mu.Unlock()
	if err := disk.WriteFile(disk.OS, path+failedEnding, strings.NewReader(""), 0o600); err != nil {
		return fmt.Errorf("draft %s: %w, and this could not be noted: %w", path, why, err)
	}
	return nil
}

// failedBefore takes up the mark of an earlier run.
func (d *draftDir) failedBefore(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed == nil {
		d.failed = make(map[string]error)
	}
	d.failed[path] = fmt.Errorf("%w: draft %s could not be written to the disk in an earlier run: %w: restore an earlier version, or save it again", errPoisoned, path, unix.EIO)
}

// failure returns why a draft is poisoned, or nil.
func (d *draftDir) failure(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed[path]
}

// pardon ends the poisoning of a draft whose bytes are not wanted any more.
func (d *draftDir) pardon(path string) {
	d.mu.Lock()
	err := d.failed[path]
	delete(d.failed, path)
	d.mu.Unlock()
	if err != nil {
		os.Remove(path + failedEnding)
	}
}

// remove removes a draft.
func (d *draftDir) remove(path string) error {
	err := os.Remove(path)
	d.pardon(path)
	return err
}

// syncClosed makes the drafts durable that were closed since it was last called, or
// poisons those with which that fails.
func (d *draftDir) syncClosed() error {
	d.mu.Lock()
	closed := d.closed
	d.closed = nil
	d.mu.Unlock()
	if len(closed) > manyDrafts && d.syncAll() == nil {
		return nil
	}
	for _, path := range closed {
		if d.failure(path) != nil {
			continue
		}
		err := d.sync(path)
		if err == nil || errors.Is(err, fs.ErrNotExist) { // removed, or sealed since
			continue
		}
		if err := d.fail(path, err); err != nil {
			return err
		}
	}
	return nil
}

// syncFile makes the bytes of one draft durable, and its name in the directory: it may
// have come from the cache.
func (d *draftDir) syncFile(path string) error {
	f, err := openFile(path, os.O_RDONLY)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return err
	case err != nil: // no descriptor is left, perhaps: that is not the draft's fault
		return d.syncAll()
	}
	defer f.Close()
	return unix.Fsync(int(f.Fd()))
}

func (d *draftDir) syncFS() error { return unix.Syncfs(int(d.root.Fd())) }
