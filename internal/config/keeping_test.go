package config

import (
	"testing"
	"time"
)

func TestWhatIsKeptIsRead(t *testing.T) {
	const head = "version: 1\nid: " + testID + "\n"
	c, err := Parse("f", []byte(head))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Versions{Keep: KeepAllVersions}); c.Versions != want || c.TimeTravel != 7*24*time.Hour {
		t.Errorf("defaults: got %+v, %v", c.Versions, c.TimeTravel)
	}
	if want := (GC{Every: 24 * time.Hour, Grace: time.Hour, Repack: 50}); c.GC != want {
		t.Errorf("defaults: got %+v, want %+v", c.GC, want)
	}
	c, err = Parse("f", []byte(head+"versions: {keep: limited, keep_within: 90d, keep_last: 5}\ntime_travel: 30d\ngc: {every: off, grace: 0, repack: 100%}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if want := (Versions{Keep: KeepLimited, KeepWithin: 90 * 24 * time.Hour, KeepLast: 5}); c.Versions != want || c.TimeTravel != 30*24*time.Hour {
		t.Errorf("got %+v, %v", c.Versions, c.TimeTravel)
	}
	if want := (GC{Repack: 100}); c.GC != want {
		t.Errorf("got %+v, want %+v", c.GC, want)
	}
}
