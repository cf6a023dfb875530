package kv

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func put(t testing.TB, db *DB, k string) {
	t.Helper()
	mustUpdate(t, db, func(tx *Tx) { tx.Put(key(1, k), []byte("v")) })
}

// committed returns the rows of table 1 that the engine has.
func committed(t testing.TB, e Engine) []string {
	t.Helper()
	s, err := e.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got := []string{}
	s.Ascend([]byte{1}, nil, func(k, v []byte) bool { got = append(got, string(k[1:])); return true })
	return got
}

func TestGroupIsCommittedAfterItsInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		db := mustOpen(t, m, Options{Interval: time.Second})
		for _, k := range []string{"a", "b"} {
			put(t, db, k)
			time.Sleep(400 * time.Millisecond)
			wantRows(t, committed(t, m))
		}
		time.Sleep(200 * time.Millisecond) // one second after the first
		synctest.Wait()
		wantRows(t, committed(t, m), "a", "b")
		time.Sleep(time.Hour)
		put(t, db, "c")
		time.Sleep(999 * time.Millisecond)
		wantRows(t, committed(t, m), "a", "b")
		time.Sleep(time.Millisecond)
		synctest.Wait()
		wantRows(t, committed(t, m), "a", "b", "c")
	})
}

func TestManyRowsAreCommittedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		db := mustOpen(t, m, Options{Interval: time.Hour, MaxRows: 3})
		put(t, db, "a")
		put(t, db, "b")
		synctest.Wait()
		wantRows(t, committed(t, m))
		put(t, db, "c")
		synctest.Wait()
		wantRows(t, committed(t, m), "a", "b", "c")
	})
}

func TestSyncDuringACommitWaitsForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		m.BeforeCommit(func() error { time.Sleep(time.Minute); return nil })
		db := mustOpen(t, m, Options{Interval: time.Hour})
		put(t, db, "a")
		first := make(chan error, 1)
		go func() { first <- db.Sync(context.Background()) }()
		time.Sleep(30 * time.Second)
		put(t, db, "b")
		start := time.Now()
		mustSync(t, db)
		if got, want := time.Since(start).Round(time.Second), 90*time.Second; got != want {
			t.Errorf("Sync took %v, want %v", got, want)
		}
		wantRows(t, committed(t, m), "a", "b")
		if err := <-first; err != nil {
			t.Error(err)
		}
		start = time.Now()
		mustSync(t, db)
		if took := time.Since(start); took != 0 {
			t.Errorf("Sync with nothing pending took %v", took)
		}
	})
}

func TestCancelledSyncStillCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		m.BeforeCommit(func() error { time.Sleep(time.Minute); return nil })
		db := mustOpen(t, m, Options{Interval: time.Hour})
		put(t, db, "a")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := db.Sync(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Sync: %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		wantRows(t, committed(t, m), "a")
	})
}

func TestConcurrentSyncsShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers, rounds = 8, 50
		m := NewMemory()
		m.BeforeCommit(func() error { time.Sleep(20 * time.Millisecond); return nil })
		db := mustOpen(t, m, Options{Interval: time.Hour})
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				for i := range rounds {
					time.Sleep(time.Duration(c) * 10 * time.Microsecond)
					put(t, db, fmt.Sprintf("%d/%d", c, i))
					mustSync(t, db)
				}
			})
		}
		wg.Wait()
		// The first commits may find the callers apart.
		if n := db.Stats().Commits; n > rounds+5 {
			t.Errorf("%d commits for %d rounds of %d callers", n, rounds, callers)
		}
	})
}

func TestLoneSyncDoesNotWaitForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		m.BeforeCommit(func() error { time.Sleep(20 * time.Millisecond); return nil })
		db := mustOpen(t, m, Options{Interval: time.Hour})
		start := time.Now()
		for i := range 10 {
			put(t, db, fmt.Sprint(i))
			mustSync(t, db)
		}
		if got, want := time.Since(start), 200*time.Millisecond; got != want {
			t.Errorf("10 Syncs took %v, want %v", got, want)
		}
	})
}

func TestHooksRunOncePerGroupInOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, open func() Engine) {
		var log []string
		n := 0
		var db *DB
		db = mustOpen(t, open(), Options{
			Interval: time.Hour,
			OnFreeze: func(tx *Tx) {
				n++
				v := tx.Get(key(1, "a"))
				log = append(log, fmt.Sprintf("freeze %d a=%s", n, v))
				tx.Put(key(2, fmt.Sprint("epoch ", n)), v)
			},
			BeforeCommit: func() error {
				// Without any lock, so the store can be used.
				log = append(log, fmt.Sprintf("before %d, %d rows", n, len(rows(t, db, []byte{2}, nil))))
				return nil
			},
		})
		for i := range 2 {
			mustUpdate(t, db, func(tx *Tx) { tx.Put(key(1, "a"), fmt.Append(nil, i)) })
			mustSync(t, db)
			mustSync(t, db)
		}
		mustClose(t, db)
		wantRows(t, log, "freeze 1 a=0", "before 1, 1 rows", "freeze 2 a=1", "before 2, 2 rows")
		db = mustOpen(t, open(), Options{})
		wantRows(t, rows(t, db, []byte{2}, nil), "epoch 1=0", "epoch 2=1")
	})
}

func TestUnknownCommitErrorPoisons(t *testing.T) {
	boom := errors.New("boom")
	for name, o := range map[string]struct{ engine, before func() error }{
		"engine":       {engine: func() error { return boom }},
		"BeforeCommit": {before: func() error { return boom }},
	} {
		t.Run(name, func(t *testing.T) {
			m := NewMemory()
			var before func() error
			db := mustOpen(t, m, Options{Interval: time.Hour, BeforeCommit: func() error {
				if before == nil {
					return nil
				}
				return before()
			}})
			put(t, db, "a")
			mustSync(t, db)
			before = o.before
			m.BeforeCommit(o.engine)
			put(t, db, "b")
			for what, fn := range map[string]func() error{
				"Sync":   func() error { return db.Sync(context.Background()) },
				"Update": func() error { return db.Update(func(tx *Tx) error { t.Error("the function was called"); return nil }) },
				"Err":    db.Err,
			} {
				if what != "Sync" {
					db.Sync(context.Background()) // so that the commit has been tried
				}
				if err := fn(); !errors.Is(err, ErrPoisoned) || !errors.Is(err, boom) {
					t.Errorf("%s: %v", what, err)
				}
			}
			wantRows(t, rows(t, db, []byte{1}, nil), "a=v", "b=v")
			wantRows(t, committed(t, m), "a")
			m.BeforeCommit(nil) // and no second try
			if err := db.Close(); !errors.Is(err, boom) {
				t.Errorf("Close: %v", err)
			}
			wantRows(t, committed(t, m), "a")
		})
	}
}

func TestFullDiskKeepsTheGroupAndTriesAgain(t *testing.T) {
	for _, where := range []string{"engine", "BeforeCommit"} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				full := fmt.Errorf("%w: %w", ErrRetry, syscall.ENOSPC)
				var broken atomic.Bool
				broken.Store(true)
				fail := func() error {
					if broken.Load() {
						return full
					}
					return nil
				}
				m := NewMemory()
				o := Options{Interval: time.Second, MaxRows: 4}
				if where == "engine" {
					m.BeforeCommit(fail)
				} else {
					o.BeforeCommit = fail
				}
				db := mustOpen(t, m, o)
				for _, k := range []string{"a", "b", "c", "d", "e"} {
					put(t, db, k)
					if err := db.Sync(context.Background()); !errors.Is(err, syscall.ENOSPC) || !errors.Is(err, ErrRetry) {
						t.Fatalf("Sync: %v", err)
					}
				}
				err := db.Update(func(tx *Tx) error { tx.Put(key(1, "f"), nil); return nil })
				if !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("Update over the bound: %v", err)
				}
				if db.Err() != nil {
					t.Fatalf("poisoned: %v", db.Err())
				}
				wantRows(t, rows(t, db, []byte{1}, nil), "a=v", "b=v", "c=v", "d=v", "e=v")
				wantRows(t, committed(t, m))
				time.Sleep(10 * time.Second)
				broken.Store(false)
				time.Sleep(2*time.Second + time.Millisecond)
				synctest.Wait()
				wantRows(t, committed(t, m), "a", "b", "c", "d", "e")
				put(t, db, "g")
				mustSync(t, db)
				broken.Store(true)
				put(t, db, "h")
				if err := db.Close(); !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("Close: %v", err)
				}
			})
		})
	}
}

func TestUpdateWaitsWhileTooMuchIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		m.BeforeCommit(func() error { time.Sleep(time.Minute); return nil })
		db := mustOpen(t, m, Options{Interval: time.Hour, MaxBytes: 10_000})
		start := time.Now()
		for i := range 5 {
			mustUpdate(t, db, func(tx *Tx) { tx.Put(key(1, fmt.Sprint(i)), make([]byte, 6000)) })
			synctest.Wait()
		}
		// 0 and 1 are frozen together, 2 passes beside their commit since the bound
		// is looked at before, and so on.
		if took := time.Since(start); took < time.Minute || took > 3*time.Minute {
			t.Errorf("five large updates took %v", took)
		}
		mustClose(t, db)
		if n := len(committed(t, m)); n != 5 {
			t.Errorf("%d rows, want 5", n)
		}
	})
}

func TestFaultOfTheEngineIsAnErrorOfTheTransaction(t *testing.T) {
	damaged := errors.New("damaged")
	for _, what := range []string{"View", "Update", "OnFreeze"} {
		t.Run(what, func(t *testing.T) {
			m := NewMemory()
			o := Options{Interval: time.Hour}
			if what == "OnFreeze" {
				o.OnFreeze = func(tx *Tx) { tx.Get(key(1, "x")) }
			}
			db := mustOpen(t, faultyEngine{m, damaged}, o)
			var err error
			switch what {
			case "View":
				err = db.View(func(tx *Tx) error { tx.Get(key(1, "x")); return nil })
			case "Update":
				err = db.Update(func(tx *Tx) error {
					tx.Put(key(1, "a"), nil)
					tx.Ascend([]byte{1}, nil, func(k, v []byte) bool { return true })
					return nil
				})
			case "OnFreeze":
				put(t, db, "a")
				err = db.Sync(context.Background())
				if !errors.Is(err, ErrPoisoned) {
					t.Errorf("a group that cannot be completed: %v", err)
				}
			}
			if !errors.Is(err, damaged) {
				t.Errorf("%s: %v", what, err)
			}
			if n, _ := db.Pending(); n != 0 && what != "OnFreeze" {
				t.Errorf("%d rows are pending", n)
			}
		})
	}
}

type faultyEngine struct {
	*Memory
	err error
}

func (e faultyEngine) Snapshot() (Snapshot, error) { return faultySnapshot{e.err}, nil }

type faultySnapshot struct{ err error }

func (s faultySnapshot) Get([]byte) []byte                            { panic(Fault{s.err}) }
func (s faultySnapshot) Ascend(_, _ []byte, _ func(k, v []byte) bool) { panic(Fault{s.err}) }
func (s faultySnapshot) Close()                                       {}

// TestViewsSeeOneStateWhileGroupsCommit moves amounts between rows whose sum
// must not change, while groups are frozen and committed all the time.
func TestViewsSeeOneStateWhileGroupsCommit(t *testing.T) {
	eachEngine(t, func(t *testing.T, open func() Engine) {
		const accounts, sum = 40, 40 * 100
		db := mustOpen(t, open(), Options{Interval: time.Millisecond, MaxRows: 64, MaxBytes: 1 << 20})
		name := func(i int) []byte { return key(1+byte(i%2), fmt.Sprintf("%03d", i)) }
		mustUpdate(t, db, func(tx *Tx) {
			for i := range accounts {
				tx.Put(name(i), []byte{100})
			}
		})
		total := func(tx *Tx) (n int) {
			for _, table := range []byte{1, 2} {
				tx.Ascend([]byte{table}, nil, func(k, v []byte) bool {
					n += int(v[0])
					if g := tx.Get(k); g == nil || g[0] != v[0] {
						t.Errorf("Get and Ascend differ at %s", k)
					}
					return true
				})
			}
			return n
		}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		running := func() bool {
			select {
			case <-stop:
				return false
			default:
				return !t.Failed()
			}
		}
		for g := range 3 {
			wg.Go(func() {
				for i := g; running(); i += 7 {
					err := db.Update(func(tx *Tx) error {
						from, to := name(i%accounts), name((i*31+g)%accounts)
						a, b := tx.Get(from)[0], tx.Get(to)[0]
						if string(from) == string(to) || a == 0 || b == 255 {
							return nil
						}
						tx.Delete(from)
						tx.Put(from, []byte{a - 1})
						tx.Put(to, []byte{b + 1})
						if i%100 == 0 && total(tx) != sum {
							t.Error("an Update sees a sum that is wrong")
						}
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
			wg.Go(func() {
				for running() {
					err := db.View(func(tx *Tx) error {
						if n := total(tx); n != sum {
							t.Errorf("a View sees a sum of %d, want %d", n, sum)
						}
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 100 {
			mustSync(t, db)
			mustUpdate(t, db, func(tx *Tx) { tx.Put(key(255, "round"), nil) })
			db.Stats()
			if err := db.engine.Check(context.Background(), func(p string) { t.Errorf("check beside commits: %s", p) }); err != nil {
				t.Error(err)
			}
		}
		close(stop)
		wg.Wait()
		mustClose(t, db)
		db = mustOpen(t, open(), Options{})
		err := db.View(func(tx *Tx) error {
			if n := total(tx); n != sum {
				t.Errorf("after a reopen the sum is %d, want %d", n, sum)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
