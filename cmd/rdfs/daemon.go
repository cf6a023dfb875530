package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/keys"
)

// readyMessage is what a process in the background tells the one that started it:
// one line of JSON, when it serves or has failed.
type readyMessage struct {
	PID     int      `json:"pid"`
	Notices []string `json:"notices,omitempty"`
	Error   string   `json:"error,omitempty"`
	Status  int      `json:"status,omitempty"` // exit status of the error
}

// startDaemon starts this program again, as a daemon that mounts, and returns when
// it serves. The message of an error is the daemon's own. secret, unless it is nil, goes to
// it by a pipe, not by arguments or the environment, which others could read.
func startDaemon(ctx context.Context, req mountRequest, secret *keys.Secret) (readyMessage, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return readyMessage{}, err
	}
	defer r.Close()
	args := []string{"rdfs", "mount", "--foreground", "--ready-fd=3", "-o", req.options.String()}
	if req.logLevel != "" {
		args = append(args, "--log-level="+req.logLevel)
	}
	files := []*os.File{w} // descriptors 3 and on
	if secret != nil {
		secretR, err := secretPipe(secret)
		if err != nil {
			w.Close()
			return readyMessage{}, err
		}
		defer secretR.Close()
		files, args = append(files, secretR), append(args, "--secret-fd=4")
	}
	args = append(args, "--", req.repo, req.mountpoint)
	cmd := &exec.Cmd{
		Path:        "/proc/self/exe",
		Args:        args,
		Dir:         "/", // keep no directory busy
		Env:         slices.DeleteFunc(os.Environ(), isPassphrase),
		ExtraFiles:  files,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	var early bytes.Buffer // of a process that dies before it has its log
	errR, errW, err := os.Pipe()
	if err != nil {
		w.Close()
		return readyMessage{}, err
	}
	defer errR.Close()
	cmd.Stderr = errW
	err = cmd.Start()
	w.Close()
	errW.Close()
	if err != nil {
		return readyMessage{}, fmt.Errorf("start in the background: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Signal(syscall.SIGTERM) })
	defer stop()

	var m readyMessage
	decodeErr := json.NewDecoder(r).Decode(&m)
	if decodeErr == nil && m.Error == "" {
		return m, cmd.Process.Release()
	}
	io.Copy(&early, io.LimitReader(errR, 64<<10))
	waitErr := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return m, ctx.Err()
	case m.Error != "":
		return m, failf(m.Status, "%s", m.Error)
	}
	// It died without a word: its log is what is left.
	text := strings.TrimSpace(early.String() + lastLines(logPath(req.repo), 20))
	return m, fmt.Errorf("the process that was to mount ended (%v); its log %s ends with:\n%s",
		waitErr, logPath(req.repo), text)
}

// String writes the options as parseMountOptions reads them.
func (f mountFlags) String() string {
	out := append([]string{}, f.kernel...)
	switch f.allowOther.Bool(false) {
	case true:
		out = append(out, "allow_other")
	default:
		if f.allowOther == "false" {
			out = append(out, "noallow_other")
		}
	}
	switch f.passthrough {
	case "false":
		out = append(out, "nopassthrough")
	case "true":
		out = append(out, "passthrough")
	}
	if f.readOnly {
		out = append(out, "ro")
	}
	if f.debug {
		out = append(out, "debug")
	}
	return strings.Join(out, ",")
}

// reporter tells the starting process how it went. The zero value tells nobody.
type reporter struct{ f *os.File }

// newReporter takes descriptor fd, which nobody else may inherit.
func newReporter(fd int) (*reporter, error) {
	if fd == 0 {
		return &reporter{}, nil
	}
	f := os.NewFile(uintptr(fd), "ready")
	if _, err := f.Stat(); err != nil {
		return nil, failf(exitUsage, "--ready-fd=%s: %w", strconv.Itoa(fd), err)
	}
	syscall.CloseOnExec(fd)
	return &reporter{f}, nil
}

func (r *reporter) tell(m readyMessage) {
	if r.f == nil {
		return
	}
	m.PID = os.Getpid()
	json.NewEncoder(r.f).Encode(m)
	r.f.Close()
	r.f = nil
}

func (r *reporter) failed(err error) {
	r.tell(readyMessage{Error: err.Error(), Status: exitStatus(err)})
}

func logPath(repo string) string { return filepath.Join(repo, control.RunDir, "rdfs.log") }

// lastLines returns the last lines of a log.
func lastLines(name string, lines int) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	const most = 16 << 10
	if _, err := f.Seek(-most, io.SeekEnd); err != nil && !errors.Is(err, syscall.EINVAL) {
		return ""
	}
	data, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
