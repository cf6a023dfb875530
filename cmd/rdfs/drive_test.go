package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rdfs/rdfs/internal/control"
)

// These scripts mount drives: they need /dev/fuse, and root or fusermount3.
func TestDrivesBehaveAsTheScriptsExpect(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/drive",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Defer(func() { unmountBelow(env.WorkDir) })
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			// killdrive REPO kills the process that has the repository mounted.
			"killdrive": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 1 {
					ts.Fatalf("usage: killdrive REPO")
				}
				ts.Check(killDrive(ts.MkAbs(args[0])))
			},
		},
	})
}

// killDrive kills the process that has a repository open, and returns when it is gone.
func killDrive(repo string) error {
	h, locked := control.LockedBy(repo)
	if !locked || h.PID <= 1 || h.PID == os.Getpid() {
		return fmt.Errorf("%s: nobody to kill: %+v", repo, h)
	}
	if err := syscall.Kill(h.PID, syscall.SIGKILL); err != nil {
		return err
	}
	return retry(context.Background(), time.Minute, func() (again bool, err error) {
		if _, locked := control.LockedBy(repo); locked {
			return true, fmt.Errorf("process %d lives on", h.PID)
		}
		return false, nil
	})
}

// unmountBelow leaves no mount behind, whatever a test did.
func unmountBelow(dir string) {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return
	}
	mounts, err := control.Mounts()
	if err != nil {
		return
	}
	for _, m := range mounts {
		if inside(real, m.Mountpoint) {
			detach(m.Mountpoint)
		}
	}
}

// TestTheSessionOfTheREADMEIsTrue runs the commands of the README's first example in
// a shell and compares what they print, numbers, names and hashes aside.
func TestTheSessionOfTheREADMEIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, session, ok := strings.Cut(string(text), "```console\n")
	session, _, ok2 := strings.Cut(session, "```")
	if !ok || !ok2 {
		t.Fatal("the README has no console session")
	}
	dir := t.TempDir()
	t.Cleanup(func() { unmountBelow(dir) })
	for step := range strings.SplitSeq(strings.TrimPrefix(session, "$ "), "\n$ ") {
		command, want, _ := strings.Cut(step, "\n")
		cmd := exec.CommandContext(t.Context(), "bash", "-c", command)
		cmd.Dir = dir
		var errOut strings.Builder
		cmd.Stderr = &errOut
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, errOut.String())
		}
		if want = strings.TrimSpace(want); want == "" {
			continue
		}
		got, want := shape(string(out)), shape(want)
		if got != want {
			t.Errorf("%s\nprints:\n%s\nthe README has:\n%s", command, got, want)
		}
	}
}

var (
	timesAndNumbers = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}`)
	authorToHash    = regexp.MustCompile(`(B )[a-z_-]+ .* [0-9a-f]{12}`)
	spaces          = regexp.MustCompile(` +`)
)

// shape replaces what differs from one run and machine to the next.
func shape(s string) string {
	s = timesAndNumbers.ReplaceAllString(strings.TrimSpace(s), "TIME")
	s = spaces.ReplaceAllString(s, " ")
	s = authorToHash.ReplaceAllString(s, "${1}AUTHOR PROGRAM HASH")
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}
