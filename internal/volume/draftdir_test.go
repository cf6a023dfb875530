package volume

import (
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The group commit syncs what was closed, but not what its program has synced already.
func TestGroupCommitSyncsOnlyWhatChangedSinceItsFsync(t *testing.T) {
	for _, c := range []struct {
		name          string
		exact         bool
		after         string // written after the fsync
		wantSyncAgain bool
	}{
		{"synced", true, "", false},
		{"written to after it", true, "x", true},
		{"with times that hide a write", false, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(o *Options) { o.CommitEvery = time.Hour })
			if !r.v.drafts.exact {
				t.Skip("the filesystem of this test has times that hide a write")
			}
			r.v.drafts.exact = c.exact
			r.write("f", "")
			r.commit()
			var synced []string
			sync := r.v.drafts.sync
			r.v.drafts.sync = func(path string) error { synced = append(synced, path); return sync(path) }
			h := r.handle("f", unix.O_RDWR)
			r.put(h, "bytes", 0)
			if err := h.Fsync(bg(t)); err != nil {
				t.Fatal(err)
			}
			if c.after != "" {
				r.put(h, c.after, 0)
			}
			path := draftOf(r, "f")
			r.release(h)
			r.commit()
			if got := slices.Contains(synced, path); got != c.wantSyncAgain {
				t.Errorf("synced with the group: %v, want %v", got, c.wantSyncAgain)
			}
		})
	}
}

// A new file that is open when the power fails may be known to the catalog and not to
// the disk.
func TestNewFileThatPowerLossTookIsEmpty(t *testing.T) {
	r := newRig(t, func(o *Options) { o.CommitEvery = time.Hour })
	r.handle("f", unix.O_RDWR|unix.O_CREAT)
	r.commit()
	path := draftOf(r, "f")
	r.stopUnsealed()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.reopen(StopUnknown)
	r.sync()
	r.wantHistory("f", "")
	r.write("f", "and usable")
	r.sync()
	r.wantHistory("f", "", "and usable")
}
