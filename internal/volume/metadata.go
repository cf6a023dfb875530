package volume

import (
	"fmt"
	"strings"

	"github.com/rdfs/rdfs/catalog"
)

// Metadata of a file are its user.* attributes: user.FIELD is the field FIELD.

// userAttrs is the prefix of the attributes that are metadata.
const userAttrs = "user."

// checkValue returns an error that wraps ErrInvalid and the reason when the schema
// declares the field of an attribute and does not take the value. What is accepted is
// kept byte for byte, so that copies compare equal.
func (v *Volume) checkValue(i catalog.Inode, key string, value []byte, who Caller) error {
	field, ok := strings.CutPrefix(key, userAttrs)
	if !ok || !v.o.Schema.Has(field) {
		return nil
	}
	if _, err := v.o.Schema.Parse(field, string(value)); err != nil {
		v.identify(&who)
		v.log.Warn("metadata refused", "path", v.pathOf(i), "why", err, "uid", who.UID, "program", who.Program)
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

// pathOf returns a path of a node from the root of the drive, for people: "" is the
// root. A node without a name is "(deleted)".
func (v *Volume) pathOf(i catalog.Inode) string {
	var path string
	v.cat.View(func(tx *catalog.Tx) error {
		path = pathIn(tx, i)
		return nil
	})
	return path
}

// maxDepth ends a walk up the tree that does not come to the root.
const maxDepth = 4096

func pathIn(tx *catalog.Tx, i catalog.Inode) string {
	var names []string
	for range maxDepth {
		if i == catalog.Root {
			break
		}
		found := false
		tx.Names(i, func(n catalog.Name) bool {
			names = append(names, n.Name)
			i, found = n.Dir, true
			return false
		})
		if !found {
			return "(deleted)"
		}
	}
	for l, r := 0, len(names)-1; l < r; l, r = l+1, r-1 {
		names[l], names[r] = names[r], names[l]
	}
	return strings.Join(names, "/")
}
