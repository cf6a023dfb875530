package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// key describes one key of the file. Keys whose name has no dot stand at the top.
type key struct {
	name string // full, e.g. "cache.max_size"
	def  string // default, as it is written in the file; "" for id, which has none
	doc  string // for the file and for Explain; lines as they are to be written
	set  func(*Config, string) error
	get  func(*Config) string
}

// section describes a top-level mapping.
type section struct {
	name string
	doc  string
}

// sections in the order in which they are written. A top-level key without a
// section of the same name is a plain value.
var sections = []section{
	{"version", "Format of this file. A version of rdfs that does not know it refuses to open the repository."},
	{"id", "Identity of the repository, given once by `rdfs init`. Never change it, never copy it to another repository."},
	{"naming", "Which file names the drive accepts. Rules and fields of your own (docs/naming.md):\n" +
		"fields:\n" +
		"  subject_id: {pattern: 'm[0-9]{3}', example: m042}\n" +
		"rules:\n" +
		"  - {id: raw, path: '{experiment_id}/raw/{subject_id}_{date:20060102}.{extension}', mode: readonly}\n" +
		"subtrees:\n" +
		"  - {path: EXP0001/old, mode: warn}"},
	{"metadata", "Typed metadata: what `setfattr -n user.FIELD` accepts. Other attributes are kept as they are.\n" +
		"fields:\n" +
		"  temperature: {type: quantity, unit: degC, min: -80 degC, max: 60 degC}\n" +
		"  side: {type: enum, values: [left, right], required_for: [\"*.edf\"]}\n" +
		"Types: string, int, float, bool, date, time, enum, list (of: TYPE), quantity. See docs/metadata.md."},
	{"tiers", "Where sealed data are kept. The first tier is the nearest, and takes new data. A name is given once: by it rdfs knows\nwhat lies where. Moving a tier: stop the drive, copy the directory, change `path`.\nA bucket: kind: s3, endpoint: https://HOST, bucket: NAME. One more tier: add it, then `rdfs tier add NAME`. See docs/tiers.md."},
	{"placement", "Which data go to which tiers, and in how many copies."},
	{"catalog", "Names, attributes, versions and snapshots. They are copied to each tier, from which `rdfs recover`\nbrings everything back when this repository is lost."},
	{"encryption", "Whether what reaches the tiers is encrypted: `rdfs init --encrypt`. See docs/encryption.md."},
	{"cache", "Local copies of sealed data, in REPO/cache. Nothing is lost when that directory is removed.\nData that no tier holds yet are never evicted."},
	{"snapshots", "Snapshots of the whole drive. The mount takes them by itself, when something changed, and catches up with\nthose it missed. Pinned ones are never removed, nor is the newest."},
	{"versions", "Every save is a version. What a snapshot, a hold or the file itself shows is always kept."},
	{"time_travel", "For how long every moment can be looked at (.snapshots/@TIME), snapshot or not, and removed files\nand versions are kept whatever the rules say. At least 10min; units: min, h, d, w."},
	{"gc", "Garbage collection: what nothing refers to any more is removed from the tiers."},
	{"search", "Finding files with `rdfs find`, and in .rdfs/q. See docs/search.md."},
	{"seal_after", "A file becomes a version when it was closed and then left alone for this long.\nUnits: ms, s, min, h, d, w."},
	{"mount", "What `rdfs mount` does unless its -o options say otherwise."},
	{"log", "The log of a drive mounted in the background: REPO/run/rdfs.log."},
}

// keys in the order in which they are written.
var keys = slices.Concat(namingKeys, plainKeys, placementKeys, catalogKeys, encryptionKeys, snapshotKeys, keepingKeys, searchKeys)

var plainKeys = []key{
	{
		name: "version", def: strconv.Itoa(Version),
		set: func(c *Config, s string) (err error) {
			c.Version, err = strconv.Atoi(s)
			return err
		},
		get: func(c *Config) string { return strconv.Itoa(c.Version) },
	},
	{
		name: "id",
		set: func(c *Config, s string) error {
			if _, err := ulid.ParseStrict(s); err != nil {
				return fmt.Errorf("want a ULID of 26 characters, got %q", s)
			}
			c.ID = s
			return nil
		},
		get: func(c *Config) string { return c.ID },
	},
	{
		name: "cache.max_size", def: "20GiB",
		doc: "Most that the cache may hold: a size (20GiB) or a share of its disk (30%).",
		set: amount(func(c *Config) *Amount { return &c.Cache.MaxSize }),
		get: func(c *Config) string { return c.Cache.MaxSize.String() },
	},
	{
		name: "cache.min_free", def: "5%",
		doc: "Evict when less than this is free on its disk: a size or a share.",
		set: amount(func(c *Config) *Amount { return &c.Cache.MinFree }),
		get: func(c *Config) string { return c.Cache.MinFree.String() },
	},
	{
		name: "cache.min_free_inodes", def: "5%",
		doc: "The same for inodes: a number or a share.",
		set: amount(func(c *Config) *Amount { return &c.Cache.MinFreeInodes }),
		get: func(c *Config) string { return c.Cache.MinFreeInodes.String() },
	},
	{
		name: "seal_after", def: "1s",
		set: func(c *Config, s string) error {
			return duration(s, 10*time.Millisecond, 24*time.Hour, &c.SealAfter)
		},
		get: func(c *Config) string { return FormatDuration(c.SealAfter) },
	},
	{
		name: "mount.allow_other", def: string(Auto),
		doc: "May other users than the one who mounts use the drive? auto: yes when root mounts.\nPermissions of files are checked by the kernel either way.",
		set: tristate(func(c *Config) *Tristate { return &c.Mount.AllowOther }),
		get: func(c *Config) string { return string(c.Mount.AllowOther) },
	},
	{
		name: "mount.passthrough", def: string(Auto),
		doc: "Let the kernel read and write files by itself (Linux 6.9 or later, root).\nauto: where it can; false: never.",
		set: tristate(func(c *Config) *Tristate { return &c.Mount.Passthrough }),
		get: func(c *Config) string { return string(c.Mount.Passthrough) },
	},
	{
		name: "log.level", def: "info",
		doc: "debug, info, warn or error.",
		set: oneOf(func(c *Config) *string { return &c.Log.Level }, "debug", "info", "warn", "error"),
		get: func(c *Config) string { return c.Log.Level },
	},
	{
		name: "log.max_size", def: "10MiB",
		doc: "The log is rotated at this size; one older log (rdfs.log.1) is kept.",
		set: func(c *Config, s string) error {
			n, err := ParseSize(s)
			if err == nil && n < 64<<10 {
				err = fmt.Errorf("want at least 64KiB, got %q", s)
			}
			c.Log.MaxSize = n
			return err
		},
		get: func(c *Config) string { return FormatSize(c.Log.MaxSize) },
	},
}

// reserved are the directories of a repository that no tier may use.
var reserved = []string{"catalog", "drafts", "cache", "run", "keys"}

func findKey(name string) *key {
	i := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
	if i < 0 {
		return nil
	}
	return &keys[i]
}

// keysOf returns the keys of a section, in order.
func keysOf(section string) []key {
	var out []key
	for _, k := range keys {
		if strings.HasPrefix(k.name, section+".") {
			out = append(out, k)
		}
	}
	return out
}

func oneOf(at func(*Config) *string, words ...string) func(*Config, string) error {
	return func(c *Config, s string) error {
		if slices.Contains(words, s) {
			*at(c) = s
			return nil
		}
		if near := Nearest(s, words); near != "" {
			return fmt.Errorf("%q is not known; did you mean %q?", s, near)
		}
		return fmt.Errorf("want %s, got %q", orList(words), s)
	}
}

func amount(at func(*Config) *Amount) func(*Config, string) error {
	return func(c *Config, s string) error {
		a, err := ParseAmount(s)
		*at(c) = a
		return err
	}
}

func tristate(at func(*Config) *Tristate) func(*Config, string) error {
	return func(c *Config, s string) error {
		switch t := Tristate(s); t {
		case Auto, On, Off:
			*at(c) = t
			return nil
		}
		return fmt.Errorf("want auto, true or false, got %q", s)
	}
}

// orList writes words as "a, b or c".
func orList(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
