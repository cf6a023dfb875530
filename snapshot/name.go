package snapshot

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxName is the length of the longest name of a snapshot, in bytes.
const MaxName = 255

// ErrName: nothing may be called like that.
var ErrName = errors.New("not a name for a snapshot")

// CheckName says why a snapshot cannot have a name, or returns nil. The error wraps
// ErrName.
func CheckName(name string) error {
	var why string
	switch {
	case name == "":
		why = "it is empty"
	case len(name) > MaxName:
		why = fmt.Sprintf("it has %d bytes, at most %d are allowed", len(name), MaxName)
	case !utf8.ValidString(name):
		why = "it is not UTF-8"
	case strings.HasPrefix(name, "@"):
		why = "names with @ are moments, which need no snapshot"
	case name == "live" || name == "now" || name == "today" || name == "yesterday":
		why = "it means something else where a snapshot is named"
	case strings.HasPrefix(name, "."):
		why = "it begins with a dot"
	case strings.HasPrefix(name, "-"):
		why = "it begins with a dash, as options do"
	case strings.Contains(name, "/"):
		why = "it has a slash"
	case strings.ContainsFunc(name, unicode.IsControl):
		why = "it has control characters"
	case strings.TrimSpace(name) != name:
		why = "it begins or ends with a space"
	default:
		return nil
	}
	return fmt.Errorf("%w: %s: %.80q", ErrName, why, name)
}

// autoLayout is a time in the name of a snapshot, without colons, in UTC.
const autoLayout = "2006-01-02T15-04-05Z"

// AutoName is the name of a snapshot that nobody named: its time, and before it the
// kind when the schedule took it. No name has two meanings: a second one in the same
// second is told apart by n, from 2 on.
//
//	2026-11-22T10-00-00Z  hourly-2026-11-22T10-00-00Z  2026-11-22T10-00-00Z-2
func AutoName(kind string, at time.Time, n int) string {
	name := at.UTC().Format(autoLayout)
	if kind != "" {
		name = kind + "-" + name
	}
	if n > 1 {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	return name
}
