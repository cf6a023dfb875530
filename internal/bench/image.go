package bench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// image is a fresh ext4 in a file, mounted through a loop device.
type image struct {
	file, device, mnt string
}

// newImage makes and mounts an image of size bytes. More inodes than ext4 makes by itself can be asked for; 0 asks for none.
func newImage(file, mnt string, size int64, inodes int) (_ *image, err error) {
	im := &image{file: file, mnt: mnt}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("image %s: %w", file, err), im.close())
		}
	}()
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return nil, err
	}
	// Tables are written now, not by a kernel thread during the measurements.
	args := []string{"-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0"}
	if inodes > 0 {
		args = append(args, "-N", fmt.Sprint(inodes))
	}
	if err := run("mkfs.ext4", append(args, file)...); err != nil {
		return nil, err
	}
	// Direct I/O below: otherwise every page is cached twice, and fsync is that of the host's writeback.
	out, err := exec.Command("losetup", "--find", "--show", "--direct-io=on", file).Output()
	if err != nil {
		return nil, fmt.Errorf("losetup: %w", err)
	}
	im.device = strings.TrimSpace(string(out))
	if err := os.MkdirAll(mnt, 0o755); err != nil {
		return nil, err
	}
	if err := unix.Mount(im.device, mnt, "ext4", 0, ""); err != nil {
		return nil, fmt.Errorf("mount %s: %w", im.device, err)
	}
	return im, nil
}

// close unmounts the image and removes it.
func (im *image) close() error {
	var errs []error
	if mounted(im.mnt) {
		if err := unix.Unmount(im.mnt, 0); err != nil {
			errs = append(errs, fmt.Errorf("unmount %s: %w", im.mnt, err), unix.Unmount(im.mnt, unix.MNT_DETACH))
		}
	}
	if im.device != "" {
		errs = append(errs, run("losetup", "-d", im.device))
	}
	return errors.Join(append(errs, os.Remove(im.file))...)
}
