package volume

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// failing makes fsyncs of one draft fail, and syncfs as well.
func failing(r *rig, draft string) {
	sync := r.v.drafts.sync
	r.v.drafts.sync = func(path string) error {
		if path == draft {
			return syscall.EIO
		}
		return sync(path)
	}
	r.v.drafts.syncAll = func() error { return syscall.EIO }
}

// The disk does not take the bytes of one draft, when the group commit makes what was
// closed durable.
func TestDraftThatTheGroupCommitCannotSyncIsPoisonedAlone(t *testing.T) {
	for _, files := range []int{1, 2 * manyDrafts} {
		t.Run(fmt.Sprint(files, " files"), func(t *testing.T) {
			r := newRig(t, func(o *Options) { o.CommitEvery = time.Hour })
			r.write("f", "one")
			r.sync()
			h := r.handle("f", unix.O_RDWR)
			failing(r, draftOf(r, "f"))
			r.put(h, "two", 0)
			r.release(h)
			for k := range files {
				r.write(fmt.Sprint("other ", k), "whole")
			}
			r.commit() // of all the others
			for _, p := range []string{"f", ""} {
				if err := r.v.Sync(bg(t), p, nil); !errors.Is(err, syscall.EIO) {
					t.Errorf("sync of %q: %v", p, err)
				}
			}
			for k := range files {
				r.wantHistory(fmt.Sprint("other ", k), "whole")
			}
			if _, err := r.v.TakeSnapshot(bg(t), SnapshotRequest{Name: "moment"}); err != nil {
				t.Errorf("snapshot: %v", err)
			}
			poisoned := func(when string) {
				t.Helper()
				h := r.handle("f", unix.O_RDWR)
				if err := h.Fsync(bg(t)); !errors.Is(err, syscall.EIO) {
					t.Errorf("%s: fsync gives %v", when, err)
				}
				r.release(h)
				r.v.Sync(bg(t), "", nil)
				r.wantHistory("f", "one")
				s, err := r.v.Status(bg(t))
				if err != nil || len(s.SealErrors) != 1 || s.SafeToUnplug {
					t.Errorf("%s: status: %+v, %v", when, s, err)
				}
				res, err := r.v.Check(bg(t), true, nil)
				if err != nil || res.Errors != 1 || res.Findings[0].Object != "/f" || !strings.Contains(res.Findings[0].Problem, "never stored") {
					t.Errorf("%s: check: %+v, %v", when, res, err)
				}
			}
			poisoned("in this run")
			r.stopUnsealed()
			r.reopen(StopUnknown)
			poisoned("in the next run")
			r.write("g", "the drive goes on")
			if err := r.v.Sync(bg(t), "g", nil); err != nil {
				t.Error(err)
			}
			r.restore(RestoreRequest{Path: "f", Seq: 1})
			r.wantBytes("f", "one")
			r.wantHistory("f", "one", "one")
			r.v.chores.wait()
			left, _, err := r.v.drafts.list()
			if err != nil || len(left) != 0 {
				t.Errorf("left over: %v, %v", left, err)
			}
		})
	}
}

func TestPoisonEndsWithTheBytes(t *testing.T) {
	for _, how := range []string{"truncate", "remove", "rename over"} {
		t.Run(how, func(t *testing.T) {
			r := newRig(t)
			r.write("f", "one")
			r.sync()
			h := r.handle("f", unix.O_RDWR)
			r.put(h, "two", 0)
			r.v.drafts.fail(draftOf(r, "f"), syscall.EIO)
			r.release(h)
			want := []string{"one", "three"}
			switch how {
			case "truncate":
				r.write("f", "three")
			case "remove":
				r.unlink("f")
				want = []string{"one"}
			case "rename over":
				r.write("t", "three")
				r.rename("t", "f")
			}
			r.stopUnsealed()
			r.reopen(StopKilled)
			r.sync()
			r.wantHistory("f", want...)
		})
	}
}

func TestFailedFsyncThatCannotBeNotedPoisonsTheCatalog(t *testing.T) {
	r := newRig(t, func(o *Options) { o.CommitEvery = time.Hour })
	r.broken = true
	r.write("f", "one")
	path := draftOf(r, "f")
	failing(r, path)
	if err := os.Mkdir(path+failedEnding, 0o700); err != nil { // so that no mark can be made
		t.Fatal(err)
	}
	if err := r.v.cat.Sync(bg(t)); !errors.Is(err, syscall.EIO) {
		t.Errorf("commit: %v", err)
	}
	if err := r.v.cat.Err(); err == nil {
		t.Error("the catalog goes on, and nothing durable says that the draft may be torn")
	}
}
