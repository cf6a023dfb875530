package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/volume"
)

// fakeDrive remembers what it was asked and answers with what it is given.
type fakeDrive struct {
	Metadata
	Moments // those of a real drive are tried elsewhere
	Finder
	mu       sync.Mutex
	restored volume.RestoreRequest
	err      error
	block    chan struct{} // Sync waits for it or for its context
	canceled chan struct{}
}

func (d *fakeDrive) Status(context.Context) (volume.Status, error) {
	return volume.Status{Repository: "/r", Versions: 7}, d.err
}

func (d *fakeDrive) Log(_ context.Context, path string) ([]volume.VersionInfo, error) {
	return []volume.VersionInfo{{Seq: 1, Program: path}}, d.err
}

func (d *fakeDrive) Restore(_ context.Context, r volume.RestoreRequest) (volume.RestoreResult, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.restored = r
	return volume.RestoreResult{Path: r.Path, Changed: true}, d.err
}

func (d *fakeDrive) Sync(ctx context.Context, _ string, progress func(volume.Progress)) error {
	progress(volume.Progress{Phase: "sealing", Done: 1, Total: 2})
	if d.block != nil {
		select {
		case <-d.block:
		case <-ctx.Done():
			close(d.canceled)
			return ctx.Err()
		}
	}
	return d.err
}

func (d *fakeDrive) Seal(_ context.Context, path string) (volume.VersionInfo, error) {
	return volume.VersionInfo{Seq: 4, Program: path}, d.err
}

func (d *fakeDrive) GC(ctx context.Context, dryRun bool, progress func(volume.Progress)) (volume.GCResult, error) {
	progress(volume.Progress{Phase: "marking", Done: 1})
	return volume.GCResult{DryRun: dryRun, PacksGone: 7}, nil
}

func (d *fakeDrive) Scrub(_ context.Context, req volume.ScrubRequest, _ func(volume.Progress)) (volume.ScrubResult, error) {
	return volume.ScrubResult{Packs: req.Rate, Passed: int64(req.OlderThan)}, nil
}

func (d *fakeDrive) Check(_ context.Context, data bool, progress func(volume.Progress)) (volume.CheckResult, error) {
	for i := range int64(10000) {
		progress(volume.Progress{Phase: "rows", Done: i})
	}
	return volume.CheckResult{Rows: 10000, Errors: 1, Findings: []volume.Finding{{Severity: "error", Object: "pack x"}}}, d.err
}

func repoDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, RunDir), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// serve starts a server for repo and returns a client of it.
func serve(t *testing.T, repo string, o Options) *Client {
	t.Helper()
	l, err := Listen(repo, false)
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(o)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		s.Shutdown(ctx)
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	c, err := Dial(t.Context(), repo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestEveryRequestReachesTheDrive(t *testing.T) {
	d := &fakeDrive{}
	c := serve(t, repoDir(t), Options{Drive: d, Owner: uint32(os.Getuid()), Every: time.Millisecond,
		Hello: Hello{PID: 42, Version: "v", Mountpoint: "/m"}})
	ctx := t.Context()
	if h := c.Hello(); h.PID != 42 || h.Mountpoint != "/m" || h.Protocol != ProtocolVersion {
		t.Errorf("hello: %+v", h)
	}
	if st, err := c.Status(ctx); err != nil || st.Versions != 7 || st.Mountpoint != "/m" {
		t.Errorf("status: %+v, %v", st, err)
	}
	if vs, err := c.Log(ctx, "a b/ü.csv"); err != nil || len(vs) != 1 || vs[0].Program != "a b/ü.csv" {
		t.Errorf("log: %+v, %v", vs, err)
	}
	if v, err := c.Seal(ctx, "x"); err != nil || v.Seq != 4 || v.Program != "x" {
		t.Errorf("seal: %+v, %v", v, err)
	}
	if err := c.Sync(ctx, "", nil); err != nil {
		t.Errorf("sync: %v", err)
	}
	var last volume.Progress
	res, err := c.Check(ctx, true, func(p volume.Progress) { last = p })
	if err != nil || res.Errors != 1 || len(res.Findings) != 1 {
		t.Errorf("check: %+v, %v", res, err)
	}
	if res, err := c.GC(ctx, true, nil); err != nil || !res.DryRun || res.PacksGone != 7 {
		t.Errorf("gc: %+v, %v", res, err)
	}
	if res, err := c.Scrub(ctx, volume.ScrubRequest{Rate: 5, OlderThan: 6}, nil); err != nil || res.Packs != 5 || res.Passed != 6 {
		t.Errorf("scrub: %+v, %v", res, err)
	}
	_ = last // progress is thinned out by time: a fast check may report none
}

func TestRestoreRunsAsTheCallerWhateverTheRequestSays(t *testing.T) {
	d := &fakeDrive{}
	c := serve(t, repoDir(t), Options{Drive: d})
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	if _, err := c.Restore(t.Context(), volume.RestoreRequest{Path: "f", At: at, To: "g", UID: 12345, GID: 12345, Groups: []uint32{54321}}); err != nil {
		t.Fatal(err)
	}
	want := volume.RestoreRequest{Path: "f", At: at, To: "g", UID: uint32(os.Getuid()), GID: uint32(os.Getgid()),
		Groups: d.restored.Groups} // those of the process; never the one that was asked for
	if slices.Contains(d.restored.Groups, 54321) {
		t.Error("the request chose its groups")
	}
	if !reflect.DeepEqual(d.restored, want) {
		t.Errorf("got %+v, want %+v", d.restored, want)
	}
}

func TestErrorsKeepTheirMeaningAcrossTheSocket(t *testing.T) {
	d := &fakeDrive{}
	c := serve(t, repoDir(t), Options{Drive: d})
	for _, is := range []error{fs.ErrNotExist, fs.ErrPermission, syscall.EBUSY, syscall.ENOSPC, syscall.EROFS, syscall.EINVAL, blob.ErrCorrupt, blob.ErrOffline} {
		d.err = fmt.Errorf("log a/b: %w", is)
		_, err := c.Log(t.Context(), "a/b")
		if !errors.Is(err, is) {
			t.Errorf("got %v (%T), want one that is %v", err, err, is)
		}
		if err == nil || err.Error() != d.err.Error() {
			t.Errorf("got %q, want %q", err, d.err)
		}
	}
	d.err = syscall.ENOENT
	if _, err := c.Log(t.Context(), "a"); !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, syscall.ENOENT) || errors.Is(err, fs.ErrPermission) {
		t.Errorf("ENOENT arrives as %v", err)
	}
}

func TestPathsThatLeaveTheDriveAreRefused(t *testing.T) {
	c := serve(t, repoDir(t), Options{Drive: &fakeDrive{}})
	for _, p := range []string{"/etc/passwd", "..", "../x", "a/../b", "a//b", "a/", ".", "a\x00b"} {
		if _, err := c.Log(t.Context(), p); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%q: got %v, want EINVAL", p, err)
		}
		if _, err := c.Restore(t.Context(), volume.RestoreRequest{Path: "f", To: p}); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("restore to %q: got %v, want EINVAL", p, err)
		}
	}
}

func TestWhatEachCallerMayDo(t *testing.T) {
	denied := errors.New("denied by Access")
	s := NewServer(Options{
		Drive: &fakeDrive{}, Owner: 1000,
		Access: func(_ context.Context, who Caller, path string) error {
			if strings.HasPrefix(path, "private") && who.UID != 1000 {
				return denied
			}
			return nil
		},
		Unmount: func(context.Context, UnmountRequest, func(volume.Progress)) error { return nil },
	})
	ask := func(uid uint32, path string, may bool) request {
		return request{who: Caller{UID: uid}, progress: func(volume.Progress) {}, body: func(to any) error {
			if r, ok := to.(*pathRequest); ok {
				r.Path = path
			}
			if r, ok := to.(*volume.RestoreRequest); ok {
				r.Path = path
			}
			return nil
		}}
	}
	for name, op := range map[string]func(request) error{
		"check":   func(r request) error { _, err := s.check(t.Context(), r); return err },
		"unmount": func(r request) error { _, err := s.unmount(t.Context(), r); return err },
	} {
		for uid, want := range map[uint32]bool{0: true, 1000: true, 1001: false} {
			err := op(ask(uid, "", want))
			if got := err == nil; got != want {
				t.Errorf("%s by uid %d: %v", name, uid, err)
			}
			if err != nil && !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%s by uid %d: %v is no permission error", name, uid, err)
			}
		}
	}
	for name, op := range map[string]func(request) error{
		"log":     func(r request) error { _, err := s.log(t.Context(), r); return err },
		"seal":    func(r request) error { _, err := s.seal(t.Context(), r); return err },
		"sync":    func(r request) error { _, err := s.sync(t.Context(), r); return err },
		"restore": func(r request) error { _, err := s.restore(t.Context(), r); return err },
	} {
		for uid, want := range map[uint32]error{0: nil, 1000: nil, 1001: denied} {
			if err := op(ask(uid, "private/f", true)); !errors.Is(err, want) {
				t.Errorf("%s private by uid %d: got %v, want %v", name, uid, err, want)
			}
			if err := op(ask(uid, "public/f", true)); err != nil {
				t.Errorf("%s public by uid %d: %v", name, uid, err)
			}
		}
	}
}

func TestACallerWhoLeavesCancelsTheWork(t *testing.T) {
	d := &fakeDrive{block: make(chan struct{}), canceled: make(chan struct{})}
	c := serve(t, repoDir(t), Options{Drive: d, Every: time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Sync(ctx, "", func(p volume.Progress) {
		if p.Phase != "sealing" || p.Total != 2 {
			t.Errorf("progress: %+v", p)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
	select {
	case <-d.canceled:
	case <-time.After(10 * time.Second):
		t.Error("the drive goes on working for nobody")
	}
}

func TestDialTellsApartWhyNobodyAnswers(t *testing.T) {
	t.Run("never mounted", func(t *testing.T) {
		if _, err := Dial(t.Context(), repoDir(t)); !errors.Is(err, ErrNotMounted) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no repository", func(t *testing.T) {
		if _, err := Dial(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, ErrNotMounted) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("process died", func(t *testing.T) {
		repo := repoDir(t)
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: SocketPath(repo), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		l.Close()
		_, err = Dial(t.Context(), repo)
		if !errors.Is(err, ErrStale) {
			t.Errorf("got %v", err)
		}
		serve(t, repo, Options{Drive: &fakeDrive{}}) // and the next mount replaces the socket
	})
	t.Run("another protocol", func(t *testing.T) {
		repo := repoDir(t)
		l, err := Listen(repo, false)
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, `{"result":{"protocol":99,"version":"v9","pid":7}}`)
		})}
		go srv.Serve(l)
		defer srv.Close()
		if _, err := Dial(t.Context(), repo); err == nil || !strings.Contains(err.Error(), "v9 (process 7)") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("died in the middle", func(t *testing.T) {
		repo := repoDir(t)
		l, err := Listen(repo, false)
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/hello" {
				fmt.Fprintf(w, `{"result":{"protocol":%d,"pid":7}}`, ProtocolVersion)
				return
			}
			panic(http.ErrAbortHandler)
		})}
		go srv.Serve(l)
		defer srv.Close()
		c, err := Dial(t.Context(), repo)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Status(t.Context()); !errors.Is(err, ErrStale) || !strings.Contains(err.Error(), "process 7") {
			t.Errorf("got %v", err)
		}
	})
}

func TestARepositoryWithALongPathHasASocketToo(t *testing.T) {
	repo := filepath.Join(t.TempDir(), strings.Repeat("d/", 80)+"repo")
	if err := os.MkdirAll(filepath.Join(repo, RunDir), 0o755); err != nil {
		t.Fatal(err)
	}
	c := serve(t, repo, Options{Drive: &fakeDrive{}})
	if _, err := c.Status(t.Context()); err != nil {
		t.Error(err)
	}
}

// A socket that refuses means that its process is dead: there is none before it takes
// connections.
func TestTheSocketAppearsWhenItAnswers(t *testing.T) {
	repo := repoDir(t)
	for range 300 {
		dialed := make(chan error, 1)
		go func() {
			for {
				conn, err := dial(t.Context(), repo)
				if err == nil {
					conn.Close()
				}
				if !errors.Is(err, ErrNotMounted) {
					dialed <- err
					return
				}
			}
		}()
		l, err := Listen(repo, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := <-dialed; err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
}

func TestShutdownRemovesTheSocket(t *testing.T) {
	repo := repoDir(t)
	l, err := Listen(repo, true)
	if err != nil {
		t.Fatal(err)
	}
	if fi, err := os.Stat(SocketPath(repo)); err != nil || fi.Mode().Perm() != 0o666 {
		t.Errorf("public socket: %v, %v", fi.Mode(), err)
	}
	s := NewServer(Options{Drive: &fakeDrive{}})
	done := make(chan error)
	go func() { done <- s.Serve(l) }()
	if _, err := Dial(t.Context(), repo); err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(SocketPath(repo)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("socket after shutdown: %v", err)
	}
}

func TestOnlyOneProcessHoldsTheLockAndItSaysWho(t *testing.T) {
	repo := repoDir(t)
	if _, locked := LockedBy(repo); locked {
		t.Error("locked before anybody came")
	}
	l, err := Acquire(repo, Holder{PID: 7, Command: "rdfs mount"})
	if err != nil {
		t.Fatal(err)
	}
	if h, locked := LockedBy(repo); !locked || h.PID != 7 {
		t.Errorf("locked %v by %+v", locked, h)
	}
	_, err = Acquire(repo, Holder{PID: 8})
	if !errors.Is(err, syscall.EBUSY) || err.Error() != "repository "+repo+" is in use by process 7 (rdfs mount)" {
		t.Errorf("got %v", err)
	}
	if err := l.Set(Holder{PID: 7, Command: "rdfs mount", Mountpoint: "/mnt/x"}); err != nil {
		t.Fatal(err)
	}
	_, err = Acquire(repo, Holder{PID: 8})
	if err == nil || err.Error() != "repository "+repo+" is already mounted on /mnt/x by process 7" {
		t.Errorf("got %v", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	l.Release()
	l, err = Acquire(repo, Holder{PID: 9})
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
}

func TestTheLockOfAKilledProcessIsFree(t *testing.T) {
	if repo := os.Getenv("RDFS_TEST_HOLD"); repo != "" {
		if _, err := Acquire(repo, Holder{PID: os.Getpid()}); err != nil {
			os.Exit(1)
		}
		fmt.Println("held")
		select {}
	}
	repo := repoDir(t)
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "RDFS_TEST_HOLD="+repo)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 5))
	if h, locked := LockedBy(repo); !locked || h.PID != cmd.Process.Pid {
		t.Error("not locked by the child")
	}
	cmd.Process.Kill()
	cmd.Wait()
	l, err := Acquire(repo, Holder{})
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
}

const mountinfo = `22 1 8:1 / / rw,relatime - ext4 /dev/root rw
30 22 0:40 / /home/a/my\040drive rw,nosuid,nodev - fuse.rdfs /srv/re\134po rw,user_id=0
31 22 0:41 / /mnt rw - fuse.rdfs /srv/one rw
32 31 0:42 / /mnt/inner rw shared:1 - fuse.rdfs /srv/two rw
33 22 0:41 /sub/dir /bind rw - fuse.rdfs /srv/one rw
34 22 0:43 / /other rw - fuse.sshfs host:/ rw
`

func TestAPathLeadsToItsDrive(t *testing.T) {
	mounts, err := parseMountinfo(strings.NewReader(mountinfo))
	if err != nil {
		t.Fatal(err)
	}
	if len(mounts) != 4 || mounts[0].Repository != `/srv/re\po` {
		t.Errorf("mounts: %+v", mounts)
	}
	for abs, want := range map[string][2]string{
		"/home/a/my drive/x": {`/srv/re\po`, "x"},
		"/mnt":               {"/srv/one", ""},
		"/mnt/a/b.csv":       {"/srv/one", "a/b.csv"},
		"/mnt/inner/b":       {"/srv/two", "b"},
		"/mnt/innermost":     {"/srv/one", "innermost"},
		"/bind/c":            {"/srv/one", "sub/dir/c"},
	} {
		m, rel, ok := Find(mounts, abs)
		if !ok || m.Repository != want[0] || rel != want[1] {
			t.Errorf("%s: got %q %q %v, want %q", abs, m.Repository, rel, ok, want)
		}
	}
	for _, abs := range []string{"/", "/mntx", "/other/f"} {
		if m, _, ok := Find(mounts, abs); ok {
			t.Errorf("%s: found %+v", abs, m)
		}
	}
}

func TestRealFollowsLinksAsFarAsTheyExist(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	os.MkdirAll(filepath.Join(dir, "real/sub"), 0o755)
	os.Symlink("real", filepath.Join(dir, "link"))
	os.WriteFile(filepath.Join(dir, "real/f"), nil, 0o644)
	for in, want := range map[string]string{
		"link/sub":        "real/sub",
		"link/gone":       "real/gone",
		"link/gone/again": "real/gone/again",
		"link/f/x":        "real/f/x",
		"link/../real/f":  "real/f",
	} {
		got, err := Real(filepath.Join(dir, in))
		if err != nil || got != filepath.Join(dir, want) {
			t.Errorf("%s: got %q, %v; want %q", in, got, err, want)
		}
	}
}
