package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/keys"
	"github.com/rdfs/rdfs/internal/volume"
)

// serve mounts a drive in this process and returns when it was unmounted and all
// that could be stored is stored.
func (a *app) serve(ctx context.Context, req mountRequest) error {
	ready, err := newReporter(req.readyFD)
	if err != nil {
		return err
	}
	if ready.f != nil {
		signal.Ignore(syscall.SIGHUP)
	}
	if err := a.takeSecret(req.secretFD); err != nil {
		ready.failed(err)
		return err
	}
	s := &session{a: a, req: req, ready: ready, tried: make(chan struct{})}
	err = s.run(ctx)
	if err != nil {
		ready.failed(err)
		if s.log != nil && req.readyFD != 0 {
			s.log.Error("ended", "err", err)
		}
	}
	return err
}

// session is one mount from beginning to end.
type session struct {
	a     *app
	req   mountRequest
	ready *reporter
	log   *slog.Logger

	config *config.Config
	drive  drive
	mount  mounted       // nil until tried is closed, and when mounting failed
	tried  chan struct{} // closed when mounting has ended, one way or the other
	hurry  atomic.Bool   // do not wait for sealing at the end
}

func (s *session) run(ctx context.Context) (err error) {
	req, a := s.req, s.a
	if err := a.checkPlaces(req); err != nil {
		return err
	}
	var notes []string
	if !isRepository(req.repo) {
		if err := a.createRepository(req.repo, config.DefaultScheme, config.DomainNone, keys.Secret{}); err != nil {
			return err
		}
		notes = append(notes, "made repository "+req.repo)
	}
	if s.config, err = loadRepository(req.repo); err != nil {
		return err
	}
	if err := makeDirs(req.repo); err != nil {
		return err
	}
	lock, err := a.lockToMount(ctx, req)
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := s.startLog(); err != nil {
		return err
	}
	raiseFileLimit()

	// The heap is small and lives briefly: collect seldom, and early enough near the limit.
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(memoryLimit)
	if s.drive, err = a.openDrive(ctx, req.repo, s.config, s.log); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close(ctx)) }()

	// The socket comes before the mount: who sees the mount can speak to it.
	stopControl, err := s.startControl(s.allowOther())
	if err != nil {
		return err
	}
	defer stopControl()

	m, err := s.mountDrive(ctx)
	s.mount = m
	close(s.tried)
	if err != nil {
		return err
	}
	s.log.Info("mounted", "mountpoint", req.mountpoint, "repository", req.repo, "version", thisVersion().Version,
		"passthrough", m.NoPassthrough() == "", "allow_other", s.allowOther())
	if why := m.NoPassthrough(); why != "" {
		s.log.Info("without passthrough", "because", why)
	}
	for _, n := range notes {
		s.log.Info(n)
	}
	s.ready.tell(readyMessage{Notices: notes})

	if !req.options.readOnly {
		stop := s.startSchedule()
		defer stop()
	}

	gone := make(chan struct{})
	go func() { m.Wait(); close(gone) }()
	select {
	case <-gone:
	case <-ctx.Done():
		s.endBySignal(m, gone)
	}
	s.log.Info("unmounted", "mountpoint", req.mountpoint)
	return nil
}

// mountDrive mounts the open drive at its place.
func (s *session) mountDrive(ctx context.Context) (mounted, error) {
	req := s.req
	mp, err := openMountpoint(req.mountpoint)
	if err != nil {
		return nil, err
	}
	m, err := s.drive.Mount(ctx, mountOptions{
		Mountpoint:  req.mountpoint,
		Source:      req.repo,
		AllowOther:  s.allowOther(),
		ReadOnly:    req.options.readOnly,
		Passthrough: tristate(req.options.passthrough, s.config.Mount.Passthrough, true),
		Kernel:      req.options.kernel,
		Debug:       req.options.debug,
	})
	if coverErr := mp.cover(); coverErr != nil {
		s.log.Warn("the directory beneath the mount stays open to writers", "err", coverErr)
	}
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", req.mountpoint, err)
	}
	return m, nil
}

// memoryLimit is where the collector of a mount begins to work harder, in bytes.
const memoryLimit = 200 << 20

// openDrive opens a repository whose lock the caller holds. A nil logger is quiet.
func (a *app) openDrive(ctx context.Context, repo string, c *config.Config, log *slog.Logger) (drive, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d, err := a.engine.Open(ctx, openOptions{Dir: repo, Config: c, Now: a.now, Logger: log, Secret: a.secretOf(repo, c.Encryption)})
	if err != nil {
		return nil, fmt.Errorf("open repository %s: %w", repo, err)
	}
	return d, nil
}

// lockToMount takes the repository's lock. A mount that serves is reported at once;
// a command, or a mount that is ending, is waited for.
func (a *app) lockToMount(ctx context.Context, req mountRequest) (lock *control.Lock, err error) {
	h := control.Holder{PID: os.Getpid(), Mountpoint: req.mountpoint, Command: "rdfs mount", Since: a.now()}
	err = retry(ctx, a.patience, func() (again bool, err error) {
		lock, err = control.Acquire(req.repo, h)
		var busy *control.BusyError
		if !errors.As(err, &busy) {
			return false, err
		}
		if c, dialErr := control.Dial(ctx, req.repo); dialErr == nil {
			c.Close()
			return false, err
		}
		return true, err
	})
	return lock, err
}

func (s *session) startLog() error {
	level := s.req.logLevel
	if level == "" {
		level = s.config.Log.Level
	}
	if s.req.options.debug {
		level = "debug"
	}
	if s.req.readyFD == 0 {
		var err error
		s.log, err = newLogger(s.a.stderr, level)
		return err
	}
	w, err := openLog(logPath(s.req.repo), s.config.Log.MaxSize, true)
	if err != nil {
		return err
	}
	s.log, err = newLogger(w, level)
	return err
}

func (s *session) allowOther() bool {
	return tristate(s.req.options.allowOther, s.config.Mount.AllowOther, os.Geteuid() == 0)
}

// tristate is the first of the switches that is not left to the program.
func tristate(option, file config.Tristate, auto bool) bool { return option.Bool(file.Bool(auto)) }

// startControl serves the control socket; stop ends it when requests under way had
// a moment to end.
func (s *session) startControl(public bool) (stop func(), err error) {
	owner := uint32(os.Geteuid())
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(s.req.repo, config.FileName), &st); err == nil {
		owner = st.Uid
	}
	l, err := control.Listen(s.req.repo, public)
	if err != nil {
		return nil, err
	}
	server := control.NewServer(control.Options{
		Drive: s.drive,
		Owner: owner,
		Hello: control.Hello{Version: thisVersion().Version, PID: os.Getpid(), Repository: s.req.repo,
			Mountpoint: s.req.mountpoint, Started: s.a.now()},
		Access:  s.drive.Access,
		Unmount: s.unmount,
		Logger:  s.log,
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); err != nil {
			s.log.Error("control socket", "err", err)
		}
	}()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		server.Shutdown(ctx)
		<-done
	}, nil
}

// startSchedule takes snapshots beside everything else; stop returns when that has ended.
func (s *session) startSchedule() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.drive.Background(ctx)
	}()
	return func() { cancel(); <-done }
}

// unmount is the request of `rdfs umount`. First everything is stored while the
// drive still serves; then it is taken off the tree.
func (s *session) unmount(ctx context.Context, req control.UnmountRequest, progress func(volume.Progress)) error {
	select {
	case <-s.tried: // the socket answers a moment before the drive is there
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.mount == nil {
		return fmt.Errorf("%s could not be mounted: %w", s.req.mountpoint, control.ErrNotMounted)
	}
	if !req.NoWait {
		if err := s.drive.Sync(ctx, "", progress); err != nil {
			return fmt.Errorf("not everything could be stored, the drive stays mounted (--no-wait unmounts, and keeps it for the next mount): %w", err)
		}
	}
	s.hurry.Store(req.NoWait)
	if err := s.mount.Unmount(ctx); err != nil {
		s.hurry.Store(false)
		return fmt.Errorf("unmount %s: %w: %w", s.req.mountpoint, syscall.EBUSY, err)
	}
	return nil
}

// endBySignal unmounts because the process is told to end. A drive that is in use is
// detached: its files go on to be served for a moment, and then no more.
func (s *session) endBySignal(m mounted, gone <-chan struct{}) {
	s.log.Info("told to end: unmounting")
	// A program that uses the drive is not waited for.
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := m.Unmount(ended); err != nil {
		s.log.Warn("the drive is in use, detaching it", "err", err)
		if err := detach(s.req.mountpoint); err != nil {
			s.log.Error("detach", "err", err)
		}
	}
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		s.log.Warn("files are still open; what programs write to them from now on may be lost")
	}
}

// close ends the drive. It stores what was closed; a signal, or `rdfs umount
// --no-wait`, leaves that to the next mount.
func (s *session) close(ctx context.Context) error {
	end, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if ctx.Err() != nil {
		// Told to end: within the patience of who told it, but not without trying.
		var stop context.CancelFunc
		end, stop = context.WithTimeout(end, 30*time.Second)
		defer stop()
	}
	if s.hurry.Load() {
		cancel()
	}
	err := s.drive.Close(end, nil)
	if err != nil && end.Err() != nil && onlyEnded(err) {
		s.log.Info("files are left to be stored by the next mount")
		return nil
	}
	if err != nil {
		return fmt.Errorf("close repository %s: %w", s.req.repo, err)
	}
	return nil
}

// raiseFileLimit lets the process have as many open files as it may: each open file
// of the drive is one.
func raiseFileLimit() {
	var lim unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &lim) != nil {
		return
	}
	lim.Cur = lim.Max
	if os.Geteuid() == 0 {
		const many = 1 << 20
		if higher := (unix.Rlimit{Cur: max(lim.Max, many), Max: max(lim.Max, many)}); unix.Setrlimit(unix.RLIMIT_NOFILE, &higher) == nil {
			return
		}
	}
	unix.Setrlimit(unix.RLIMIT_NOFILE, &lim)
}
