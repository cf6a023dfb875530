// Package synonym is a table of words and abbreviations that mean the same: EEG and
// electroencephalography, heart and cardiac. A model that turns texts into vectors knows
// few abbreviations and technical terms; it is asked once more with another word for each.
//
// A table is made of the groups that come with rdfs (default.txt, which says how a group
// is written) and the file of a repository, which adds groups of its own. A line
// "-word" there leaves out the default groups with that word, "-*" all of them.
//
// Guarantees: a wrong line is a *Problem with file and line. A Table never changes, and
// is safe for concurrent use. Caveats: the groups are English; words are compared as they
// are written, so singular and plural are two words.
package synonym
