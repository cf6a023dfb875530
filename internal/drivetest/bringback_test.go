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

// makeLab makes a directory with what restores must bring back: links, modes, times, attributes.
func makeLab(t *testing.T, d *drive, dir string, files int) {
	t.Helper()
	for k := range files {
		p := d.path(dir, fmt.Sprintf("run-%02d", k%7), fmt.Sprintf("f%04d.csv", k))
		must(t, os.MkdirAll(filepath.Dir(p), 0o755))
		must(t, os.WriteFile(p, fmt.Appendf(nil, "sample,value\n%d,%s\n", k, strings.Repeat("x", k%50)), 0o640))
		when := time.Unix(1_600_000_000+int64(k), 0)
		must(t, os.Chtimes(p, when, when))
		if k%5 == 0 {
			must(t, unix.Setxattr(p, "user.k", fmt.Append(nil, k), 0))
		}
		if k%11 == 0 {
			must(t, os.Link(p, p+".link"))
		}
	}
	must(t, os.Symlink("run-00", d.path(dir, "first")))
}

// TestRestoreAndUndeleteOfTreesOnAMount brings a directory back after programs have changed, renamed and deleted what is
// in it, and after it was deleted as a whole; and again after a remount.
func TestRestoreAndUndeleteOfTreesOnAMount(t *testing.T) {
	if suite.plain {
		return
	}
	d := newDrive(t)
	makeLab(t, d, "lab", 60)
	d.must(d.rdfs("snapshot", "create", "-R", d.mnt, "then"))
	want := walk(t, d.path("lab"))

	must(t, os.RemoveAll(d.path("lab", "run-03")))
	must(t, os.Rename(d.path("lab", "run-04"), d.path("lab", "renamed")))
	must(t, os.WriteFile(d.path("lab", "run-01", "f0001.csv"), []byte("other"), 0o600))
	must(t, os.WriteFile(d.path("lab", "new"), nil, 0o600))
	must(t, os.Chmod(d.path("lab", "run-05"), 0o700))
	d.must(d.rdfs("restore", d.path("lab"), "--at", "then"))
	wantSame(t, "restored", walk(t, d.path("lab")), want, same)
	d.must(d.rdfs("undelete", d.path("lab", "new")))
	must(t, os.Remove(d.path("lab", "new")))
	d.must(d.rdfs("restore", d.path("lab"), "--at", "then"))
	d.remount()
	wantSame(t, "restored, after a remount", walk(t, d.path("lab")), want, same)

	must(t, exec.Command("rm", "-r", d.path("lab")).Run())
	d.must(d.rdfs("undelete", d.path("lab")))
	wantSame(t, "undeleted", walk(t, d.path("lab")), want, same)
	d.must(d.rdfs("restore", d.path("lab"), "--at", "then", "--to", d.path("copy")))
	wantSame(t, "restored to another place", walk(t, d.path("copy")), want, same)
	d.remount()
	wantSame(t, "undeleted, after a remount", walk(t, d.path("lab")), want, same)
	d.check()
}

// TestKillDuringSnapshotAndRestore kills the daemon at random moments while it takes, prunes and collects snapshots and brings
// a directory back. The repository is clean, every snapshot that was acknowledged and pinned is whole, and the restore is
// completed by doing it again.
func TestKillDuringSnapshotAndRestore(t *testing.T) {
	if suite.plain {
		return
	}
	needRoot(t)
	d := newDrive(t, sealAfter(20*time.Millisecond))
	rounds := envCount(t, "RDFS_TEST_CRASHES", 6)
	d.patience(time.Duration(rounds) * 20 * time.Second)
	seed := seeds(t)[0]
	t.Logf("RDFS_TEST_SEED=%d", seed)
	rng := newRand(seed)
	makeLab(t, d, "lab", 200)
	d.must(d.rdfs("snapshot", "create", "--pin", "-R", d.mnt, "then"))
	want := walk(t, d.path("lab"))
	taken := map[string]tree{"then": want}
	for round := range rounds {
		for k := range 200 { // so that there is much to bring back
			p := d.path("lab", fmt.Sprintf("run-%02d", k%7), fmt.Sprintf("f%04d.csv", k))
			switch rng.IntN(4) {
			case 0:
				must(t, os.Remove(p))
			case 1:
				must(t, os.WriteFile(p, fmt.Append(nil, round, k), 0o600))
			case 2:
				must(t, os.Rename(p, p+".moved"))
			}
		}
		must(t, os.RemoveAll(d.path("lab", fmt.Sprintf("run-%02d", rng.IntN(7)))))
		for k := range 5 { // and something to prune
			d.must(d.rdfs("snapshot", "create", "-R", d.mnt, fmt.Sprintf("spare-%d-%d", round, k)))
		}
		name := fmt.Sprintf("s%d", round)
		before := walk(t, d.path("lab"))
		done := make(chan bool, 1)
		go func() {
			ok := d.rdfs("snapshot", "create", "--pin", "-R", d.mnt, name).err == nil
			d.rdfs("snapshot", "prune", "--keep-last", "1", d.mnt)
			d.rdfs("gc", d.mnt)
			d.rdfs("restore", d.path("lab"), "--at", "then") // killed somewhere
			done <- ok
		}()
		time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond) // the random moment
		d.kill()
		if <-done {
			taken[name] = before
		}
		detach(d.mnt)
		d.mount()
		for name, was := range taken {
			wantSame(t, fmt.Sprintf("round %d: snapshot %s", round, name), walk(t, d.path(".snapshots", name, "lab")), was, same)
		}
		d.must(d.rdfs("snapshot", "prune", "--keep-last", "1", d.mnt))
		if list := d.must(d.rdfs("snapshot", "list", "-R", d.mnt)); strings.Count(list, "spare-") > 1 {
			t.Errorf("round %d: pruned, and there are\n%s", round, list)
		}
		d.must(d.rdfs("restore", d.path("lab"), "--at", "then"))
		wantSame(t, fmt.Sprintf("round %d: restored", round), walk(t, d.path("lab")), want, same)
		d.check()
		if t.Failed() {
			t.FailNow()
		}
	}
}
