package volume

import (
	"fmt"
	"strings"

	"github.com/rdfs/rdfs/catalog"
)

// Past is the tree as it was at the end of one epoch. Inodes are those of the live
// tree; what they mean is what they meant then. It is a value without state, and
// safe for concurrent use. Its errors are those of the live tree, ErrNotExist also
// when the epoch can be read no more.
type Past struct {
	v     *Volume
	epoch catalog.Epoch
}

// Past returns the tree at the end of an epoch, which must have ended.
func (v *Volume) Past(e catalog.Epoch) Past { return Past{v: v, epoch: e} }

// Epoch returns the epoch whose end is shown.
func (p Past) Epoch() catalog.Epoch { return p.epoch }

// view calls fn with the newest state and with that of the epoch.
func (p Past) view(fn func(tx, was *catalog.Tx) error) error {
	return notExist(p.v.cat.View(func(tx *catalog.Tx) error {
		if !tx.Readable(p.epoch) { // its snapshot was dropped, and then it was forgotten
			return fmt.Errorf("%w: epoch %d %w", ErrNotExist, p.epoch, catalog.ErrForgotten)
		}
		return fn(tx, tx.At(p.epoch))
	}))
}

// attr returns the attributes that an inode had: those of its row, with size and
// time of the bytes that Open gives.
func (p Past) attr(tx, was *catalog.Tx, i catalog.Inode) (Attr, error) {
	row, err := was.Node(i)
	if err != nil {
		return Attr{}, err
	}
	return p.attrOf(tx, i, row), nil
}

// attrOf is attr for a row that is at hand.
func (p Past) attrOf(tx *catalog.Tx, i catalog.Inode, row catalog.Node) Attr {
	if !row.IsRegular() || row.Gen == 0 {
		return attr(i, &row)
	}
	b := bytesThen(&row, sealedAfter(tx, row.File, p.epoch), lastSealed(tx, &row))
	_, unsealed := tx.Draft(i, row.Gen)
	b.apply(&row)
	a := attr(i, &row)
	a.Volatile = unsealed == nil // the version that fits may still come
	return a
}

// Lookup returns the inode that a name meant, with its attributes.
func (p Past) Lookup(dir catalog.Inode, name string) (a Attr, err error) {
	if len(name) > MaxName {
		return a, ErrTooLong
	}
	err = p.view(func(tx, was *catalog.Tx) error {
		i, err := was.Lookup(dir, name)
		if err != nil {
			return err
		}
		row, err := was.Node(i)
		if err != nil {
			return err
		}
		if !isShown(&row) {
			return ErrNotExist
		}
		a = p.attrOf(tx, i, row)
		return nil
	})
	return a, err
}

// isShown reports whether an inode is shown in the past: what programs dropped, and
// what they had not finished to save, is not.
func isShown(row *catalog.Node) bool { return row.Keep == catalog.KeepData }

// Getattr returns the attributes that an inode had.
func (p Past) Getattr(i catalog.Inode) (a Attr, err error) {
	err = p.view(func(tx, was *catalog.Tx) (err error) { a, err = p.attr(tx, was, i); return err })
	return a, err
}

// Readlink returns the target that a symbolic link had.
func (p Past) Readlink(i catalog.Inode) (string, error) {
	a, err := p.Getattr(i)
	if err == nil && a.Type() != catalog.TypeSymlink {
		err = ErrInvalid
	}
	return a.Target, err
}

// ReadDir returns up to limit entries that a directory had, after the name after, in
// byte order of names; with attributes if plus is set, otherwise only the inode and
// the type.
func (p Past) ReadDir(dir catalog.Inode, after string, limit int, plus bool) ([]Entry, error) {
	entries := make([]Entry, 0, limit)
	err := p.view(func(tx, was *catalog.Tx) error {
		row, err := was.Node(dir)
		if err != nil {
			return err
		}
		if !row.IsDir() {
			return ErrNotDir
		}
		was.ReadDir(dir, after, func(d catalog.Dirent) bool {
			if Reserved(d.Name) {
				return true
			}
			row, err = was.Node(d.Ino)
			if err != nil {
				return false
			}
			if !isShown(&row) {
				return true
			}
			e := Entry{Name: d.Name}
			if plus {
				e.Attr = p.attrOf(tx, d.Ino, row)
			} else {
				e.Ino, e.Mode = d.Ino, d.Type
			}
			entries = append(entries, e)
			return len(entries) < limit
		})
		return err
	})
	return entries, err
}

// Dir returns what a directory of the live tree was: the same directory, wherever it
// stood, or, if it was made since, the one that had its path.
func (p Past) Dir(dir catalog.Inode) (a Attr, err error) {
	err = p.view(func(tx, was *catalog.Tx) error {
		i, err := dirThen(tx, was, dir)
		if err == nil {
			a, err = p.attr(tx, was, i)
		}
		return err
	})
	return a, err
}

func dirThen(tx, was *catalog.Tx, dir catalog.Inode) (catalog.Inode, error) {
	row, err := was.Node(dir)
	if err == nil && !row.IsDir() {
		err = ErrNotDir
	}
	if err == nil || dir == catalog.Root {
		return dir, err
	}
	p, err := tx.Path(dir)
	if err != nil {
		return 0, err
	}
	// The nearest directory above that was there already, and the path from it.
	names := strings.Split(p, "/")
	chain := []catalog.Inode{catalog.Root}
	for _, name := range names[:len(names)-1] {
		i, err := tx.Lookup(chain[len(chain)-1], name)
		if err != nil {
			return 0, err
		}
		chain = append(chain, i)
	}
	k := len(chain) - 1
	for ; k > 0; k-- {
		if _, err := was.Node(chain[k]); err == nil {
			break
		}
	}
	i := chain[k]
	for _, name := range names[k:] {
		if i, err = was.Lookup(i, name); err != nil {
			return 0, err
		}
	}
	if row, err = was.Node(i); err == nil && !row.IsDir() {
		err = ErrNotDir
	}
	return i, err
}
