package drivetest

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"
)

// A claim is one thing that POSIX and Linux promise of a filesystem. It works in the empty directory dir.
type claim struct {
	name string
	root bool // needs root
	try  func(t *testing.T, dir string)
}

// claims are all of them, by subject.
func claims() []claim {
	return slices.Concat(openClaims, nameClaims, linkClaims, spaceClaims, permissionClaims, attrClaims, lockClaims, listingClaims)
}

// wrongInSuite is the one test of the suite that no filesystem passes: it wants a process to be shut out by its
// own fcntl lock. go-fuse leaves it out too; testFcntl asks another process.
const wrongInSuite = "FcntlFlockLocksFile"

// wrongOnPlain tells a file from /etc/passwd by its device, so it makes sense on a mount only.
const wrongOnPlain = "OpenSymlinkRace"

// What go-fuse's own suite wants of a filesystem, on the real mount.
func TestPosixSuite(t *testing.T) {
	d := newDrive(t)
	for _, name := range slices.Sorted(maps.Keys(posixtest.All)) {
		if name == wrongInSuite || suite.plain && name == wrongOnPlain {
			continue
		}
		t.Run(name, func(t *testing.T) { posixtest.All[name](t, freshDir(t, d)) })
	}
	d.remount()
	d.check()
}

// The claims, on a mount of root.
func TestPosixClaims(t *testing.T) {
	needRoot(t)
	d := newDrive(t)
	for _, c := range claims() {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) { c.try(t, freshDir(t, d)) })
	}
	d.remount()
	d.check()
}

// freshDir is a new directory on the drive for one test. It is emptied when the test ends: some tests leave
// files there that nobody wants to have sealed.
func freshDir(t *testing.T, d *drive) string {
	t.Helper()
	dir, err := os.MkdirTemp(d.mnt, "t")
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return dir
}
