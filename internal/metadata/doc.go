// Package metadata is what people say about files, beyond single attributes: values
// with what directories hand down, changes to many files at once, their undoing, who
// changed what when, and which files lack what they must have.
//
// The field FIELD of a file is its extended attribute user.FIELD, and the field "tags"
// is user.xdg.tags. A directory hands its fields down to all below it; the nearest
// value wins, and tags add up. See inherits for what is not handed down.
//
// Guarantees: ChangeMeta and UndoMeta do all they are asked to or nothing, in one transaction
// of the catalog, and return when it is durable. What ChangeMeta did can be undone as long
// as nobody changed the same values since; those stay as they are and are told.
//
// Caveats: a change to very many files keeps other writers waiting while it is applied,
// about half a second for 100,000 files. Values that are not UTF-8 are written as 0s
// and base64, as getfattr does (see EncodeValue).
//
// A Store is safe for concurrent use.
package metadata
