package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"

	"github.com/rdfs/rdfs/internal/blob"
)

// gone are what the kernel answers when a disk or a server is no longer there.
var gone = []error{
	syscall.ENOTCONN, syscall.ESTALE, syscall.ENODEV, syscall.ENXIO, syscall.ENOMEDIUM, syscall.ESHUTDOWN,
	syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ENETDOWN, syscall.ENETUNREACH, syscall.ETIMEDOUT, syscall.EREMOTEIO,
}

// failed wraps the error of an operation on a key, nil too. It finds out whether
// the reason is that the tier is not there.
func (s *Store) failed(op, key string, err error) error {
	if err == nil {
		return nil
	}
	switch {
	case errors.Is(err, blob.ErrOffline), errors.Is(err, blob.ErrNotFound):
	case slices.ContainsFunc(gone, func(e error) bool { return errors.Is(err, e) }):
		err = fmt.Errorf("%w: %w", blob.ErrOffline, err)
	case errors.Is(err, syscall.EIO), errors.Is(err, fs.ErrNotExist):
		// A disk that was pulled out says EIO, and so does a bad sector.
		if away := s.mounted(); away != nil {
			err = fmt.Errorf("%w: %w", away, err)
		}
	}
	return fmt.Errorf("tier %s: %s %s: %w", s.root, op, key, err)
}

// notFound turns the answer of the kernel that there is no such file into
// blob.ErrNotFound, if the tier is there at all.
func (s *Store) notFound(err error) error {
	// ENOTDIR: a component of the key is an object.
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, syscall.ENAMETOOLONG) {
		return err
	}
	if away := s.mounted(); away != nil {
		return away
	}
	return blob.ErrNotFound
}

// mounted returns nil if the tier is where it was.
func (s *Store) mounted() error { return checkMarker(s.fs, s.root, s.repoID) }
