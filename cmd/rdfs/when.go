package main

import (
	"github.com/rdfs/rdfs/internal/volume"
	"github.com/rdfs/rdfs/snapshot"
)

// whenHelp stands in the help of commands that take a moment.
const whenHelp = `TIME is the name of a snapshot, or a moment in the past:
  2026-11-22T10:00:00Z   RFC 3339; also as in the names below .versions/
  "2026-11-22 10:00"     in the local zone
  2026-11-22             the end of that day
  today, yesterday, now
  -2h, -30min, -3d, -1mo that long ago
With @ before it, it is always a moment.`

// when reads a moment as a command line gives it: live, the name of a snapshot, or a
// time. Which of the last two it is, is decided where the snapshots are known.
func (a *app) when(arg string) (volume.Moment, error) {
	if arg == "live" {
		return volume.Moment{}, nil
	}
	if snapshot.IsMoment(arg) {
		t, err := snapshot.ParseName(arg, a.now())
		if err != nil {
			err = &codedError{exitUsage, err}
		}
		return volume.Moment{Time: t}, err
	}
	t, timeErr := snapshot.ParseMoment(arg, a.now())
	switch nameErr := snapshot.CheckName(arg); {
	case nameErr == nil && timeErr == nil:
		return volume.Moment{Name: arg, Time: t}, nil
	case nameErr == nil:
		return volume.Moment{Name: arg, Not: timeErr.Error()}, nil
	case timeErr != nil:
		return volume.Moment{}, &codedError{exitUsage, timeErr}
	}
	return volume.Moment{Time: t}, nil
}
