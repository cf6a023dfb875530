// Package drivetest drives the real binary on a real mount, as people do.
//
// It holds tests only. TestMain builds cmd/rdfs once (without cgo); every test makes a repository in a
// directory of its own, runs `rdfs mount -f REPO MNT` as a child process, works on the mount with system
// calls and with real programs (testdata/programs), and compares what comes back: at once, after a remount,
// after the cache was removed, after a kill. Nothing here looks into the daemon: only files, attributes,
// the command line and its JSON.
//
// # What it needs
//
// Linux 6.9 or newer, root, /dev/fuse, fusermount3, and the Debian packages that `go test` names when they
// are missing. Nothing is skipped: a test that cannot run fails and says what to install.
//
// # Environment
//
//	RDFS_TEST_PLAIN=1     run the same tests on a plain directory: what fails there is wrong in the test
//	RDFS_TEST_BIN=PATH    use this binary (one built with -race, say) and build none
//	RDFS_TEST_SEED=N      the only seed of every random test; without it, fixed seeds and a new one
//	RDFS_TEST_CRASHES=N   how many times the daemon is killed in the crash test; 15 without it
//	RDFS_TEST_POWERCUTS=N how many times the power fails in each power-loss test; 4 without it
//	RDFS_TEST_STEPS=N     how many steps a random test takes; 1500 without it
//	RDFS_TEST_PATIENCE=N  seconds after which a drive is taken for hanging; 240 without it
//	RDFS_TEST_KEEP=1      leave the directories of a failed test
//
// # Cleaning up
//
// A mount is taken down when its test ends, however it ends; a daemon that hangs is asked for its stacks and
// killed after a few minutes, so that the test fails with them in its log. A second process watches the
// first: if the test binary itself dies, it kills the daemons, detaches the mounts and removes the directories.
//
// # Caveats
//
// The tests run as root and mount; they touch nothing outside their own temporary directory, except that
// TestOrdinaryUser makes a private mount namespace. With RDFS_TEST_PLAIN=1 everything about versions is left
// out, the crash test kills only the writer, and the power-loss tests do nothing.
//
// The power-loss tests mount small filesystems from images by loop devices and freeze one of them for moments. What
// a disk has answered and not flushed is not lost in them.
package drivetest
