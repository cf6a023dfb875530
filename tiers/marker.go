package tiers

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
)

// MarkerKey is the key of the object that makes a place a tier and says whose it is.
// It is none of the objects of the Store.
const MarkerKey = "rdfs-tier"

// markerFormat is the version of the marker, and of what lies beside it.
const markerFormat = 1

// ErrForeign: the place is a tier, of another repository.
var ErrForeign = errors.New("tier of another repository")

// marker is the content of the marker: JSON.
type marker struct {
	Format     int       `json:"format"`
	Repository string    `json:"repository"`
	Created    time.Time `json:"created"`
}

// Marker returns the marker of a tier of the repository with the id repoID.
func Marker(repoID string, created time.Time) ([]byte, error) {
	text, err := json.MarshalIndent(marker{markerFormat, repoID, created.UTC().Truncate(time.Second)}, "", "  ")
	return append(text, '\n'), err
}

// CheckMarker returns nil if text, found in place, marks a tier of the repository
// with the id repoID. The error says what to do; it wraps blob.ErrCorrupt or ErrForeign
// where they apply.
func CheckMarker(place string, text []byte, repoID string) error {
	got, err := Owner(place, text)
	switch {
	case errors.Is(err, blob.ErrCorrupt):
		return fmt.Errorf("%w: write it anew as FORMAT.md of package tiers/dir says, with the id of this repository (%s)", err, repoID)
	case err != nil:
		return err
	case got != repoID:
		return fmt.Errorf("%w: %s names repository %s, and this is %s: give each repository a place of its own",
			ErrForeign, place, got, repoID)
	}
	return nil
}

// Owner returns the id of the repository whose tier the marker text, found in place,
// marks.
func Owner(place string, text []byte) (repoID string, err error) {
	// The version comes first: other formats may have other members.
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &version); err != nil || version.Format <= 0 {
		return "", fmt.Errorf("%s: %w: not the marker of a tier", place, blob.ErrCorrupt)
	}
	if version.Format != markerFormat {
		return "", fmt.Errorf("%s: format %d is not known to this version of rdfs, which knows %d: use a newer rdfs", place, version.Format, markerFormat)
	}
	var m marker
	if err := json.Unmarshal(text, &m); err != nil {
		return "", fmt.Errorf("%s: %w: %w", place, blob.ErrCorrupt, err)
	}
	return m.Repository, nil
}
