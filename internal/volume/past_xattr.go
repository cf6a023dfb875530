package volume

import (
	"strings"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/blob"
)

// Getxattr returns the value that an extended attribute had.
func (p Past) Getxattr(i catalog.Inode, name string) (val []byte, err error) {
	key, err := stored(name)
	if err != nil {
		return nil, err
	}
	err = p.view(func(tx, was *catalog.Tx) error {
		a, err := p.attr(tx, was, i)
		if err != nil {
			return err
		}
		if strings.HasPrefix(key, computed) {
			val, err = p.v.computedThen(tx, &a, key)
			return err
		}
		if val, err = was.Attr(a.File, key); err != nil {
			val = headerAttr(tx, a.Content, key)
		}
		if val == nil {
			return ErrNoAttr
		}
		return nil
	})
	return val, err
}

// computedThen answers user.rdfs.NAME of a file of the past.
func (v *Volume) computedThen(tx *catalog.Tx, a *Attr, name string) ([]byte, error) {
	if !a.IsRegular() {
		return nil, ErrNoAttr
	}
	if name == computed+"id" {
		return fileAttr(a.File), nil
	}
	if a.Content.IsZero() {
		return nil, ErrNoAttr
	}
	if val := headerAttr(tx, a.Content, name); val != nil {
		return val, nil
	}
	ver, err := tx.Version(a.File, a.Seq)
	if err != nil { // forgotten: only the bytes are known
		if name != computed+"blake3" && name != computed+"state" {
			return nil, ErrNoAttr
		}
		ver = catalog.Version{Content: a.Content}
	}
	return versionAttr(&ver, name, func(id blob.ID) string { return v.blake3In(tx, id) })
}

// Listxattr returns the names of the attributes that people had set.
func (p Past) Listxattr(i catalog.Inode) (names []string, err error) {
	size := 0
	err = p.view(func(tx, was *catalog.Tx) error {
		row, err := was.Node(i)
		if err != nil {
			return err
		}
		was.Attrs(row.File, func(name string, _ []byte) bool {
			names = append(names, name)
			size += len(name) + 1
			return size <= maxAttrList
		})
		return nil
	})
	if size > maxAttrList {
		return nil, ErrTooBig
	}
	return names, err
}
