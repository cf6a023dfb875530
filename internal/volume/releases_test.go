package volume

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel tells of a close after close(2) has returned. What was closed before
// Sync began is sealed when it ends, though the news comes later.
func TestSyncWaitsForClosesOnTheirWay(t *testing.T) {
	r := newRig(t)
	r.v.SetPassthrough(true)
	h := r.handle("f", unix.O_WRONLY|unix.O_CREAT)
	kernel, err := os.OpenFile(h.n.file.Name(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kernel.WriteString("saved"); err != nil {
		t.Fatal(err)
	}
	if err := r.v.Sync(bg(t), "", nil); err != nil {
		t.Fatal(err)
	}
	if got := r.history("f"); len(got) != 0 {
		t.Errorf("the file is open for writing, and has the versions %q", got)
	}
	if err := kernel.Close(); err != nil {
		t.Fatal(err)
	}
	released := make(chan error, 1)
	time.AfterFunc(5*releaseGrace, func() { released <- h.Release() })
	if err := r.v.Sync(bg(t), "", nil); err != nil {
		t.Fatal(err)
	}
	r.wantHistory("f", "saved")
	if err := <-released; err != nil {
		t.Error(err)
	}
}
