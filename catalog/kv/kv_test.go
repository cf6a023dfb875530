package kv

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

var testTables = []TableSpec{{ID: 1, Name: "node", Rising: true}, {ID: 2, Name: "name"}, {ID: 255, Name: "last"}}

// engines lists what the conformance tests run over. open may be called again
// after the DB was closed, and then finds what was committed.
func engines(t *testing.T) map[string]func(t *testing.T) func() Engine {
	return map[string]func(t *testing.T) func() Engine{
		"memory": func(t *testing.T) func() Engine {
			m := NewMemory()
			return func() Engine { return m }
		},
		"bolt": func(t *testing.T) func() Engine {
			path := filepath.Join(t.TempDir(), "catalog.db")
			return func() Engine { return mustOpenBolt(t, path) }
		},
		"bolt without a log": func(t *testing.T) func() Engine {
			path := filepath.Join(t.TempDir(), "catalog.db")
			return func() Engine { return mustOpenWithoutLog(t, path) }
		},
	}
}

func eachEngine(t *testing.T, fn func(t *testing.T, open func() Engine)) {
	for name, start := range engines(t) {
		t.Run(name, func(t *testing.T) { fn(t, start(t)) })
	}
}

func mustOpenBolt(t testing.TB, path string) Engine {
	t.Helper()
	e, err := OpenBolt(path, BoltOptions{Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustOpenWithoutLog(t testing.TB, path string) Engine {
	t.Helper()
	e, err := OpenBolt(path, BoltOptions{Reserve: -1, Log: -1})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustOpen(t testing.TB, e Engine, o Options) *DB {
	t.Helper()
	if o.Tables == nil {
		o.Tables = testTables
	}
	db, err := Open(e, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func mustUpdate(t testing.TB, db *DB, fn func(tx *Tx)) {
	t.Helper()
	if err := db.Update(func(tx *Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func mustSync(t testing.TB, db *DB) {
	t.Helper()
	if err := db.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func mustClose(t testing.TB, db *DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// rows returns all rows of a range as "key=value" strings, without the table byte.
func rows(t testing.TB, db *DB, from, to []byte) []string {
	t.Helper()
	var got []string
	err := db.View(func(tx *Tx) error {
		got = txRows(tx, from, to)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func txRows(tx *Tx, from, to []byte) []string {
	got := []string{}
	tx.Ascend(from, to, func(k, v []byte) bool {
		got = append(got, string(k[1:])+"="+string(v))
		return true
	})
	return got
}

func key(table byte, s string) []byte { return append([]byte{table}, s...) }

func wantRows(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestUpdateIsVisibleAtOnceAndAfterReopen(t *testing.T) {
	eachEngine(t, func(t *testing.T, open func() Engine) {
		db := mustOpen(t, open(), Options{Interval: time.Hour})
		mustUpdate(t, db, func(tx *Tx) {
			tx.Put(key(1, "a"), []byte("1"))
			tx.Put(key(1, "b"), nil)
			tx.Put(key(255, "z"), []byte("9"))
			if v := tx.Get(key(1, "b")); v == nil || len(v) != 0 {
				t.Errorf("an empty value reads as %v", v)
			}
		})
		for _, state := range []string{"pending", "committed", "reopened"} {
			t.Run(state, func(t *testing.T) {
				wantRows(t, rows(t, db, []byte{1}, nil), "a=1", "b=")
				wantRows(t, rows(t, db, []byte{255}, nil), "z=9")
				wantRows(t, rows(t, db, []byte{2}, nil))
				err := db.View(func(tx *Tx) error {
					if v := tx.Get(key(1, "b")); v == nil || len(v) != 0 {
						t.Errorf("an empty value reads as %v", v)
					}
					if v := tx.Get(key(2, "a")); v != nil {
						t.Errorf("absent row reads as %q", v)
					}
					if v := tx.Get(nil); v != nil {
						t.Errorf("empty key reads as %q", v)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			})
			switch state {
			case "pending":
				mustSync(t, db)
				if n, b := db.Pending(); n != 0 || b != 0 {
					t.Fatalf("%d rows, %d bytes are pending after Sync", n, b)
				}
			case "committed":
				mustClose(t, db)
				db = mustOpen(t, open(), Options{})
			}
		}
	})
}

func TestFailedUpdateLeavesNothing(t *testing.T) {
	eachEngine(t, func(t *testing.T, open func() Engine) {
		db := mustOpen(t, open(), Options{})
		mustUpdate(t, db, func(tx *Tx) { tx.Put(key(1, "a"), []byte("1")) })
		boom := errors.New("boom")
		bad := map[string]func(tx *Tx) error{
			"error":              func(tx *Tx) error { return boom },
			"undeclared table":   func(tx *Tx) error { tx.Put(key(9, "x"), nil); return nil },
			"empty key":          func(tx *Tx) error { tx.Delete(nil); return nil },
			"key too long":       func(tx *Tx) error { tx.Put(append([]byte{1}, make([]byte, MaxKey)...), nil); return nil },
			"value too long":     func(tx *Tx) error { tx.Put(key(1, "x"), make([]byte, MaxValue+1)); return nil },
			"good and bad write": func(tx *Tx) error { tx.Put(key(9, "x"), nil); tx.Put(key(1, "y"), nil); return nil },
		}
		for name, fn := range bad {
			t.Run(name, func(t *testing.T) {
				err := db.Update(func(tx *Tx) error {
					tx.Put(key(1, "a"), []byte("2"))
					tx.Put(key(1, "b"), []byte("2"))
					return fn(tx)
				})
				if err == nil {
					t.Fatal("Update returned nil")
				}
				wantRows(t, rows(t, db, []byte{1}, nil), "a=1")
			})
		}
		t.Run("panic", func(t *testing.T) {
			func() {
				defer func() {
					if r := recover(); r != boom {
						t.Fatalf("recovered %v, want the panic of the function", r)
					}
				}()
				db.Update(func(tx *Tx) error { tx.Put(key(1, "a"), []byte("2")); panic(boom) })
			}()
			wantRows(t, rows(t, db, []byte{1}, nil), "a=1")
		})
		mustSync(t, db)
	})
}

func TestLargestRowsAreAccepted(t *testing.T) {
	eachEngine(t, func(t *testing.T, open func() Engine) {
		db := mustOpen(t, open(), Options{})
		long := bytes.Repeat([]byte{1}, MaxKey)
		value := bytes.Repeat([]byte{7}, 5<<20)
		mustUpdate(t, db, func(tx *Tx) { tx.Put(bytes.Clone(long), value) })
		mustClose(t, db)
		db = mustOpen(t, open(), Options{})
		err := db.View(func(tx *Tx) error {
			if !bytes.Equal(tx.Get(long), value) {
				t.Error("the largest row does not come back")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestLayersMerge puts each key of a range into a different set of layers and
// looks at all ranges over them.
func TestLayersMerge(t *testing.T) {
	for _, own := range []bool{false, true} {
		t.Run(fmt.Sprintf("own writes %v", own), func(t *testing.T) {
			m := NewMemory()
			hold, held := make(chan struct{}), make(chan struct{}, 1)
			blocked := false
			m.BeforeCommit(func() error {
				if blocked {
					held <- struct{}{}
					<-hold
				}
				return nil
			})
			db := mustOpen(t, m, Options{Interval: time.Hour, MaxRows: 1 << 30})
			want := map[string]string{}
			// Bits 0-1 say what the base does with a key, 2-3 frozen, 4-5 active, 6-7
			// the Tx: 0 nothing, 1 put, 2 delete.
			layer := func(tx *Tx, n uint, name string) {
				for i := range 256 {
					k := fmt.Sprintf("%02x", i)
					switch i >> n & 3 {
					case 1:
						tx.Put(key(1, k), []byte(name))
						want[k] = name
					case 2:
						tx.Delete(key(1, k))
						delete(want, k)
					}
				}
				tx.Put(key(2, "other"), []byte(name))
			}
			mustUpdate(t, db, func(tx *Tx) { layer(tx, 0, "base") })
			mustSync(t, db)
			blocked = true
			mustUpdate(t, db, func(tx *Tx) { layer(tx, 2, "frozen") })
			go db.Sync(context.Background())
			<-held
			defer close(hold)
			mustUpdate(t, db, func(tx *Tx) { layer(tx, 4, "active") })

			look := func(tx *Tx) {
				for i := 0; i <= 256; i += 5 {
					for _, j := range []int{i - 1, i, i + 1, i + 17, 300, -1} {
						from, to := key(1, fmt.Sprintf("%02x", i)), key(1, fmt.Sprintf("%02x", j))
						if j == 300 {
							to = []byte{2, 'x'}
						}
						if j == -1 {
							to = nil
						}
						exp := []string{}
						for k, v := range want {
							if k >= string(from[1:]) && (to == nil || j == 300 || k < string(to[1:])) {
								exp = append(exp, k+"="+v)
							}
						}
						slices.Sort(exp)
						wantRows(t, txRows(tx, from, to), exp...)
					}
				}
				for i := range 256 {
					k := fmt.Sprintf("%02x", i)
					v, ok := want[k]
					if got := tx.Get(key(1, k)); string(got) != v || (got != nil) != ok {
						t.Fatalf("Get(%s) = %q, want %q", k, got, v)
					}
				}
				n := 0
				tx.Ascend([]byte{1}, nil, func(k, v []byte) bool { n++; return n < 7 })
				if n != 7 {
					t.Fatalf("Ascend went on after yield returned false: %d rows", n)
				}
			}
			if own {
				mustUpdate(t, db, func(tx *Tx) { layer(tx, 6, "own"); look(tx) })
			} else if err := db.View(func(tx *Tx) error { look(tx); return nil }); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestWritesDuringAscendAreNotPartOfIt(t *testing.T) {
	eachEngine(t, func(t *testing.T, open func() Engine) {
		db := mustOpen(t, open(), Options{})
		mustUpdate(t, db, func(tx *Tx) {
			for i := range 100 {
				tx.Put(key(1, fmt.Sprintf("%03d", i)), []byte("old"))
			}
		})
		mustSync(t, db)
		mustUpdate(t, db, func(tx *Tx) {
			n := 0
			tx.Ascend([]byte{1}, nil, func(k, v []byte) bool {
				if string(v) != "old" {
					t.Fatalf("%s = %s", k[1:], v)
				}
				n++
				tx.Put(append(bytes.Clone(k), 'x'), []byte("new"))
				tx.Delete(bytes.Clone(k))
				return true
			})
			if n != 100 {
				t.Fatalf("%d rows, want 100", n)
			}
		})
		if got := rows(t, db, []byte{1}, nil); len(got) != 100 || got[0] != "000x=new" {
			t.Fatalf("%d rows, first %q", len(got), got[0])
		}
	})
}

func TestTxIsDeadAfterItsFunction(t *testing.T) {
	db := mustOpen(t, NewMemory(), Options{})
	var kept *Tx
	mustUpdate(t, db, func(tx *Tx) { kept = tx })
	for name, use := range map[string]func(){
		"Get":    func() { kept.Get(key(1, "a")) },
		"Put":    func() { kept.Put(key(1, "a"), nil) },
		"Ascend": func() { kept.Ascend(key(1, "a"), nil, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "after its function returned") {
					t.Fatalf("recovered %v", r)
				}
			}()
			use()
		})
	}
}

func TestWriteInViewPanics(t *testing.T) {
	db := mustOpen(t, NewMemory(), Options{})
	defer func() {
		if recover() == nil {
			t.Fatal("Put in a View did not panic")
		}
	}()
	db.View(func(tx *Tx) error { tx.Put(key(1, "a"), nil); return nil })
}

func TestClosedStoreRefuses(t *testing.T) {
	eachEngine(t, func(t *testing.T, open func() Engine) {
		db := mustOpen(t, open(), Options{})
		mustClose(t, db)
		if err := db.Close(); err != nil {
			t.Fatalf("the second Close: %v", err)
		}
		for name, err := range map[string]error{
			"View":   db.View(func(*Tx) error { return nil }),
			"Update": db.Update(func(*Tx) error { return nil }),
			"Sync":   db.Sync(context.Background()),
		} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestOpenRefusesBadTables(t *testing.T) {
	for name, tables := range map[string][]TableSpec{
		"number twice": {{ID: 1, Name: "a"}, {ID: 1, Name: "b"}},
		"name twice":   {{ID: 1, Name: "a"}, {ID: 2, Name: "a"}},
		"no name":      {{ID: 1}},
	} {
		if _, err := Open(NewMemory(), Options{Tables: tables}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// checkClean fails when our check, or bbolt's own, finds anything.
func checkClean(t testing.TB, e Engine) {
	t.Helper()
	err := e.Check(context.Background(), func(problem string) { t.Errorf("check: %s", problem) })
	if err != nil {
		t.Fatal(err)
	}
	b, ok := e.(*boltEngine)
	if !ok {
		return
	}
	b.db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("bbolt's check: %v", err)
		}
		return nil
	})
}

func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// A walk through the whole file leaves it in memory that counts as the process's.
func TestReleaseGivesPagesBackAndReadersGoOn(t *testing.T) {
	e := mustOpenBolt(t, filepath.Join(t.TempDir(), "catalog.db")).(*boltEngine)
	db := mustOpen(t, e, Options{})
	const n = 60_000
	for i := 0; i < n; i += 1000 {
		mustUpdate(t, db, func(tx *Tx) {
			for j := range 1000 {
				tx.Put(key(2, fmt.Sprintf("%08d", i+j)), make([]byte, 200))
			}
		})
	}
	mustSync(t, db)
	mapped := func() (kib int) {
		b, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(b), "RssFile:")
		fmt.Sscan(rest, &kib)
		return kib
	}
	stop := make(chan struct{})
	done := make(chan error, 1)
	go func() { // pages may go at any moment
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := db.View(func(tx *Tx) error {
				found := 0
				tx.Ascend([]byte{2}, nil, func(k, v []byte) bool { found++; return true })
				if found != n {
					return fmt.Errorf("%d rows, want %d", found, n)
				}
				return nil
			}); err != nil {
				done <- err
				return
			}
		}
	}()
	for range 500 {
		e.release()
		runtime.Gosched()
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	walked := mapped()
	e.release()
	if left := mapped(); left > walked-5<<10 {
		t.Errorf("%d KiB of files are in memory, %d after release", walked, left)
	}
	mustClose(t, db)
	e.release() // does nothing any more
}
