package volume

import (
	"strconv"
	"strings"

	"github.com/rdfs/rdfs/catalog"
)

// Limits of extended attributes, as in xattr(7).
const (
	maxAttrName  = 255
	maxAttrValue = 64 << 10
	maxAttrList  = 64 << 10
)

// Flags of Setxattr, as in setxattr(2).
const (
	AttrCreate  = 1
	AttrReplace = 2
)

// computed is the prefix of attributes that the volume itself answers. They are
// read by name and never listed, so that copies of a file do not carry them along.
const computed = "user.rdfs."

// stored returns the name under which an attribute is kept, or an error when the
// namespace is not supported.
func stored(name string) (string, error) {
	switch {
	case len(name) > maxAttrName:
		return "", ErrTooLong
	case name == "user.tags":
		return "user.xdg.tags", nil
	case strings.HasPrefix(name, "user.") && len(name) > len("user."),
		strings.HasPrefix(name, "trusted.") && len(name) > len("trusted."):
		return name, nil
	}
	return "", ErrNotSup
}

// Getxattr returns the value of an extended attribute.
func (v *Volume) Getxattr(i catalog.Inode, name string) ([]byte, error) {
	key, err := stored(name)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(key, computed) {
		return v.computedAttr(i, key[len(computed):])
	}
	if value, ok := v.pathField(i, key); ok {
		return []byte(value), nil
	}
	var val []byte
	err = v.cat.View(func(tx *catalog.Tx) error {
		row, err := tx.Node(i)
		if err != nil {
			return err
		}
		val, err = tx.Attr(row.File, key)
		if err != nil && row.Gen == 0 {
			val = headerAttr(tx, row.Content, key)
		}
		if val == nil {
			return ErrNoAttr
		}
		return nil
	})
	if notExist(err) != ErrNotExist {
		return val, err
	}
	if o := v.orphanOf(i); o != nil {
		defer o.unlock()
		if val, ok := o.attrs[key]; ok {
			return val, nil
		}
	}
	return nil, ErrNoAttr
}

// lockedOrphan is a node without a name, acquired and locked.
type lockedOrphan struct {
	*orphan
	unlock func()
}

func (v *Volume) orphanOf(i catalog.Inode) *lockedOrphan {
	n := v.nodes.lookup(i)
	if n == nil {
		return nil
	}
	n.mu.Lock()
	unlock := func() { n.mu.Unlock(); v.nodes.release(n) }
	if n.orphan == nil {
		unlock()
		return nil
	}
	return &lockedOrphan{n.orphan, unlock}
}

// Setxattr sets an extended attribute. A value that the metadata schema does not take
// is ErrInvalid, wrapped with the reason.
func (v *Volume) Setxattr(i catalog.Inode, name string, value []byte, flags int, who Caller) error {
	key, err := stored(name)
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(key, computed):
		return ErrPerm
	case len(value) > maxAttrValue:
		return ErrTooBig
	}
	if said, err := v.checkValue(i, key, value, who); said || err != nil {
		return err
	}
	if o := v.orphanOf(i); o != nil {
		defer o.unlock()
		_, has := o.attrs[key]
		if err := mayset(has, flags); err != nil {
			return err
		}
		o.attrs[key] = append([]byte{}, value...)
		return nil
	}
	return v.changeAttr(i, key, who, func(tx *catalog.Tx, f catalog.FileID) error {
		_, err := tx.Attr(f, key)
		if err := mayset(err == nil, flags); err != nil {
			return err
		}
		tx.PutAttr(f, key, value)
		return nil
	})
}

func mayset(has bool, flags int) error {
	switch {
	case has && flags&AttrCreate != 0:
		return ErrExist
	case !has && flags&AttrReplace != 0:
		return ErrNoAttr
	}
	return nil
}

// Removexattr removes an extended attribute.
func (v *Volume) Removexattr(i catalog.Inode, name string, who Caller) error {
	key, err := stored(name)
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(key, computed):
		return ErrPerm
	}
	if _, ok := v.pathField(i, key); ok {
		return ErrPerm
	}
	if o := v.orphanOf(i); o != nil {
		defer o.unlock()
		if _, has := o.attrs[key]; !has {
			return ErrNoAttr
		}
		delete(o.attrs, key)
		return nil
	}
	return v.changeAttr(i, key, who, func(tx *catalog.Tx, f catalog.FileID) error {
		if !tx.DeleteAttr(f, key) {
			return ErrNoAttr
		}
		return nil
	})
}

// changeAttr changes an attribute of a node that has a name, and its ctime, and notes
// who did it.
func (v *Volume) changeAttr(i catalog.Inode, key string, who Caller, change func(*catalog.Tx, catalog.FileID) error) error {
	v.identify(&who)
	now := v.timeNow()
	err := v.cat.Update(func(tx *catalog.Tx) error {
		row, err := tx.Node(i)
		if err != nil {
			return notExist(err)
		}
		if err := change(tx, row.File); err != nil {
			return err
		}
		tx.PutAttrChange(&catalog.AttrChange{File: row.File, Name: key, Time: now, UID: who.UID, Program: who.Program})
		row.Ctime = max(now, row.Ctime)
		tx.PutNode(i, &row)
		return nil
	})
	if err != nil {
		return err
	}
	if n := v.nodes.lookup(i); n != nil {
		n.mu.Lock()
		n.changed()
		n.mu.Unlock()
		v.nodes.release(n)
	}
	return nil
}

// Listxattr returns the names of the attributes that people set.
func (v *Volume) Listxattr(i catalog.Inode) (names []string, err error) {
	if o := v.orphanOf(i); o != nil {
		defer o.unlock()
		for name := range o.attrs {
			names = append(names, name)
		}
		return names, nil
	}
	size := 0
	err = v.cat.View(func(tx *catalog.Tx) error {
		row, err := tx.Node(i)
		if err != nil {
			return notExist(err)
		}
		tx.Attrs(row.File, func(name string, _ []byte) bool {
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

// computedAttr answers user.rdfs.NAME.
func (v *Volume) computedAttr(i catalog.Inode, name string) ([]byte, error) {
	text := ""
	switch name {
	case "last_rejection":
		text = v.rejectionIn(i)
	case "naming.rule":
		text = v.namingAttr(i)
	}
	if text != "" {
		return []byte(text), nil
	}
	var (
		row catalog.Node
		ver catalog.Version
		d   catalog.Draft
		hdr []byte
	)
	err := v.cat.View(func(tx *catalog.Tx) (err error) {
		if row, err = tx.Node(i); err != nil {
			return err
		}
		if row.Gen == 0 {
			hdr = headerAttr(tx, row.Content, computed+name)
		}
		if row.Seq != 0 {
			ver, _ = tx.Version(row.File, row.Seq)
		}
		if row.Gen != 0 {
			d, _ = tx.Draft(i, row.Gen)
		}
		return nil
	})
	if err != nil || !row.IsRegular() {
		return nil, ErrNoAttr
	}
	if row.Gen != 0 { // the author of what the file holds now
		ver.UID, ver.Program = d.UID, d.Program
	}
	var val string
	switch name {
	case "copies", "tier", "verified":
		if row.Gen == 0 {
			p := v.placesOf(row.Content)
			val = p.attr(name)
		}
	case "id":
		return fileAttr(row.File), nil
	case "seq":
		if row.Seq != 0 {
			val = strconv.FormatUint(uint64(row.Seq), 10)
		}
	case "blake3":
		if row.Gen == 0 && !row.Content.IsZero() {
			val = v.blake3(row.Content)
		}
	case "state":
		val = "stored"
		switch {
		case row.Keep == catalog.KeepStaged:
			val = "staged"
		case row.Keep == catalog.KeepLocal:
			val = "local"
		case row.Gen != 0:
			val = "draft"
		case v.placesOf(row.Content).waits:
			val = "sealed"
		}
	case "author":
		if row.Gen != 0 || row.Seq != 0 {
			val = UserName(ver.UID)
		}
	case "program":
		val = ver.Program
	default:
		val = string(hdr)
	}
	if val == "" {
		return nil, ErrNoAttr
	}
	return []byte(val), nil
}

func fileAttr(f catalog.FileID) []byte { return strconv.AppendUint(nil, uint64(f), 10) }
