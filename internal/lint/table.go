package lint

// module is the path before the names of our packages.
const module = "github.com/rdfs/rdfs"

// imports says which of our packages a package may import, tests excepted. Rows
// stand from the bottom of the house to its top. A name that ends in "/..." means
// all packages below it as well.
var imports = []row{
	// The nouns and the tools. They know nothing of ours.
	{"internal/blob", nil},
	{"internal/disk", nil},
	{"internal/naming", nil},
	{"internal/schema", nil},
	{"internal/lint", nil},
	{"internal/crypt", []string{"internal/blob"}},

	// Bytes. They know no names.
	{"tiers", []string{"internal/blob", "internal/disk"}},
	{"tiers/pack", []string{"internal/blob", "internal/crypt", "internal/disk", "tiers"}},
	{"tiers/sealed", []string{"internal/blob", "internal/crypt", "tiers"}},
	{"tiers/dir", []string{"internal/blob", "internal/disk", "tiers"}},
	{"tiers/s3", []string{"internal/blob", "internal/disk", "tiers"}},
	{"tiers/s3/s3test", nil},
	{"tiers/memory", []string{"internal/blob", "internal/disk", "tiers"}},
	{"tiers/tiertest", []string{"internal/blob", "internal/disk", "tiers"}},
	{"internal/header", []string{"internal/blob"}},
	{"internal/keys", []string{"internal/blob", "internal/crypt", "internal/disk", "tiers"}},
	{"cache", []string{"internal/blob", "internal/crypt", "internal/disk", "tiers", "tiers/pack"}},
	{"internal/draft", []string{"internal/blob", "internal/crypt", "internal/disk", "tiers", "tiers/pack"}},

	// Names. They know no bytes.
	{"catalog/kv", []string{"internal/blob"}},
	{"catalog", []string{"internal/blob", "catalog/kv"}},
	{"snapshot", []string{"internal/blob", "catalog"}},

	// A follower: copies of the catalog in a tier.
	{"internal/ship", []string{"internal/blob", "internal/crypt", "internal/disk", "tiers", "catalog", "catalog/kv"}},

	// The conductor. It knows all of them, no door and no concrete kind of tier.
	{"internal/volume", []string{
		"internal/blob", "internal/crypt", "internal/disk", "internal/naming", "internal/schema", "internal/header",
		"tiers", "tiers/pack", "cache", "internal/draft",
		"catalog", "catalog/kv", "snapshot",
	}},

	// Finding files by what they mean.
	{"internal/search/uselite", nil},
	{"internal/search/synonym", nil},
	{"internal/search/fuse", nil},
	{"internal/search/vectors", []string{"internal/disk"}},
	{"internal/search/semantic", []string{"internal/disk", "internal/search/synonym", "internal/search/vectors"}},
	{"internal/search/embedapi", []string{"internal/search/semantic"}},

	// What people say about files.
	{"internal/metadata", []string{"internal/blob", "internal/naming", "internal/schema", "catalog", "internal/volume"}},

	// A follower: files found by what they are. Only doors know it.
	{"internal/search/query", nil},
	{"internal/search/index", []string{"internal/schema", "internal/search/query", "internal/search/fuse"}},

	{"internal/search", []string{"internal/disk", "internal/header", "internal/schema", "catalog", "internal/volume", "internal/metadata",
		"internal/search/query", "internal/search/index", "internal/search/semantic"}},

	// The doors.
	{"fs", []string{"internal/blob", "internal/volume"}},
	{"internal/control", []string{"internal/blob", "internal/volume", "internal/metadata", "internal/search"}},

	// The wiring.
	{"internal/config", []string{
		"internal/blob", "internal/disk", "internal/naming", "internal/schema",
		"tiers", "tiers/dir", "tiers/s3", "cache", "internal/draft", "snapshot", "internal/volume",
	}},
	{"cmd/...", []string{"..."}},

	// What measures and tries the whole house.
	{"internal/bench/...", []string{"..."}},
	{"internal/drivetest/...", []string{"..."}},
}

// row allows a package, or all below it, to import some others.
type row struct {
	pkg string
	may []string
}

// confined says where a module of others may be imported, also by tests: a door,
// an engine or a provider can be replaced where one package knows it.
var confined = []confinement{
	{"github.com/hanwen/go-fuse", []string{"fs", "internal/bench/..."}, []string{"internal/drivetest/..."}},
	{"github.com/minio/minio-go", []string{"tiers/s3"}, nil},
	{"go.etcd.io/bbolt", []string{"catalog/kv"}, nil},
	{"golang.org/x/crypto", []string{"internal/keys"}, nil},
	{"github.com/spf13/cobra", []string{"cmd/..."}, nil},
	{"github.com/schollz/progressbar", []string{"cmd/..."}, nil},
}

type confinement struct {
	prefix string   // of import paths
	in     []string // our packages that may import it
	tests  []string // those whose tests alone may
}

// programs may print, exit, ask for the time and keep globals: they are what
// people run. Everything else takes a clock and a logger through its Options.
var programs = []string{"cmd/...", "internal/bench/...", "internal/drivetest/...", "tiers/s3/s3test"}

// forbidden are functions that only programs and tests call. Naming one without
// calling it, as in the default of an Options field, is allowed.
var forbidden = map[string]map[string]string{
	"fmt": {"Print": quiet, "Printf": quiet, "Println": quiet},
	"os":  {"Exit": "return an error"},
	"time": {
		"Now":   clock,
		"Since": clock,
		"Until": clock,
	},
	"log/slog": {
		"Default": logger, "SetDefault": logger, "Log": logger, "LogAttrs": logger,
		"Debug": logger, "Info": logger, "Warn": logger, "Error": logger,
		"DebugContext": logger, "InfoContext": logger, "WarnContext": logger, "ErrorContext": logger,
	},
}

const (
	quiet  = "a package is quiet: return it, or log it with the logger of Options"
	clock  = "take the time from Now in Options"
	logger = "use the logger of Options"
)

// bannedImports are packages that only programs and tests import.
var bannedImports = map[string]string{"log": logger}

// emptyNames say nothing about what is in a package.
var emptyNames = []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "lib", "base", "core"}

const (
	maxLines     = 600 // of a file that is no test
	minDocLines  = 3   // of a package comment
	unfinishedIn = "todo|not implemented|unimplemented|not yet"
)
