package volume

import (
	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/naming"
)

// ChecksNames reports whether the naming scheme looks at any name.
func (v *Volume) ChecksNames() bool { return v.names.scheme != nil }

// WrongName returns what is wrong with a name that is in a directory, by the scheme as it is
// now and whatever it was when the name came; nil when nothing is, or nobody looks there.
func (v *Volume) WrongName(dir catalog.Inode, name string, mode uint32) *naming.Advice {
	s := &v.names
	if s.scheme == nil {
		return nil
	}
	var d *naming.Dir
	var siblings naming.Siblings
	wrong := false
	v.cat.View(func(tx *catalog.Tx) error {
		d = s.dir(tx, dir)
		var other string
		if s.fold {
			other = s.sibling(tx, dir, name, "")
			siblings = func(n string) string {
				if other != "" && naming.Fold(n) == naming.Fold(other) {
					return other
				}
				return ""
			}
		}
		wrong = d.Classify(name, kindOf(mode), siblings).Class == naming.Invalid
		return nil
	})
	if !wrong {
		return nil
	}
	a := d.Explain(name, kindOf(mode), siblings)
	return &a
}
