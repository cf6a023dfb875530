package volume

import (
	"context"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// wantAdmitted fails if a program that makes a file would have to wait.
func (r *rig) wantAdmitted(want bool) {
	r.t.Helper()
	ended, cancel := context.WithCancel(context.Background())
	cancel() // admit waits no longer than this, and does not ask when it need not wait
	err := r.v.sealer.admit(ended)
	if got := err == nil; got != want || err != nil && !errors.Is(err, context.Canceled) {
		r.t.Errorf("admitted: got %v (%v), want %v", got, err, want)
	}
}

func TestProgramsWaitWhileTooMuchIsUnsealed(t *testing.T) {
	r := newRig(t)
	r.v.sealer.limit = load{jobs: 3, disk: 1 << 20}
	r.write("a", "a")
	r.write("b", "b")
	r.wantAdmitted(true)
	r.write("c", "c")
	r.wantAdmitted(false)
	r.sync()
	r.wantAdmitted(true)
	r.write("large", random(1<<20, 1))
	r.wantAdmitted(false)
	r.sync()
	r.wantAdmitted(true)
}

// A sparse file of any size takes little room, and programs that save others do not
// wait until it is sealed.
func TestHolesMakeNobodyWait(t *testing.T) {
	r := newRig(t)
	r.v.sealer.limit = load{jobs: 100, disk: 1 << 20}
	h := r.handle("sparse", unix.O_CREAT|unix.O_RDWR)
	r.put(h, "end", 64<<20)
	r.release(h)
	r.wantAdmitted(true)
	r.sync()
	r.wantHistory("sparse", string(make([]byte, 64<<20))+"end")
}

// A file that a program has mapped is sealed when that program lets it go: were it
// counted, the program could wait for itself.
func TestMappedFilesMakeNobodyWait(t *testing.T) {
	r := newRig(t)
	r.v.SetPassthrough(true)
	data := random(300<<10, 3)
	r.write("f", data)
	r.sync()
	h := r.handle("f", unix.O_RDWR)
	m := mapFile(t, h, len(data))
	m[1000] ^= 0xff
	r.release(h)
	r.v.sealer.limit = load{jobs: 1, disk: 1 << 20}
	r.wantAdmitted(false)
	r.sync() // finds the mapping
	r.wantAdmitted(true)
	want := string(m)
	if err := unix.Munmap(m); err != nil {
		t.Fatal(err)
	}
	r.clock.advance(time.Second)
	r.sync()
	r.wantHistory("f", data, want)
	if load := r.v.sealer.load; load.jobs != 0 || load.disk != 0 {
		t.Errorf("load with nothing to seal: %+v", load)
	}
}
