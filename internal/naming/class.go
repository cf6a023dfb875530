package naming

import "strings"

// Class says what a name is, in the order in which it is decided.
type Class uint8

// The classes.
const (
	Invalid   Class = iota // none of the others
	Virtual                // belongs to the drive: .rdfs, .snapshots, .versions
	LocalOnly              // dropped by programs: kept here, never a version, never stored
	Sidecar                // of a database that is open: as LocalOnly
	Bundle                 // below a directory whose rule says that every name is right
	Valid                  // matches a rule, or nobody looks here
	Staged                 // may become data when it is renamed: visible, not stored
)

var classNames = [...]string{"invalid", "virtual", "local-only", "sidecar", "bundle member", "valid", "staged"}

func (c Class) String() string { return classNames[c] }

// Reserved reports whether a name belongs to the drive in every directory.
func Reserved(name string) bool {
	return name == ".versions" || name == ".snapshots" || name == ".rdfs"
}

// Keep says what becomes of the bytes under a name.
type Keep uint8

// What becomes of bytes.
const (
	KeepData   Keep = iota // versions, stored
	KeepStaged             // visible, not stored until it is renamed; moved to the inbox in the end
	KeepLocal              // visible, never stored
)

// Verdict is what a scheme says of one name.
type Verdict struct {
	Class Class
	Mode  Mode  // that holds here
	Rule  *Rule // that it matches; nil where none is asked, or a directory on the way to several
}

// Refused reports whether the name may not come to be.
func (v Verdict) Refused() bool {
	return v.Class == Virtual || v.Class == Invalid && v.Mode == Enforce
}

// Reported reports whether the name is accepted although it is wrong.
func (v Verdict) Reported() bool {
	return v.Class == Invalid && (v.Mode == Warn || v.Mode == Stage)
}

// Keep returns what becomes of the bytes under the name.
func (v Verdict) Keep() Keep {
	switch {
	case v.Class == LocalOnly || v.Class == Sidecar:
		return KeepLocal
	case v.Class == Staged || v.Class == Invalid && v.Mode == Stage:
		return KeepStaged
	}
	return KeepData
}

// Siblings returns the name in the directory that is equal to name but for case, and is not
// name itself; "" when there is none. nil: nobody knows.
type Siblings func(name string) string

// Classify judges a name in a directory.
func (d *Dir) Classify(name string, kind Kind, siblings Siblings) Verdict {
	if Reserved(name) {
		return Verdict{Class: Virtual, Mode: d.mode}
	}
	v := Verdict{Class: Valid, Mode: d.modeOf(name)}
	if v.Mode == Off {
		return v
	}
	local, sidecar, staged := d.s.shapes.of(name)
	switch {
	case local || d.within == LocalOnly:
		v.Class = LocalOnly
		return v
	case sidecar && kind != Folder && d.besideDatabase(name):
		v.Class = Sidecar
		return v
	case d.within == Bundle:
		v.Class, v.Rule = Bundle, d.rule
		return v
	case d.within == Staged:
		v.Class = Staged
		return v
	}
	fits := d.s.fits(name)
	if fits {
		if rule, ok := d.matchRule(name, kind); ok {
			v.Rule = rule
			if siblings != nil && !d.s.c.CaseSensitive && siblings(name) != "" {
				v.Class = Invalid
			}
			return v
		}
	}
	switch {
	case staged || fits && d.startsValid(name):
		v.Class = Staged
	default:
		v.Class = Invalid
	}
	return v
}

// besideDatabase reports whether a sidecar's database could stand here.
func (d *Dir) besideDatabase(name string) bool {
	main, ok := sidecarOf(name)
	if !ok {
		return false
	}
	if d.within == Bundle || d.within == Staged {
		return true
	}
	_, ok = d.matchRule(main, File)
	return ok && d.s.fits(main)
}

// startsValid reports whether a name is a valid one with more behind it: eeg.csv.2387.
func (d *Dir) startsValid(name string) bool {
	for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
		if _, ok := d.matchRule(name[:i], File); ok {
			return true
		}
	}
	return false
}
