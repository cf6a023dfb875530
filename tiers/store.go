package tiers

import (
	"context"
	"io"
	"iter"
	"time"
)

// Store keeps immutable objects by key. All methods may be called from many
// goroutines at once. Errors wrap blob.ErrNotFound, blob.ErrOffline or
// blob.ErrCorrupt where they apply, and name the operation and the key.
//
// A key is a slash-separated path of the characters [a-z A-Z 0-9 . _ -] without
// empty, "." or ".." components, at most 512 bytes (CheckKey). A Store may refuse
// a key that is a directory of another ("a" beside "a/b").
type Store interface {
	// Put stores size bytes of src under key. When it returns nil the object
	// survives power loss. An existing key keeps its bytes: that is success if the
	// size is the same, and blob.ErrCorrupt otherwise. src may be read more than
	// once, and only until Put returns.
	Put(ctx context.Context, key string, src io.ReaderAt, size int64) error
	// ReadAt fills p with the object's bytes from off, or fails. A range that
	// reaches beyond the object's end is io.ErrUnexpectedEOF.
	ReadAt(ctx context.Context, key string, p []byte, off int64) error
	// Stat returns what is known of the object.
	Stat(ctx context.Context, key string) (Info, error)
	// Delete removes the object; an absent key is success.
	Delete(ctx context.Context, key string) error
	// List yields the objects whose key starts with prefix, in ascending order of
	// keys. It stops at the first error, which it yields with a zero Info.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
	// Recall asks an archive class to make the objects readable. It does not wait.
	Recall(ctx context.Context, keys ...string) error
}

// Info describes an object.
type Info struct {
	Key      string
	Size     int64 // bytes
	Modified time.Time
}
