package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Holder is the process that has a repository open.
type Holder struct {
	PID        int       `json:"pid"`
	Mountpoint string    `json:"mountpoint,omitempty"` // empty: a command, not a mount
	Command    string    `json:"command"`
	Since      time.Time `json:"since"`
}

// BusyError says who has a repository open. It is an EBUSY.
type BusyError struct {
	Repository string
	Holder     Holder // zero when it did not say
}

func (e *BusyError) Error() string {
	h := e.Holder
	switch {
	case h.Mountpoint != "":
		return fmt.Sprintf("repository %s is already mounted on %s by process %d", e.Repository, h.Mountpoint, h.PID)
	case h.PID != 0:
		return fmt.Sprintf("repository %s is in use by process %d (%s)", e.Repository, h.PID, h.Command)
	}
	return fmt.Sprintf("repository %s is in use by another process", e.Repository)
}

// Is makes a BusyError an EBUSY.
func (e *BusyError) Is(target error) bool { return target == syscall.EBUSY }

// Lock lets one process at a time have a repository open. It ends with Release or
// with the process.
type Lock struct{ f *os.File }

func lockPath(repo string) string { return filepath.Join(repo, RunDir, "lock") }

// Acquire takes the lock of the repository at repo for h, or returns a *BusyError
// at once.
func Acquire(repo string, h Holder) (*Lock, error) {
	f, err := os.OpenFile(lockPath(repo), os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock repository: %w", err)
	}
	if err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock repository %s: %w", repo, err)
		}
		return nil, &BusyError{Repository: repo, Holder: readHolder(f)}
	}
	l := &Lock{f}
	if err := l.Set(h); err != nil {
		f.Close()
		return nil, err
	}
	return l, nil
}

// Set changes what the lock says about its holder.
func (l *Lock) Set(h Holder) error {
	data, err := json.Marshal(h)
	if err == nil {
		err = l.f.Truncate(0)
	}
	if err == nil {
		_, err = l.f.WriteAt(append(data, '\n'), 0)
	}
	if err != nil {
		return fmt.Errorf("lock repository: %w", err)
	}
	return nil
}

// Release gives the lock back. The file stays, as it is: removing it would let two
// processes each lock a file of that name. Release may be called twice.
func (l *Lock) Release() error {
	err := l.f.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}

// LockedBy reports whether some process has the repository at repo open, and what
// that process says of itself, without taking the lock for longer than the question.
func LockedBy(repo string) (Holder, bool) {
	f, err := os.OpenFile(lockPath(repo), os.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return Holder{}, false
	}
	defer f.Close()
	if !errors.Is(flock(f, syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK) {
		return Holder{}, false
	}
	return readHolder(f), true
}

// readHolder reads what the holder wrote. It is for people; a text that is just being
// written reads as nobody.
func readHolder(f *os.File) (h Holder) {
	data, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil || json.Unmarshal(data, &h) != nil {
		return Holder{}
	}
	return h
}

func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if err != syscall.EINTR {
			return err
		}
	}
}
