package volume

import (
	"path"
	"slices"
	"strings"

	"github.com/rdfs/rdfs/catalog"
)

// Identity is who asks, with all groups.
type Identity struct {
	UID    uint32
	Groups []uint32
}

// MayReach reports whether somebody may go through the directories of a path to
// its last name, and may read what is there if it is there: nil, or ErrAccess.
func (v *Volume) MayReach(p string, who Identity) error {
	if who.UID == 0 {
		return nil
	}
	i, names := catalog.Root, strings.Split(strings.Trim(path.Clean("/"+p), "/"), "/")
	for k, name := range names {
		a, err := v.Getattr(i)
		if err != nil {
			return err
		}
		if name == "" {
			break
		}
		if a.IsDir() && !May(&a.Node, who, 1) {
			return ErrAccess
		}
		next, err := v.resolve(i, name)
		if err != nil {
			return nil // nothing is there: the operation itself will say so
		}
		i = next
		if k == len(names)-1 {
			if a, err = v.Getattr(i); err == nil && !May(&a.Node, who, 4) {
				return ErrAccess
			}
		}
	}
	return nil
}

// May reports whether the permission bits (4 read, 2 write, 1 execute) of a node
// are somebody's.
func May(n *catalog.Node, who Identity, bits uint32) bool {
	switch {
	case who.UID == 0:
		return true
	case who.UID == n.UID:
		return n.Mode>>6&bits == bits
	case slices.Contains(who.Groups, n.GID):
		return n.Mode>>3&bits == bits
	}
	return n.Mode&bits == bits
}
