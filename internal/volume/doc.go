// Package volume is the conductor: POSIX semantics without FUSE. Every door
// (the mount, the command line) goes through it. It knows the catalog, the
// drafts, the cache and the tiers; it knows no door.
package volume
