package cache

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

// The seconds of all stamps lie in [stampBase, stampBase+1<<stampBits): from
// July 1978 to July 1995. Every filesystem stores them, and no write of today
// makes one by accident.
const (
	stampBase = 1 << 28
	stampBits = 29
	stampTick = 100      // ns: the coarsest resolution that counts as good enough
	ticks     = 10000000 // per second
)

// stampOf returns the modification time that says "this file holds content id".
// With a and b the first and second four bytes of id as big-endian numbers:
// seconds = 2^28 + a mod 2^29, nanoseconds = 100 * (b mod 10^7).
func stampOf(id blob.ID) unix.Timespec {
	a := binary.BigEndian.Uint32(id[0:4])
	b := binary.BigEndian.Uint32(id[4:8])
	return unix.Timespec{
		Sec:  stampBase + int64(a&(1<<stampBits-1)),
		Nsec: int64(b%ticks) * stampTick,
	}
}

// fresh reports whether st is a file of size bytes that carries the stamp of id.
func fresh(st *unix.Stat_t, id blob.ID, size int64) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size == size && st.Mtim == stampOf(id)
}

// setTimes is futimens(2). Unlike a call by path it cannot hit another file.
func setTimes(fd int, atime, mtime unix.Timespec) error {
	ts := [2]unix.Timespec{atime, mtime}
	for {
		_, _, errno := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&ts[0])), 0, 0, 0)
		if errno == 0 {
			return nil
		}
		if errno != unix.EINTR {
			return errno
		}
	}
}

// stamp marks the open file as holding content id, used now.
func (c *Cache) stamp(fd int, id blob.ID) error {
	now, err := unix.TimeToTimespec(c.o.Now())
	if err != nil {
		return err
	}
	return setTimes(fd, now, stampOf(id))
}

// touchEvery is how often the use of a file is noted at most.
const touchEvery = time.Minute

// touch notes in the access time that the open file is used now. Errors do not
// matter: the file then looks older than it is.
func (c *Cache) touch(fd int, st *unix.Stat_t) {
	now := c.o.Now()
	if d := now.Sub(time.Unix(st.Atim.Unix())); d >= 0 && d < touchEvery {
		return
	}
	if ts, err := unix.TimeToTimespec(now); err == nil {
		_ = setTimes(fd, ts, unix.Timespec{Nsec: unix.UTIME_OMIT})
	}
}

// openStat opens an existing file and returns its attributes.
func openStat(path string, flag int) (int, unix.Stat_t, error) {
	var st unix.Stat_t
	for {
		fd, err := unix.Open(path, flag|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return -1, st, err
		}
		if err := unix.Fstat(fd, &st); err != nil {
			unix.Close(fd)
			return -1, st, err
		}
		return fd, st, nil
	}
}

// openQuiet opens a file for reading that does not count as a use of it.
func openQuiet(path string) (int, unix.Stat_t, error) {
	fd, st, err := openStat(path, unix.O_RDONLY|unix.O_NOATIME)
	if err == unix.EPERM { // the file of another user
		fd, st, err = openStat(path, unix.O_RDONLY)
	}
	return fd, st, err
}

func lstat(path string) (unix.Stat_t, error) {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	return st, err
}

func sameFile(a, b *unix.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// unchanged reports whether a and b show one file in one state. Every change of
// content, times or name moves the change time.
func unchanged(a, b *unix.Stat_t) bool {
	return sameFile(a, b) && a.Size == b.Size && a.Mtim == b.Mtim && a.Ctim == b.Ctim
}

// onDisk is the space that a file takes, in bytes.
func onDisk(st *unix.Stat_t) int64 { return st.Blocks * 512 }

// missing reports whether err says that there is no such file.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
}

// makeTries is how often a directory that disappeared is made again before
// giving up: somebody may be removing the cache at this moment.
const makeTries = 5

// withDir calls fn, which creates something in dir, and makes dir when it is missing.
func withDir(dir string, fn func() error) error {
	var err error
	for range makeTries {
		if err = fn(); !missing(err) {
			return err
		}
		if merr := os.MkdirAll(dir, 0o700); merr != nil && !missing(merr) {
			return merr
		}
	}
	return err
}

// renameInto renames from to the path to, whose directory may be missing.
func renameInto(from, to string) error {
	return withDir(filepath.Dir(to), func() error {
		err := unix.Rename(from, to)
		if missing(err) {
			if _, serr := lstat(from); serr != nil {
				return &os.PathError{Op: "rename", Path: from, Err: errGone}
			}
		}
		return err
	})
}

// errGone: the file to be renamed is not there any more.
var errGone = errors.New("the file has disappeared")
