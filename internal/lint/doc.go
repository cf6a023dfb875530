// Package lint holds the taste of the house as rules that a test can check: who
// may import whom, what is never called in the core, what a package says about
// itself. Its own test runs every rule on this module.
//
// The rules are tables in table.go. A package that is not in the table of imports
// is a finding: add a row, and look at design and reader when you choose what it
// may know.
//
// # Guarantees
//
// Check reads source text only: it needs no toolchain, builds nothing and sees all
// build tags. It skips testdata, directories whose names start with a dot or an
// underscore, and modules within the module.
//
// # Caveats
//
// Calls are recognised by the name under which a file imports a package; a local
// variable of that name is taken for it. Imports of our own packages are not
// checked in _test.go files, which may wire up what they like; calls neither.
package lint
