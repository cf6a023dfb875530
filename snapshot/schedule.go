package snapshot

import (
	"slices"
	"time"
)

// Kind is why the schedule took a snapshot. It is a tag of the snapshot, and stands
// before its name.
type Kind string

// The kinds, from the one that comes most often. Interval is that of Schedule.Every.
const (
	Interval Kind = "interval"
	Hourly   Kind = "hourly"
	Daily    Kind = "daily"
	Weekly   Kind = "weekly"
	Monthly  Kind = "monthly"
)

// Manual is the tag of a snapshot that a person took.
const Manual = "manual"

// Kinds are all of them, in that order.
var Kinds = []Kind{Interval, Hourly, Daily, Weekly, Monthly}

// Schedule says when snapshots are taken. The zero value takes none.
type Schedule struct {
	Every   time.Duration // since the last one; 0: never
	Hourly  bool          // at the beginning of each hour
	Daily   bool          // at the beginning of each day, and so on
	Weekly  bool          // on Monday
	Monthly bool
}

// IsZero reports whether the schedule takes none.
func (s Schedule) IsZero() bool { return s == Schedule{} }

// next returns when the first snapshot of a kind is due after one that was taken at
// last; false when there is none of that kind. Calendar times are those of last's zone.
func (s Schedule) next(k Kind, last time.Time) (time.Time, bool) {
	y, m, d := last.Date()
	zone := last.Location()
	switch {
	case k == Interval && s.Every > 0:
		return last.Add(s.Every), true
	case k == Hourly && s.Hourly:
		// Hours are counted on the clock on the wall, which may be off by half an hour
		// from UTC and may show an hour twice.
		past := time.Duration(last.Minute())*time.Minute + time.Duration(last.Second())*time.Second + time.Duration(last.Nanosecond())
		return last.Add(time.Hour - past), true
	case k == Daily && s.Daily:
		return time.Date(y, m, d+1, 0, 0, 0, 0, zone), true
	case k == Weekly && s.Weekly:
		return time.Date(y, m, d+7-(int(last.Weekday())+6)%7, 0, 0, 0, 0, zone), true
	case k == Monthly && s.Monthly:
		return time.Date(y, m+1, 1, 0, 0, 0, 0, zone), true
	}
	return time.Time{}, false
}

// Due returns the kinds of which a snapshot should have been taken by now: one, however
// many were missed. last holds, for each kind, when the last one was taken, or would
// have been if something had changed; start stands for the kinds that never were.
// Times of the future are taken for now, so that a clock that went back stops nothing.
func (s Schedule) Due(last map[Kind]time.Time, start, now time.Time) (due []Kind) {
	for _, k := range Kinds {
		if at, ok := s.next(k, from(last, k, start, now)); ok && !at.After(now) {
			due = append(due, k)
		}
	}
	return due
}

// Next returns when Due will have something to say, if nothing happens before; the
// zero time when it never will.
func (s Schedule) Next(last map[Kind]time.Time, start, now time.Time) (next time.Time) {
	for _, k := range Kinds {
		if at, ok := s.next(k, from(last, k, start, now)); ok && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

func from(last map[Kind]time.Time, k Kind, start, now time.Time) time.Time {
	at, ok := last[k]
	if !ok {
		at = start
	}
	if at.After(now) {
		at = now
	}
	return at.In(now.Location())
}

// LastOf returns when the last snapshot of each kind was taken.
func LastOf(tags []string, at time.Time, last map[Kind]time.Time) {
	for _, k := range Kinds {
		if slices.Contains(tags, string(k)) && at.After(last[k]) {
			last[k] = at
		}
	}
}
