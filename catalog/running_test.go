package catalog

import (
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog/kv"
)

func TestRunningKnowsWhenTheDriveWasInUse(t *testing.T) {
	clk := newClock()
	c := open(t, kv.NewMemory(), quiet(clk))
	write := func() Time {
		change(t, c, func(tx *Tx) { tx.PutAttr(1, "a", nil) })
		var when Time
		view(t, c, func(tx *Tx) { when, _ = tx.EpochTime(tx.Epoch() - 1) })
		return when
	}
	hour := Time(time.Hour)
	var busy []Time
	for range 20 {
		busy = append(busy, write())
		clk.add(20 * time.Minute)
	}
	last := write()
	clk.add(24 * time.Hour)
	again := write()
	for range 20 {
		clk.add(20 * time.Minute)
		busy = append(busy, write())
	}
	check := func(what string) {
		t.Helper()
		view(t, c, func(tx *Tx) {
			for _, at := range busy {
				if !tx.Running(at) || !tx.Running(at+hour/4) {
					t.Errorf("%s: at %v it was not in use", what, at.Time())
				}
			}
			for at, want := range map[Time]bool{busy[0] - hour: false, last + hour: true, last + hour + 1: false, again - 1: false, again: true, busy[len(busy)-1] + 2*hour: false} {
				if got := tx.Running(at); got != want {
					t.Errorf("%s: at %v: got %v, want %v", what, at.Time(), got, want)
				}
			}
		})
	}
	check("all epochs there")
	rows := func() (n int) {
		view(t, c, func(tx *Tx) {
			tx.kv.Ascend([]byte{byte(tableEpoch)}, nil, func(_, _ []byte) bool { n++; return true })
		})
		return n
	}
	before := rows()
	k := Keeping{}
	update(t, c, func(tx *Tx) { tx.RaiseHorizon(tx.Epoch() - 5); k.Horizon = tx.Horizon() })
	forget(t, c, &k, 3, func() {})
	if after := rows(); after > before/2 || after < 7 {
		t.Errorf("%d epochs are left of %d", after, before)
	}
	busy = busy[1:] // what was before the first of them is not known any more
	view(t, c, func(tx *Tx) {
		for _, at := range busy {
			if !tx.Running(at) {
				t.Errorf("forgotten: at %v it was not in use", at.Time())
			}
		}
		if tx.Running(last+2*hour) || tx.Running(again-1) || !tx.Running(again) {
			t.Error("the gap is forgotten")
		}
	})
}
