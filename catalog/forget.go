package catalog

import (
	"bytes"
	"slices"
)

// Keeping decides which rows of the past stay, and forgets the others. What must be
// readable is every epoch from the horizon on, and before it
//
//   - the epochs that snapshots name,
//   - of the attributes of a file the epochs of its versions,
//   - the last name of each file that has versions and no other way to them, with the
//     directories above it, its last attributes, and when it was removed,
//   - and all that a hold covers.
//
// It is for one goroutine. Rows of the past do not change, and with the horizon raised
// before, what must be readable of them only becomes less: except for new holds, what
// was found in one transaction may be removed in a later one.
type Keeping struct {
	Horizon Epoch
	Named   []Epoch // sorted
	// HeldInode and HeldFile say what a hold covers. Nil: nothing.
	HeldInode func(Inode) bool
	HeldFile  func(FileID) bool

	Kept [numReasons]int64 // past rows, by why

	file   FileID  // whose versions epochs are of
	epochs []Epoch // sorted
	deaths []Epoch // in which names were removed whose rows stay, as Find met them
}

// Reason says why a row of the past stays.
type Reason uint8

// The reasons. Forgettable is none.
const (
	Forgettable Reason = iota
	InWindow           // true at the horizon or later
	InSnapshot         // true when a snapshot was taken
	OfVersion          // an attribute of a version
	OfDeleted          // the way to the versions of a deleted file
	UnderHold
	numReasons
)

func (r Reason) String() string {
	return [...]string{"forgotten", "time travel", "snapshot", "version", "deleted file", "hold"}[r]
}

// Row says why the past row of a key that was true in the epochs [born, died) stays.
func (k *Keeping) Row(tx *Tx, key []byte, born, died Epoch) Reason {
	switch {
	case died > k.Horizon:
		return InWindow
	case anyWithin(k.Named, born, died):
		return InSnapshot
	}
	wantKey(key, 9, "key of a past row")
	first := be.Uint64(key[1:])
	switch table(key[0]) {
	case tableAttr:
		return k.attr(tx, key, FileID(first), born, died)
	case tableNode:
		return k.node(tx, Inode(first), born, died)
	case tableName:
		i := namedBy(tx, key, died)
		return k.name(tx, Inode(first), string(key[9:]), i, died)
	case tableParent:
		wantKey(key, 17, "key of a reverse name")
		return k.name(tx, Inode(be.Uint64(key[9:])), string(key[17:]), Inode(first), died)
	}
	return InWindow // of a table that only a later version knows
}

// anyWithin reports whether one of the sorted epochs is in [born, died).
func anyWithin(epochs []Epoch, born, died Epoch) bool {
	at, _ := slices.BinarySearch(epochs, born)
	return at < len(epochs) && epochs[at] < died
}

func (k *Keeping) heldInode(i Inode) bool { return k.HeldInode != nil && k.HeldInode(i) }

func (k *Keeping) attr(tx *Tx, key []byte, f FileID, born, died Epoch) Reason {
	if k.HeldFile != nil && k.HeldFile(f) {
		return UnderHold
	}
	if k.file != f {
		k.file, k.epochs = f, k.epochs[:0]
		if err := tx.Versions(f, 0, func(v *Version) bool { k.epochs = append(k.epochs, v.Epoch); return true }); err != nil {
			damaged(err.Error())
		}
		slices.Sort(k.epochs)
	}
	switch {
	case anyWithin(k.epochs, born, died):
		return OfVersion
	case len(k.epochs) > 0 && tx.kv.Get(key) == nil && !tx.diedAfter(key, died):
		return OfDeleted // it comes back with the file
	}
	return Forgettable
}

// node keeps the row of a node that a name leads to which stays.
func (k *Keeping) node(tx *Tx, i Inode, born, died Epoch) Reason {
	if k.heldInode(i) {
		return UnderHold
	}
	why := Forgettable
	tx.pastNames(i, func(n Name, gone Epoch) bool {
		if born < gone && gone <= died && k.name(tx, n.Dir, n.Name, i, gone) == OfDeleted {
			why = OfDeleted
		}
		return why == Forgettable
	})
	return why
}

// name says why the row stays that gave i a name in dir until epoch died.
func (k *Keeping) name(tx *Tx, dir Inode, name string, i Inode, died Epoch) Reason {
	if k.heldInode(dir) || k.heldInode(i) {
		return UnderHold
	}
	was, err := tx.At(died - 1).Node(i)
	if err != nil {
		return Forgettable // so nothing could be found behind it
	}
	live, err := tx.Node(i)
	alive := err == nil
	switch {
	case was.IsDir():
		if alive || !tx.hasPastNames(i) {
			return Forgettable
		}
	case !was.IsRegular() || alive && live.File == was.File || tx.LastSeq(was.File, was.Seq) == 0:
		return Forgettable
	case tx.continued(dir, name, died, was.File):
		return Forgettable
	}
	later := false // i had another name after this one
	tx.pastNames(i, func(_ Name, gone Epoch) bool {
		if gone > died {
			n, err := tx.At(gone - 1).Node(i)
			later = err == nil && n.File == was.File
		}
		return !later
	})
	if later {
		return Forgettable
	}
	return OfDeleted
}

// namedBy returns the inode that the past row of a name gives.
func namedBy(tx *Tx, key []byte, died Epoch) Inode {
	row := tx.kv.Get(appendPast(nil, key, died))
	if row == nil {
		return 0
	}
	_, p := split(row)
	i, _ := splitName(p)
	return i
}

// diedAfter reports whether a later row of key than the one that died in an epoch is in
// the past, too.
func (t *Tx) diedAfter(key []byte, died Epoch) (later bool) {
	t.kv.Ascend(appendPast(nil, key, died+1), pastEnd(nil, key), func(_, _ []byte) bool { later = true; return false })
	return later
}

// pastNames yields the names that i had, each with the epoch in which it lost it.
func (t *Tx) pastNames(i Inode, yield func(n Name, died Epoch) bool) {
	prefix := key1(tableParent, uint64(i))
	t.kv.Ascend(append([]byte{byte(tablePast)}, prefix...), append([]byte{byte(tablePast)}, prefixEnd(prefix)...), func(k, _ []byte) bool {
		key, died := splitPast(k)
		wantKey(key, 17, "key of a reverse name")
		return yield(Name{Dir: Inode(be.Uint64(key[9:])), Name: string(key[17:])}, died)
	})
}

// hasPastNames reports whether the past has names in dir.
func (t *Tx) hasPastNames(dir Inode) (has bool) {
	prefix := key1(tableName, uint64(dir))
	t.kv.Ascend(append([]byte{byte(tablePast)}, prefix...), append([]byte{byte(tablePast)}, prefixEnd(prefix)...), func(_, _ []byte) bool {
		has = true
		return false
	})
	return has
}

// continued reports whether what came next under the name, or is there now, is the
// same file: then its versions are found through that.
func (t *Tx) continued(dir Inode, name string, died Epoch, f FileID) bool {
	key := nameKey(dir, name)
	same, found := false, false
	t.kv.Ascend(appendPast(nil, key, died+1), pastEnd(nil, key), func(k, row []byte) bool {
		_, gone := splitPast(k)
		_, p := split(row)
		i, _ := splitName(p)
		n, err := t.At(gone - 1).Node(i)
		found, same = true, err == nil && n.File == f
		return false
	})
	if found {
		return same
	}
	i, err := t.Lookup(dir, name)
	if err != nil {
		return false
	}
	n, err := t.Node(i)
	return err == nil && n.File == f
}

// Find looks at up to limit rows of the past, the feed and the epochs, and returns the
// keys of those that are not kept, and where to go on: nil at the end. from is nil at
// the beginning.
func (k *Keeping) Find(tx *Tx, from []byte, limit int) (keys [][]byte, next []byte) {
	if from == nil {
		from = []byte{byte(tablePast)}
		k.Kept, k.deaths = [numReasons]int64{}, k.deaths[:0]
	}
	k.file, k.epochs = 0, k.epochs[:0] // versions may have come since
	n := 0
	more := func(key []byte) bool {
		if n++; n > limit {
			next = bytes.Clone(key)
		}
		return n <= limit
	}
	switch table(from[0]) {
	case tablePast:
		tx.kv.Ascend(from, nil, func(key, row []byte) bool {
			if !more(key) {
				return false
			}
			born, _ := split(row)
			live, died := splitPast(key)
			why := k.Row(tx, live, born, died)
			k.Kept[why]++
			switch {
			case why == Forgettable:
				keys = append(keys, bytes.Clone(key))
			case why != InWindow && table(live[0]) == tableName:
				k.deaths = append(k.deaths, died)
			}
			return true
		})
		if next == nil {
			next = []byte{byte(tableFeed)}
			slices.Sort(k.deaths)
			k.deaths = slices.Compact(k.deaths)
		}
	case tableFeed:
		tx.kv.Ascend(from, key1(tableFeed, uint64(k.Horizon)), func(key, _ []byte) bool {
			if !more(key) {
				return false
			}
			keys = append(keys, bytes.Clone(key))
			return true
		})
		if next == nil {
			next = []byte{byte(tableEpoch)}
		}
	case tableEpoch:
		tx.kv.Ascend(from, key1(tableEpoch, uint64(k.Horizon)), func(key, _ []byte) bool {
			if !more(key) {
				return false
			}
			wantKey(key, 9, "key of an epoch")
			e := Epoch(be.Uint64(key[1:]))
			if !anyWithin(k.Named, e, e+1) && !anyWithin(k.deaths, e, e+1) && !tx.besideGap(e) {
				keys = append(keys, bytes.Clone(key))
			}
			return true
		})
	}
	return keys, next
}

// Forget removes rows that Keeping.Find has found.
func (t *Tx) Forget(keys [][]byte) {
	for _, key := range keys {
		switch table(key[0]) {
		case tablePast:
			t.forgetChange(key)
			t.remove(key)
		case tableFeed, tableEpoch:
			t.remove(key)
		default:
			panic("catalog: only the past can be forgotten")
		}
	}
}
