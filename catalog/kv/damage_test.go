package kv

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/rdfs/rdfs/internal/blob"
)

func goodRow(i int) (k, v []byte) {
	return key(byte(1+i%2), fmt.Sprintf("%05d", i)), fmt.Appendf(nil, "value of %d %0*d", i, i%300, 0)
}

// goodFile makes a database of n rows in a few commits, and returns its bytes.
func goodFile(t testing.TB, n int) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "good.db")
	db := mustOpen(t, mustOpenWithoutLog(t, path), Options{})
	for i := range n {
		k, v := goodRow(i)
		mustUpdate(t, db, func(tx *Tx) { tx.Put(k, v) })
		if i%(n/5+1) == 0 {
			mustSync(t, db)
		}
	}
	mustClose(t, db)
	return copyOf(t, path)
}

// copyOf returns the file without the room it has grown in advance.
func copyOf(t testing.TB, path string) []byte {
	t.Helper()
	e := mustOpenBolt(t, path)
	defer e.Close()
	var b strings.Builder
	if err := e.CopyTo(&b); err != nil {
		t.Fatal(err)
	}
	return []byte(b.String())
}

// use opens a file, reads everything, and if that succeeds, writes something: to
// rewrite a damaged leaf can take bbolt gigabytes. It returns the first
// error, and in missing the number of rows that were silently absent. Every row
// that is returned must be right.
func use(t testing.TB, path string, n int) (missing int, err error) {
	t.Helper()
	e, err := OpenBolt(path, BoltOptions{Reserve: -1, mapSize: 1 << 30}) // a mapping leaks when bbolt panics
	if err != nil {
		return 0, err
	}
	db, err := Open(e, Options{Tables: testTables, Interval: time.Hour})
	if err != nil {
		return 0, err
	}
	found := 0
	err = db.View(func(tx *Tx) error {
		for i := range n {
			k, v := goodRow(i)
			got := tx.Get(k)
			if got == nil {
				missing++
			} else if string(got) != string(v) {
				t.Errorf("%s: wrong bytes for row %d", path, i)
			}
		}
		for _, table := range testTables {
			tx.Ascend([]byte{table.ID}, nil, func(k, v []byte) bool {
				i, _ := strconv.Atoi(string(k[1:]))
				if wk, wv := goodRow(i); string(k) != string(wk) || string(v) != string(wv) {
					t.Errorf("%s: wrong bytes for row %q", path, k)
				}
				found++
				return true
			})
		}
		return nil
	})
	if err != nil {
		return 0, errors.Join(err, db.Close())
	}
	if found != n {
		missing++
	}
	if missing > 0 && e.Check(context.Background(), func(string) { missing = 0 }) != nil {
		t.Error("the check was not completed")
	}
	uerr := db.Update(func(tx *Tx) error {
		for i := 0; i < n; i += 7 {
			k, v := goodRow(i)
			tx.Put(k, v)
			k, _ = goodRow(i + 1)
			tx.Delete(k)
		}
		return nil
	})
	return missing, errors.Join(uerr, db.Close())
}

func wantCorrupt(t testing.TB, path string, err error) {
	t.Helper()
	if !errors.Is(err, blob.ErrCorrupt) || !strings.Contains(err.Error(), path) {
		t.Errorf("got error %v, want one that says corrupt and names %s", err, path)
	}
}

func TestDamagedFileIsAnErrorThatNamesIt(t *testing.T) {
	const n = 3000
	good := goodFile(t, n)
	page := func(b []byte, i int) []byte { return b[i*4096 : (i+1)*4096] }
	for name, damage := range map[string]func(b []byte) []byte{
		"empty":             func(b []byte) []byte { return nil },
		"one byte":          func(b []byte) []byte { return b[:1] },
		"one page":          func(b []byte) []byte { return b[:4096] },
		"two pages":         func(b []byte) []byte { return b[:8192] },
		"half":              func(b []byte) []byte { return b[:len(b)/2] },
		"one byte short":    func(b []byte) []byte { return b[:len(b)-1] },
		"bad magic":         func(b []byte) []byte { b[16] ^= 1; b[4096+16] ^= 1; return b },
		"zeroed metas":      func(b []byte) []byte { clear(b[:8192]); return b },
		"zeroed":            func(b []byte) []byte { clear(b); return b },
		"text":              func(b []byte) []byte { return []byte(strings.Repeat("not a database\n", 10000)) },
		"all but the metas": func(b []byte) []byte { clear(b[8192:]); return b },
		"pages swapped": func(b []byte) []byte {
			p := string(page(b, 10))
			copy(page(b, 10), page(b, 40))
			copy(page(b, 40), p)
			return b
		},
		"all pages inverted": func(b []byte) []byte {
			for i := 8192; i < len(b); i++ {
				b[i] = ^b[i]
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "catalog.db")
			if err := os.WriteFile(path, damage([]byte(string(good))), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := use(t, path, n)
			wantCorrupt(t, path, err)
			if strings.Contains(fmt.Sprint(err), "goroutine") {
				t.Errorf("the error has a stack trace: %v", err)
			}
		})
	}
}

// TestFlippedBitIsNeverWrongBytes flips one bit anywhere in the file. Whatever
// is read must be right; a row may be absent only if Check reports something.
func TestFlippedBitIsNeverWrongBytes(t *testing.T) {
	const n = 3000
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	good := goodFile(t, n)
	path := filepath.Join(t.TempDir(), "catalog.db")
	if missing, err := use(t, writeFile(t, path, good), n); missing != 0 || err != nil {
		t.Fatalf("the good file: %d rows are missing, %v", missing, err)
	}
	flips, noticed := 200, 0
	if testing.Short() {
		flips = 60
	}
	for i := range flips {
		bad := []byte(string(good))
		at := rng.IntN(len(bad))
		if i%2 == 0 { // a page header, or what follows it
			at = at&^4095 + rng.IntN(64)
		}
		bit := byte(1) << rng.IntN(8)
		bad[at] ^= bit
		missing, err := use(t, writeFile(t, path, bad), n)
		if missing > 0 {
			t.Errorf("byte %d of page %d, bit %#x: rows are silently missing", at%4096, at/4096, bit)
		}
		if err != nil {
			noticed++
			wantCorrupt(t, path, err)
		}
	}
	t.Logf("%d of %d flips were noticed; the others hit free space", noticed, flips)
}

func writeFile(t testing.TB, path string, b []byte) string {
	t.Helper()
	os.Remove(path)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFileThatShrinksWhileOpenDoesNotEndTheProcess(t *testing.T) {
	const n = 3000
	good := goodFile(t, n)
	reads := map[string]func(tx *Tx) error{
		"Get": func(tx *Tx) error {
			for i := range n {
				k, _ := goodRow(i)
				tx.Get(k)
			}
			return nil
		},
		"Ascend": func(tx *Tx) error {
			tx.Ascend([]byte{1}, nil, func(k, v []byte) bool { return true })
			return nil
		},
	}
	for name, read := range reads {
		for _, keep := range []int64{0, 4096, 8192, int64(len(good) / 2)} {
			t.Run(fmt.Sprintf("%s with %d bytes left", name, keep), func(t *testing.T) {
				path := writeFile(t, filepath.Join(t.TempDir(), "catalog.db"), good)
				db := mustOpen(t, mustOpenWithoutLog(t, path), Options{Interval: time.Hour})
				if err := os.Truncate(path, keep); err != nil {
					t.Fatal(err)
				}
				wantCorrupt(t, path, db.View(read))
				wantCorrupt(t, path, db.Update(read))
				mustUpdate(t, db, func(tx *Tx) { tx.Put(goodRow(0)); tx.Put(goodRow(1)) })
				err := db.Sync(context.Background())
				wantCorrupt(t, path, err)
				if !errors.Is(err, ErrPoisoned) {
					t.Errorf("Sync: %v, want a poisoned store", err)
				}
				wantCorrupt(t, path, db.View(read))
				if err := db.Close(); !errors.Is(err, ErrPoisoned) {
					t.Errorf("Close: %v", err)
				}
				if _, err := OpenBolt(path, BoltOptions{}); errors.Is(err, ErrLocked) {
					t.Errorf("the lock is still held: %v", err)
				}
			})
		}
	}
	t.Run("value in the hand of the reader", func(t *testing.T) {
		path := writeFile(t, filepath.Join(t.TempDir(), "catalog.db"), good)
		db := mustOpen(t, mustOpenBolt(t, path), Options{Interval: time.Hour})
		sum := 0
		err := db.View(func(tx *Tx) error {
			k, _ := goodRow(42)
			v := tx.Get(k)
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
			for _, b := range v {
				sum += int(b)
			}
			return nil
		})
		wantCorrupt(t, path, err)
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := db.View(reads["Get"]); err != nil {
			t.Errorf("after the file is back: %v", err)
		}
	})
}

func TestPanicsOfTheFunctionAreNotDamage(t *testing.T) {
	db := mustOpen(t, mustOpenBolt(t, filepath.Join(t.TempDir(), "catalog.db")), Options{})
	mustUpdate(t, db, func(tx *Tx) { tx.Put(key(1, "a"), nil) })
	mustSync(t, db)
	for name, fn := range map[string]func(tx *Tx) error{
		"nil pointer": func(tx *Tx) error { var p *DB; p.commits++; return nil },
		"index":       func(tx *Tx) error { var s []int; s[0]++; return nil },
		"nil pointer in Ascend": func(tx *Tx) error {
			tx.Ascend([]byte{1}, nil, func(k, v []byte) bool { var p *DB; p.commits++; return true })
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r := recover(); r == nil {
					t.Error("the panic was swallowed")
				}
				if err := db.View(func(tx *Tx) error { return nil }); err != nil {
					t.Error(err)
				}
			}()
			t.Errorf("View returned %v", db.View(fn))
		})
	}
}

func TestForeignFilesAreRefused(t *testing.T) {
	edit := func(t *testing.T, path string, fn func(tx *bolt.Tx) error) {
		db, err := bolt.Open(path, 0o600, nil)
		if err == nil {
			err = errors.Join(db.Update(fn), db.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	start := func(path string, tables []TableSpec) error {
		e, err := OpenBolt(path, BoltOptions{})
		if err != nil {
			return err
		}
		db, err := Open(e, Options{Tables: tables})
		if err != nil {
			return err
		}
		return db.Close()
	}
	for name, prepare := range map[string]func(t *testing.T, path string){
		"another program": func(t *testing.T, path string) {
			edit(t, path, func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("stuff")); return err })
		},
		"newer version": func(t *testing.T, path string) {
			if err := start(path, testTables); err != nil {
				t.Fatal(err)
			}
			edit(t, path, func(tx *bolt.Tx) error {
				return tx.Bucket([]byte(selfBucket)).Put([]byte(formatKey), seal(nil, []byte(formatKey), []byte{formatVersion + 1}))
			})
		},
		"other table numbers": func(t *testing.T, path string) {
			if err := start(path, []TableSpec{{ID: 7, Name: "node"}}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "catalog.db")
			prepare(t, path)
			if err := start(path, testTables); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("a table more is added", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "catalog.db")
		for i := range testTables {
			if err := start(path, testTables[:i+1]); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestSecondProcessIsToldWhoHoldsTheDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	cmd := child("holder", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	if _, err := out.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	_, err = OpenBolt(path, BoltOptions{Timeout: time.Millisecond})
	if !errors.Is(err, ErrLocked) || errors.Is(err, blob.ErrCorrupt) {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{path, "in use by another process", fmt.Sprintf("process %d", cmd.Process.Pid)} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestHalfMadeFileIsMadeAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	writeFile(t, path+".new", make([]byte, 4096))
	db := mustOpen(t, mustOpenBolt(t, path), Options{})
	put(t, db, "a")
	mustClose(t, db)
	if _, err := os.Stat(path + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary file is still there: %v", err)
	}
}
