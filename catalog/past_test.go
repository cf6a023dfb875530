package catalog

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog/kv"
)

func dirents(list []Dirent) (s []string) {
	for _, d := range list {
		s = append(s, d.Name)
	}
	return s
}

func TestPastListingEnds(t *testing.T) {
	c := openMemory(t)
	e := change(t, c, func(tx *Tx) { tx.PutName(Root, "one", 2, TypeRegular) })
	change(t, c, func(tx *Tx) { tx.PutName(Root, "two", 3, TypeRegular) })
	view(t, c, func(tx *Tx) {
		if got, want := dirents(names(tx.At(e), Root, "", 10)), []string{"one"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestPagingThroughThePastNamesNothingTwice(t *testing.T) {
	c := openMemory(t)
	want := []string{"a", "a\x01", "a\x01b", "ab", "b"}
	e := change(t, c, func(tx *Tx) {
		for i, name := range want {
			tx.PutName(Root, name, Inode(2+i), TypeRegular)
		}
	})
	change(t, c, func(tx *Tx) {
		for _, name := range want {
			tx.DeleteName(Root, name)
		}
	})
	view(t, c, func(tx *Tx) {
		past := tx.At(e)
		for page := 1; page <= len(want); page++ {
			var got []string
			for after := ""; len(got) <= 2*len(want); after = got[len(got)-1] {
				part := dirents(names(past, Root, after, page))
				got = append(got, part...)
				if len(part) < page {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("pages of %d: got %q, want %q", page, got, want)
			}
		}
	})
}

// A key with many past rows must not hide the keys after it, wherever the epoch
// lies among its rows.
func TestEveryEpochOfManyRewrites(t *testing.T) {
	c := openMemory(t)
	const rewrites = 60
	var epochs []Epoch
	for i := range rewrites {
		epochs = append(epochs, change(t, c, func(tx *Tx) {
			tx.PutName(Root, "busy", Inode(100+i), TypeRegular)
			if i%7 == 0 {
				tx.PutName(Root, "calm", Inode(1000+i), TypeRegular)
			}
			if i%5 == 0 {
				tx.DeleteName(Root, "busy")
			}
		}))
	}
	view(t, c, func(tx *Tx) {
		for i, e := range epochs {
			want := []Dirent{{"busy", Inode(100 + i), TypeRegular}, {"calm", Inode(1000 + i - i%7), TypeRegular}}
			if i%5 == 0 {
				want = want[1:]
			}
			if got := names(tx.At(e), Root, "", 10); !slices.Equal(got, want) {
				t.Errorf("epoch %d: got %v, want %v", e, got, want)
			}
		}
	})
}

// More names than one batch holds, half of them only in the past.
func TestPastListingOfALargeDirectory(t *testing.T) {
	c := openMemory(t)
	const n = 1000
	e := change(t, c, func(tx *Tx) {
		for i := range n {
			tx.PutName(Root, fmt.Sprintf("%04d", i), Inode(10+i), TypeRegular)
		}
	})
	change(t, c, func(tx *Tx) {
		for i := range n {
			switch name := fmt.Sprintf("%04d", i); i % 3 {
			case 0:
				tx.DeleteName(Root, name)
			case 1:
				tx.PutName(Root, name, Inode(10_000+i), TypeDir)
			}
			tx.PutName(Root, fmt.Sprintf("%04d+", i), 7, TypeRegular)
		}
	})
	view(t, c, func(tx *Tx) {
		for _, after := range []string{"", "0499", "0500+", "0998"} {
			got := names(tx.At(e), Root, after, 2*n)
			want := 0
			for i := range n {
				name := fmt.Sprintf("%04d", i)
				if name <= after {
					continue
				}
				if want >= len(got) || got[want] != (Dirent{name, Inode(10 + i), TypeRegular}) {
					t.Fatalf("after %q: name %d: got %v, want %s", after, want, got[min(want, len(got)-1)], name)
				}
				want++
			}
			if len(got) != want {
				t.Errorf("after %q: got %d names, want %d", after, len(got), want)
			}
		}
	})
}

// The yield function of a listing may write, as Tx.Attrs of a restore does.
func TestWritingWhileListingThePast(t *testing.T) {
	c := openMemory(t)
	const n = 300
	e := change(t, c, func(tx *Tx) {
		for i := range n {
			tx.PutAttr(5, fmt.Sprintf("user.%03d", i), []byte{byte(i)})
		}
	})
	change(t, c, func(tx *Tx) { tx.DeleteAttrs(5) })
	change(t, c, func(tx *Tx) {
		tx.At(e).Attrs(5, func(name string, value []byte) bool { tx.PutAttr(5, name, value); return true })
	})
	view(t, c, func(tx *Tx) {
		got := 0
		tx.Attrs(5, func(name string, value []byte) bool {
			if want := fmt.Sprintf("user.%03d", got); name != want || value[0] != byte(got) {
				t.Fatalf("got %s=%d, want %s", name, value, want)
			}
			got++
			return true
		})
		if got != n {
			t.Errorf("got %d attributes, want %d", got, n)
		}
	})
}

func TestEpochAtFindsTheNewestClosedBefore(t *testing.T) {
	clk := newClock()
	c := open(t, kv.NewMemory(), quiet(clk))
	closed := map[Epoch]Time{}
	for range 100 {
		clk.add(time.Duration(len(closed)%3) * time.Second)
		e := change(t, c, func(tx *Tx) { tx.PutAttr(1, "a", nil) })
		view(t, c, func(tx *Tx) {
			when, err := tx.EpochTime(e)
			if err != nil {
				t.Fatal(err)
			}
			closed[e] = when
		})
	}
	view(t, c, func(tx *Tx) {
		for e, when := range closed {
			for _, tc := range []struct {
				at   Time
				want Epoch
			}{{when - 1, e - 1}, {when, e}, {when + 1, e}} {
				if got := tx.EpochAt(tc.at); got != tc.want {
					t.Errorf("EpochAt(%d): got %d, want %d", tc.at, got, tc.want)
				}
			}
		}
		if got := tx.EpochAt(0); got != 0 {
			t.Errorf("EpochAt long ago: got %d, want 0", got)
		}
		if _, err := tx.EpochTime(0); err == nil {
			t.Error("epoch 0 has a time")
		}
		if _, err := tx.EpochTime(tx.Epoch()); err == nil {
			t.Error("the open epoch has a time")
		}
	})
}

func TestEpochTimesRiseWhenTheClockGoesBack(t *testing.T) {
	clk := newClock()
	e := kv.NewMemory()
	c := open(t, e, quiet(clk))
	write := func() Epoch { return change(t, c, func(tx *Tx) { tx.PutAttr(1, "a", nil) }) }
	before := write()
	clk.add(-time.Hour)
	after := write()
	view(t, c, func(tx *Tx) {
		if got := tx.Since(TimeOf(clk.Now())); got > before {
			t.Errorf("Since now: got %d, which was closed later by the clock than %d", got, before)
		}
	})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, e, quiet(clk))
	reopened := write()
	view(t, c, func(tx *Tx) {
		t0, _ := tx.EpochTime(before)
		t1, _ := tx.EpochTime(after)
		t2, _ := tx.EpochTime(reopened)
		if !(t0 < t1 && t1 < t2) {
			t.Errorf("got times %d, %d, %d, want rising ones", t0, t1, t2)
		}
		if got := tx.EpochAt(t2); got != reopened {
			t.Errorf("EpochAt: got %d, want %d", got, reopened)
		}
	})
}

// Since errs only to the early side, and not by much.
func TestSinceIsShortlyBefore(t *testing.T) {
	clk := newClock()
	e := kv.NewMemory()
	c := open(t, e, quiet(clk))
	write := func() { change(t, c, func(tx *Tx) { tx.PutAttr(1, "a", nil) }) }
	for i := range 900 {
		clk.add(time.Duration(i%10) * 40 * time.Millisecond)
		write()
	}
	check := func(when string) {
		view(t, c, func(tx *Tx) {
			now := TimeOf(clk.Now())
			for back := Time(0); back <= Time(time.Minute); back += Time(170 * time.Millisecond) {
				at := now - back
				got, newest := tx.Since(at), tx.EpochAt(at-1)
				if got > newest {
					t.Fatalf("%s: Since %v ago: got %d, but %d was closed last before", when, time.Duration(back), got, newest)
				}
				t0, _ := tx.EpochTime(got)
				t1, _ := tx.EpochTime(newest)
				if t1-t0 > 2*recentStep {
					t.Fatalf("%s: Since %v ago is %v early", when, time.Duration(back), time.Duration(t1-t0))
				}
			}
		})
	}
	check("running")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, e, quiet(clk))
	check("opened again")
}

func TestSinceAfterManyEpochs(t *testing.T) {
	var r recentEpochs
	if got := r.before(5); got != 0 {
		t.Errorf("without epochs: got %d, want 0", got)
	}
	const n = 3 * maxRecent
	for e := Epoch(1); e <= n; e++ {
		r.add(e, Time(e)*recentStep)
	}
	if len(r.epochs) > maxRecent {
		t.Errorf("%d epochs are remembered, want at most %d", len(r.epochs), maxRecent)
	}
	now := Time(n) * recentStep
	for back := Time(0); back < Time(100*time.Second); back += recentStep / 3 {
		at := now - back
		want := Epoch((at - 1) / recentStep)
		if got := r.before(at); got != want {
			t.Fatalf("before %v ago: got %d, want %d", time.Duration(back), got, want)
		}
	}
}
