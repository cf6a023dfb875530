package volume

import "github.com/rdfs/rdfs/catalog"

// Entry is a name in a directory with the attributes of what it means.
type Entry struct {
	Name string
	Attr
}

// ReadDir returns up to limit entries of a directory that come after the name
// after, in byte order of names; with attributes if plus is set, otherwise only the
// inode and the type. A name that exists throughout a walk is seen exactly once.
func (v *Volume) ReadDir(dir catalog.Inode, after string, limit int, plus bool) ([]Entry, error) {
	entries := make([]Entry, 0, limit)
	err := v.cat.View(func(tx *catalog.Tx) error {
		row, err := tx.Node(dir)
		if err != nil {
			if ghost, ok := v.ghosts.get(dir); ok && ghost.IsDir() {
				return nil // removed: empty
			}
			return notExist(err)
		}
		if !row.IsDir() {
			return ErrNotDir
		}
		tx.ReadDir(dir, after, func(d catalog.Dirent) bool {
			if Reserved(d.Name) { // the way to the inbox
				return true
			}
			e := Entry{Name: d.Name}
			e.Ino, e.Mode = d.Ino, d.Type
			entries = append(entries, e)
			return len(entries) < limit
		})
		if !plus {
			return nil
		}
		for k := range entries {
			row, err := tx.Node(entries[k].Ino)
			if err != nil {
				return err
			}
			entries[k].Attr = attr(entries[k].Ino, &row)
		}
		return nil
	})
	if err != nil || !plus {
		return entries, err
	}
	for k := range entries {
		e := &entries[k]
		if e.IsRegular() && e.Gen != 0 {
			row := e.Node
			e.Attr = v.overlaid(e.Ino, &row)
		}
	}
	return entries, nil
}

// Parent returns the directory above a directory.
func (v *Volume) Parent(dir catalog.Inode) (catalog.Inode, error) {
	a, err := v.Getattr(dir)
	return a.Node.Parent, err
}
