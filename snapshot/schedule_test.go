package snapshot

import (
	"maps"
	"slices"
	"testing"
	"time"
)

func TestWhatIsDue(t *testing.T) {
	all := Schedule{Every: 15 * time.Minute, Hourly: true, Daily: true, Weekly: true, Monthly: true}
	at := func(month time.Month, day, hour, min int) time.Time {
		return time.Date(2026, month, day, hour, min, 0, 0, zone)
	}
	monday := at(11, 23, 12, 30) // is one
	for name, tt := range map[string]struct {
		s     Schedule
		last  map[Kind]time.Time
		start time.Time
		now   time.Time
		want  []Kind
		next  time.Time
	}{
		"nothing is asked for": {Schedule{}, nil, monday, monday.AddDate(1, 0, 0), nil, time.Time{}},
		"just made":            {all, nil, monday, monday, nil, monday.Add(15 * time.Minute)},
		"the interval":         {all, nil, monday, monday.Add(15 * time.Minute), []Kind{Interval}, monday.Add(15 * time.Minute)},
		"a moment too early":   {Schedule{Hourly: true}, nil, monday, at(11, 23, 13, 0).Add(-1), nil, at(11, 23, 13, 0)},
		"on the hour":          {Schedule{Hourly: true}, nil, monday, at(11, 23, 13, 0), []Kind{Hourly}, at(11, 23, 13, 0)},
		"once an hour":         {Schedule{Hourly: true}, map[Kind]time.Time{Hourly: at(11, 23, 13, 0)}, monday, at(11, 23, 13, 59), nil, at(11, 23, 14, 0)},
		"late, and then on the hour again": {Schedule{Hourly: true}, map[Kind]time.Time{Hourly: at(11, 23, 13, 50)}, monday, at(11, 23, 14, 0),
			[]Kind{Hourly}, at(11, 23, 14, 0)},
		"many were missed": {Schedule{Hourly: true, Daily: true}, map[Kind]time.Time{Hourly: monday, Daily: at(11, 23, 0, 0)}, monday, at(11, 27, 9, 0),
			[]Kind{Hourly, Daily}, at(11, 23, 13, 0)},
		"midnight of a day":   {Schedule{Daily: true}, map[Kind]time.Time{Daily: at(11, 24, 0, 0)}, monday, at(11, 25, 0, 0), []Kind{Daily}, at(11, 25, 0, 0)},
		"a week from Monday":  {Schedule{Weekly: true}, map[Kind]time.Time{Weekly: at(11, 23, 0, 0)}, monday, at(11, 29, 23, 59), nil, at(11, 30, 0, 0)},
		"a week from Sunday":  {Schedule{Weekly: true}, map[Kind]time.Time{Weekly: at(11, 22, 23, 0)}, monday, at(11, 23, 0, 0), []Kind{Weekly}, at(11, 23, 0, 0)},
		"a month":             {Schedule{Monthly: true}, map[Kind]time.Time{Monthly: at(1, 31, 10, 0)}, monday, at(2, 1, 0, 0), []Kind{Monthly}, at(2, 1, 0, 0)},
		"the turn of a year":  {all, nil, at(12, 31, 23, 50), time.Date(2027, 1, 1, 0, 5, 0, 0, zone), []Kind{Interval, Hourly, Daily, Monthly}, time.Date(2027, 1, 1, 0, 0, 0, 0, zone)},
		"the clock went back": {Schedule{Hourly: true}, map[Kind]time.Time{Hourly: monday.AddDate(3, 0, 0)}, monday, monday, nil, at(11, 23, 13, 0)},
	} {
		if got := tt.s.Due(tt.last, tt.start, tt.now); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
		if got := tt.s.Next(tt.last, tt.start, tt.now); !got.Equal(tt.next) {
			t.Errorf("%s: next is %v, want %v", name, got, tt.next)
		}
	}
}

// TestDueInTheNightOfTheClocks goes through the night in which an hour comes twice, and
// the one in which an hour is missing.
func TestDueInTheNightOfTheClocks(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, night := range []time.Time{time.Date(2026, 10, 25, 0, 0, 0, 0, berlin), time.Date(2026, 3, 29, 0, 0, 0, 0, berlin)} {
		s := Schedule{Hourly: true, Daily: true}
		last := map[Kind]time.Time{}
		counts := map[Kind]int{}
		start := night.Add(-time.Minute)
		for now := start; now.Before(night.Add(6 * time.Hour)); now = now.Add(time.Minute) {
			for _, k := range s.Due(last, start, now) {
				last[k] = now
				counts[k]++
			}
		}
		if want := map[Kind]int{Hourly: 6, Daily: 1}; !maps.Equal(counts, want) {
			t.Errorf("%v: got %v, want %v", night, counts, want)
		}
	}
}

func TestLastOfEachKind(t *testing.T) {
	last := map[Kind]time.Time{}
	LastOf([]string{"hourly", "daily"}, monday, last)
	LastOf([]string{"hourly"}, monday.Add(time.Hour), last)
	LastOf([]string{"hourly", Manual}, monday.Add(-time.Hour), last)
	if want := map[Kind]time.Time{Hourly: monday.Add(time.Hour), Daily: monday}; !maps.Equal(last, want) {
		t.Errorf("got %v, want %v", last, want)
	}
}
