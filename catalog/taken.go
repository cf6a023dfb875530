package catalog

import "encoding/binary"

// Taken is a name that was taken away, or given to another inode.
type Taken struct {
	Dirent
	Dir  Inode
	Born Epoch // the name meant Ino from then
	Died Epoch // and from then no more
	By   uint32
	// HasBy: By is the user who took it away. Otherwise nobody knows: it was replaced,
	// or taken away by a version of rdfs that did not note it.
	HasBy bool
}

// DeleteNameBy removes name from dir, as DeleteName does, and notes in its past row
// who did so. That costs no row of its own.
func (t *Tx) DeleteNameBy(dir Inode, name string, uid uint32) (Inode, error) {
	i, err := t.Lookup(dir, name)
	if err != nil {
		return 0, err
	}
	t.deleteNoting(nameKey(dir, name), binary.AppendUvarint(nil, uint64(uid)))
	t.delete(parentKey(i, dir, name))
	return i, nil
}

// takenBy reads what DeleteNameBy left behind the fields of a name row.
func takenBy(p []byte) (uid uint32, ok bool) {
	if len(p) <= nameRowSize {
		return 0, false
	}
	r := reader{b: p[nameRowSize:]}
	uid = r.uint32()
	return uid, r.err == nil
}

// Taken yields names that were taken away, of all directories, that come after those
// called after in dir, in order of directory, name and time. A name that was taken
// away several times comes as often. after may be empty.
func (t *Tx) Taken(dir Inode, after string, yield func(Taken) bool) {
	from := key1(tableName, uint64(dir))
	if after != "" {
		from = append(nameKey(dir, after), 1) // behind its past rows, see pastEnd
	}
	from = append([]byte{byte(tablePast)}, from...)
	t.kv.Ascend(from, prefixEnd([]byte{byte(tablePast), byte(tableName)}), func(k, row []byte) bool {
		key, died := splitPast(k)
		wantKey(key, 9, "key of a past name")
		born, p := split(row)
		i, kind := splitName(p)
		x := Taken{Dirent: Dirent{Name: string(key[9:]), Ino: i, Type: kind}, Dir: Inode(be.Uint64(key[1:])), Born: born, Died: died}
		x.By, x.HasBy = takenBy(p)
		return yield(x)
	})
}

// TakenFrom is Taken for one name: all the inodes that it meant and does not mean any
// more, in order of time, from those on that were taken away in epoch since or later.
func (t *Tx) TakenFrom(dir Inode, name string, since Epoch, yield func(Taken) bool) {
	key := nameKey(dir, name)
	t.kv.Ascend(appendPast(nil, key, since), pastEnd(nil, key), func(k, row []byte) bool {
		_, died := splitPast(k)
		born, p := split(row)
		i, kind := splitName(p)
		x := Taken{Dirent: Dirent{Name: name, Ino: i, Type: kind}, Dir: dir, Born: born, Died: died}
		x.By, x.HasBy = takenBy(p)
		return yield(x)
	})
}
