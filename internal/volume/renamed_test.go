package volume

import (
	"os"
	"slices"
	"testing"
	"time"
)

// A program has closed a file and renames it over another before the Release comes: the group commit that has the
// rename must first make the bytes durable.
func TestRenameBeforeReleaseIsNotDurableBeforeTheBytes(t *testing.T) {
	names := map[string]func(r *rig){
		"rename":   func(r *rig) { r.rename("/new", "/old") },
		"exchange": func(r *rig) { r.renameFlags("/new", "/old", RenameExchange) },
		"link":     func(r *rig) { r.link("/new", "/other") },
	}
	for name, do := range names {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(o *Options) { o.CommitEvery = time.Hour })
			r.write("/old", "old")
			r.write("/new", "ne")
			r.sync()
			h := r.handle("/new", os.O_WRONLY)
			r.put(h, "new", 0)
			r.commit()
			draft := h.File().Name()
			do(r)
			r.v.drafts.mu.Lock()
			noted := slices.Contains(r.v.drafts.closed, draft)
			r.v.drafts.mu.Unlock()
			if !noted {
				t.Errorf("the next group commit does not sync %s", draft)
			}
			r.release(h)
		})
	}
}
