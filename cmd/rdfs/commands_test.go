package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/volume"
)

func TestLogShowsVersionsToPeopleAndToPrograms(t *testing.T) {
	b := newBench(t)
	t.Setenv("TZ", "UTC")
	_, out, _ := b.rdfs("log", "-R", b.repo, "/exp/data.csv")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 {
		t.Fatalf("got:\n%s", out)
	}
	for i, words := range [][]string{
		{"VERSION", "AUTHOR"},
		{"1 ", "1.5 KiB", "ada", "python3 save.py --fast", "0123456789ab ", "restored from version 9"},
		{"2 ", "3 MiB", "uid 1001", "not yet stored", "current"},
	} {
		for _, w := range words {
			if !strings.Contains(lines[i]+" ", w) {
				t.Errorf("line %d lacks %q: %s", i, w, lines[i])
			}
		}
	}
	_, out, _ = b.rdfs("log", "--json", "-R", b.repo, "exp/data.csv")
	var got []volume.VersionInfo
	if err := json.Unmarshal([]byte(out), &got); err != nil || !reflect.DeepEqual(got, b.d.versions) {
		t.Errorf("%v: got %+v", err, got)
	}
}

func TestRestoreAsksForWhatTheCommandLineSays(t *testing.T) {
	b := newBench(t)
	b.now = func() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }
	base := []string{"restore", "-R", b.repo, "exp/data.csv"}
	uid, gid := uint32(os.Getuid()), uint32(os.Getgid())
	for _, tt := range []struct {
		args []string
		want volume.RestoreRequest
		out  string
	}{
		{[]string{"--version", "1"}, volume.RestoreRequest{Seq: 1}, "this is version 3 now"},
		{[]string{"--version", "1", "--to", "/exp/old.csv"}, volume.RestoreRequest{Seq: 1, To: "exp/old.csv"}, "restored"},
		{[]string{"--version", "1", "--dry-run"}, volume.RestoreRequest{Seq: 1, DryRun: true}, "would restore"},
	} {
		tt.want.Path, tt.want.UID, tt.want.GID = "exp/data.csv", uid, gid
		status, out, errOut := b.rdfs(append(base, tt.args...)...)
		if status != 0 || !strings.Contains(out, tt.out) {
			t.Errorf("%v: status %d: %s%s", tt.args, status, out, errOut)
		}
		if !reflect.DeepEqual(b.d.restored, tt.want) {
			t.Errorf("%v: got %+v, want %+v", tt.args, b.d.restored, tt.want)
		}
	}
	tenOClock := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for at, want := range map[string]volume.Moment{
		"-2h":                  {Time: tenOClock},
		"@-2h":                 {Time: tenOClock},
		"2026-11-23T10:00:00Z": {Name: "2026-11-23T10:00:00Z", Time: tenOClock},
		"before":               {Name: "before", Not: `time "before": want 2026-11-22T10:00:00Z, 2026-11-22, yesterday or -2h`},
	} {
		status, out, errOut := b.rdfs(append(base, "--at", at, "--to", "exp/old.csv", "--dry-run")...)
		if status != 0 || !strings.Contains(out, "would restore exp/data.csv; this is version 3 now\n") {
			t.Errorf("%s: status %d: %s%s", at, status, out, errOut)
		}
		req := volume.TreeRequest{Path: "exp/data.csv", At: want, To: "exp/old.csv", DryRun: true, Requester: volume.Requester{UID: uid, GID: gid}}
		if !reflect.DeepEqual(b.d.tree, req) {
			t.Errorf("%s: got %+v, want %+v", at, b.d.tree, req)
		}
	}
}

func TestCheckTellsEachFindingAndItsCure(t *testing.T) {
	b := newBench(t)
	b.d.check = volume.CheckResult{Rows: 10, Files: 2, Packs: 1, Bytes: 2048, Errors: 1,
		Findings: []volume.Finding{{Severity: "error", Object: "blobs/packs/x", Problem: "hash differs", Fix: "restore it from a backup"}}}
	_, out, errOut := b.rdfs("check", "--data", b.repo)
	want := "error: blobs/packs/x: hash differs\n  do: restore it from a backup\n" +
		"1 error: 10 rows, 2 files, 1 pack, 2 KiB read and verified\n"
	if out != want || errOut != "rdfs: check found 1 error\n" {
		t.Errorf("got:\n%s%s", out, errOut)
	}
	b.d.check = volume.CheckResult{}
	if _, out, _ = b.rdfs("check", b.repo); !strings.HasPrefix(out, "all is well: ") {
		t.Errorf("got:\n%s", out)
	}
}

func TestMountOptionsAreTakenOrRefusedByName(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want mountFlags
		err  string
	}{
		{in: "", want: mountFlags{}},
		{in: "defaults,noauto,nofail,_netdev,x-systemd.requires=a.service,user", want: mountFlags{}},
		{in: "allow_other,ro", want: mountFlags{allowOther: config.On, readOnly: true}},
		{in: "ro,rw,noallow_other,nopassthrough", want: mountFlags{allowOther: config.Off, passthrough: config.Off}},
		{in: "nodev,nosuid,dev,log_level=debug", want: mountFlags{kernel: []string{"nosuid"}, logLevel: "debug"}},
		{in: "alow_other", err: `unknown mount option "alow_other"; did you mean "allow_other"?`},
		{in: "uid=5", err: `mount option "uid=5": rdfs knows no option "uid" with a value`},
	} {
		got, err := parseMountOptions([]string{tt.in}, false)
		if tt.err != "" {
			if err == nil || err.Error() != tt.err {
				t.Errorf("%q: got %v, want %q", tt.in, err, tt.err)
			}
			if _, err := parseMountOptions([]string{tt.in}, true); err != nil {
				t.Errorf("%q, sloppy: %v", tt.in, err)
			}
			continue
		}
		if tt.want.allowOther == "" {
			tt.want.allowOther = config.Auto
		}
		if tt.want.passthrough == "" {
			tt.want.passthrough = config.Auto
		}
		if err != nil || len(got.kernel)+len(tt.want.kernel) > 0 && !reflect.DeepEqual(got.kernel, tt.want.kernel) {
			t.Errorf("%q: got %+v, %v", tt.in, got, err)
		}
		got.kernel, tt.want.kernel = nil, nil
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: got %+v, want %+v", tt.in, got, tt.want)
		}
		// What is handed to the process in the background means the same.
		again, err := parseMountOptions([]string{got.String()}, false)
		again.logLevel, again.kernel = got.logLevel, nil // which goes by a flag of its own
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%q: handed on as %q: %+v, %v", tt.in, got.String(), again, err)
		}
	}
}

func TestTheLogKeepsWithinItsBound(t *testing.T) {
	name := filepath.Join(t.TempDir(), "rdfs.log")
	l, err := openLog(name, 1000, false)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 99) + "\n"
	for range 95 {
		if _, err := l.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	var total int64
	for n, want := range map[string]int64{name: 500, name + ".1": 1000} {
		fi, err := os.Stat(n)
		if err != nil {
			t.Fatal(err)
		}
		if fi.Size() != want || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %d bytes, mode %v; want %d", n, fi.Size(), fi.Mode(), want)
		}
		total += fi.Size()
	}
	if got := lastLines(name, 2); got != line+strings.TrimSpace(line) {
		t.Errorf("last lines: %q", got)
	}
}

func TestHoldersNamesWhoKeepsAPlaceBusy(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cat")
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	got := holders(dir)
	if len(got) != 1 || !strings.Contains(got[0], "cat") || !strings.HasSuffix(got[0], "works in "+dir) {
		t.Errorf("got %q", got)
	}
	if got := holders(dir + "x"); got != nil {
		t.Errorf("got %q for another place", got)
	}
}
