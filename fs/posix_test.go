package fs_test

import (
	"os"
	"testing"

	"github.com/hanwen/go-fuse/v2/posixtest"
)

// notPOSIX is the one test of the suite that no local filesystem passes: it wants the
// record locks of one process to conflict with each other, which fcntl(2) excludes.
const notPOSIX = "FcntlFlockLocksFile"

func TestPOSIX(t *testing.T) {
	bothWays(t, func(t *testing.T, d *drive) {
		for name, test := range posixtest.All {
			if name == notPOSIX {
				continue
			}
			t.Run(name, func(t *testing.T) {
				dir := d.path(name)
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				test(t, dir)
			})
		}
	})
}
