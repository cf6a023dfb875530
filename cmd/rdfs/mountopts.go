package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rdfs/rdfs/internal/config"
)

// mountFlags are the options of -o.
type mountFlags struct {
	allowOther  config.Tristate // Auto: as rdfs.yaml says
	passthrough config.Tristate
	readOnly    bool
	kernel      []string
	logLevel    string
	debug       bool
}

// kernelOptions are passed on to mount(2). A later one takes its opposite back.
var kernelOptions = map[string]string{ // option -> its opposite
	"nodev": "dev", "dev": "nodev",
	"nosuid": "suid", "suid": "nosuid",
	"noexec": "exec", "exec": "noexec",
	"noatime": "atime", "atime": "noatime",
	"nodiratime": "diratime", "diratime": "nodiratime",
	"relatime": "norelatime", "norelatime": "relatime",
}

// kernelDefaults need not be said to the kernel.
var kernelDefaults = []string{"dev", "suid", "exec", "atime", "diratime", "relatime", "norelatime"}

// ignoredOptions are for fstab, mount(8) and systemd only.
var ignoredOptions = []string{"defaults", "auto", "noauto", "nofail", "user", "users", "nouser", "owner", "group", "_netdev", "rw", "async",
	"silent", "loud", "default_permissions"}

// parseMountOptions reads lists of options. Sloppy ignores what it does not know.
func parseMountOptions(lists []string, sloppy bool) (mountFlags, error) {
	f := mountFlags{allowOther: config.Auto, passthrough: config.Auto}
	for _, o := range strings.Split(strings.Join(lists, ","), ",") {
		name, value, hasValue := strings.Cut(strings.TrimSpace(o), "=")
		opposite, kernel := kernelOptions[name]
		switch {
		case name == "", strings.HasPrefix(name, "x-"), strings.HasPrefix(name, "X-"), name == "comment":
		case name == "log_level" && hasValue:
			f.logLevel = value
		case hasValue && sloppy:
		case hasValue:
			return f, fmt.Errorf("mount option %q: rdfs knows no option %q with a value", o, name)
		case name == "allow_other":
			f.allowOther = config.On
		case name == "noallow_other":
			f.allowOther = config.Off
		case name == "nopassthrough":
			f.passthrough = config.Off
		case name == "passthrough":
			f.passthrough = config.On
		case name == "ro":
			f.readOnly = true
		case name == "rw":
			f.readOnly = false
		case name == "debug":
			f.debug = true
		case kernel:
			f.kernel = slices.DeleteFunc(f.kernel, func(k string) bool { return k == opposite || k == name })
			if !slices.Contains(kernelDefaults, name) {
				f.kernel = append(f.kernel, name)
			}
		case slices.Contains(ignoredOptions, name):
		case sloppy:
		default:
			known := []string{"allow_other", "noallow_other", "nopassthrough", "passthrough", "ro", "rw", "debug", "log_level"}
			for k := range kernelOptions {
				known = append(known, k)
			}
			slices.Sort(known)
			if near := config.Nearest(name, known); near != "" {
				return f, fmt.Errorf("unknown mount option %q; did you mean %q?", name, near)
			}
			return f, fmt.Errorf("unknown mount option %q", name)
		}
	}
	return f, nil
}
