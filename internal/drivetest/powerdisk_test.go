package drivetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A powerDisk is a small ext4 on a disk whose power can fail. The disk is an image file that gets what is written to
// the disk and nothing else (direct I/O): what the kernel has not written back yet is not in it. The image lies on
// another small filesystem, which is frozen for the moment in which the image is copied: every write that the disk had
// answered is in the copy, and no other.
//
// It does not lose what the disk has answered and not flushed: such a disk cache has to be trusted here.
type powerDisk struct {
	t     *testing.T
	outer string // mount of the filesystem that holds the image
	mnt   string // mount of the image
	cuts  int
}

const powerDiskMiB = 512

func newPowerDisk(t *testing.T) *powerDisk {
	t.Helper()
	needRoot(t)
	need(t, "losetup", "mount")
	need(t, "mkfs.ext4", "e2fsprogs")
	dir := tempDir(t)
	p := &powerDisk{t: t, outer: filepath.Join(dir, "outer"), mnt: filepath.Join(dir, "disk")}
	must(t, os.Mkdir(p.outer, 0o755))
	must(t, os.Mkdir(p.mnt, 0o755))
	image := filepath.Join(dir, "outer.img")
	makeExt4(t, image, 3*powerDiskMiB, "-O", "^has_journal")
	mountImage(t, image, p.outer)
	t.Cleanup(func() {
		thaw(p.outer)
		p.unmount(p.mnt)
		p.unmount(p.outer)
	})
	makeExt4(t, p.image(), powerDiskMiB)
	mountImage(t, p.image(), p.mnt)
	must(t, os.Chmod(p.mnt, 0o755))
	return p
}

func (p *powerDisk) image() string { return filepath.Join(p.outer, fmt.Sprintf("disk%d.img", p.cuts)) }

// cut fails the power: what the disk holds at this moment is what restore brings back. Nothing is disturbed yet.
// atCut is called while nothing can reach the disk any more.
func (p *powerDisk) cut(atCut func()) {
	p.t.Helper()
	must(p.t, freeze(p.outer))
	defer thaw(p.outer)
	atCut()
	run(p.t, exec.Command("cp", "--sparse=always", p.image(), p.copied()))
}

func (p *powerDisk) copied() string { return p.outer + ".cut" }

// restore mounts the disk as it was when the power failed. Nobody uses it now.
func (p *powerDisk) restore() {
	p.t.Helper()
	if err := p.unmount(p.mnt); err != nil {
		p.t.Fatalf("unmount the disk: %v", err)
	}
	must(p.t, os.Remove(p.image()))
	p.cuts++
	run(p.t, exec.Command("cp", "--sparse=always", p.copied(), p.image()))
	must(p.t, os.Remove(p.copied()))
	mountImage(p.t, p.image(), p.mnt) // replays the journal
}

// unmount waits for what a process that was killed still holds.
func (p *powerDisk) unmount(mnt string) (err error) {
	if !eventually(20*time.Second, func() bool { err = unix.Unmount(mnt, 0); return err == nil || err == unix.EINVAL }) {
		unix.Unmount(mnt, unix.MNT_DETACH)
		return err
	}
	return nil
}

func makeExt4(t *testing.T, image string, mib int64, args ...string) {
	t.Helper()
	f := get(os.Create(image))(t)
	must(t, f.Truncate(mib<<20))
	must(t, f.Close())
	args = append([]string{"-q", "-F", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0"}, args...)
	run(t, exec.Command("mkfs.ext4", append(args, image)...))
}

// mountImage mounts an ext4 image; its loop device goes with the mount.
func mountImage(t *testing.T, image, mnt string) {
	t.Helper()
	loop := strings.TrimSpace(run(t, exec.Command("losetup", "--direct-io=on", "--find", "--show", image)))
	err := unix.Mount(loop, mnt, "ext4", 0, "")
	run(t, exec.Command("losetup", "--detach", loop)) // as soon as it is unmounted
	if err != nil {
		t.Fatalf("mount %s: %v", image, err)
	}
	suite.guard.disk(mnt)
}

// Requests of ioctl(2), from linux/fs.h.
const (
	ioctlFreeze = 0xc0045877
	ioctlThaw   = 0xc0045878
)

func freeze(mnt string) error { return freezeIoctl(mnt, ioctlFreeze) }
func thaw(mnt string) error   { return freezeIoctl(mnt, ioctlThaw) }

func freezeIoctl(mnt string, request uint) error {
	f, err := os.Open(mnt)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.IoctlSetInt(int(f.Fd()), request, 0); err != nil {
		return fmt.Errorf("freeze or thaw %s: %w", mnt, err)
	}
	return nil
}
