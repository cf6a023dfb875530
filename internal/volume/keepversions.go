package volume

import (
	"time"

	"github.com/rdfs/rdfs/catalog"
)

// KeepVersions says which versions of a file are kept beside those that the live tree,
// a snapshot, a hold or the window of time travel needs. The zero value keeps all.
type KeepVersions struct {
	Limited bool          // false: all are kept, whatever Within and Last say
	Within  time.Duration // those that were saved within this time
	Last    int           // the newest ones, as many as this
}

// savedVersion is what the plan has to know of a version.
type savedVersion struct {
	seq    catalog.Seq
	saved  catalog.Time
	epoch  catalog.Epoch
	needed bool // by the live tree or a snapshot
}

// versionDecision is what becomes of one version.
type versionDecision struct {
	seq  catalog.Seq
	keep bool
	why  string
}

// Reasons why versions stay, or go.
const (
	keepAll      = "all versions are kept"
	keepHeld     = "a hold covers the file"
	keepNeeded   = "the live tree or a snapshot shows it"
	keepWindow   = "within the time of time travel"
	keepWithin   = "saved within keep_within"
	keepLast     = "among keep_last"
	dropByPolicy = "no longer kept"
)

// plan decides about the versions of one file, oldest first. live says that the file is
// in the tree now: then its newest version stays. horizon is the first epoch of the
// window of time travel.
func (p KeepVersions) plan(all []savedVersion, live, held bool, horizon catalog.Epoch, now catalog.Time) []versionDecision {
	out := make([]versionDecision, len(all))
	for i, v := range all {
		d := versionDecision{seq: v.seq, keep: true}
		newest := i == len(all)-1
		switch {
		case !p.Limited:
			d.why = keepAll
		case held:
			d.why = keepHeld
		case v.needed || newest && live:
			d.why = keepNeeded
		case v.epoch >= horizon:
			d.why = keepWindow
		case p.Within > 0 && now-v.saved <= catalog.Time(p.Within):
			d.why = keepWithin
		case len(all)-i <= p.Last:
			d.why = keepLast
		default:
			d.keep, d.why = false, dropByPolicy
		}
		out[i] = d
	}
	return out
}

// removedFor says for how long the last state of a file that was removed is kept:
// forever, or for some time after its removal.
func (p KeepVersions) removedFor(window time.Duration) (d time.Duration, forever bool) {
	if !p.Limited || p.Last > 0 {
		return 0, true
	}
	return max(p.Within, window), false
}
