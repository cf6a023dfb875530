package naming

import "fmt"

// Config is a scheme as it is written. The zero value has no rule, and accepts nothing.
type Config struct {
	Fields   map[string]Field // by name; a field of a template that is not here has the default pattern
	Rules    []Rule           // the first that matches counts
	Mode     Mode             // what happens to names that no rule matches
	Subtrees []Subtree        // where another mode holds; the last that matches counts

	Staged []string // further globs of names that become data when they are renamed
	Local  []string // further globs of names that programs drop, not data

	CaseSensitive bool // names that differ only by case may stand side by side
	AnyUnicode    bool // names need not be in normal form C
	Unportable    bool // names that Windows cannot hold are allowed
	MaxName       int  // bytes of one name; 0: DefaultMaxName
}

// DefaultMaxName leaves programs room for the endings of their temporary files.
const DefaultMaxName = 200

// Field says what one field of a template may hold. At most one of Pattern, Enum and
// Type is set; Values narrows each of them.
type Field struct {
	Pattern     string   // RE2, of the whole value
	Enum        []string // the values
	Type        string   // int, int(2), date(20060102), time(%Y%m%d), hash: as in a template
	Example     string
	Description string

	// Registry is the name of the list that Values comes from, for people. With a
	// registry a value must also be one of Values.
	Registry string
	Values   []string
}

// Rule is one form that paths may have.
type Rule struct {
	ID          string   // unique
	Paths       []string // templates; a path matches the rule when it matches one of them
	Same        []string // fields that must occur more than once, for the writer's safety
	Bundle      bool     // the last segment is a directory, in which every name is accepted
	RequireMeta []string // metadata that a file of this rule should have
	Sidecar     bool     // NAME.json beside a file of this rule holds its metadata
	Perm        uint32   // permission bits of files at creation; 0: what the program asks for
	Description string
}

// Mode says what happens to a name that the scheme does not accept.
type Mode uint8

// The modes.
const (
	Off     Mode = iota // nobody looks: every name is data
	Warn                // accepted as data, and reported
	Stage               // accepted as staged
	Enforce             // refused
)

var modeNames = [...]string{"off", "warn", "stage", "enforce"}

func (m Mode) String() string { return modeNames[m] }

// ParseMode is the inverse of String.
func ParseMode(s string) (Mode, error) {
	for m, name := range modeNames {
		if name == s {
			return Mode(m), nil
		}
	}
	return 0, fmt.Errorf("want off, warn, stage or enforce, got %q", s)
}

// Subtree sets the mode of a path and everything below it.
type Subtree struct {
	Path string // names with * and ?, joined by slashes: EXP0001/scratch, */scratch
	Mode Mode
}

// Kind is what stands under a name.
type Kind uint8

// The kinds.
const (
	File    Kind = iota // a regular file, or a device, FIFO or socket
	Folder              // a directory
	Symlink             // may stand where a file or a directory may
)
