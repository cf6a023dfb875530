package drivetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// insideEnv is set in the process that is the ordinary user.
const insideEnv = "RDFS_TEST_INSIDE"

// An ordinary user mounts through fusermount3, without passthrough, and everything holds that holds for root.
//
// The test starts itself again as that user, in a mount namespace of its own, where /dev/fuse is open to
// everybody as it is on usual systems.
func TestOrdinaryUser(t *testing.T) {
	if os.Getenv(insideEnv) == "1" {
		insideOrdinaryUser(t)
		return
	}
	needRoot(t)
	needFUSE(t)
	need(t, "unshare", "util-linux")
	need(t, "setpriv", "util-linux")
	dir := tempDir(t)
	home := filepath.Join(dir, "home")
	must(t, os.Mkdir(home, 0o755))
	must(t, os.Chown(home, nobody, nobody))
	self := filepath.Join(dir, "drivetest.test")
	run(t, exec.Command("cp", get(os.Executable())(t), self))
	must(t, os.Chmod(self, 0o755))
	// The programs of testdata where the user can read them, at the same place relative to the working directory.
	work := filepath.Join(dir, "internal", "drivetest")
	must(t, os.MkdirAll(work, 0o755))
	run(t, exec.Command("cp", "-r", "../../testdata", filepath.Join(dir, "testdata")))
	run(t, exec.Command("chmod", "-R", "a+rX", filepath.Join(dir, "testdata")))
	script := `set -e
mknod -m 666 "$1/fuse" c 10 229
mount --bind "$1/fuse" /dev/fuse
shift
exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"`
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script, "sh", dir,
		self, "-test.run", "^TestOrdinaryUser$", "-test.v", "-test.timeout", "5m")
	cmd.Dir = work
	cmd.Env = append(programEnv(home), insideEnv+"=1", "RDFS_TEST_BIN="+suite.bin)
	for _, name := range []string{"RDFS_TEST_PLAIN", "RDFS_TEST_SEED", "RDFS_TEST_STEPS"} {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	out, errOut, err := output(cmd, 6*time.Minute)
	if err != nil {
		t.Errorf("as the ordinary user: %v\n%s%s", err, failures(out), errOut)
	}
	if !strings.Contains(out, "--- PASS: TestOrdinaryUser/claims") {
		t.Errorf("the claims were not tried:\n%s", out)
	}
}

// failures leaves out of a verbose test's output what went well.
func failures(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(strings.TrimSpace(line), "--- PASS") && !strings.HasPrefix(line, "=== ") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func insideOrdinaryUser(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Fatal("this is still root")
	}
	d := newDrive(t)
	if !d.plain && d.status().Passthrough {
		t.Error("an ordinary user has passthrough: this tests nothing new")
	}
	t.Run("claims", func(t *testing.T) { posixClaims(t, d, false) })
	t.Run("suite", func(t *testing.T) { posixSuite(t, d) })
	t.Run("programs", func(t *testing.T) {
		some := []string{"h5py_files.py", "numpy_arrays.py", "sqlite_rollback.py", "sqlite_wal.py", "git_work.sh", "tar_archives.sh"}
		mine := slices.DeleteFunc(slices.Clone(programs), func(p program) bool { return !slices.Contains(some, p.script) })
		saved := savePrograms(t, d, mine)
		d.umount()
		d.evict()
		d.mount()
		for _, p := range mine {
			wantSame(t, p.script+" after remount, without cache", walk(t, d.path(p.script)), saved[p.script], sameFiles)
			run(t, p.command(t, "verify", d.path(p.script)))
		}
	})
	t.Run("versions", func(t *testing.T) { savePatterns(t, d) })
	t.Run("snapshots", func(t *testing.T) { trySnapshotClaims(t, d) })
	for _, most := range []int{60_000, 3_000_000} {
		t.Run(fmt.Sprintf("random/%dKB", most/1000), func(t *testing.T) {
			fsxRun(t, newDrive(t), seeds(t)[0], most, envCount(t, "RDFS_TEST_STEPS", 1500)/2)
		})
	}
	d.check()
}
