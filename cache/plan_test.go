package cache

import (
	"strings"
	"testing"
	"time"
)

func TestPlan(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	file := func(ino uint64, bytes int64, idle time.Duration) Entry {
		return Entry{Key: live(ino), Path: live(ino).String(), Size: bytes, Bytes: bytes, Used: now.Add(-idle)}
	}
	type want struct {
		ino   uint64
		evict bool
		why   string // a part of it
	}
	const k, m, h, d = 1 << 10, 1 << 20, time.Hour, 24 * time.Hour
	tests := []struct {
		name    string
		entries []Entry
		need    Need
		want    []want
	}{
		{"nothing here", nil, Need{Bytes: 1}, nil},
		{"nothing needed", []Entry{file(1, m, d)}, Need{}, []want{{1, false, "there is room"}}},
		{"the oldest first, until it is enough",
			[]Entry{file(1, m, h), file(2, m, 3*h), file(3, m, 2*h), file(4, m, 4*h)}, Need{Bytes: 2 * m},
			[]want{{4, true, "not used for 4h0m0s; frees 1048576 bytes"}, {2, true, "3h"}, {3, false, "there is room"}, {1, false, "there is room"}}},
		{"what was just used stays, whatever is needed",
			[]Entry{file(1, m, 30*time.Second), file(2, m, 2*h), file(3, m, -time.Second)}, Need{Bytes: 100 * m, Grace: time.Minute},
			[]want{{2, true, "2h"}, {1, false, "used 30s ago"}, {3, false, "used 0s ago"}}},
		{"one large file before many small ones of about its age",
			[]Entry{file(1, 4*k, 3*h), file(2, 4*k, 3*h), file(3, 64*m, 2*h)}, Need{Bytes: 10 * m},
			[]want{{3, true, ""}, {1, false, "there is room"}, {2, false, "there is room"}}},
		{"but not before much older ones",
			[]Entry{file(1, 4*k, 30*d), file(2, 64*m, d)}, Need{Bytes: 10 * m},
			[]want{{1, true, ""}, {2, true, ""}}},
		{"inodes needed: size does not matter",
			[]Entry{file(1, 0, 3*h), file(2, 64*m, 2*h)}, Need{Inodes: 1},
			[]want{{1, true, "not used for 3h"}, {2, false, "there is room"}}},
		{"bytes needed: an empty file is of no use",
			[]Entry{file(1, 0, 3*d), file(2, m, 2*h)}, Need{Bytes: 1},
			[]want{{1, false, "takes no space"}, {2, true, ""}}},
		{"bytes and inodes needed",
			[]Entry{file(1, 0, 3*d), file(2, m, 2*h), file(3, m, h)}, Need{Bytes: 1, Inodes: 2},
			[]want{{1, true, ""}, {2, true, ""}, {3, false, "there is room"}}},
		{"a use that lies ahead was noted by a wrong clock",
			[]Entry{file(1, m, -h), file(2, m, 2*h)}, Need{Bytes: m, Grace: time.Minute},
			[]want{{1, true, "not used for 8760h"}, {2, false, "there is room"}}},
		{"the same age: by path",
			[]Entry{file(3, m, h), file(1, m, h), file(2, m, h)}, Need{Bytes: m},
			[]want{{1, true, ""}, {2, false, ""}, {3, false, ""}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan := Plan(tt.entries, tt.need, now)
			if len(plan) != len(tt.want) {
				t.Fatalf("%d decisions, want %d", len(plan), len(tt.want))
			}
			for i, got := range plan {
				w := tt.want[i]
				if got.Entry.Key.Ino != w.ino || got.Evict != w.evict || !strings.Contains(got.Why, w.why) || got.Why == "" {
					t.Errorf("decision %d: file %d, evict %v, why %q; want file %d, evict %v, why %q",
						i, got.Entry.Key.Ino, got.Evict, got.Why, w.ino, w.evict, w.why)
				}
			}
		})
	}
}
