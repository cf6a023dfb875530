// Package naming compiles a naming scheme and judges names by it, as package
// regexp compiles an expression and judges strings. It is pure: it reads no file and
// asks for no time, and a compiled Scheme never changes and may be used by many
// goroutines.
//
// A scheme is a list of rules. A rule is a template of a whole path,
//
//	{experiment_id}/{subject_id}/{session_id}/{data_type}[_run-{run:int(2)}].{extension}
//
// in which a segment between slashes is one name: literals, fields in braces,
// alternatives (a|b), optional parts in brackets, * for any text, and ** as the last
// segment for a free subtree. The first rule that matches a path is the path's rule. A field
// that occurs twice in a path has one value; where an optional part leaves it out, its
// value is empty. Of several ways to read a name the one with the longest extension counts.
//
// Names are judged one at a time on the way down: a Dir is what the scheme knows of a
// directory, Classify judges a name in it and Enter goes on. So a directory that can
// lead to nothing valid is refused when it is made.
//
// Guarantees: judging is linear in the length of the name, whatever the patterns are
// (they are RE2, and run as an automaton); Format(Parse(p)) == p.
//
// Caveats: explaining a refusal costs more, about a millisecond. A {date} is checked by
// the calendar, a {hash} by its form only.
package naming
