package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// mountpoint is the directory beneath a mount. While nothing is mounted its mode is
// 0, so that no program saves into the empty directory by mistake.
type mountpoint struct {
	path string
	dir  *os.File // the directory itself, also when something is mounted over it
}

// openMountpoint makes path ready to be mounted on: it exists, is an empty
// directory, and its owner can use it until cover is called.
func openMountpoint(path string) (*mountpoint, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("mountpoint: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return nil, &os.PathError{Op: "mountpoint", Path: path, Err: err}
	}
	// fusermount3 asks for a directory that its user may write to.
	if st.Mode&0o777 == 0 && int(st.Uid) == os.Geteuid() {
		if err := os.Chmod(path, 0o700); err != nil {
			return nil, fmt.Errorf("mountpoint: %w", err)
		}
	}
	dir, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("mountpoint: %w", err)
	}
	names, err := dir.Readdirnames(1)
	if err == nil {
		dir.Close()
		return nil, failf(exitFailed, "%s is not empty (it holds %q): what is in it could not be seen under the mount. Mount on an empty directory", path, names[0])
	}
	if !errors.Is(err, io.EOF) {
		dir.Close()
		return nil, fmt.Errorf("mountpoint: %w", err)
	}
	return &mountpoint{path, dir}, nil
}

// cover closes the directory beneath the mount, or the one that did not get a mount,
// to writers. A directory of somebody else stays as it is.
func (m *mountpoint) cover() error {
	defer m.dir.Close()
	if err := m.dir.Chmod(0); err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, unix.EROFS) {
		return fmt.Errorf("close the directory beneath the mount: %w", err)
	}
	return nil
}

// detach takes a mount off the tree at once, dead or busy as it may be.
func detach(path string) error {
	err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.EPERM) {
		out, runErr := exec.Command("fusermount3", "-u", "-z", "--", path).CombinedOutput()
		if runErr == nil {
			return nil
		}
		if text := strings.TrimSpace(string(out)); text != "" {
			return fmt.Errorf("unmount %s: %s", path, text)
		}
		return fmt.Errorf("unmount %s: %w", path, runErr)
	}
	return &os.PathError{Op: "unmount", Path: path, Err: err}
}
