package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rdfs/rdfs/snapshot"
)

func TestSnapshotsAreScheduledAndKeptAsTheFileSays(t *testing.T) {
	const head = "version: 1\nid: " + testID + "\n"
	c, err := Parse("f", []byte(head+"snapshots: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Snapshots{snapshot.Schedule{Hourly: true, Daily: true, Weekly: true, Monthly: true},
		snapshot.Retention{Last: 10, Hourly: 48, Daily: 60, Weekly: 26, Monthly: snapshot.All, Yearly: snapshot.All,
			Within: snapshot.Span{Days: 2}, Tags: []string{"manual"}}}
	if !reflect.DeepEqual(c.Snapshots, want) {
		t.Errorf("by default: got %+v, want %+v", c.Snapshots, want)
	}
	c, err = Parse("f", []byte(head+"snapshots:\n  every: 5m\n  hourly: false\n  keep_last: all\n  keep_daily: 0\n"+
		"  keep_within: 1y6mo\n  keep_tags: paper, thesis\n"))
	if err != nil {
		t.Fatal(err)
	}
	want.Schedule.Every, want.Schedule.Hourly = 5*time.Minute, false
	want.Keep.Last, want.Keep.Daily, want.Keep.Within, want.Keep.Tags = snapshot.All, 0, snapshot.Span{Years: 1, Months: 6}, []string{"paper", "thesis"}
	if !reflect.DeepEqual(c.Snapshots, want) {
		t.Errorf("got %+v, want %+v", c.Snapshots, want)
	}
	for line, text := range map[string]string{
		"every: 5":         "no unit",
		"every: 5s":        "from 1min",
		"every: 5mo":       "unknown unit",
		"hourly: 3":        "true or false",
		"keep_last: -1":    "a number or all",
		"keep_last: many":  "a number or all",
		"keep_within: 3m":  "ambiguous",
		"keep_tags: a,,b":  "commas between",
		"keep_minutely: 1": "unknown key",
	} {
		if _, err := Parse("f", []byte(head+"snapshots:\n  "+line+"\n")); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: got %v, want an error with %q", line, err, text)
		}
	}
}
