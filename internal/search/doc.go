// Package search finds files by what they are. It follows the catalog: an index in
// memory (package index) is brought up to date with each change that is durable, written
// to REPO/search/index from time to time, and can be made anew from nothing at any time.
//
// A file that can be found is a regular file, except those that programs drop beside the
// data. Known of it is what `rdfs meta get --resolved` shows, with what its path says and
// its directories hand down, and: name, folder, ext, size, modified, created, format,
// mime_type, rows, columns, schema, version, state, author, program.
//
// # Guarantees
//
// The catalog is the truth. What is in the written index was durable in the catalog before;
// after a crash the index goes on from its epoch, or is made anew, and finds the same. A
// file that is damaged, of another version, or was made with another configuration is not
// used. While an index is made anew the old one answers, and results say so (Result.Stale).
//
// Nobody finds a file in a directory that they may not list, or one whose attributes they
// may not read; nor is it counted.
//
// # Caveats
//
// A change is found when it is durable and was read, as a rule within half a second.
// Changing what a directory hands down, or renaming it, takes time in proportion to what
// is below. Searching the past reads the whole tree of that moment; the last such moment is
// remembered. The size of a file that a program is writing is that of its last close.
//
// A Search is safe for concurrent use.
package search
