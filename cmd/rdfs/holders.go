package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxHolders is how many processes are worth naming.
const maxHolders = 8

// holders names the processes that keep a mount busy, as far as the caller may see
// them: "1234 vim notes.txt: has /mnt/notes.txt open". It reads links in /proc
// without following them, so that it never asks the drive itself.
func holders(place string) []string {
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil
	}
	var out []string
	for _, p := range procs {
		pid, err := strconv.Atoi(filepath.Base(p))
		if err != nil || pid == os.Getpid() {
			continue
		}
		use := usage(p, place)
		if use == "" {
			continue
		}
		if len(out) == maxHolders {
			return append(out, "...")
		}
		cmdline, _ := os.ReadFile(p + "/cmdline")
		out = append(out, fmt.Sprintf("%d %s: %s", pid, oneLine(strings.TrimSpace(strings.ReplaceAll(string(cmdline), "\x00", " ")), 60), use))
	}
	return out
}

// usage says how the process at /proc/PID uses place, or "".
func usage(proc, place string) string {
	in := func(target string) bool { return target == place || strings.HasPrefix(target, place+"/") }
	if t, err := os.Readlink(proc + "/cwd"); err == nil && in(t) {
		return "works in " + t
	}
	if t, err := os.Readlink(proc + "/root"); err == nil && in(t) {
		return "has its root in " + t
	}
	if t, err := os.Readlink(proc + "/exe"); err == nil && in(t) {
		return "runs " + t
	}
	fds, _ := os.ReadDir(proc + "/fd")
	for _, fd := range fds {
		if t, err := os.Readlink(proc + "/fd/" + fd.Name()); err == nil && in(t) {
			return "has " + t + " open"
		}
	}
	maps, err := os.Open(proc + "/maps")
	if err != nil {
		return ""
	}
	defer maps.Close()
	for sc := bufio.NewScanner(maps); sc.Scan(); {
		if i := strings.IndexByte(sc.Text(), '/'); i >= 0 && in(sc.Text()[i:]) {
			return "has " + sc.Text()[i:] + " mapped"
		}
	}
	return ""
}
