package dir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/disk"
)

// markerName is the file in the root of a tier that makes it one.
const markerName = "rdfs-tier"

// format is the version of what FORMAT.md describes.
const format = 1

// ErrForeign: the directory is a tier, of another repository.
var ErrForeign = errors.New("tier of another repository")

// marker is the content of the marker file.
type marker struct {
	Format     int       `json:"format"`
	Repository string    `json:"repository"`
	Created    time.Time `json:"created"`
}

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
	text, err := json.MarshalIndent(marker{format, repoID, o.Now().UTC().Truncate(time.Second)}, "", "  ")
	if err != nil {
		return err
	}
	return disk.WriteFile(o.FS, filepath.Join(path, markerName), bytes.NewReader(append(text, '\n')), 0o644)
}

// checkMarker returns nil if root is a tier of the repository. The error says what
// to do; it wraps blob.ErrOffline, blob.ErrCorrupt or ErrForeign where they apply.
func checkMarker(fsys disk.FS, root, repoID string) error {
	path := filepath.Join(root, markerName)
	text, err := disk.ReadFile(fsys, path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: mount the disk that holds the tier; if it is mounted, "+
			"the path in the configuration is wrong (%w)", blob.ErrOffline, err)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", blob.ErrOffline, err)
	}
	// The version comes first: other formats may have other members.
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &version); err != nil || version.Format <= 0 {
		return fmt.Errorf("%s: %w: not the marker of a tier: write it anew as FORMAT.md of package tiers/dir says, "+
			"with the id of this repository (%s)", path, blob.ErrCorrupt, repoID)
	}
	if version.Format != format {
		return fmt.Errorf("%s: format %d is not known to this version of rdfs, which knows %d: use a newer rdfs", path, version.Format, format)
	}
	var m marker
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("%s: %w: %w", path, blob.ErrCorrupt, err)
	}
	if m.Repository != repoID {
		return fmt.Errorf("%w: %s names repository %s, and this is %s: give each repository a directory of its own",
			ErrForeign, path, m.Repository, repoID)
	}
	return nil
}
