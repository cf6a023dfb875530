// Package ship keeps copies of the catalog in a tier, so that a drive can be had back
// from its tier alone: names, attributes, versions and snapshots, up to what was
// shipped last.
//
// There are copies, each of the whole catalog at one moment, in blocks that are stored
// once however many copies have them; and after each copy a log of the groups of rows
// that were committed since, in segments. Restore takes the newest copy and carries the
// log out, to its end or up to a moment.
//
// # Guarantees
//
// What Restore makes is a state that the catalog was in, the one at the end of a group.
// Everything is verified by its hash before it is used. A copy counts when its manifest
// is there, which comes last.
//
// # Caveats
//
// Groups wait in memory until they are shipped, at most Options.Limit bytes; beyond that,
// and after a run that did not end in order, the log has a gap, and a new copy is
// taken. What was committed since the last segment is not in the tier: what it referred to
// (packs) is, and is found by `rdfs gc` then as what nothing refers to.
//
// The state of an earlier moment may name packs that were removed since.
//
// FORMAT.md has the format.
package ship
