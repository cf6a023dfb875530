package drivetest

import (
	"maps"
	"os"
	"slices"
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
	posixSuite(t, d)
	d.remount()
	d.check()
}

func posixSuite(t *testing.T, d *drive) {
	for _, name := range slices.Sorted(maps.Keys(posixtest.All)) {
		if name == wrongInSuite || suite.plain && name == wrongOnPlain {
			continue
		}
		t.Run(name, func(t *testing.T) {
			defer func() {
				if t.Skipped() && !suite.plain { // it skips what a filesystem cannot do: the drive can do all of it
					t.Error("the suite skipped this")
				}
			}()
			posixtest.All[name](t, freshDir(t, d))
		})
	}
}

// The claims, on a mount of root.
func TestPosixClaims(t *testing.T) {
	needRoot(t)
	d := newDrive(t)
	posixClaims(t, d, true)
	d.remount()
	d.check()
}

// posixClaims tries the claims, those too that need root or not.
func posixClaims(t *testing.T, d *drive, root bool) {
	for _, c := range claims() {
		if c.root && !root {
			continue
		}
		t.Run(c.name, func(t *testing.T) { c.try(t, freshDir(t, d)) })
	}
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
