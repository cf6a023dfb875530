package control

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A mount whose process neither answers nor ends must not hold up who looks at it: it
// may have nothing to do with what they want.
func TestAMountThatDoesNotAnswerIsNotWaitedFor(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can mount without a helper")
	}
	dev, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	opts := fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", dev.Fd())
	if err := unix.Mount("/nowhere", dir, FSType, 0, opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	if (Mount{Mountpoint: dir}).Stale() {
		t.Error("it counts as dead while its process lives")
	}
	if err := dev.Close(); err != nil { // as the end of the process does
		t.Fatal(err)
	}
	if !(Mount{Mountpoint: dir}).Stale() {
		t.Error("it does not count as dead when its process is")
	}
}
