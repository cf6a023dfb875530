package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/rdfs/rdfs/internal/volume"
)

// Options of a Server. Drive is required.
type Options struct {
	Drive Drive
	Hello Hello
	Owner uint32 // uid of the repository's owner, who may check and unmount, as root may
	// Access says whether the caller can reach path (read its directory's entries up
	// to it). Nil lets everybody reach everything.
	Access func(ctx context.Context, who Caller, path string) error
	// Unmount ends the mount. Nil refuses.
	Unmount func(ctx context.Context, req UnmountRequest, progress func(volume.Progress)) error
	// Every is the time between two lines of progress; 0 is 100 ms.
	Every  time.Duration
	Logger *slog.Logger // nil: quiet
}

// Server answers requests for one drive.
type Server struct {
	o    Options
	mux  *http.ServeMux
	http *http.Server
}

// NewServer returns a server that is not serving yet.
func NewServer(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Every == 0 {
		o.Every = 100 * time.Millisecond
	}
	o.Hello.Protocol = ProtocolVersion
	mux := http.NewServeMux()
	s := &Server{o: o, mux: mux}
	s.routeMoments()
	s.routeFinder()
	mux.HandleFunc("GET /v1/hello", answer(s.hello))
	mux.HandleFunc("GET /v1/status", answer(s.status))
	mux.HandleFunc("POST /v1/log", answer(s.log))
	mux.HandleFunc("POST /v1/restore", answer(s.restore))
	mux.HandleFunc("POST /v1/seal", answer(s.seal))
	mux.HandleFunc("POST /v1/meta/get", answer(s.metaGet))
	mux.HandleFunc("POST /v1/meta/change", answer(s.metaChange))
	mux.HandleFunc("POST /v1/meta/undo", answer(s.metaUndo))
	mux.HandleFunc("GET /v1/meta/ops", answer(s.metaOps))
	mux.HandleFunc("POST /v1/meta/log", answer(s.metaLog))
	mux.HandleFunc("POST /v1/meta/restore", answer(s.metaRestore))
	mux.HandleFunc("POST /v1/tags", answer(s.tags))
	mux.HandleFunc("POST /v1/tags/rename", answer(s.renameTag))
	mux.HandleFunc("POST /v1/sync", stream(s, s.sync))
	mux.HandleFunc("POST /v1/check", stream(s, s.check))
	mux.HandleFunc("POST /v1/check/names", stream(s, s.checkNames))
	mux.HandleFunc("POST /v1/gc", stream(s, s.gc))
	mux.HandleFunc("POST /v1/scrub", stream(s, s.scrub))
	mux.HandleFunc("POST /v1/unmount", stream(s, s.unmount))
	s.http = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			who, err := peer(c)
			return context.WithValue(ctx, callerKey{}, callerOrError{who, err})
		},
	}
	return s
}

type callerKey struct{}

type callerOrError struct {
	who Caller
	err error
}

// Serve answers requests from l until Shutdown. It returns nil after Shutdown.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown stops taking requests, and waits for those under way until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
	}
	return err
}

// request is what a handler gets to know.
type request struct {
	who      Caller
	body     func(any) error        // decodes the body
	large    func(any, int64) error // decodes one of up to so many bytes
	progress func(volume.Progress)
}

func newRequest(w http.ResponseWriter, r *http.Request) (request, error) {
	c, ok := r.Context().Value(callerKey{}).(callerOrError)
	if !ok || c.err != nil {
		return request{}, deniedf("cannot tell who is calling: %v", c.err)
	}
	decode := func(to any, limit int64) error {
		d := json.NewDecoder(io.LimitReader(r.Body, limit))
		d.DisallowUnknownFields()
		if err := d.Decode(to); err != nil {
			return &Error{"invalid", "request: " + err.Error()}
		}
		return nil
	}
	return request{who: c.who, large: decode, body: func(to any) error { return decode(to, 1<<20) }}, nil
}

// answer turns fn into a handler that answers with one JSON value.
func answer[T any](fn func(context.Context, request) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var out T
		req, err := newRequest(w, r)
		if err == nil {
			out, err = fn(r.Context(), req)
		}
		m := message{Result: out}
		if err != nil {
			m = message{Error: wireError(err)}
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(m)
	}
}

// asked turns fn, whose request has a field for who asks, into a handler. What the
// request says of that is never believed. They must be able to reach the paths.
func asked[R, T any](s *Server, what string, who func(*R) *volume.Requester, fn func(context.Context, R) (T, error), paths ...func(*R) string) http.HandlerFunc {
	return answer(func(ctx context.Context, req request) (T, error) {
		var r R
		if err := req.body(&r); err != nil {
			var none T
			return none, err
		}
		*who(&r) = volume.Requester{UID: req.who.UID, GID: req.who.GID, Groups: req.who.Groups}
		for _, p := range paths {
			if err := s.reach(ctx, req.who, p(&r)); err != nil {
				var none T
				return none, err
			}
		}
		s.o.Logger.Info(what, "uid", req.who.UID, "pid", req.who.PID)
		return fn(ctx, r)
	})
}

// stream turns fn into a handler that answers with lines: progress, then the end.
func stream[T any](s *Server, fn func(context.Context, request) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		req, err := newRequest(w, r)
		w.Header().Set("Content-Type", "application/jsonl")
		enc := json.NewEncoder(w)
		var m message
		if err == nil {
			var stop func()
			req.progress, stop = every(s.o.Every, func(p volume.Progress) {
				enc.Encode(message{Progress: &p})
				http.NewResponseController(w).Flush()
			})
			m.Result, err = fn(r.Context(), req)
			stop()
		}
		if err != nil {
			m = message{Error: wireError(err)}
		}
		enc.Encode(m)
	}
}

// every passes on the newest progress at most once in each interval, so that a
// caller that reports every row costs nothing. After stop returns, send is not
// called any more.
func every(interval time.Duration, send func(volume.Progress)) (report func(volume.Progress), stop func()) {
	latest := make(chan volume.Progress, 1)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			select {
			case p := <-latest:
				send(p)
			default:
			}
		}
	}()
	report = func(p volume.Progress) {
		select {
		case <-latest:
		default:
		}
		select {
		case latest <- p:
		default:
		}
	}
	return report, func() { close(quit); <-done }
}

func (s *Server) hello(context.Context, request) (Hello, error) { return s.o.Hello, nil }

func (s *Server) status(ctx context.Context, _ request) (volume.Status, error) {
	st, err := s.o.Drive.Status(ctx)
	if st.Mountpoint == "" {
		st.Mountpoint = s.o.Hello.Mountpoint
	}
	return st, err
}

func (s *Server) log(ctx context.Context, req request) ([]volume.VersionInfo, error) {
	p, err := s.path(ctx, req)
	if err != nil {
		return nil, err
	}
	return s.o.Drive.Log(ctx, p)
}

func (s *Server) seal(ctx context.Context, req request) (volume.VersionInfo, error) {
	p, err := s.path(ctx, req)
	if err != nil {
		return volume.VersionInfo{}, err
	}
	return s.o.Drive.Seal(ctx, p)
}

func (s *Server) sync(ctx context.Context, req request) (struct{}, error) {
	p, err := s.path(ctx, req)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, s.o.Drive.Sync(ctx, p, req.progress)
}

func (s *Server) restore(ctx context.Context, req request) (volume.RestoreResult, error) {
	var r volume.RestoreRequest
	if err := req.body(&r); err != nil {
		return volume.RestoreResult{}, err
	}
	r.UID, r.GID, r.Groups = req.who.UID, req.who.GID, req.who.Groups // never what the request says
	for _, p := range []string{r.Path, r.To} {
		if err := s.reach(ctx, req.who, p); err != nil {
			return volume.RestoreResult{}, err
		}
	}
	s.o.Logger.Info("restore", "path", r.Path, "version", r.Seq, "at", r.At, "to", r.To, "dry_run", r.DryRun, "uid", r.UID)
	return s.o.Drive.Restore(ctx, r)
}

func (s *Server) check(ctx context.Context, req request) (volume.CheckResult, error) {
	var r checkRequest
	if err := req.body(&r); err != nil {
		return volume.CheckResult{}, err
	}
	if err := s.owner(req.who, "check"); err != nil {
		return volume.CheckResult{}, err
	}
	return s.o.Drive.Check(ctx, r.Data, req.progress)
}

func (s *Server) gc(ctx context.Context, req request) (volume.GCResult, error) {
	var r gcRequest
	if err := req.body(&r); err != nil {
		return volume.GCResult{}, err
	}
	if err := s.owner(req.who, "gc"); err != nil {
		return volume.GCResult{}, err
	}
	s.o.Logger.Info("asked to collect garbage", "uid", req.who.UID, "pid", req.who.PID, "dry_run", r.DryRun)
	return s.o.Drive.GC(ctx, r.DryRun, req.progress)
}

func (s *Server) scrub(ctx context.Context, req request) (volume.ScrubResult, error) {
	var r volume.ScrubRequest
	if err := req.body(&r); err != nil {
		return volume.ScrubResult{}, err
	}
	if err := s.owner(req.who, "scrub"); err != nil {
		return volume.ScrubResult{}, err
	}
	return s.o.Drive.Scrub(ctx, r, req.progress)
}

func (s *Server) unmount(ctx context.Context, req request) (struct{}, error) {
	var r UnmountRequest
	if err := req.body(&r); err != nil {
		return struct{}{}, err
	}
	if err := s.owner(req.who, "unmount"); err != nil {
		return struct{}{}, err
	}
	if s.o.Unmount == nil {
		return struct{}{}, &Error{"invalid", "this drive is not mounted"}
	}
	s.o.Logger.Info("asked to unmount", "uid", req.who.UID, "pid", req.who.PID, "no_wait", r.NoWait)
	return struct{}{}, s.o.Unmount(ctx, r, req.progress)
}

func (s *Server) owner(who Caller, what string) error {
	if who.UID == 0 || who.UID == s.o.Owner {
		return nil
	}
	return deniedf("%s: only the owner of the repository (uid %d) and root may do that", what, s.o.Owner)
}

// path reads a request that has only a path.
func (s *Server) path(ctx context.Context, req request) (string, error) {
	var r pathRequest
	if err := req.body(&r); err != nil {
		return "", err
	}
	return r.Path, s.reach(ctx, req.who, r.Path)
}

func (s *Server) reach(ctx context.Context, who Caller, p string) error {
	if strings.HasPrefix(p, "/") || strings.ContainsRune(p, 0) || p != "" && path.Clean(p) != p || p == "." || p == ".." || strings.HasPrefix(p, "../") {
		return &Error{"invalid", fmt.Sprintf("path %q: want a clean path relative to the root of the drive", p)}
	}
	if s.o.Access == nil || who.UID == 0 {
		return nil
	}
	return s.o.Access(ctx, who, p)
}
