package snapshot

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog"
)

var update = flag.Bool("update", false, "write the golden files anew")

func snap(at time.Time, tags ...string) Snapshot {
	return Snapshot{Snapshot: catalog.Snapshot{Name: at.Format("01-02T15:04"), Epoch: catalog.Epoch(at.Unix()), Time: catalog.TimeOf(at), Tags: tags}}
}

// every returns n snapshots, the newest at last, each step before the next.
func every(step time.Duration, n int, last time.Time) (all []Snapshot) {
	for k := range n {
		all = append(all, snap(last.Add(-time.Duration(k)*step)))
	}
	return all
}

func render(plan []Decision) string {
	var b strings.Builder
	for _, d := range plan {
		word := "remove"
		if d.Keep {
			word = "keep"
		}
		fmt.Fprintf(&b, "%-6s %s  %s\n", word, d.Snapshot.Name, strings.Join(d.Why, "; "))
	}
	return b.String()
}

func TestPlansAreAsTheyWere(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, zone)
	with := func(all []Snapshot, change func([]Snapshot)) []Snapshot { change(all); return all }
	for name, tt := range map[string]struct {
		all []Snapshot
		r   Retention
		now time.Time
	}{
		"no_rule":            {every(time.Hour, 3, noon), Retention{}, noon},
		"last":               {every(time.Hour, 5, noon), Retention{Last: 2}, noon},
		"hourly_skips_empty": {append(every(20*time.Minute, 5, noon), every(20*time.Minute, 5, noon.AddDate(0, 0, -9))...), Retention{Hourly: 3}, noon},
		"daily_with_oldest":  {every(8*time.Hour, 7, noon), Retention{Daily: 10}, noon},
		"all_of_them":        {every(13*time.Hour, 30, noon), Retention{Last: 3, Hourly: 4, Daily: 3, Weekly: 2, Monthly: All, Yearly: 1}, noon},
		"within_of_newest":   {every(10*time.Hour, 6, noon), Retention{Within: Span{Days: 1}}, noon.AddDate(1, 0, 0)},
		"within_months":      {every(10*24*time.Hour, 8, noon), Retention{Within: Span{Months: 1, Days: 1}}, noon},
		"tags": {with(every(time.Hour, 4, noon), func(all []Snapshot) {
			all[2].Tags = []string{Manual, "paper"}
		}), Retention{Tags: []string{"paper"}}, noon},
		"pinned_and_held": {with(every(time.Hour, 5, noon), func(all []Snapshot) {
			all[2].Pinned = true
			all[4].Held = "audit until 2030"
		}), Retention{Last: 1}, noon},
		"from_the_future": {every(time.Hour, 5, noon), Retention{Last: 1, Within: Span{Time: time.Hour}}, noon.Add(-150 * time.Minute)},
		"none":            {nil, Retention{Last: 1}, noon},
	} {
		t.Run(name, func(t *testing.T) {
			got := render(Plan(tt.all, tt.r, tt.now))
			file := filepath.Join("testdata", "plan_"+name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || got != string(want) {
				t.Errorf("%v; got:\n%s\nwant:\n%s", err, got, want)
			}
		})
	}
}

// TestPlanIsSafe tries random snapshots and rules: a plan that was carried out has
// nothing more to remove, the newest, the pinned and the held are kept, and a rule more
// removes nothing more.
func TestPlanIsSafe(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		now := monday
		var all []Snapshot
		for range rnd.IntN(40) {
			at := now.Add(-time.Duration(rnd.ExpFloat64() * float64([]time.Duration{time.Hour, 24 * time.Hour, 900 * time.Hour}[rnd.IntN(3)])))
			if rnd.IntN(30) == 0 {
				at = now.Add(time.Hour)
			}
			s := snap(at.Truncate(10 * time.Minute))
			s.Name = fmt.Sprintf("%s-%d", s.Name, len(all))
			s.Pinned = rnd.IntN(10) == 0
			if rnd.IntN(20) == 0 {
				s.Held = "why"
			}
			if rnd.IntN(5) == 0 {
				s.Tags = []string{"a"}
			}
			all = append(all, s)
		}
		n := func() int { return max(All, rnd.IntN(8)-3) }
		r := Retention{Last: max(0, n()), Hourly: n(), Daily: n(), Weekly: n(), Monthly: n(), Yearly: n()}
		if rnd.IntN(3) == 0 {
			r.Within = Span{Days: rnd.IntN(5), Time: time.Hour}
		}
		if rnd.IntN(4) == 0 {
			r.Tags = []string{"a", "b"}
		}
		var kept []Snapshot
		plan := Plan(all, r, now)
		if len(plan) != len(all) {
			t.Fatalf("%d decisions about %d snapshots", len(plan), len(all))
		}
		for k, d := range plan {
			if len(d.Why) == 0 {
				t.Fatalf("no reason for %+v", d)
			}
			if !d.Keep && (k == 0 || d.Snapshot.Pinned || d.Snapshot.Held != "") {
				t.Fatalf("%+v: removed: %+v", r, d)
			}
			if d.Keep {
				kept = append(kept, d.Snapshot)
			}
		}
		for _, d := range Plan(kept, r, now) {
			if !d.Keep {
				t.Fatalf("%+v: a second time removes %+v of:\n%s", r, d, render(plan))
			}
		}
		more := r
		more.Tags = append(slices.Clone(r.Tags), "c")
		more.Last += 2
		if r.IsZero() {
			continue
		}
		for k, d := range Plan(all, more, now) {
			if plan[k].Keep && !d.Keep {
				t.Fatalf("%+v keeps %s, and %+v does not", r, d.Snapshot.Name, more)
			}
		}
	}
}
