package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tempPrefix marks unfinished files. The tilde is not in the alphabet of keys, so
// an unfinished file is never taken for an object.
const tempPrefix = "rdfs-tmp~"

// maxTemps bounds how many unfinished files of one name may lie in a directory.
const maxTemps = 10000

// WriteFile makes path hold the bytes of src, and returns nil when they survive
// power loss. Until then path holds what it held before. src is read once, in the
// caller's goroutine; an error of src leaves path alone. The directory of path
// must exist and be durable itself (MkdirAll).
//
// The system calls are, in this order:
//
//	openat(DIR/rdfs-tmp~0~NAME, O_WRONLY|O_CREAT|O_EXCL)
//	write ...
//	fdatasync
//	close
//	renameat(DIR/rdfs-tmp~0~NAME, DIR/NAME)
//	openat(DIR, O_RDONLY), fsync, close
func WriteFile(fsys FS, path string, src io.Reader, perm fs.FileMode) error {
	return WriteFileVia(fsys, filepath.Dir(path), path, src, perm)
}

// WriteFileVia is WriteFile with the unfinished file in tempDir, which must be on
// the same filesystem as path. A tree of many directories then has one place to
// sweep.
func WriteFileVia(fsys FS, tempDir, path string, src io.Reader, perm fs.FileMode) error {
	f, temp, err := createTemp(fsys, tempDir, filepath.Base(path), perm)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = io.Copy(f, src)
	if err == nil {
		err = f.Sync()
	}
	// close(2) reports what network filesystems could not write.
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = fsys.Rename(temp, path)
	}
	if err != nil {
		// Best effort: a temp that stays is removed by the next sweep.
		_ = fsys.Remove(temp)
		return fmt.Errorf("write %s: %w", path, err)
	}
	// The file has its name now. If this sync fails, whether it keeps the name is
	// unknown, and the caller must take it as not written.
	if err := fsys.SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// createTemp makes a new file in dir with a name that IsTemp knows. Names are
// counted, not random, so that a seeded test repeats exactly.
func createTemp(fsys FS, dir, base string, perm fs.FileMode) (File, string, error) {
	if len(base) > 200 {
		base = base[:200] // names end at 255 bytes
	}
	for i := range maxTemps {
		path := filepath.Join(dir, tempPrefix+strconv.Itoa(i)+"~"+base)
		f, err := fsys.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		if err == nil {
			return f, path, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, "", err
		}
	}
	return nil, "", fmt.Errorf("%d unfinished files of this name in %s", maxTemps, dir)
}

// IsTemp reports whether name, the last element of a path, is that of a file that
// WriteFile did not finish.
func IsTemp(name string) bool { return strings.HasPrefix(name, tempPrefix) }

// RemoveTemps removes what WriteFile left unfinished in dir, not below it, and
// returns how many files that were. Call it at start-up, before anything writes
// in dir.
func RemoveTemps(fsys FS, dir string) (int, error) {
	entries, err := fsys.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("sweep %s: %w", dir, err)
	}
	n := 0
	for _, e := range entries {
		if !IsTemp(e.Name()) || e.IsDir() {
			continue
		}
		if err := fsys.Remove(filepath.Join(dir, e.Name())); err != nil {
			return n, fmt.Errorf("sweep %s: %w", dir, err)
		}
		n++
	}
	return n, nil
}

// MkdirAll makes path and what is missing above it, and returns nil when all the
// directories it made survive power loss. A directory that was there already is
// taken to be durable.
func MkdirAll(fsys FS, path string, perm fs.FileMode) error {
	path = filepath.Clean(path)
	err := fsys.Mkdir(path, perm)
	switch {
	case err == nil:
		return fsys.SyncDir(filepath.Dir(path))
	case errors.Is(err, fs.ErrExist):
		info, statErr := fsys.Stat(path)
		if statErr != nil {
			return statErr
		}
		if !info.IsDir() {
			return err
		}
		return nil
	case !errors.Is(err, fs.ErrNotExist) || filepath.Dir(path) == path:
		return err
	}
	if err := MkdirAll(fsys, filepath.Dir(path), perm); err != nil {
		return err
	}
	return MkdirAll(fsys, path, perm)
}

// Create opens name for reading and writing, made new or cut to nothing. Neither
// the name nor the bytes are durable before Sync and SyncDir.
func Create(fsys FS, name string, perm fs.FileMode) (File, error) {
	return fsys.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, perm)
}

// ReadFile returns the bytes of name.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
