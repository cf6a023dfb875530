package catalog

import (
	"fmt"
	"slices"
	"strings"
)

// Dirent is a name in a directory.
type Dirent struct {
	Name string
	Ino  Inode
	Type uint32 // type bits, as in Node.Mode
}

// nameRowSize is the length in bytes of what splitName reads.
const nameRowSize = 9

// splitName takes the payload of a name row apart: the inode, and its type bits.
func splitName(p []byte) (Inode, uint32) {
	if len(p) < nameRowSize {
		damaged("name row")
	}
	return Inode(be.Uint64(p)), uint32(p[8]) << 12
}

// Lookup returns the inode behind a name.
func (t *Tx) Lookup(dir Inode, name string) (Inode, error) {
	p := t.get(append(appendKey(t.buf[:0], tableName, uint64(dir)), name...))
	if p == nil {
		return 0, ErrNotExist
	}
	i, _ := splitName(p)
	return i, nil
}

// PutName makes name in dir mean i, whatever it meant before. mode gives the type.
// It writes the name and the reverse row; link counts are the caller's. Nothing
// changes when name means that already.
func (t *Tx) PutName(dir Inode, name string, i Inode, mode uint32) {
	if !t.nameable(name) {
		return
	}
	key := nameKey(dir, name)
	if old := t.kv.Get(key); old != nil {
		_, p := split(old)
		was, kind := splitName(p)
		if was == i && kind == mode&TypeMask {
			return
		}
		t.delete(parentKey(was, dir, name))
	}
	w := t.row(9)
	reverse := w[:len(w):len(w)] // has only the epoch
	w = be.AppendUint64(w, uint64(i))
	t.put(key, append(w, byte(mode&TypeMask>>12)))
	t.put(parentKey(i, dir, name), reverse)
}

// DeleteName removes name from dir. It returns the inode that it meant.
func (t *Tx) DeleteName(dir Inode, name string) (Inode, error) {
	i, err := t.Lookup(dir, name)
	if err != nil {
		return 0, err
	}
	t.delete(nameKey(dir, name))
	t.delete(parentKey(i, dir, name))
	return i, nil
}

// ReadDir yields the names in dir that sort after after, in byte order of names.
func (t *Tx) ReadDir(dir Inode, after string, yield func(Dirent) bool) {
	prefix := key1(tableName, uint64(dir))
	from := prefix
	if after != "" {
		from = append(nameKey(dir, after), 0)
	}
	t.scan(prefix, from, func(k, p []byte) bool {
		wantKey(k, 9, "key of a name")
		i, kind := splitName(p)
		return yield(Dirent{Name: string(k[9:]), Ino: i, Type: kind})
	})
}

// AllNames yields the names of all directories that come after a name in a
// directory, in order of directory and name.
func (t *Tx) AllNames(dir Inode, after string, yield func(Inode, Dirent) bool) {
	from := key1(tableName, uint64(dir))
	if after != "" {
		from = append(nameKey(dir, after), 0)
	}
	t.scan([]byte{byte(tableName)}, from, func(k, p []byte) bool {
		wantKey(k, 9, "key of a name")
		i, kind := splitName(p)
		return yield(Inode(be.Uint64(k[1:])), Dirent{Name: string(k[9:]), Ino: i, Type: kind})
	})
}

// Empty reports whether dir has no names.
func (t *Tx) Empty(dir Inode) bool {
	empty := true
	t.ReadDir(dir, "", func(Dirent) bool { empty = false; return false })
	return empty
}

// Name is one name of an inode.
type Name struct {
	Dir  Inode
	Name string
}

// Names yields the names of i.
func (t *Tx) Names(i Inode, yield func(Name) bool) {
	prefix := key1(tableParent, uint64(i))
	t.scan(prefix, prefix, func(k, _ []byte) bool {
		wantKey(k, 17, "key of a reverse name")
		return yield(Name{Dir: Inode(be.Uint64(k[9:])), Name: string(k[17:])})
	})
}

// Path returns a path of i from the root, without a leading slash: its first name
// in order of directory and name. The root is "". ErrNotExist when i, or a
// directory above it, has no name.
func (t *Tx) Path(i Inode) (string, error) {
	var up []string
	for seen, again := i, 1; i != Root; {
		var name Name
		t.Names(i, func(n Name) bool { name = n; return false })
		if name.Name == "" {
			return "", ErrNotExist
		}
		up = append(up, name.Name)
		if i = name.Dir; i == seen {
			return "", corrupt(fmt.Sprintf("directory %d: is inside itself", i))
		}
		if len(up) == again { // a circle is noticed after at most three times round
			seen, again = i, 2*again
		}
	}
	slices.Reverse(up)
	return strings.Join(up, "/"), nil
}

// LastNamed returns the last epoch at the end of which i had a name that it has no more.
func (t *Tx) LastNamed(i Inode) (last Epoch, ok bool) {
	key := key1(tableParent, uint64(i))
	from := append([]byte{byte(tablePast)}, key...)
	t.kv.Ascend(from, prefixEnd(from), func(k, _ []byte) bool {
		if _, died := splitPast(k); died > last {
			last, ok = died, true
		}
		return true
	})
	return last - 1, ok
}

// LastAt returns the inode that name in dir meant before the name was last taken
// away or given to another inode, and the epoch in which that happened, if that
// was in epoch since or later.
func (t *Tx) LastAt(dir Inode, name string, since Epoch) (i Inode, died Epoch, ok bool) {
	key := nameKey(dir, name)
	t.kv.Ascend(appendPast(nil, key, since), pastEnd(nil, key), func(k, row []byte) bool {
		_, died = splitPast(k)
		_, p := split(row)
		i, _ = splitName(p)
		ok = true
		return true
	})
	return i, died, ok
}
