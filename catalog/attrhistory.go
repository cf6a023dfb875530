package catalog

import (
	"bytes"
	"fmt"
	"slices"
)

// AttrChange says who changed an attribute, and how. What it became is in the
// temporal table of attributes. Changes of one attribute within an epoch are one: the
// last.
type AttrChange struct {
	File    FileID
	Epoch   Epoch
	Name    string
	Time    Time
	UID     uint32
	Program string // command line
	Op      Epoch  // the operation on many files that it is a part of; 0: none
}

// PutAttrChange notes who changes an attribute in the open epoch.
func (t *Tx) PutAttrChange(ch *AttrChange) {
	if !t.nameable(ch.Name) {
		return
	}
	w := make(writer, 0, 24+len(ch.Program))
	w.int(int64(ch.Time))
	w.uint(uint64(ch.UID))
	w.str(ch.Program)
	w.uint(uint64(ch.Op))
	t.store(key2s(tableAttrChange, uint64(ch.File), uint64(t.c.epoch), ch.Name), w)
}

// AttrChange returns who changed an attribute in an epoch.
func (t *Tx) AttrChange(f FileID, e Epoch, name string) (ch AttrChange, err error) {
	row := t.kv.Get(key2s(tableAttrChange, uint64(f), uint64(e), name))
	if row == nil {
		return ch, ErrNotExist
	}
	ch = AttrChange{File: f, Epoch: e, Name: name}
	r := reader{b: row}
	ch.Time = Time(r.int())
	ch.UID = r.uint32()
	ch.Program = r.str()
	ch.Op = Epoch(r.uint())
	if err := r.done(); err != nil {
		return AttrChange{}, fmt.Errorf("catalog: attribute %q of file %d in epoch %d: %w", name, f, e, err)
	}
	return ch, nil
}

// forgetChange removes who gave an attribute the value of a row of the past that is to
// be forgotten, and who took that away again.
func (t *Tx) forgetChange(past []byte) {
	key, died := splitPast(past)
	row := t.kv.Get(past)
	if table(key[0]) != tableAttr || row == nil {
		return
	}
	wantKey(key, 10, "key of an attribute")
	f, name := be.Uint64(key[1:]), string(key[9:])
	drop := func(e Epoch) {
		if change := key2s(tableAttrChange, f, uint64(e), name); t.kv.Get(change) != nil {
			t.remove(change)
		}
	}
	born, _ := split(row)
	drop(born)
	// Another value may have been born when this one died.
	next := t.kv.Get(key)
	t.kv.Ascend(appendPast(nil, key, died+1), pastEnd(nil, key), func(_, row []byte) bool { next = bytes.Clone(row); return false })
	if next != nil {
		if b, _ := split(next); b == died {
			return
		}
	}
	drop(died)
}

// AttrSpan is a value that an attribute had, from the end of the epoch Born to the one
// before Died, which is 0 while it holds.
type AttrSpan struct {
	Name  string
	Value []byte
	Born  Epoch
	Died  Epoch
}

// AttrSpans returns all values that the attributes of a file had, in the order of
// their names and then of time. What came and went within one epoch is not among them.
func (t *Tx) AttrSpans(f FileID) (spans []AttrSpan) {
	prefix := key1(tableAttr, uint64(f))
	add := func(key, row []byte, died Epoch) bool {
		born, p := split(row)
		spans = append(spans, AttrSpan{string(key[9:]), append([]byte{}, p...), born, died})
		return true
	}
	past := append([]byte{byte(tablePast)}, prefix...)
	t.kv.Ascend(past, prefixEnd(past), func(k, row []byte) bool {
		key, died := splitPast(k)
		wantKey(key, 10, "key of an attribute")
		return add(key, row, died)
	})
	t.kv.Ascend(prefix, prefixEnd(prefix), func(k, row []byte) bool {
		wantKey(k, 10, "key of an attribute")
		return add(k, row, 0)
	})
	slices.SortStableFunc(spans, func(a, b AttrSpan) int {
		switch {
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return int(int64(a.Born) - int64(b.Born))
	})
	return spans
}
