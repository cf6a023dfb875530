package drivetest

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"sort"
	"strings"
	"time"
)

// A result is what a command of rdfs did.
type result struct {
	args        []string
	out, errOut string
	err         error // nil if the exit status is 0
}

func (r result) String() string {
	return fmt.Sprintf("rdfs %s: %v\n%s%s", strings.Join(r.args, " "), r.err, r.out, r.errOut)
}

// rdfs runs a command of the binary.
func (d *drive) rdfs(args ...string) result {
	out, errOut, err := output(exec.Command(suite.bin, args...), 2*time.Minute)
	return result{args: args, out: out, errOut: errOut, err: err}
}

// must fails the test unless the command ended well; it returns what it printed.
func (d *drive) must(r result) string {
	d.t.Helper()
	if r.err != nil {
		d.t.Fatal(r)
	}
	return r.out
}

// refused fails the test unless the command ended badly, with a message that has all the words and no trace
// of a crash. It returns the message.
func (d *drive) refused(r result, words ...string) string {
	d.t.Helper()
	text := r.out + r.errOut
	if r.err == nil {
		d.t.Errorf("accepted, want a refusal: %v", r)
		return text
	}
	for _, w := range words {
		if !strings.Contains(strings.ToLower(text), strings.ToLower(w)) {
			d.t.Errorf("the refusal does not say %q: %v", w, r)
		}
	}
	if strings.Contains(text, "goroutine ") {
		d.t.Errorf("a crash instead of a refusal: %v", r)
	}
	return text
}

// sync returns when all that was closed under the paths (the whole drive without paths) is sealed.
func (d *drive) sync(paths ...string) {
	d.t.Helper()
	if d.plain {
		return
	}
	if len(paths) == 0 {
		paths = []string{d.mnt}
	}
	d.must(d.rdfs(append([]string{"sync"}, paths...)...))
}

// A logEntry is one version in `rdfs log --json`.
type logEntry struct {
	Seq     int       `json:"seq"`
	Time    time.Time `json:"time"`
	Size    int64     `json:"size"`
	UID     *uint32   `json:"uid"`
	Author  string    `json:"author"`
	Program string    `json:"program"`
	Content string    `json:"content"`
	Current bool      `json:"current"`
}

// history is `rdfs log --json`, oldest first, without what is not a version yet: it has no content and no number.
func (d *drive) history(file string) []logEntry {
	d.t.Helper()
	var log []logEntry
	d.decode(d.rdfs("log", "--json", file), &log)
	log = slices.DeleteFunc(log, func(e logEntry) bool { return e.Seq == 0 && e.Content == "" })
	sort.Slice(log, func(i, j int) bool { return log[i].Seq < log[j].Seq })
	return log
}

func (d *drive) decode(r result, v any) {
	d.t.Helper()
	if err := json.Unmarshal([]byte(d.must(r)), v); err != nil {
		d.t.Fatalf("not the JSON that was promised: %v\n%v", err, r)
	}
}

// A checkResult is the part of `rdfs check --json` that the tests read.
type checkResult struct {
	Rows, Files, Packs, Bytes int64
	Errors                    int
	Findings                  []struct{ Severity, Object, Problem, Fix string }
}

// check runs `rdfs check --data`, on the mount if there is one, and fails the test unless it is clean.
func (d *drive) check() {
	d.t.Helper()
	if d.plain {
		return
	}
	res, r := d.tryCheck()
	if r.err != nil || res.Errors != 0 {
		d.t.Errorf("check is not clean: %v", r)
	}
}

func (d *drive) tryCheck() (checkResult, result) {
	d.t.Helper()
	target := d.repo
	if d.daemon != nil {
		target = d.mnt
	}
	r := d.rdfs("check", "--data", "--json", target)
	var res checkResult
	if err := json.Unmarshal([]byte(r.out), &res); err != nil {
		d.t.Errorf("check printed no JSON: %v\n%v", err, r)
	}
	return res, r
}

// A status is the part of `rdfs status --json` that the tests read.
type status struct {
	Passthrough  bool   `json:"passthrough"`
	ReadOnlyWhy  string `json:"read_only_why"`
	Unsealed     int    `json:"unsealed"`
	SafeToUnplug bool   `json:"safe_to_unplug"`
	Versions     uint64 `json:"versions"`
}

func (d *drive) status() status {
	d.t.Helper()
	var s status
	d.decode(d.rdfs("status", "--json", d.mnt), &s)
	return s
}
