package catalog

import "testing"

func TestHolderOfAHistory(t *testing.T) {
	c := openMemory(t)
	file := func(f FileID) *Node { return &Node{Mode: TypeRegular | 0o644, Nlink: 1, File: f} }
	want := func(what string, f FileID, i Inode) {
		t.Helper()
		view(t, c, func(tx *Tx) {
			got, held := tx.Holder(f)
			if held != (i != 0) || held && got != i {
				t.Errorf("%s: the history %d is held by %d (%v), want %d", what, f, got, held, i)
			}
		})
	}
	change(t, c, func(tx *Tx) { tx.PutNode(10, file(10)); tx.PutNode(11, file(11)) })
	want("new", 10, 10)
	want("nobody's", 12, 0)
	change(t, c, func(tx *Tx) { tx.DeleteNode(10); tx.PutNode(11, file(10)) })
	want("replaced", 10, 11)
	want("left", 11, 0)
	update(t, c, func(tx *Tx) { tx.PutNode(11, file(12)); tx.PutNode(12, file(10)) })
	want("passed on", 10, 12)
	want("taken", 12, 11)
	update(t, c, func(tx *Tx) { tx.PutNode(13, file(11)); tx.PutNode(11, file(11)) })
	update(t, c, func(tx *Tx) { tx.DeleteNode(13) })
	want("back", 11, 11)
	change(t, c, func(tx *Tx) { tx.DeleteNode(12); tx.DeleteNode(11) })
	want("gone", 10, 0)
	want("gone", 12, 0)
	view(t, c, func(tx *Tx) {
		tx.kv.Ascend([]byte{byte(tableHolder)}, []byte{byte(tableHolder) + 1}, func(k, v []byte) bool {
			if string(k) == string(key1(tableHolder, 12)) {
				return true // of 11, which had it last and gave it back: out of date
			}
			t.Errorf("a row is left: %x = %x", k, v)
			return true
		})
	})
}

func TestSavesStandInTheirOrder(t *testing.T) {
	c := openMemory(t)
	ver := Version{File: 5, Size: 3, Mtime: 7, Program: "R"}
	change(t, c, func(tx *Tx) {
		for _, s := range []*Save{{File: 5, Order: 300, Version: ver}, {File: 5, Order: 20, Inode: 9, Gen: 2}, {File: 6, Order: 1, Inode: 9, Gen: 2}} {
			tx.PutSave(s)
		}
	})
	read := func(want ...uint64) (first Save) {
		t.Helper()
		var got []uint64
		view(t, c, func(tx *Tx) {
			if err := tx.Saves(5, func(s *Save) bool { got = append(got, s.Order); first = *s; return true }); err != nil {
				t.Fatal(err)
			}
		})
		if len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
			t.Errorf("got %d, want %d", got, want)
		}
		return first
	}
	if last := read(20, 300); !last.Sealed() || last.Version != ver {
		t.Errorf("%+v", last)
	}
	change(t, c, func(tx *Tx) { tx.DeleteSave(5, 300) })
	if last := read(20); last.Sealed() || last.Inode != 9 || last.Gen != 2 {
		t.Errorf("%+v", last)
	}
	change(t, c, func(tx *Tx) { tx.DeleteSave(5, 20) })
	read()
}
