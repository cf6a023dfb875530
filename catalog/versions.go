package catalog

import (
	"fmt"
	"math"
)

// Version returns one version of a file.
func (t *Tx) Version(f FileID, s Seq) (v Version, err error) {
	row := t.kv.Get(versionKey(f, s))
	if row == nil {
		return v, ErrNotExist
	}
	v.File, v.Seq = f, s
	if err := v.decode(row); err != nil {
		return Version{}, fmt.Errorf("catalog: file %d, version %d: %w", f, s, err)
	}
	return v, nil
}

// Versions yields the versions of a file, oldest first, from seq from on.
func (t *Tx) Versions(f FileID, from Seq, yield func(*Version) bool) error {
	return t.versions(versionKey(f, from), key1(tableVersion, uint64(f)+1), yield)
}

// AllVersions yields every version of every file from file from on.
func (t *Tx) AllVersions(from FileID, fromSeq Seq, yield func(*Version) bool) error {
	return t.versions(versionKey(from, fromSeq), nil, yield)
}

func (t *Tx) versions(from, to []byte, yield func(*Version) bool) (err error) {
	t.kv.Ascend(from, to, func(k, row []byte) bool {
		wantKey(k, 13, "key of a version")
		v := Version{File: FileID(be.Uint64(k[1:])), Seq: Seq(be.Uint32(k[9:]))}
		if err = v.decode(row); err != nil {
			err = fmt.Errorf("catalog: file %d, version %d: %w", v.File, v.Seq, err)
			return false
		}
		return yield(&v)
	})
	return err
}

// LastSeq returns the number of the newest version of a file, 0 when it has none.
// There may be gaps, where versions were removed. hint is a number near it, or 0:
// with the right one it costs two searches, without it a logarithmic number.
func (t *Tx) LastSeq(f FileID, hint Seq) Seq {
	// There is a version last, or last is 0; there is none at end or after it.
	last, end := uint64(0), uint64(math.MaxUint32)+1
	if hint > 0 {
		if s := t.nextSeq(f, uint64(hint)); s != 0 {
			last = s
		} else {
			end = uint64(hint)
		}
	}
	for step := uint64(1); last+1 < end; step *= 2 {
		probe := min(last+step, last+(end-last+1)/2)
		if s := t.nextSeq(f, probe); s != 0 {
			last = s
		} else {
			end, step = probe, end
		}
	}
	return Seq(last)
}

// nextSeq returns the number of the first version of a file from s on, 0 when
// there is none.
func (t *Tx) nextSeq(f FileID, s uint64) (next uint64) {
	t.kv.Ascend(versionKey(f, Seq(s)), key1(tableVersion, uint64(f)+1), func(k, _ []byte) bool {
		wantKey(k, 13, "key of a version")
		next = uint64(be.Uint32(k[9:]))
		return false
	})
	return next
}

// PutVersion writes a version.
func (t *Tx) PutVersion(v *Version) {
	t.refers(v.Content)
	key := versionKey(v.File, v.Seq)
	if t.kv.Get(key) == nil {
		t.c.count.Versions++
	}
	w := make(writer, 0, 80+len(v.Program)+len(v.Note))
	v.encode(&w)
	t.store(key, w)
	t.changed(key)
}

// DeleteVersion removes a version.
func (t *Tx) DeleteVersion(f FileID, s Seq) {
	key := versionKey(f, s)
	if t.kv.Get(key) == nil {
		return
	}
	t.c.count.Versions--
	t.remove(key)
	t.changed(key)
}
