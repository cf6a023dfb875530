package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// RunDir is the directory of a repository that holds the lock, the socket and the log.
const RunDir = "run"

// SocketPath returns the control socket of the repository at repo.
func SocketPath(repo string) string { return filepath.Join(repo, RunDir, "control.sock") }

// maxSocketPath is the longest path that fits sockaddr_un.
const maxSocketPath = 107

// viaShortPath calls fn with a name of path that fits a socket address. A longer
// one is reached through an open descriptor of its directory.
func viaShortPath(path string, fn func(string) error) error {
	if len(path) <= maxSocketPath {
		return fn(path)
	}
	dir, err := os.OpenFile(filepath.Dir(path), os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	return fn(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)))
}

// Listen makes the control socket of the repository at repo. The caller holds the
// repository's lock: a socket that is there already was left by a dead process, and
// is replaced. Everybody can connect to a public socket; the server decides what
// each may do. The socket appears when it takes connections: one that refuses them
// means that the process is dead.
func Listen(repo string, public bool) (net.Listener, error) {
	path := SocketPath(repo)
	early := path + ".new"
	for _, old := range []string{path, early} {
		if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("remove old control socket: %w", err)
		}
	}
	var l *net.UnixListener
	err := viaShortPath(early, func(short string) (err error) {
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false) // the short name may not work any more by then
	mode := os.FileMode(0o600)
	if public {
		mode = 0o666
	}
	err = os.Chmod(early, mode)
	if err == nil {
		err = os.Rename(early, path)
	}
	if err != nil {
		l.Close()
		os.Remove(early)
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return &listener{l, path}, nil
}

// listener removes its socket when it is closed.
type listener struct {
	*net.UnixListener
	path string
}

func (l *listener) Close() error {
	err := l.UnixListener.Close()
	if rmErr := os.Remove(l.path); err == nil && !errors.Is(rmErr, fs.ErrNotExist) {
		err = rmErr
	}
	return err
}

// dial connects to the socket of the repository at repo.
func dial(ctx context.Context, repo string) (net.Conn, error) {
	var conn net.Conn
	err := viaShortPath(SocketPath(repo), func(short string) (err error) {
		var d net.Dialer
		conn, err = d.DialContext(ctx, "unix", short)
		return err
	})
	switch {
	case err == nil:
		return conn, nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, fmt.Errorf("repository %s: %w", repo, ErrNotMounted)
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("repository %s: %w", repo, ErrStale)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("control socket %s: %w (only the user who mounted it, and root)", SocketPath(repo), fs.ErrPermission)
	}
	return nil, fmt.Errorf("control socket %s: %w", SocketPath(repo), err)
}
