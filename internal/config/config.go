package config

import (
	"path/filepath"
	"time"

	"github.com/rdfs/rdfs/internal/schema"
)

// Version is the format version of rdfs.yaml that this package reads and writes.
const Version = 1

// FileName is the name of the configuration in a repository.
const FileName = "rdfs.yaml"

// The naming schemes that the file format knows.
const (
	SchemeFree         = "free"
	SchemeHierarchical = "hierarchical"
	SchemeFlat         = "flat"
	SchemeByExperiment = "by_experiment"
	SchemeBIDS         = "bids"
)

// DefaultScheme is the scheme of a repository that was made without naming one.
const DefaultScheme = SchemeFree

// Config is the configuration of one repository: what the file says, and the
// defaults for what it leaves out. It is plain data; do not change a Config that
// others can see.
type Config struct {
	Version int    // of the file format
	ID      string // of the repository: a ULID, given once by `rdfs init`

	Naming     Naming
	Metadata   *schema.Schema // nil: no field is declared
	Tiers      []Tier         // at least one; the first takes new data
	Placement  Placement
	Cache      Cache
	Snapshots  Snapshots
	Versions   Versions
	TimeTravel time.Duration // for how long every moment can be looked at
	GC         GC
	Catalog    Catalog
	Encryption Encryption
	Search     Search
	SealAfter  time.Duration // quiet time after the last close before a version is made
	Mount      Mount
	Log        Log

	lines map[string]int // where a key was set, 1-based; absent: the default holds
}

// Dir returns the directory of a tier of kind dir, for a repository at repo.
func (t Tier) Dir(repo string) string {
	if filepath.IsAbs(t.Path) {
		return filepath.Clean(t.Path)
	}
	return filepath.Join(repo, t.Path)
}

// Cache bounds the local copies of sealed bytes.
type Cache struct {
	MaxSize       Amount // bytes, or a share of the disk
	MinFree       Amount // bytes, or a share of the disk: evict when less is free
	MinFreeInodes Amount // inodes, or a share of the disk's
}

// Catalog says how the catalog is copied to the tiers.
type Catalog struct {
	ShipEvery  time.Duration // between two pieces of its log; 0: it is not copied
	CopyEvery  time.Duration // between two whole copies
	KeepCopies int
}

// Encryption says whether and how what reaches the tiers is encrypted.
type Encryption struct {
	Domain     string // one of the Domain constants
	KeyFile    string // absolute, or relative to the repository; "": none
	KeyCommand string // prints the passphrase; "": none
}

// What Encryption.Domain may be.
const (
	DomainNone       = "none"       // not encrypted
	DomainRepository = "repository" // one key for all files
	DomainDirectory  = "directory"  // a key for each directory in the root
)

// On reports whether the repository is encrypted.
func (e Encryption) On() bool { return e.Domain != DomainNone }

// Mount holds what `rdfs mount` does unless its options say otherwise.
type Mount struct {
	AllowOther  Tristate // others than the mounting user may use the drive; Auto: when root mounts
	Passthrough Tristate // the kernel reads and writes drafts itself; Auto: where it can
}

// Log says what is logged.
type Log struct {
	Level   string // debug, info, warn or error
	MaxSize int64  // bytes, at which run/rdfs.log is rotated
}

// Tristate is a switch that may be left to the program.
type Tristate string

// The values of a Tristate.
const (
	Auto Tristate = "auto"
	On   Tristate = "true"
	Off  Tristate = "false"
)

// Bool returns the switch, and auto where it is left to the program.
func (t Tristate) Bool(auto bool) bool {
	switch t {
	case On:
		return true
	case Off:
		return false
	}
	return auto
}

// Line returns the line of the file that sets key ("cache.max_size"), or 0 when
// the default holds.
func (c *Config) Line(key string) int { return c.lines[key] }
