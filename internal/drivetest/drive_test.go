package drivetest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A drive is a repository and, most of the time, its mount. It belongs to one test and its subtests.
type drive struct {
	t     *testing.T
	dir   string // holds everything of this drive
	repo  string
	mnt   string
	plain bool

	init   []string // further arguments of `rdfs init`
	args   []string // further arguments of `rdfs mount`
	daemon *exec.Cmd
	exited chan struct{} // closed when the daemon ended
	log    string        // file: what the daemon printed
	hung   *time.Timer
}

// An option changes a new drive before it is mounted.
type option func(*drive)

// sealAfter sets the quiet time after which a closed file becomes a version.
func sealAfter(d time.Duration) option {
	return func(dr *drive) { dr.setConfig("seal_after", fmt.Sprintf("%dms", d.Milliseconds())) }
}

// inDir places the repository at dir/repo, where dir exists; the mount point stays where it is.
func inDir(dir string) option { return func(d *drive) { d.repo = filepath.Join(dir, "repo") } }

// newDrive makes a repository and mounts it. The mount and its daemon are gone when the test ends.
func newDrive(t *testing.T, opts ...option) *drive {
	t.Helper()
	d := unmounted(t, opts...)
	d.mount()
	return d
}

// unmounted makes a repository and does not mount it.
func unmounted(t *testing.T, opts ...option) *drive {
	t.Helper()
	lookAtSources()
	dir := tempDir(t)
	d := &drive{t: t, dir: dir, repo: filepath.Join(dir, "repo"), mnt: filepath.Join(dir, "mnt"), log: filepath.Join(dir, "log"), plain: suite.plain}
	must(t, os.Mkdir(d.mnt, 0o755))
	for _, o := range opts { // the options that say where the repository is
		o(d)
	}
	if d.plain {
		must(t, os.MkdirAll(filepath.Join(d.repo, "cache"), 0o755))
		return d
	}
	needFUSE(t)
	d.must(d.rdfs(append([]string{"init", "--scheme", "free", d.repo}, d.init...)...))
	d.setConfig("seal_after", "100ms")
	for _, o := range opts { // and the options that change its configuration
		o(d)
	}
	t.Cleanup(d.cleanUp)
	d.patience(0)
	return d
}

// lookAtSources lets `go test` see what this run depends on: it repeats an old result unless a variable or a file
// that a test looked at has changed, and nothing but this package is linked into the test.
var lookAtSources = sync.OnceFunc(func() {
	for _, name := range []string{"RDFS_TEST_PLAIN", "RDFS_TEST_BIN"} {
		os.Getenv(name)
	}
	filepath.WalkDir("../..", func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && strings.HasPrefix(e.Name(), ".git") {
			return filepath.SkipDir
		}
		os.Stat(p)
		return nil
	})
	os.Stat(suite.bin)
})

// patience lets a drive live for as long as any test takes when nothing is wrong, and some time more.
func (d *drive) patience(more time.Duration) {
	if d.plain {
		return
	}
	limit := time.Duration(envCount(d.t, "RDFS_TEST_PATIENCE", 240))*time.Second + more
	if d.hung == nil {
		d.hung = time.AfterFunc(limit, d.hangs)
	} else {
		d.hung.Reset(limit)
	}
}

// hangs asks the daemon for its stacks and ends it: system calls that wait for it then fail, and the test with them.
func (d *drive) hangs() {
	d.t.Error("the drive is busy for too long: it is taken for hanging, its stacks are in its log")
	if d.daemon != nil {
		d.daemon.Process.Signal(syscall.SIGQUIT)
		select {
		case <-d.exited:
		case <-time.After(5 * time.Second):
			d.daemon.Process.Kill()
		}
	}
	detach(d.mnt)
}

// tempDir is a directory that everybody may pass through (t.TempDir's parents are closed to other users).
func tempDir(t *testing.T) string {
	t.Helper()
	name := regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(t.Name(), "-")
	dir, err := os.MkdirTemp(suite.root, name[:min(len(name), 60)]+"-")
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() {
		if t.Failed() && os.Getenv("RDFS_TEST_KEEP") == "1" {
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return dir
}

func needFUSE(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Fatal("/dev/fuse is missing: modprobe fuse, or give the container --device /dev/fuse --cap-add SYS_ADMIN")
	}
	need(t, "fusermount3", "fuse3")
}

// setConfig sets a top-level key of rdfs.yaml, whether it stands there, stands there as a comment, or does not.
func (d *drive) setConfig(key, value string) {
	if d.plain {
		return
	}
	file := filepath.Join(d.repo, "rdfs.yaml")
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return // called before init as well; the second call does it
	}
	must(d.t, err)
	line := regexp.MustCompile(`(?m)^(#\s*)?` + regexp.QuoteMeta(key) + `:.*$`)
	set := []byte(key + ": " + value)
	if at := line.FindIndex(text); at != nil {
		text = bytes.Join([][]byte{text[:at[0]], set, text[at[1]:]}, nil)
	} else {
		text = append(append(text, '\n'), append(set, '\n')...)
	}
	must(d.t, os.WriteFile(file, text, 0o644))
}

// path names something on the drive.
func (d *drive) path(elem ...string) string {
	return filepath.Join(append([]string{d.mnt}, elem...)...)
}

// mount starts the daemon and returns when the mount serves.
func (d *drive) mount() {
	d.t.Helper()
	if err := d.tryMount(); err != nil {
		d.t.Fatalf("mount: %v\n%s", err, d.logTail())
	}
}

func (d *drive) tryMount() error {
	if d.plain {
		return nil
	}
	log, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	args := append([]string{"mount", "-f"}, d.args...)
	cmd := exec.Command(suite.bin, append(args, d.repo, d.mnt)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "GOTRACEBACK=all")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	suite.guard.mount(d.mnt)
	if err := cmd.Start(); err != nil {
		return err
	}
	pid := cmd.Process.Pid
	suite.guard.daemon(pid)
	exited := make(chan struct{})
	go func() {
		cmd.Wait()
		suite.guard.ended(pid)
		close(exited)
	}()
	d.daemon, d.exited = cmd, exited
	serves := eventually(time.Minute, func() bool {
		select {
		case <-exited:
			return true
		default:
		}
		if !isMounted(d.mnt) {
			return false
		}
		_, err := os.Stat(filepath.Join(d.mnt, "."))
		return err == nil
	})
	select {
	case <-exited:
		d.daemon = nil
		return fmt.Errorf("the daemon ended: %v", cmd.ProcessState)
	default:
	}
	if !serves {
		return errors.New("the mount does not serve after a minute")
	}
	return nil
}

// umount takes the mount down as people do, and waits for the daemon to end.
func (d *drive) umount() {
	d.t.Helper()
	if d.plain {
		return
	}
	d.must(d.rdfs("umount", d.mnt))
	if !d.waitExit(time.Minute) {
		d.t.Fatalf("the daemon still runs a minute after umount\n%s", d.logTail())
	}
	if isMounted(d.mnt) {
		d.t.Fatal("still mounted after umount")
	}
	d.daemon = nil
}

func (d *drive) remount() {
	d.t.Helper()
	d.umount()
	d.mount()
}

// kill ends the daemon as a crash does, and leaves its dead mount in place.
func (d *drive) kill() {
	d.t.Helper()
	if d.plain || d.daemon == nil {
		return
	}
	must(d.t, d.daemon.Process.Kill())
	<-d.exited
	d.daemon = nil
}

// detach takes a mount off the tree at once, dead or busy as it may be.
func detach(mnt string) {
	for range 5 { // mounts may lie over each other
		if !isMounted(mnt) {
			return
		}
		if os.Geteuid() == 0 {
			unix.Unmount(mnt, unix.MNT_FORCE|unix.MNT_DETACH) // by force: a daemon that waits for itself cannot even be killed
		} else {
			exec.Command("fusermount3", "-uz", mnt).Run()
		}
	}
}

func (d *drive) waitExit(limit time.Duration) bool {
	select {
	case <-d.exited:
		return true
	case <-time.After(limit):
		return false
	}
}

// cleanUp leaves no mount and no daemon, and shows the daemon's log if the test failed.
func (d *drive) cleanUp() {
	if d.daemon != nil && isMounted(d.mnt) {
		if r := d.rdfs("umount", d.mnt); r.err != nil && !d.t.Failed() {
			d.t.Errorf("umount at the end: %v", r)
		}
		if !d.waitExit(10 * time.Second) {
			d.daemon.Process.Kill()
			<-d.exited
		}
	}
	if d.hung != nil {
		d.hung.Stop()
	}
	detach(d.mnt)
	log, _ := os.ReadFile(d.log)
	for _, bad := range []string{"panic:", "DATA RACE", "fatal error:"} {
		if bytes.Contains(log, []byte(bad)) {
			d.t.Errorf("the daemon's log has %q", bad)
		}
	}
	if d.t.Failed() {
		d.t.Logf("the daemon's log:\n%s", d.logTail())
	}
}

// logTail is the end of what the daemon printed; of the stacks of a crash, those of our own code.
func (d *drive) logTail() string {
	text, _ := os.ReadFile(d.log)
	log, stacks, crashed := strings.Cut(string(text), "\ngoroutine ")
	const most = 12000
	if len(log) > most {
		log = "...\n" + log[len(log)-most:]
	}
	if !crashed {
		return log
	}
	for i, s := range strings.Split("goroutine "+stacks, "\n\n") {
		if i == 0 || strings.Contains(s, "rdfs/internal/") || strings.Contains(s, "rdfs/fs.") {
			log += "\n" + s[:min(len(s), 3000)] + "\n"
		}
		if len(log) > 3*most {
			break
		}
	}
	return log
}

// isMounted tells whether dir is a FUSE mount point, alive or dead.
func isMounted(dir string) bool {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(info)) {
		left, right, _ := strings.Cut(line, " - ")
		fields := strings.Fields(left)
		if len(fields) > 4 && unescapeMount(fields[4]) == dir && strings.HasPrefix(right, "fuse") {
			return true
		}
	}
	return false
}

// unescapeMount undoes the octal escapes of mountinfo.
func unescapeMount(s string) string {
	return regexp.MustCompile(`\\[0-7]{3}`).ReplaceAllStringFunc(s, func(e string) string {
		n, _ := strconv.ParseUint(e[1:], 8, 8)
		return string([]byte{byte(n)})
	})
}

// evict removes the whole cache. Nothing may be lost by it, at any time.
func (d *drive) evict() {
	d.t.Helper()
	must(d.t, os.RemoveAll(filepath.Join(d.repo, "cache")))
}

// dropCaches makes the kernel forget clean pages, so that reads reach the daemon. Without root they may not.
func dropCaches() {
	if os.Geteuid() == 0 {
		os.WriteFile("/proc/sys/vm/drop_caches", []byte("1"), 0)
	}
}
