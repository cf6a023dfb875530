package metadata

import (
	"slices"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/schema"
)

// Chain is a file with the directories above it, the root first, as far as they say
// anything about it. The zero Chain is above the root. A Chain never changes.
type Chain struct{ levels []level }

// Down returns the chain of what is in the last directory of c: of a file, or of a
// directory, with its path from the root, as tx shows it.
func (c Chain) Down(tx *catalog.Tx, path string, f catalog.FileID) Chain {
	return Chain{append(slices.Clip(c.levels), levelOf(tx, path, f))}
}

// Resolve returns the metadata of the last of c as they hold: with what directories hand
// down, what the path says (see volume.PathFields), and defaults.
func (c Chain) Resolve(path map[string]string, s *schema.Schema) []Value {
	return resolve(c.levels, path, s)
}

// Inherits reports whether directories hand an attribute down.
func Inherits(attr string) bool {
	field, ok := fieldOf(attr)
	return ok && inherits(field)
}
