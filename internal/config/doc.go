// Package config reads rdfs.yaml, the configuration of one repository.
//
// Every key is described once, in the table of schema.go: its name, its default,
// its meaning and how it is read. The default file, the checks and Explain are
// all made from that table, so they cannot disagree.
//
// # Guarantees
//
// Parse accepts a file only when every key in it is known and every value makes
// sense. Otherwise it returns Problems: all of them at once, each with line,
// column, the full name of the key, and what would be right. A file of another
// format version is refused before anything else in it is looked at.
//
// # Caveats
//
// Anchors, aliases, tags and merge keys of YAML are refused: a configuration that
// decides where research data go should read the same to everybody.
//
// # Format
//
// See FORMAT.md. A file written by version 1 is kept under testdata/formats and
// must open for ever.
package config
