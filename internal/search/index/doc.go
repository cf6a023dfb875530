// Package index finds files by what they are, in memory: columns of values, and lists
// of the values in which a word stands.
//
// A Doc is one name of a file with all that is known of it. Each field is a column of
// small numbers, one per file; a number stands for a value in the dictionary of the
// field, which holds each value once. So a condition is decided once for each value,
// and then for all files by one pass over the column; a word is looked up in the words
// of the dictionaries. Fields of few files are kept sparsely.
//
// How a term is compared: what stands without a field, and in the fields name, folder,
// title, description, comment and program, and in values with spaces, is compared word
// by word, without regard to case; a word may be in the singular or the plural. In all
// other fields the whole value is compared, without regard to case, and numbers, dates
// and quantities by what they mean. Field:=value compares letter by letter.
//
// Guarantees: what Search finds is what one would find by looking at each document by
// itself; the tests do that. An Index that was written and read again finds the same.
//
// Caveats: an Index is for one writer, or many readers. Long values (more than 64
// bytes) are kept as their words only: they cannot be counted as facets, and sort by
// their first letters. Numbers compare as float64: with 15 digits. Only the first 1500
// fields are kept, in the order in which they came; Dropped counts what was left out.
//
// The format of a written index is in FORMAT.md.
package index
