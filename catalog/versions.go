package catalog

// Version returns one version of a file.
func (t *Tx) Version(f FileID, s Seq) (v Version, err error) {
	row := t.kv.Get(versionKey(f, s))
	if row == nil {
		return v, ErrNotExist
	}
	v.File, v.Seq = f, s
	return v, v.decode(row)
}

// Versions yields the versions of a file, oldest first, from seq from on.
func (t *Tx) Versions(f FileID, from Seq, yield func(*Version) bool) error {
	var err error
	t.kv.Ascend(versionKey(f, from), key1(tableVersion, uint64(f)+1), func(k, row []byte) bool {
		v := Version{File: f, Seq: Seq(be.Uint32(k[9:]))}
		if err = v.decode(row); err != nil {
			return false
		}
		return yield(&v)
	})
	return err
}

// AllVersions yields every version of every file from file from on.
func (t *Tx) AllVersions(from FileID, fromSeq Seq, yield func(*Version) bool) error {
	var err error
	t.kv.Ascend(versionKey(from, fromSeq), []byte{byte(tableVersion) + 1}, func(k, row []byte) bool {
		v := Version{File: FileID(be.Uint64(k[1:])), Seq: Seq(be.Uint32(k[9:]))}
		if err = v.decode(row); err != nil {
			return false
		}
		return yield(&v)
	})
	return err
}

// LastSeq returns the number of the newest version of a file, 0 when it has none.
// hint is a number that the file is known to have had, or 0.
func (t *Tx) LastSeq(f FileID, hint Seq) Seq {
	last := hint
	if hint == 0 || t.kv.Get(versionKey(f, hint)) == nil {
		last = 0
		t.kv.Ascend(versionKey(f, 0), key1(tableVersion, uint64(f)+1), func(k, _ []byte) bool {
			last = Seq(be.Uint32(k[9:]))
			return true
		})
		return last
	}
	for t.kv.Get(versionKey(f, last+1)) != nil {
		last++
	}
	return last
}

// PutVersion writes a version.
func (t *Tx) PutVersion(v *Version) {
	key := versionKey(v.File, v.Seq)
	if t.kv.Get(key) == nil {
		t.c.count.Versions++
	}
	w := make(writer, 0, 80+len(v.Program)+len(v.Note))
	v.encode(&w)
	t.kv.Put(key, w)
	t.changed(key)
}

// DeleteVersion removes a version.
func (t *Tx) DeleteVersion(f FileID, s Seq) {
	key := versionKey(f, s)
	if t.kv.Get(key) == nil {
		return
	}
	t.c.count.Versions--
	t.kv.Delete(key)
	t.changed(key)
}
