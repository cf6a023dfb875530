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

// pathOf returns a path of a node from the root of the drive, for people.
func (v *Volume) pathOf(i catalog.Inode) string {
	path := "(deleted)"
	v.cat.View(func(tx *catalog.Tx) error {
		if p, err := tx.Path(i); err == nil {
			path = p
		}
		return nil
	})
	return path
}

// AttrsChanged tells that attributes of nodes were changed in the catalog by another
// than Setxattr.
func (v *Volume) AttrsChanged(nodes []catalog.Inode) {
	notify := v.notifier.Load()
	for _, i := range nodes {
		if n := v.nodes.lookup(i); n != nil {
			n.mu.Lock()
			n.changed()
			n.mu.Unlock()
			v.nodes.release(n)
		}
		if notify != nil {
			(*notify).AttrChanged(i)
		}
	}
}

// FileAt returns whose history and metadata are those of a path: of what is there, or
// else of the file that was there last.
func (v *Volume) FileAt(p string) (catalog.FileID, error) {
	if _, a, err := v.Resolve(p); err == nil {
		return a.File, nil
	}
	_, _, a, err := v.versioned(p)
	return a.File, err
}
