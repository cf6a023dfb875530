package index

import "hash/maphash"

// table finds the number of something by its hash: open addressing over numbers
// alone, so that it takes 4 to 8 bytes for each. What the numbers stand for is the
// caller's. 0 stands for nothing.
type table struct {
	slots []uint32
	used  int // slots that are not empty, those of removed numbers included
}

const removed = 1<<32 - 1

// find returns the number with hash h that is the right one, or 0.
func (t *table) find(h uint64, right func(uint32) bool) uint32 {
	if len(t.slots) == 0 {
		return 0
	}
	mask := uint64(len(t.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		n := t.slots[i]
		if n == 0 || n != removed && right(n) {
			return n
		}
	}
}

// insert adds a number that is not there. hash is asked for those that are there when
// the table grows.
func (t *table) insert(h uint64, n uint32, hash func(uint32) uint64) {
	if (t.used+1)*4 > len(t.slots)*3 {
		old := t.slots
		keep := 0
		for _, o := range old {
			if o != 0 && o != removed {
				keep++
			}
		}
		size := 16
		for size*3 < (keep+1)*5 { // at most 60 % full after growing
			size *= 2
		}
		t.slots, t.used = make([]uint32, size), 0
		for _, o := range old {
			if o != 0 && o != removed {
				t.place(hash(o), o)
			}
		}
	}
	t.place(h, n)
}

func (t *table) place(h uint64, n uint32) {
	mask := uint64(len(t.slots) - 1)
	i := h & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = n
	t.used++
}

// remove takes a number away.
func (t *table) remove(h uint64, n uint32) {
	mask := uint64(len(t.slots) - 1)
	for i := h & mask; t.slots[i] != 0; i = (i + 1) & mask {
		if t.slots[i] == n {
			t.slots[i] = removed
			return
		}
	}
}

// The hashes are of this process only; they are not written.
var seed = maphash.MakeSeed()

func hashBytes(b []byte) uint64 { return maphash.Bytes(seed, b) }

// hashPair mixes two numbers (the finalizer of SplitMix64).
func hashPair(a, b uint32) uint64 {
	x := uint64(a)<<32 | uint64(b)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// words is a list of byte strings, each there once, numbered from 1.
type words struct {
	bytes []byte
	ends  []uint32 // of the strings in bytes; ends[0] is 0
	index table
}

func (w *words) count() int { return max(len(w.ends)-1, 0) }

// at returns string n; it must not be changed.
func (w *words) at(n uint32) []byte { return w.bytes[w.ends[n-1]:w.ends[n]] }

func (w *words) find(b []byte) uint32 {
	return w.index.find(hashBytes(b), func(n uint32) bool { return string(w.at(n)) == string(b) })
}

// add appends a string that is not there, and returns its number.
func (w *words) add(b []byte) uint32 {
	if w.ends == nil {
		w.ends = append(w.ends, 0)
	}
	w.bytes = append(w.bytes, b...)
	w.ends = append(w.ends, uint32(len(w.bytes)))
	n := uint32(len(w.ends) - 1)
	w.index.insert(hashBytes(b), n, func(n uint32) uint64 { return hashBytes(w.at(n)) })
	return n
}

// full reports whether b has no room.
func (w *words) full(b []byte) bool { return uint64(len(w.bytes))+uint64(len(b)) >= 1<<32-1 }

// reindex makes the hash table anew.
func (w *words) reindex() {
	w.index = table{}
	for n := 1; n <= w.count(); n++ {
		w.index.insert(hashBytes(w.at(uint32(n))), uint32(n), func(n uint32) uint64 { return hashBytes(w.at(n)) })
	}
}
