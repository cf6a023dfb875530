// Package query is the language in which files are looked for: text to a tree, and
// back. It knows no fields and no files.
//
//	hippocampus eeg                       both words, anywhere in what is known of a file
//	"resting state"                       the words in this order
//	recordng~1  recordng~                 the word with at most one letter wrong; ~2: two
//	hippo*  sub-0?  *.csv                 beginnings and patterns
//	title:hippocampus^3                   in one field, and worth three times as much
//	tag:(pilot OR draft)                  a field for all in the parentheses
//	experiment_id:=EXP0042                the whole value, letter by letter
//	quality_score:>=0.8                   > >= < <=, numbers, dates, sizes, quantities
//	created:[2025-01-01 TO 2025-06-30]    ends included; {A TO B}: not included; * is open
//	temperature:[4 degC TO 10 degC]       units are converted
//	modified:>-7d                         relative to now
//	has:operator  missing:operator        has a value, or not
//	path:EXP0042/**/*.edf                 the path; * stops at a slash, ** does not
//	similar:"a task in which people wait" by meaning
//	a AND (b OR NOT c)   a -c             AND is understood where nothing stands
//
// NOT binds stronger than AND, and AND stronger than OR. The words of the language
// are written in capitals. A backslash takes the meaning from the next character, and
// quotes from all within. The empty query, and *, mean every file.
//
// Guarantees: an error is an *Error, and says where and what to do. String of a tree
// parses to the same tree. A query of more than MaxLength bytes, MaxDepth parentheses
// within each other or MaxClauses parts is refused before it costs anything.
package query
