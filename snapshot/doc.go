// Package snapshot knows moments and what is kept of them: how people write a
// moment, what a snapshot may be called, when the schedule takes one, which ones
// the plan keeps and why, and how two moments of the tree differ.
//
// A snapshot is a name for an epoch of the catalog. It costs one row and shows
// the whole tree as it was at the end of that epoch.
//
// Everything here but Diff is pure: it takes the time and the list of snapshots,
// and returns a decision with its reason. Diff reads the catalog and holds no
// transaction between its steps. The functions may be called from many
// goroutines.
//
// Caveats: days, months and years are those of the zone of the time that a
// function is given; a plan that is made in another zone may keep other
// snapshots.
package snapshot
