package dir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/disk"
	"github.com/rdfs/rdfs/tiers"
)

// markerName is the file in the root of a tier that makes it one.
const markerName = tiers.MarkerKey

// ErrForeign: the directory is a tier, of another repository.
var ErrForeign = tiers.ErrForeign

// Create makes path, where it is missing, into an empty tier of the repository
// with the id repoID. A directory that is one already is success. What else lies
// in it is left alone.
func Create(path, repoID string, o Options) error {
	o = o.withDefaults()
	if repoID == "" {
		return fmt.Errorf("create tier %s: no repository id", path)
	}
	err := checkMarker(o.FS, path, repoID)
	if errors.Is(err, fs.ErrNotExist) {
		err = writeMarker(o, path, repoID)
	}
	// Also where all was there: an earlier attempt may have ended before it was durable.
	for _, dir := range []string{path, filepath.Dir(filepath.Clean(path))} {
		if err == nil {
			err = o.FS.SyncDir(dir)
		}
	}
	if err != nil {
		return fmt.Errorf("create tier %s: %w", path, err)
	}
	return nil
}

func writeMarker(o Options, path, repoID string) error {
	if err := disk.MkdirAll(o.FS, path, 0o700); err != nil {
		return err
	}
	text, err := tiers.Marker(repoID, o.Now())
	if err != nil {
		return err
	}
	return disk.WriteFile(o.FS, filepath.Join(path, markerName), bytes.NewReader(text), 0o644)
}

// Owner returns the id of the repository whose tier is in path.
func Owner(path string, o Options) (repoID string, err error) {
	text, err := readMarker(o.withDefaults().FS, path)
	if err == nil {
		repoID, err = tiers.Owner(path, text)
	}
	if err != nil {
		return "", fmt.Errorf("tier %s: %w", path, err)
	}
	return repoID, nil
}

// checkMarker returns nil if root is a tier of the repository. The error says what
// to do; it wraps blob.ErrOffline, blob.ErrCorrupt or ErrForeign where they apply.
func checkMarker(fsys disk.FS, root, repoID string) error {
	text, err := readMarker(fsys, root)
	if err != nil {
		return err
	}
	return tiers.CheckMarker(filepath.Join(root, markerName), text, repoID)
}

func readMarker(fsys disk.FS, root string) ([]byte, error) {
	text, err := disk.ReadFile(fsys, filepath.Join(root, markerName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: mount the disk that holds the tier; if it is mounted, "+
			"the path in the configuration is wrong (%w)", blob.ErrOffline, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", blob.ErrOffline, err)
	}
	return text, nil
}
