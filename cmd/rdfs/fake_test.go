package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/keys"
	"github.com/rdfs/rdfs/internal/volume"
)

// fakeEngine opens one fakeDrive again and again.
type fakeEngine struct {
	mu    sync.Mutex
	opens int
	d     *fakeDrive
}

func (e *fakeEngine) Open(_ context.Context, o openOptions) (drive, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.opens++
	e.d.dir = o.Dir
	return e.d, nil
}

func (e *fakeEngine) opened() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.opens
}

// fakeDrive answers with what it is given and remembers what it was asked.
type fakeDrive struct {
	control.Metadata
	control.Moments // those of a real drive are tried elsewhere
	control.Finder
	mu       sync.Mutex
	dir      string
	versions []volume.VersionInfo
	check    volume.CheckResult
	restored volume.RestoreRequest
	tree     volume.TreeRequest
	syncErr  error
	busy     error // of Unmount
	calls    []string
	mounted  mountOptions
	gone     chan struct{}
	slow     chan struct{} // Mount waits until it is closed; nil: it does not
}

func (d *fakeDrive) GC(_ context.Context, dryRun bool, _ func(volume.Progress)) (volume.GCResult, error) {
	d.called("gc %v", dryRun)
	return volume.GCResult{DryRun: dryRun, PacksGone: 1, FreedBytes: 1 << 20}, nil
}

func (d *fakeDrive) Scrub(_ context.Context, req volume.ScrubRequest, _ func(volume.Progress)) (volume.ScrubResult, error) {
	d.called("scrub %d %v", req.Rate, req.OlderThan)
	return volume.ScrubResult{Packs: 3, Bytes: 1 << 20, Bad: 1, Repaired: 1}, nil
}

func (d *fakeDrive) called(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = append(d.calls, fmt.Sprintf(format, args...))
}

func (d *fakeDrive) takeCalls() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.calls
	d.calls = nil
	return c
}

func (d *fakeDrive) Status(context.Context) (volume.Status, error) {
	return volume.Status{Repository: d.dir, Inodes: 3, Versions: 1, SafeToUnplug: true}, nil
}

func (d *fakeDrive) Log(_ context.Context, path string) ([]volume.VersionInfo, error) {
	if path != "exp/data.csv" {
		return nil, &fs.PathError{Op: "log", Path: path, Err: syscall.ENOENT}
	}
	return d.versions, nil
}

func (d *fakeDrive) Restore(_ context.Context, r volume.RestoreRequest) (volume.RestoreResult, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.restored = r
	res := volume.RestoreResult{Path: r.Path, From: d.versions[0], Changed: true}
	if !r.DryRun {
		res.NewSeq = 3
	}
	return res, nil
}

func (d *fakeDrive) Sync(_ context.Context, path string, _ func(volume.Progress)) error {
	d.called("sync %q", path)
	return d.syncErr
}

func (d *fakeDrive) Seal(_ context.Context, path string) (volume.VersionInfo, error) {
	return volume.VersionInfo{Seq: 2, Size: 10}, nil
}

func (d *fakeDrive) Check(context.Context, bool, func(volume.Progress)) (volume.CheckResult, error) {
	return d.check, nil
}

func (d *fakeDrive) Access(context.Context, control.Caller, string) error { return nil }

func (d *fakeDrive) Mount(_ context.Context, o mountOptions) (mounted, error) {
	if d.slow != nil {
		<-d.slow
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mounted = o
	d.gone = make(chan struct{})
	return fakeMounted{d}, nil
}

func (d *fakeDrive) Close(ctx context.Context, _ func(volume.Progress)) error {
	d.called("close waiting=%v", ctx.Err() == nil)
	return ctx.Err()
}

func (d *fakeDrive) Background(context.Context) {}

func (d *fakeDrive) RestoreTree(_ context.Context, r volume.TreeRequest, _ func(volume.Progress)) (volume.TreeResult, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tree = r
	return volume.TreeResult{Path: r.Path, Version: 3, Count: map[volume.TreeAction]int{volume.TreeBytes: 1}}, nil
}

type fakeMounted struct{ d *fakeDrive }

func (m fakeMounted) NoPassthrough() string { return "" }

func (m fakeMounted) Wait() {
	m.d.mu.Lock()
	gone := m.d.gone
	m.d.mu.Unlock()
	<-gone
}

func (m fakeMounted) Unmount(context.Context) error {
	m.d.mu.Lock()
	defer m.d.mu.Unlock()
	if m.d.busy != nil {
		return m.d.busy
	}
	m.d.calls = append(m.d.calls, "unmount")
	close(m.d.gone)
	return nil
}

// bench is an app on a fake drive and a repository of its own.
type bench struct {
	*app
	t        *testing.T
	repo     string
	mnt      string
	e        *fakeEngine
	d        *fakeDrive
	out, err bytes.Buffer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := &fakeDrive{versions: []volume.VersionInfo{
		{Seq: 1, Time: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), Size: 1536, UID: 1000, Author: "ada",
			Program: "python3 save.py\n--fast", Content: "0123456789abcdef0123", Note: "restored from version 9"},
		{Seq: 2, Size: 3 << 20, UID: 1001, Current: true},
	}}
	b := &bench{t: t, repo: filepath.Join(dir, "repo"), mnt: filepath.Join(dir, "mnt"), e: &fakeEngine{d: d}, d: d}
	b.app = &app{engine: b.e, stdout: &b.out, stderr: &b.err, now: time.Now, patience: 200 * time.Millisecond}
	if err := b.createRepository(b.repo, "free", config.DomainNone, keys.Secret{}); err != nil {
		t.Fatal(err)
	}
	return b
}

// rdfs runs a command line.
func (b *bench) rdfs(args ...string) (status int, out, errOut string) {
	b.t.Helper()
	b.out.Reset()
	b.err.Reset()
	status = b.run(b.t.Context(), args)
	return status, b.out.String(), b.err.String()
}

// other is a second app on the same drive, for a process that goes on beside.
func (b *bench) other() *bench {
	o := &bench{t: b.t, repo: b.repo, mnt: b.mnt, e: b.e, d: b.d}
	o.app = &app{engine: b.e, stdout: &o.out, stderr: &o.err, now: time.Now, patience: b.patience}
	return o
}

// served mounts the repository in the foreground of a goroutine. stop is the signal
// that ends it; ended yields its exit status.
func (b *bench) served() (stop context.CancelFunc, ended <-chan int) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	daemon := b.other()
	done := make(chan int, 1)
	finished := make(chan struct{})
	go func() {
		done <- daemon.run(ctx, []string{"mount", "-f", b.repo, b.mnt})
		close(finished)
	}()
	b.t.Cleanup(func() {
		b.d.mu.Lock()
		b.d.busy = nil
		b.d.mu.Unlock()
		cancel()
		<-finished
	})
	err := retry(b.t.Context(), 20*time.Second, func() (again bool, err error) {
		c, err := control.Dial(b.t.Context(), b.repo)
		if err != nil {
			select {
			case <-finished:
				return false, fmt.Errorf("mount ended: %s", daemon.err.String())
			default:
			}
			return errors.Is(err, control.ErrNotMounted), err
		}
		defer c.Close()
		b.d.mu.Lock()
		defer b.d.mu.Unlock()
		if b.d.gone == nil {
			return true, errors.New("not mounted")
		}
		return false, nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return cancel, done
}
