package kv

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the fixtures of the current format")

// TestFixtureOpensForEver reads a file that the first version of the format wrote.
func TestFixtureOpensForEver(t *testing.T) {
	fixture := filepath.Join("testdata", "formats", "kv-1.db") // it cannot be made any more
	b, err := os.ReadFile(fixture)
	if err != nil {
		t.Fatal(err)
	}
	path := writeFile(t, filepath.Join(t.TempDir(), "catalog.db"), b)
	db := mustOpen(t, mustOpenBolt(t, path), Options{})
	for _, state := range []string{"as it was", "written to"} {
		var got []string
		for _, table := range []byte{1, 2} {
			got = append(got, rows(t, db, []byte{table}, nil)...)
		}
		if len(got) != 100 {
			t.Fatalf("%s: %d rows, want 100", state, len(got))
		}
		err := db.View(func(tx *Tx) error {
			for i := range 100 {
				if k, v := goodRow(i); !bytes.Equal(tx.Get(k), v) {
					return fmt.Errorf("row %d is %q, want %q", i, tx.Get(k), v)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", state, err)
		}
		wantRows(t, rows(t, db, []byte{255}, nil), "empty=", "full=a value")
		checkClean(t, db.engine)
		mustUpdate(t, db, func(tx *Tx) { tx.Put(key(255, "full"), []byte("a value")) })
		mustSync(t, db)
	}
}

// TestFixtureWithLogOpensForEver reads a file and a log that a process left behind
// which was killed: ten rows are in the file, and in the log one of them is replaced,
// one is deleted, and one is new.
func TestFixtureWithLogOpensForEver(t *testing.T) {
	fixture := filepath.Join("testdata", "formats", "kv-2.db")
	if *update {
		b := newLogBed(t)
		var first [][2][]byte
		for i := range 10 {
			first = append(first, putRow(2, fmt.Sprint(i), "in the file"))
		}
		for _, err := range []error{b.e.Commit(group(first...)), b.e.settle(noRows, true), b.e.Commit(group(putRow(2, "3", "in the log"))),
			b.e.Commit(group(dropRow(2, "4"), putRow(255, "new", "")))} {
			if err != nil {
				t.Fatal(err)
			}
		}
		image := b.lose(rand.New(rand.NewPCG(1, 1)))
		f, err := image.log.OpenFile(b.path+".log", os.O_RDONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		log := make([]byte, b.e.groups.off)
		if _, err := f.ReadAt(log, 0); err != nil {
			t.Fatal(err)
		}
		writeFile(t, fixture, image.db)
		writeFile(t, fixture+".log", log)
	}
	path := filepath.Join(t.TempDir(), "catalog.db")
	for _, end := range []string{"", ".log"} {
		b, err := os.ReadFile(fixture + end)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, path+end, b)
	}
	db := mustOpen(t, mustOpenBolt(t, path), Options{})
	wantRows(t, rows(t, db, []byte{2}, nil), "0=in the file", "1=in the file", "2=in the file", "3=in the log", "5=in the file",
		"6=in the file", "7=in the file", "8=in the file", "9=in the file")
	wantRows(t, rows(t, db, []byte{255}, nil), "new=")
	checkClean(t, db.engine)
}

func TestCopyIsADatabaseOfItsMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	e := mustOpenBolt(t, path)
	db := mustOpen(t, e, Options{})
	for i := range 2000 {
		mustUpdate(t, db, func(tx *Tx) { tx.Put(goodRow(i)) })
	}
	mustSync(t, db)
	// Commits go on while the copy is being written.
	w := &writerThat{do: func() {
		mustUpdate(t, db, func(tx *Tx) {
			for i := range 2000 {
				k, _ := goodRow(i)
				tx.Delete(k)
			}
		})
		mustSync(t, db)
	}}
	if err := e.CopyTo(w); err != nil {
		t.Fatal(err)
	}
	if n := len(rows(t, db, []byte{1}, nil)); n != 0 {
		t.Fatalf("%d rows, want none", n)
	}
	copied := writeFile(t, filepath.Join(t.TempDir(), "copy.db"), w.Bytes())
	if missing, err := use(t, copied, 2000); missing != 0 || err != nil {
		t.Fatalf("the copy: %d rows are missing, %v", missing, err)
	}
}

// writerThat does something before the first write.
type writerThat struct {
	bytes.Buffer
	do func()
}

func (w *writerThat) Write(p []byte) (int, error) {
	if w.do != nil {
		w.do()
		w.do = nil
	}
	return w.Buffer.Write(p)
}
