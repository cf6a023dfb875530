package volume

import (
	"slices"
	"testing"
	"time"

	"github.com/rdfs/rdfs/catalog"
)

func TestWhichVersionsAreKept(t *testing.T) {
	const day = catalog.Time(24 * time.Hour)
	now := 1000 * day
	// Five versions: 400, 300, 200, 100 and 1 days old, in the epochs 10, 20, 30, 40, 50.
	all := func(needed ...int) []savedVersion {
		var list []savedVersion
		for k, age := range []catalog.Time{400, 300, 200, 100, 1} {
			list = append(list, savedVersion{seq: catalog.Seq(k + 1), saved: now - age*day, epoch: catalog.Epoch(10 * (k + 1)), needed: slices.Contains(needed, k+1)})
		}
		return list
	}
	for _, tc := range []struct {
		name       string
		policy     KeepVersions
		all        []savedVersion
		live, held bool
		horizon    catalog.Epoch
		want       []string
	}{
		{"all are kept", KeepVersions{Within: 1, Last: 1}, all(), true, false, 100, []string{keepAll, keepAll, keepAll, keepAll, keepAll}},
		{"no version", KeepVersions{Limited: true, Last: 1}, nil, true, false, 100, nil},
		{"the last two", KeepVersions{Limited: true, Last: 2}, all(), true, false, 100,
			[]string{dropByPolicy, dropByPolicy, dropByPolicy, keepLast, keepNeeded}},
		{"more than there are", KeepVersions{Limited: true, Last: 9}, all(), true, false, 100,
			[]string{keepLast, keepLast, keepLast, keepLast, keepNeeded}},
		{"250 days", KeepVersions{Limited: true, Within: 250 * 24 * time.Hour}, all(), true, false, 100,
			[]string{dropByPolicy, dropByPolicy, keepWithin, keepWithin, keepNeeded}},
		{"just 300 days", KeepVersions{Limited: true, Within: 300 * 24 * time.Hour}, all(), true, false, 100,
			[]string{dropByPolicy, keepWithin, keepWithin, keepWithin, keepNeeded}},
		{"either rule is enough", KeepVersions{Limited: true, Within: 2 * 24 * time.Hour, Last: 2}, all(), false, false, 100,
			[]string{dropByPolicy, dropByPolicy, dropByPolicy, keepLast, keepWithin}},
		{"a snapshot shows the first", KeepVersions{Limited: true, Last: 1}, all(1), true, false, 100,
			[]string{keepNeeded, dropByPolicy, dropByPolicy, dropByPolicy, keepNeeded}},
		{"the newest of a file that lives", KeepVersions{Limited: true, Within: 1}, all(), true, false, 100,
			[]string{dropByPolicy, dropByPolicy, dropByPolicy, dropByPolicy, keepNeeded}},
		{"a file that was removed long ago", KeepVersions{Limited: true, Within: 1}, all(), false, false, 100,
			[]string{dropByPolicy, dropByPolicy, dropByPolicy, dropByPolicy, dropByPolicy}},
		{"within time travel", KeepVersions{Limited: true, Last: 1}, all(), true, false, 30,
			[]string{dropByPolicy, dropByPolicy, keepWindow, keepWindow, keepNeeded}},
		{"held", KeepVersions{Limited: true, Last: 1}, all(), false, true, 100, []string{keepHeld, keepHeld, keepHeld, keepHeld, keepHeld}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for k, d := range tc.policy.plan(tc.all, tc.live, tc.held, tc.horizon, now) {
				got = append(got, d.why)
				if d.keep != (d.why != dropByPolicy) || d.seq != tc.all[k].seq {
					t.Errorf("version %d: keep %v because %q", d.seq, d.keep, d.why)
				}
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestHowLongARemovedFileIsKept(t *testing.T) {
	const day = 24 * time.Hour
	for _, tc := range []struct {
		policy  KeepVersions
		want    time.Duration
		forever bool
	}{
		{KeepVersions{}, 0, true},
		{KeepVersions{Limited: true, Last: 1}, 0, true},
		{KeepVersions{Limited: true, Within: 90 * day}, 90 * day, false},
		{KeepVersions{Limited: true, Within: day}, 7 * day, false},
	} {
		if got, forever := tc.policy.removedFor(7 * day); got != tc.want || forever != tc.forever {
			t.Errorf("%+v: got %v, %v", tc.policy, got, forever)
		}
	}
}
