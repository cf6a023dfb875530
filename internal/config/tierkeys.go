package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The kinds of tiers.
const (
	KindDir = "dir"
	KindS3  = "s3"
	KindGCS = "gcs"
)

// gcsEndpoint is where Google Cloud Storage speaks the protocol of S3.
const gcsEndpoint = "https://storage.googleapis.com"

// Tier is one place that keeps sealed bytes.
type Tier struct {
	Name string // unique in the file; [a-z0-9_-]
	Kind string // one of the Kind constants
	Path string // of kind dir: absolute, or relative to the repository

	Provider string // what is lost together; see ProviderName

	// Of kinds s3 and gcs. What is empty takes the default of tiers/s3.
	Endpoint, Bucket, Prefix, Region       string
	Credentials, Profile, CredentialsFile  string
	CAFile, StorageClass                   string
	Encryption, EncryptionKey, EncryptFile string
	Stall                                  time.Duration
}

// tierKey is one key of an entry of `tiers`.
type tierKey struct {
	name, doc string
	kinds     []string // that have it; nil: all
	must      []string // kinds that cannot do without
	set       func(*Tier, string) error
	get       func(Tier) string
}

var inBuckets = []string{KindS3, KindGCS}

// tierKeys in the order in which they are written. `kind` comes before those that
// only some kinds have.
var tierKeys = []tierKey{
	{name: "name", doc: "How commands call it.", must: allKinds,
		set: func(t *Tier, s string) error {
			if s == "" || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
				return fmt.Errorf("want a name of a-z, 0-9, _ and -, got %q", s)
			}
			t.Name = s
			return nil
		},
		get: func(t Tier) string { return t.Name }},
	{name: "kind", doc: "dir: a directory. s3, gcs: a bucket.", must: allKinds,
		set: func(t *Tier, s string) error {
			t.Kind = s
			return oneWord(s, allKinds...)
		},
		get: func(t Tier) string { return t.Kind }},
	{name: "path", doc: "Absolute, or relative to the repository.", kinds: []string{KindDir}, must: []string{KindDir},
		set: func(t *Tier, s string) error {
			if s == "" {
				return errors.New("want a directory")
			}
			t.Path = s
			return nil
		},
		get: func(t Tier) string { return t.Path }},
	{name: "provider", doc: "Tiers with the same word here are lost together. Default: the server, or the tier itself.",
		set: func(t *Tier, s string) error {
			if s == "" {
				return errors.New("want a word")
			}
			t.Provider = s
			return nil
		},
		get: func(t Tier) string { return t.Provider }},
	{name: "endpoint", doc: "The server, e.g. https://s3.eu-central-1.amazonaws.com or http://nas:9000.", kinds: inBuckets, must: []string{KindS3},
		set: func(t *Tier, s string) error {
			u, err := url.Parse(s)
			if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
				return fmt.Errorf("want https://HOST or http://HOST, got %q", s)
			}
			if u.User != nil {
				return errors.New("a password does not belong here: see `credentials`")
			}
			t.Endpoint = s
			return nil
		},
		get: func(t Tier) string { return t.Endpoint }},
	plain("bucket", "", inBuckets, func(t *Tier) *string { return &t.Bucket }),
	plain("prefix", "Of all keys in the bucket.", nil, func(t *Tier) *string { return &t.Prefix }),
	plain("region", "Default us-east-1.", nil, func(t *Tier) *string { return &t.Region }),
	words("credentials", "auto: the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), else the file. env, file, role (of the machine).",
		func(t *Tier) *string { return &t.Credentials }, "auto", "env", "file", "role"),
	plain("profile", "Of the credentials file.", nil, func(t *Tier) *string { return &t.Profile }),
	plain("credentials_file", "Default ~/.aws/credentials.", nil, func(t *Tier) *string { return &t.CredentialsFile }),
	plain("ca_file", "Certificates to trust besides the system's.", nil, func(t *Tier) *string { return &t.CAFile }),
	plain("storage_class", "Of new objects, as the server calls it.", nil, func(t *Tier) *string { return &t.StorageClass }),
	words("encryption", "By the server: none, sse-s3, sse-kms, sse-c.",
		func(t *Tier) *string { return &t.Encryption }, "none", "sse-s3", "sse-kms", "sse-c"),
	plain("kms_key", "Id of the key of sse-kms.", nil, func(t *Tier) *string { return &t.EncryptionKey }),
	plain("key_file", "Holds the 32 bytes of the key of sse-c.", nil, func(t *Tier) *string { return &t.EncryptFile }),
	{name: "stall_timeout", doc: "After which a request that moves no byte is given up. Default 20s.", kinds: inBuckets,
		set: func(t *Tier, s string) (err error) {
			t.Stall, err = ParseDuration(s)
			if err == nil && (t.Stall < time.Second || t.Stall > time.Hour) {
				err = fmt.Errorf("want a time from 1s to 1h, got %q", s)
			}
			return err
		},
		get: func(t Tier) string {
			if t.Stall == 0 {
				return ""
			}
			return FormatDuration(t.Stall)
		}},
}

var allKinds = []string{KindDir, KindS3, KindGCS}

// plain is a key of tiers in buckets whose value is taken as it is.
func plain(name, doc string, must []string, at func(*Tier) *string) tierKey {
	return tierKey{name: name, doc: doc, kinds: inBuckets, must: must,
		set: func(t *Tier, s string) error {
			if s == "" {
				return errors.New("want a value; remove the key to get the default")
			}
			*at(t) = s
			return nil
		},
		get: func(t Tier) string { return *at(&t) }}
}

// words is a key of tiers in buckets whose value is one of some words.
func words(name, doc string, at func(*Tier) *string, known ...string) tierKey {
	return tierKey{name: name, doc: doc, kinds: inBuckets,
		set: func(t *Tier, s string) error { *at(t) = s; return oneWord(s, known...) },
		get: func(t Tier) string { return *at(&t) }}
}

func oneWord(s string, known ...string) error {
	if slices.Contains(known, s) {
		return nil
	}
	return fmt.Errorf("want %s, got %q", orList(known), s)
}

// ProviderName is who keeps the tier: copies at one provider are lost together.
func (t Tier) ProviderName() string {
	if t.Provider != "" {
		return t.Provider
	}
	if u, err := url.Parse(t.Endpoint); err == nil && u.Host != "" {
		return u.Host
	}
	return t.Name
}

// SamePlace reports whether o is the same directory, by an absolute path, or the same
// place in the same bucket.
func (t Tier) SamePlace(o Tier) bool {
	if t.Kind != o.Kind {
		return false
	}
	if t.Kind == KindDir {
		return filepath.IsAbs(t.Path) && filepath.Clean(t.Path) == filepath.Clean(o.Path)
	}
	trim := func(s string) string { return strings.Trim(s, "/") }
	return strings.TrimSuffix(t.Endpoint, "/") == strings.TrimSuffix(o.Endpoint, "/") && t.Bucket == o.Bucket && trim(t.Prefix) == trim(o.Prefix)
}

// of reports whether tiers of a kind have the key. A kind that is not known has all:
// what is wrong then is the kind.
func (k *tierKey) of(kind string) bool {
	return k.kinds == nil || slices.Contains(k.kinds, kind) || !slices.Contains(allKinds, kind)
}

// defaultTier is the only tier of a repository that names none.
var defaultTier = Tier{Name: "local", Kind: KindDir, Path: "blobs"}
