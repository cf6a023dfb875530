// Package s3 keeps objects in a bucket: Amazon S3, MinIO and other servers of its
// protocol, and Google Cloud Storage through the interoperable endpoint. It is the
// tier of kinds "s3" and "gcs", and the only package that knows minio-go.
//
// # Guarantees
//
// Put is conditional: an object that is there is never replaced, whoever else writes.
// The server verifies a checksum of what it receives (where the provider has one; the
// packs above carry their hashes in any case). After an error that leaves open whether
// the object was stored, Put looks before it tries again.
//
// Every call ends: it has a deadline that grows with its size, and a request that
// moves no byte for Options.Stall is given up. What may pass is tried again, with
// growing pauses; while the server fails again and again, calls fail at once with
// blob.ErrOffline instead of waiting each, and one at a time tries whether it is back.
//
// A bucket is used only when it holds the marker of this repository (tiers.Marker).
// That is checked before the first use and not at Open, which never waits.
//
// # Caveats
//
// A range is read anew from where it was cut, as long as the object is the same; the
// Store does not verify bytes.
//
// In a bucket with versioning, Delete removes all versions of an object, if it may
// list them.
//
// Credentials come from the environment, a file or the machine, never from the
// options; they are in no log and no error.
package s3
