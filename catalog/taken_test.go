package catalog

import (
	"errors"
	"reflect"
	"testing"
)

func TestNamesThatWereTakenAwaySayWhenAndByWhom(t *testing.T) {
	c := openMemory(t)
	put := func(dir Inode, name string, i Inode) Epoch {
		return change(t, c, func(tx *Tx) { tx.PutName(dir, name, i, TypeRegular) })
	}
	b1 := put(Root, "a", 10)
	d1 := change(t, c, func(tx *Tx) { tx.DeleteNameBy(Root, "a", 1000) })
	b2 := put(Root, "a", 11)
	d2 := put(Root, "a", 12) // replaced
	b3 := put(Root, "ab", 13)
	d3 := change(t, c, func(tx *Tx) { tx.DeleteName(Root, "ab") })
	b4 := put(7, "x", 14)
	d4 := change(t, c, func(tx *Tx) { tx.DeleteNameBy(7, "x", 0) })
	if err := c.Update(func(tx *Tx) error { _, err := tx.DeleteNameBy(Root, "nobody", 1); return err }); !errors.Is(err, ErrNotExist) {
		t.Errorf("nobody: %v", err)
	}
	ent := func(name string, i Inode) Dirent { return Dirent{Name: name, Ino: i, Type: TypeRegular} }
	all := []Taken{
		{ent("a", 10), Root, b1, d1, 1000, true},
		{ent("a", 11), Root, b2, d2, 0, false},
		{ent("ab", 13), Root, b3, d3, 0, false},
		{ent("x", 14), 7, b4, d4, 0, true},
	}
	from := func(dir Inode, after string) (got []Taken) {
		view(t, c, func(tx *Tx) { tx.Taken(dir, after, func(x Taken) bool { got = append(got, x); return true }) })
		return got
	}
	for _, tt := range []struct {
		dir   Inode
		after string
		want  []Taken
	}{{0, "", all}, {Root, "", all}, {Root, "a", all[2:]}, {Root, "ab", all[3:]}, {2, "", all[3:]}, {8, "", nil}} {
		if got := from(tt.dir, tt.after); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("after %d %q: got %+v, want %+v", tt.dir, tt.after, got, tt.want)
		}
	}
	var got []Taken
	view(t, c, func(tx *Tx) {
		tx.TakenFrom(Root, "a", d1+1, func(x Taken) bool { got = append(got, x); return true })
		if i, err := tx.At(d1-1).Lookup(Root, "a"); err != nil || i != 10 {
			t.Errorf("before it was taken away a was %d, %v", i, err)
		}
	})
	if !reflect.DeepEqual(got, all[1:2]) {
		t.Errorf("got %+v, want %+v", got, all[1:2])
	}
}
