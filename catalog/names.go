package catalog

// Dirent is a name in a directory.
type Dirent struct {
	Name string
	Ino  Inode
	Type uint32 // type bits, as in Node.Mode
}

// Lookup returns the inode behind a name.
func (t *Tx) Lookup(dir Inode, name string) (Inode, error) {
	p := t.get(nameKey(dir, name))
	if p == nil {
		return 0, ErrNotExist
	}
	if len(p) < 8 {
		return 0, corrupt("name row")
	}
	return Inode(be.Uint64(p)), nil
}

// PutName makes name in dir mean i, whatever it meant before. mode gives the type.
// It writes the name and the reverse row; link counts are the caller's.
func (t *Tx) PutName(dir Inode, name string, i Inode, mode uint32) {
	key := nameKey(dir, name)
	if old := t.kv.Get(key); old != nil {
		if p := payload(old); len(p) >= 8 {
			t.delete(parentKey(Inode(be.Uint64(p)), dir, name))
		}
	}
	w := t.row(9)
	w.raw(be.AppendUint64(nil, uint64(i)))
	w.raw([]byte{byte(mode & TypeMask >> 12)})
	t.put(key, w)
	t.put(parentKey(i, dir, name), t.row(0))
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
		if len(p) < 9 {
			return true // a damaged row: rdfs check names it
		}
		return yield(Dirent{Name: string(k[9:]), Ino: Inode(be.Uint64(p)), Type: uint32(p[8]) << 12})
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
		if len(k) < 9 || len(p) < 9 {
			return true
		}
		return yield(Inode(be.Uint64(k[1:])), Dirent{Name: string(k[9:]), Ino: Inode(be.Uint64(p)), Type: uint32(p[8]) << 12})
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
		if len(k) < 17 {
			return true
		}
		return yield(Name{Dir: Inode(be.Uint64(k[9:])), Name: string(k[17:])})
	})
}

// Path returns a path of i from the root, without a leading slash: its first name
// in order of directory and name. The root is "". ErrNotExist when i has no name.
func (t *Tx) Path(i Inode) (string, error) {
	path := ""
	for depth := 0; i != Root; depth++ {
		var name Name
		found := false
		t.Names(i, func(n Name) bool { name, found = n, true; return false })
		if !found || depth > 4096 {
			return "", ErrNotExist
		}
		if path == "" {
			path = name.Name
		} else {
			path = name.Name + "/" + path
		}
		i = name.Dir
	}
	return path, nil
}

// LastAt returns the inode that name in dir meant before the name was last taken
// away or given to another inode, and the epoch in which that happened, if that
// was in epoch since or later.
func (t *Tx) LastAt(dir Inode, name string, since Epoch) (i Inode, died Epoch, ok bool) {
	key := nameKey(dir, name)
	t.kv.Ascend(appendPast(nil, key, since), pastEnd(nil, key), func(k, row []byte) bool {
		if p := payload(row); len(p) >= 8 {
			_, died = splitPast(k)
			i, ok = Inode(be.Uint64(p)), true
		}
		return true
	})
	return i, died, ok
}
