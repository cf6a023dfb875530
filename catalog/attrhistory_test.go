package catalog

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/rdfs/rdfs/internal/blob"
)

func TestHistoryOfAnAttributeSaysWhoAndWhen(t *testing.T) {
	c := openMemory(t)
	put := func(name, value string, uid uint32) Epoch {
		return change(t, c, func(tx *Tx) {
			tx.PutAttr(5, name, []byte(value))
			tx.PutAttrChange(&AttrChange{File: 5, Name: name, Time: Time(uid), UID: uid, Program: "setfattr"})
		})
	}
	a := put("user.a", "1", 7)
	b := put("user.b", "x", 8)
	a2 := put("user.a", "2", 9)
	gone := change(t, c, func(tx *Tx) { tx.DeleteAttr(5, "user.a") })
	change(t, c, func(tx *Tx) { // within one epoch: nobody saw the first
		tx.PutAttr(5, "user.c", []byte("lost"))
		tx.DeleteAttr(5, "user.c")
		tx.PutAttr(6, "user.a", []byte("of another file"))
	})
	want := []AttrSpan{
		{"user.a", []byte("1"), a, a2},
		{"user.a", []byte("2"), a2, gone},
		{"user.b", []byte("x"), b, 0},
	}
	view(t, c, func(tx *Tx) {
		if got := tx.AttrSpans(5); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		ch, err := tx.AttrChange(5, a2, "user.a")
		if err != nil || ch.UID != 9 || ch.Time != 9 || ch.Program != "setfattr" || ch.Op != 0 {
			t.Errorf("who: got %+v, %v", ch, err)
		}
		if _, err := tx.AttrChange(5, gone, "user.a"); !errors.Is(err, ErrNotExist) {
			t.Errorf("nobody: got %v", err)
		}
	})
}

func TestOperationKeepsWhatItChanged(t *testing.T) {
	c := openMemory(t)
	old, now, long := "old", "", strings.Repeat("v", 64<<10)
	var values []OpValue
	for i := range 3000 {
		values = append(values, OpValue{FileID(i + 1), fmt.Sprintf("user.field%d", i), &old, &now})
	}
	values = append(values, OpValue{1, "user.long", &long, nil}, OpValue{1, "user.new", nil, &now})
	op := Op{Time: -5, UID: 1000, Kind: "import", Files: 3000, Values: 3002}
	change(t, c, func(tx *Tx) {
		if err := tx.PutOp(&op, values); err != nil {
			t.Fatal(err)
		}
		if err := tx.PutOp(&Op{Kind: "undo"}, nil); !errors.Is(err, ErrExist) {
			t.Errorf("a second operation of the epoch: got %v, want ErrExist", err)
		}
	})
	second := Op{Kind: "undo"}
	change(t, c, func(tx *Tx) {
		if err := tx.PutOp(&second, nil); err != nil {
			t.Fatal(err)
		}
		op.Undone = second.Epoch
		tx.SetOp(&op)
	})
	view(t, c, func(tx *Tx) {
		if got, err := tx.Op(op.Epoch); err != nil || got != op {
			t.Errorf("got %+v, %v, want %+v", got, err, op)
		}
		var got []OpValue
		if err := tx.OpValues(op.Epoch, func(v OpValue) bool { got = append(got, v); return true }); err != nil || !reflect.DeepEqual(got, values) {
			t.Errorf("got %d values, %v, want %d", len(got), err, len(values))
		}
		var ops []Epoch
		if err := tx.Ops(func(o *Op) bool { ops = append(ops, o.Epoch); return true }); err != nil || !reflect.DeepEqual(ops, []Epoch{op.Epoch, second.Epoch}) {
			t.Errorf("got %v, %v", ops, err)
		}
	})
}

func TestWhoChangedAnAttributeIsForgottenWithItsValue(t *testing.T) {
	c := openMemory(t)
	put := func(value string, uid uint32) Epoch {
		return change(t, c, func(tx *Tx) {
			if value == "" {
				tx.DeleteAttr(5, "user.a")
			} else {
				tx.PutAttr(5, "user.a", []byte(value))
			}
			tx.PutAttrChange(&AttrChange{File: 5, Name: "user.a", UID: uid})
		})
	}
	epochs := []Epoch{put("1", 1), put("2", 2), put("", 3), put("4", 4), put("5", 5)}
	update(t, c, func(tx *Tx) {
		tx.Forget([][]byte{appendPast(nil, attrKey(5, "user.a"), epochs[1])})
		if _, err := tx.AttrChange(5, epochs[1], "user.a"); err != nil {
			t.Errorf("the next value is still known, and who set it is not: %v", err)
		}
		tx.Forget([][]byte{appendPast(nil, attrKey(5, "user.a"), epochs[2])})
	})
	view(t, c, func(tx *Tx) {
		for k, known := range []bool{false, false, false, true, true} {
			if _, err := tx.AttrChange(5, epochs[k], "user.a"); (err == nil) != known {
				t.Errorf("change %d: got %v, known %t", k+1, err, known)
			}
		}
	})
}

func TestWhatAContentIsIsForgottenWithIt(t *testing.T) {
	c := openMemory(t)
	one, two := blob.Sum([]byte("one")), blob.Sum([]byte("two"))
	update(t, c, func(tx *Tx) {
		tx.PutHeader(one, []byte("{}"))
		tx.PutHeader(two, []byte("{}"))
		tx.DeleteContent(one)
		tx.DeleteChunk(two)
		if tx.HasHeader(one) || tx.HasHeader(two) {
			t.Error("a header outlives its content")
		}
	})
}

// The bytes of the rows are those of FORMAT.md.
func TestRowsOfMetadataAreThoseOfTheFormat(t *testing.T) {
	c := openMemory(t)
	id := blob.Sum([]byte("x"))
	old := "o"
	e := change(t, c, func(tx *Tx) {
		tx.PutAttrChange(&AttrChange{File: 5, Name: "user.a", Time: 1, UID: 3, Program: "R", Op: 4})
		tx.PutHeader(id, []byte(`{"format":"csv"}`))
		if err := tx.PutOp(&Op{Time: -1, UID: 3, Kind: "import", Files: 1, Values: 2, Undone: 9}, []OpValue{{5, "user.a", &old, nil}}); err != nil {
			t.Fatal(err)
		}
	})
	want := map[string]string{
		fmt.Sprintf("41 0000000000000005 %016x 757365722e61", e): "02 03 01 52 04",
		fmt.Sprintf("4f %016x 00000000", e):                      "01 03 06 696d706f7274 01 02 09",
		fmt.Sprintf("4f %016x 00000001", e):                      "05 06 757365722e61 02 6f 00",
		fmt.Sprintf("48 %x", id[:]):                              "7b 22666f726d6174223a2263737622 7d",
	}
	view(t, c, func(tx *Tx) {
		for _, table := range []table{tableAttrChange, tableOp, tableHeader} {
			tx.kv.Ascend([]byte{byte(table)}, prefixEnd([]byte{byte(table)}), func(k, v []byte) bool {
				for key, value := range want {
					if strings.ReplaceAll(key, " ", "") == fmt.Sprintf("%x", k) && strings.ReplaceAll(value, " ", "") == fmt.Sprintf("%x", v) {
						delete(want, key)
						return true
					}
				}
				t.Errorf("row %x = %x is not expected", k, v)
				return true
			})
		}
		if !tx.HasHeader(id) || tx.HasHeader(blob.Sum(nil)) {
			t.Error("HasHeader")
		}
	})
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}
