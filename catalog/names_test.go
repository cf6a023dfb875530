package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestPathOfTheDeepestDirectory(t *testing.T) {
	c := openMemory(t)
	const depth = 10_000
	want := make([]string, depth)
	update(t, c, func(tx *Tx) {
		for i := range depth {
			want[i] = fmt.Sprint("d", i)
			tx.PutName(Root+Inode(i), want[i], Root+Inode(i)+1, TypeDir)
		}
	})
	view(t, c, func(tx *Tx) {
		if got, err := tx.Path(Root + depth); err != nil || got != strings.Join(want, "/") {
			t.Errorf("got a path of %d bytes, %v", len(got), err)
		}
		if got, err := tx.Path(Root); err != nil || got != "" {
			t.Errorf("root: got %q, %v", got, err)
		}
		if _, err := tx.Path(Root + depth + 1); !errors.Is(err, ErrNotExist) {
			t.Errorf("an inode without names: got %v, want %v", err, ErrNotExist)
		}
	})
}

func TestPathThroughACircleIsCorrupt(t *testing.T) {
	for round := 1; round <= 9; round++ {
		c := openMemory(t)
		update(t, c, func(tx *Tx) {
			tx.PutName(100, "tail", 200, TypeDir)
			tx.PutName(200, "tail", 201, TypeDir)
			for i := range round {
				tx.PutName(Inode(100+i), "next", Inode(100+(i+1)%round), TypeDir)
			}
		})
		view(t, c, func(tx *Tx) {
			for _, i := range []Inode{100, 200, 201} {
				_, err := tx.Path(i)
				wantCorrupt(t, err)
			}
		})
	}
}

func TestPathIsTheFirstName(t *testing.T) {
	c := openMemory(t)
	update(t, c, func(tx *Tx) {
		tx.PutName(Root, "z", 5, TypeDir)
		tx.PutName(5, "b", 9, TypeRegular)
		tx.PutName(5, "a", 9, TypeRegular)
		tx.PutName(7, "0", 9, TypeRegular)
	})
	view(t, c, func(tx *Tx) {
		if got, err := tx.Path(9); err != nil || got != "z/a" {
			t.Errorf("got %q, %v, want z/a", got, err)
		}
	})
}

func namesOf(tx *Tx, i Inode) (list []Name) {
	tx.Names(i, func(n Name) bool { list = append(list, n); return true })
	return list
}

func TestPutNameReplacesAndKeepsTheReverseRows(t *testing.T) {
	c := openMemory(t)
	e1 := change(t, c, func(tx *Tx) {
		tx.PutName(Root, "x", 10, TypeRegular)
		tx.PutName(Root, "y", 10, TypeRegular)
	})
	e2 := change(t, c, func(tx *Tx) { tx.PutName(Root, "x", 11, TypeSymlink|0o777) })
	e3 := change(t, c, func(tx *Tx) {
		if i, err := tx.DeleteName(Root, "x"); i != 11 || err != nil {
			t.Errorf("DeleteName: got %d, %v, want 11", i, err)
		}
		if _, err := tx.DeleteName(Root, "x"); !errors.Is(err, ErrNotExist) {
			t.Errorf("DeleteName twice: got %v, want %v", err, ErrNotExist)
		}
	})
	view(t, c, func(tx *Tx) {
		for _, tc := range []struct {
			at     Epoch
			dir    []Dirent
			of10   []Name
			of11   []Name
			lookup Inode
		}{
			{e1, []Dirent{{"x", 10, TypeRegular}, {"y", 10, TypeRegular}}, []Name{{Root, "x"}, {Root, "y"}}, nil, 10},
			{e2, []Dirent{{"x", 11, TypeSymlink}, {"y", 10, TypeRegular}}, []Name{{Root, "y"}}, []Name{{Root, "x"}}, 11},
			{e3, []Dirent{{"y", 10, TypeRegular}}, []Name{{Root, "y"}}, nil, 0},
			{Live, []Dirent{{"y", 10, TypeRegular}}, []Name{{Root, "y"}}, nil, 0},
		} {
			at := tx.At(tc.at)
			if got := names(at, Root, "", 9); !slices.Equal(got, tc.dir) {
				t.Errorf("epoch %d: ReadDir: got %v, want %v", tc.at, got, tc.dir)
			}
			if got := namesOf(at, 10); !slices.Equal(got, tc.of10) {
				t.Errorf("epoch %d: Names(10): got %v, want %v", tc.at, got, tc.of10)
			}
			if got := namesOf(at, 11); !slices.Equal(got, tc.of11) {
				t.Errorf("epoch %d: Names(11): got %v, want %v", tc.at, got, tc.of11)
			}
			if got, err := at.Lookup(Root, "x"); got != tc.lookup || (err == nil) != (tc.lookup != 0) {
				t.Errorf("epoch %d: Lookup: got %d, %v, want %d", tc.at, got, err, tc.lookup)
			}
		}
	})
}

func TestLastAt(t *testing.T) {
	c := openMemory(t)
	put := func(i Inode) Epoch { return change(t, c, func(tx *Tx) { tx.PutName(Root, "f", i, TypeRegular) }) }
	remove := func() Epoch { return change(t, c, func(tx *Tx) { tx.DeleteName(Root, "f") }) }
	check := func(since Epoch, wantIno Inode, wantDied Epoch) {
		t.Helper()
		view(t, c, func(tx *Tx) {
			i, died, ok := tx.LastAt(Root, "f", since)
			if i != wantIno || died != wantDied || ok != (wantIno != 0) {
				t.Errorf("since %d: got %d, died in %d, %t, want %d, %d", since, i, died, ok, wantIno, wantDied)
			}
		})
	}
	check(0, 0, 0)
	put(10)
	check(0, 0, 0)
	// Neighbours must not be taken for it.
	change(t, c, func(tx *Tx) {
		for _, name := range []string{"f\x01", "fa", "e", "f0"} {
			tx.PutName(Root, name, 99, TypeRegular)
		}
	})
	change(t, c, func(tx *Tx) {
		for _, name := range []string{"f\x01", "fa", "e", "f0"} {
			tx.DeleteName(Root, name)
		}
	})
	check(0, 0, 0)
	gone := remove()
	check(0, 10, gone)
	check(gone, 10, gone)
	check(gone+1, 0, 0)
	put(11)
	check(0, 10, gone)
	replaced := put(12)
	check(0, 11, replaced)
	put(12) // the same inode: the name was not taken away
	check(0, 11, replaced)
	check(replaced+1, 0, 0)
	// Taken away, given again and taken away in one epoch: who was there before it counts.
	both := change(t, c, func(tx *Tx) {
		tx.DeleteName(Root, "f")
		tx.PutName(Root, "f", 13, TypeRegular)
		tx.DeleteName(Root, "f")
	})
	check(0, 12, both)
}
