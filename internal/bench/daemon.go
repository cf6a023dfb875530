package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// daemon is a process that serves a mount.
type daemon struct {
	cmd  *exec.Cmd
	mnt  string
	log  string // file with what it printed
	done chan error
}

// startDaemon starts a program that mounts mnt and stays in the foreground, and returns when the mount serves.
func startDaemon(ctx context.Context, mnt, log string, name string, args ...string) (*daemon, error) {
	if err := os.MkdirAll(mnt, 0o755); err != nil {
		return nil, err
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	d := &daemon{cmd: exec.Command(name, args...), mnt: mnt, log: log, done: make(chan error, 1)}
	d.cmd.Stdout, d.cmd.Stderr = out, out
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for the benchmark, which then unmounts in order
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { d.done <- d.cmd.Wait() }()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(time.Millisecond) {
		if mounted(mnt) {
			if _, err := os.Stat(mnt); err == nil {
				return d, nil
			}
		}
		select {
		case err := <-d.done:
			return nil, fmt.Errorf("%s did not mount %s: %w: %s", name, mnt, errors.Join(err, context.Cause(ctx)), tail(log))
		default:
		}
		if err := ctx.Err(); err != nil || time.Now().After(deadline) {
			d.cmd.Process.Kill()
			<-d.done
			return nil, fmt.Errorf("%s did not mount %s in time: %s", name, mnt, tail(log))
		}
	}
}

// stop asks politely with the command given, or by SIGTERM, and makes sure that mount and process are gone.
func (d *daemon) stop(name string, args ...string) error {
	var err error
	if name != "" {
		err = run(name, args...)
	} else {
		err = d.cmd.Process.Signal(syscall.SIGTERM)
	}
	patience := 10 * time.Second
	if err == nil {
		patience = 10 * time.Minute
	}
	select {
	case <-d.done:
	case <-time.After(patience):
		err = errors.Join(err, fmt.Errorf("daemon of %s did not end: %s", d.mnt, tail(d.log)))
		d.cmd.Process.Kill()
		<-d.done
	}
	if mounted(d.mnt) {
		err = errors.Join(err, unix.Unmount(d.mnt, unix.MNT_DETACH))
	}
	return err
}

// alive reports whether the process still runs.
func (d *daemon) alive() bool {
	return d.cmd.Process.Signal(syscall.Signal(0)) == nil
}

// cpu is the time that the daemon's threads have run, user and system.
func (d *daemon) cpu() time.Duration {
	if d == nil {
		return 0
	}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", d.cmd.Process.Pid))
	var total time.Duration
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		if f := strings.Fields(string(b)); len(f) > 0 {
			ns, _ := strconv.ParseInt(f[0], 10, 64)
			total += time.Duration(ns)
		}
	}
	return total
}

// rss is the resident memory of the daemon now, in bytes; anonymous leaves out pages of mapped files.
func (d *daemon) rss() (total, anonymous int64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kib, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "VmRSS:":
			total = kib << 10
		case "RssAnon:":
			anonymous = kib << 10
		}
	}
	return total, anonymous
}

// mounted reports whether something is mounted at exactly dir.
func mounted(dir string) bool {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if fields := strings.Fields(sc.Text()); len(fields) > 4 && fields[4] == dir {
			return true
		}
	}
	return false
}

// tail is the end of a log, for an error message.
func tail(name string) string {
	b, _ := os.ReadFile(name)
	if len(b) > 2000 {
		b = b[len(b)-2000:]
	}
	return string(bytes.TrimSpace(b))
}

// drive is a repository and the rdfs binary that mounts it.
type drive struct {
	*daemon
	bin, repo, mnt, log string
	mountTime           time.Duration // of the last start
}

// driveStatus is the part of `rdfs status --json` that matters here.
type driveStatus struct {
	Passthrough   bool  `json:"passthrough"`
	Versions      int64 `json:"versions"`
	Unsealed      int   `json:"unsealed"`
	UnsealedBytes int64 `json:"unsealed_bytes"`
	Sealing       int   `json:"sealing"`
	PackBytes     int64 `json:"pack_bytes"`
	CatalogBytes  int64 `json:"catalog_bytes"`
	CacheBytes    int64 `json:"cache_bytes"`
	FreeBytes     int64 `json:"free_bytes"`

	SealErrors []string `json:"seal_errors"`
}

// start mounts the repository, which it makes first if there is none.
func (d *drive) start(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(d.repo, "rdfs.yaml")); err != nil {
		if err := run(d.bin, "init", "--scheme", "free", d.repo); err != nil {
			return err
		}
	}
	begin := time.Now()
	var err error
	d.daemon, err = startDaemon(ctx, d.mnt, d.log, d.bin, "mount", "-f", d.repo, d.mnt)
	d.mountTime = time.Since(begin)
	return err
}

func (d *drive) stop() error { return d.daemon.stop(d.bin, "umount", d.mnt) }

// sync returns when all that was closed is sealed.
func (d *drive) sync() error {
	if !d.alive() {
		return fmt.Errorf("the drive's daemon has ended: %s", tail(d.log))
	}
	return run(d.bin, "sync", d.mnt)
}

func (d *drive) status() (driveStatus, error) {
	out, err := exec.Command(d.bin, "status", "--json", d.mnt).Output()
	var st driveStatus
	if err != nil {
		return st, fmt.Errorf("rdfs status: %w", err)
	}
	if err := json.Unmarshal(out, &st); err != nil {
		return st, fmt.Errorf("rdfs status: %w", err)
	}
	return st, nil
}

// stored is how many bytes the repository's own tier holds.
func (d *drive) stored() (int64, error) {
	var total int64
	err := filepath.WalkDir(filepath.Join(d.repo, "blobs"), func(_ string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		st, err := e.Info()
		if err == nil {
			total += st.Size()
		}
		return err
	})
	return total, err
}
