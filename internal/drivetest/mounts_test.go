package drivetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// onMount leaves the test when there are only plain directories: it is about mounts.
func onMount(t *testing.T) (leave bool) { return suite.plain }

// One repository is mounted once, and the second one is told where.
func TestSecondMountIsRefused(t *testing.T) {
	if onMount(t) {
		return
	}
	d := newDrive(t)
	must(t, os.WriteFile(d.path("a"), []byte("first"), 0o644))
	other := filepath.Join(d.dir, "other")
	must(t, os.Mkdir(other, 0o755))
	d.refused(d.rdfs("mount", d.repo, other), d.mnt)
	d.refused(d.rdfs("mount", "-f", d.repo, other), d.mnt)
	d.refused(d.rdfs("mount", d.repo, d.mnt), d.mnt)
	second := filepath.Join(d.dir, "second")
	d.refused(d.rdfs("mount", second, d.mnt), d.mnt) // another repository, the same place
	wantBytes(t, d.path("a"), []byte("first"))
	if isMounted(other) {
		t.Error("the refused mount is there")
	}
}

// After a crash the dead mount is recognised, umount takes it away, and the next mount works.
func TestStaleMountIsCleaned(t *testing.T) {
	if onMount(t) {
		return
	}
	d := newDrive(t)
	must(t, os.WriteFile(d.path("a"), []byte("kept"), 0o644))
	d.sync()
	d.kill()
	if _, err := os.ReadDir(d.mnt); errnoOf(err) != unix.ENOTCONN {
		t.Errorf("a dead mount answers %v", err)
	}
	if r := d.rdfs("status", d.mnt); r.err == nil && !strings.Contains(r.out+r.errOut, "umount") {
		t.Errorf("status of a dead mount does not say what to do: %v", r)
	}
	d.must(d.rdfs("umount", d.mnt))
	if isMounted(d.mnt) {
		t.Error("still mounted")
	}
	d.mount()
	wantBytes(t, d.path("a"), []byte("kept"))

	// A mount over a dead one cleans up itself, or says what to do.
	d.kill()
	r := d.rdfs("mount", d.repo, d.mnt)
	if r.err != nil {
		d.refused(r, "umount")
		d.must(d.rdfs("umount", d.mnt))
		d.mount()
	}
	wantBytes(t, d.path("a"), []byte("kept"))
	if d.daemon == nil {
		d.must(d.rdfs("umount", d.mnt))
	}
}

// A daemon that is killed while it begins to serve dies at once: it has no request to itself on its way, which the
// kernel would wait for until somebody forces the mount away.
func TestKilledAsSoonAsItIsMounted(t *testing.T) {
	if onMount(t) {
		return
	}
	d := newDrive(t)
	d.kill()
	for i := range 40 {
		must(t, d.tryMount())
		must(t, d.daemon.Process.Kill())
		if !d.waitExit(20 * time.Second) {
			detach(d.mnt) // by force: it dies then
			t.Fatalf("kill %d: the daemon does not die", i)
		}
		d.daemon = nil
		d.must(d.rdfs("umount", d.mnt))
	}
	d.mount()
	must(t, os.WriteFile(d.path("a"), []byte("works"), 0o644))
}

// In the background, mount returns when the mount serves, and umount when the repository is free again.
func TestMountInTheBackground(t *testing.T) {
	if onMount(t) {
		return
	}
	d := unmounted(t)
	suite.guard.mount(d.mnt)
	for i := range 3 {
		d.must(d.rdfs("mount", d.repo, d.mnt))
		if !isMounted(d.mnt) {
			t.Fatal("mount returned and nothing is mounted")
		}
		p := d.path(fmt.Sprint(i))
		must(t, os.WriteFile(p, []byte("written at once"), 0o644))
		d.must(d.rdfs("umount", d.mnt))
		if isMounted(d.mnt) {
			t.Fatal("umount returned and the mount is still there")
		}
		d.check() // opens the repository itself
	}
	d.refused(d.rdfs("umount", d.mnt), "not mounted")
	d.mount()
	for i := range 3 {
		wantBytes(t, d.path(fmt.Sprint(i)), []byte("written at once"))
	}
}

// While a program has a file open, umount says so and the mount goes on serving.
func TestUmountOfABusyDriveIsRefused(t *testing.T) {
	if onMount(t) {
		return
	}
	d := newDrive(t)
	f := get(os.Create(d.path("open.txt")))(t)
	get(f.WriteString("half"))(t)
	d.refused(d.rdfs("umount", d.mnt), "busy")
	get(f.WriteString(" and whole"))(t)
	must(t, f.Close())
	d.wantVersions(d.path("open.txt"), []byte("half and whole"))
	d.remount()
	wantBytes(t, d.path("open.txt"), []byte("half and whole"))
}

// Commands speak to the mount if there is one: nobody sees the catalog's lock.
func TestCommandsWorkBesideTheMount(t *testing.T) {
	if onMount(t) {
		return
	}
	d := newDrive(t)
	must(t, os.WriteFile(d.path("a.txt"), []byte("one"), 0o644))
	d.wantVersions(d.path("a.txt"), []byte("one"))
	for _, args := range [][]string{{"check", d.repo}, {"check", d.mnt}, {"status", d.repo}, {"status", d.mnt}, {"sync", d.mnt}, {"log", d.path("a.txt")}} {
		d.must(d.rdfs(args...))
	}
	if s := d.status(); !s.SafeToUnplug || s.Unsealed != 0 || s.Versions == 0 {
		t.Errorf("after sync: %+v", s)
	}
	d.umount()
	for _, args := range [][]string{{"check", d.repo}, {"check", "--data", d.repo}, {"status", d.repo}} {
		d.must(d.rdfs(args...))
	}
	d.mount()
}

// The cache is removed again and again while programs read and write: nobody notices.
func TestCacheRemovedWhileBusy(t *testing.T) {
	d := newDrive(t)
	const files = 12
	content := func(file, round int) []byte {
		return []byte(strings.Repeat(fmt.Sprintf("file %d round %d\n", file, round), 1+file*file*700))
	}
	for i := range files {
		must(t, os.WriteFile(d.path(fmt.Sprint(i)), content(i, 0), 0o644))
	}
	d.sync()
	var stop atomic.Bool
	var working sync.WaitGroup
	var reads atomic.Int64
	for i := range files {
		working.Go(func() {
			p := d.path(fmt.Sprint(i))
			for round := 0; !stop.Load() && !t.Failed(); {
				if i%3 == 0 {
					round++
					if err := os.WriteFile(p, content(i, round), 0o644); err != nil {
						t.Error(err)
					}
				}
				got, err := os.ReadFile(p)
				if want := content(i, round); err != nil || string(got) != string(want) {
					t.Errorf("file %d, round %d: got %d bytes, %v, want %d", i, round, len(got), err, len(want))
				}
				reads.Add(1)
			}
		})
	}
	for range 40 {
		if err := os.RemoveAll(filepath.Join(d.repo, "cache")); err != nil {
			// The daemon may put a new file into a directory that is just being removed.
			if e := errnoOf(err); e != unix.ENOTEMPTY {
				t.Errorf("rm -rf cache: %v", err)
			}
		}
		time.Sleep(25 * time.Millisecond)
		dropCaches()
	}
	stop.Store(true)
	working.Wait()
	t.Logf("%d reads", reads.Load())
	d.sync()
	d.check()
	d.umount()
	d.evict()
	d.mount()
	before := walk(t, d.mnt)
	d.remount()
	wantSame(t, "after remount", walk(t, d.mnt), before, same)
	d.check()
}

// An empty directory becomes a repository at its first mount.
func TestMountInitialisesAnEmptyRepository(t *testing.T) {
	if onMount(t) {
		return
	}
	d := unmounted(t)
	must(t, os.RemoveAll(d.repo))
	must(t, os.Mkdir(d.repo, 0o755))
	d.mount()
	if _, err := os.Stat(filepath.Join(d.repo, "rdfs.yaml")); err != nil {
		t.Error(err)
	}
	d.remount()
	d.check()
}

// What is in the way of a mount is said: no directory, a file, a directory that is not empty.
func TestMountSaysWhatIsInTheWay(t *testing.T) {
	if onMount(t) {
		return
	}
	d := unmounted(t)
	file, full := filepath.Join(d.dir, "file"), filepath.Join(d.dir, "full")
	must(t, os.WriteFile(file, nil, 0o644))
	must(t, os.MkdirAll(filepath.Join(full, "x"), 0o755))
	d.refused(d.rdfs("mount", "-f", d.repo, file), file)
	d.refused(d.rdfs("mount", "-f", full, d.mnt), full) // no repository, and not empty
	// Over itself, the repository would be served from the drive that it holds: the daemon would wait for itself.
	for _, mnt := range []string{d.repo, d.dir} {
		suite.guard.mount(mnt)
		free := time.AfterFunc(15*time.Second, func() { detach(mnt) })
		d.refused(d.rdfs("mount", "-f", d.repo, mnt), mnt)
		free.Stop()
		detach(mnt)
	}
	out := run(t, exec.Command("ls", "-A", full))
	if out != "x\n" {
		t.Errorf("the refused mount left %q behind", out)
	}
}
