package drivetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// scheme sets the naming scheme of a new drive, and further lines of its section.
func scheme(name string, more ...string) option {
	return func(d *drive) {
		file := filepath.Join(d.repo, "rdfs.yaml")
		text, err := os.ReadFile(file)
		if d.plain || errors.Is(err, os.ErrNotExist) {
			return // called before init as well
		}
		must(d.t, err)
		text = regexp.MustCompile(`(?m)^  scheme: .*$`).ReplaceAll(text, []byte("  scheme: "+name))
		lines := ""
		for _, l := range more {
			lines += "\n  " + l
		}
		text = regexp.MustCompile(`(?m)^  mode: .*$`).ReplaceAllLiteral(text, []byte("  mode: enforce"+lines))
		must(d.t, os.WriteFile(file, text, 0o644))
	}
}

// session makes a directory for the data of one session.
func (d *drive) session(subject string) string {
	dir := d.path("EXP0042", subject, "ses-01")
	must(d.t, os.MkdirAll(dir, 0o755))
	return dir
}

// Every program saves as it is used to, on a drive that refuses wrong names, when the final names are right; and
// what it drops beside its data is never stored.
func TestRealProgramsSaveOnADriveThatEnforcesNames(t *testing.T) {
	if suite.plain {
		return
	}
	needPrograms(t)
	d := newDrive(t, scheme("hierarchical",
		// What split(1) makes is right here, and so are words with _ between them.
		"rules:", "  - {id: parts, path: '{experiment_id}/{subject_id}/{session_id}/part-{letters:/[a-z]{2}/}'}",
		"  - {id: words, path: '{experiment_id}/{subject_id}/{session_id}/{words:/[a-z0-9]+(_[a-z0-9]+)+/}.{extension}'}"))
	for i, script := range []string{"h5py_files.py", "h5py_swmr.py", "numpy_arrays.py", "pandas_tables.py", "sklearn_sets.py", "netcdf_files.py",
		"zarr_store.py", "sqlite_rollback.py", "sqlite_wal.py", "r_datasets.R", "vim_edits.sh", "sed_edits.sh"} {
		t.Run(script, func(t *testing.T) {
			dir := d.session("sub-" + string(rune('a'+i)))
			run(t, program{script: script}.command(t, "save", dir))
			run(t, program{script: script}.command(t, "verify", dir))
		})
	}
	must(t, os.MkdirAll(d.path("EXP0042", "code"), 0o755))
	for _, script := range []string{"git_work.sh", "rsync_copy.sh", "tar_archives.sh"} {
		t.Run(script, func(t *testing.T) {
			dir := d.path("EXP0042", "code", script)
			must(t, os.Mkdir(dir, 0o755))
			run(t, program{script: script}.command(t, "save", dir))
			run(t, program{script: script}.command(t, "verify", dir))
		})
	}
	if text := string(get(os.ReadFile(d.path(".rdfs", "rejections.jsonl")))(t)); text != "" {
		t.Errorf("names were refused:\n%s", text)
	}
	d.wantOnlyData()
	d.remount()
	d.wantOnlyData()
	d.check()
}

// wantOnlyData: the names that have versions follow the scheme.
func (d *drive) wantOnlyData() {
	d.t.Helper()
	d.sync()
	var names strings.Builder
	must(d.t, filepath.WalkDir(d.mnt, func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		versioned, err := os.ReadDir(filepath.Join(p, ".versions"))
		for _, v := range versioned {
			rel := get(filepath.Rel(d.mnt, filepath.Join(p, v.Name())))(d.t)
			names.WriteString(rel + "\n")
		}
		return err
	}))
	cmd := exec.Command(suite.bin, "names", "check", "-R", d.repo, "--json", "-")
	cmd.Stdin = strings.NewReader(names.String())
	out, _ := cmd.Output()
	var res struct {
		Names, Wrong, Staged int
		Local                int `json:"local_only"`
	}
	must(d.t, json.Unmarshal(out, &res))
	if res.Wrong+res.Staged+res.Local > 0 || res.Names < 10 {
		d.t.Errorf("among the names that have versions: %+v", res)
	}
}

// officeSaves are the system calls with which office programs save a file that is there.
var officeSaves = map[string]func(t *testing.T, dir, name, content string){
	"Excel": func(t *testing.T, dir, name, content string) {
		lock, temp := filepath.Join(dir, "~$"+name), filepath.Join(dir, "Cedd4100")
		must(t, os.WriteFile(lock, []byte("ada"), 0o600))
		must(t, os.WriteFile(temp, []byte(content), 0o644))
		must(t, os.Remove(filepath.Join(dir, name)))
		must(t, os.Rename(temp, filepath.Join(dir, name)))
		must(t, os.Remove(lock))
	},
	"Excel with a backup": func(t *testing.T, dir, name, content string) {
		temp, old := filepath.Join(dir, "8F3A0010"), filepath.Join(dir, "8F3A0010.tmp")
		must(t, os.WriteFile(temp, []byte(content), 0o644))
		must(t, os.Rename(filepath.Join(dir, name), old))
		must(t, os.Rename(temp, filepath.Join(dir, name)))
		must(t, os.Remove(old))
	},
	"LibreOffice": func(t *testing.T, dir, name, content string) {
		lock, temp := filepath.Join(dir, ".~lock."+name+"#"), filepath.Join(dir, "lu27193hk2v1.tmp")
		must(t, os.WriteFile(lock, []byte(",ada,host;"), 0o644))
		f := get(os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600))(t)
		get(f.WriteString(content))(t)
		must(t, f.Sync())
		must(t, f.Close())
		must(t, os.Rename(temp, filepath.Join(dir, name)))
		must(t, os.Remove(lock))
	},
	"GLib": func(t *testing.T, dir, name, content string) {
		temp := filepath.Join(dir, ".goutputstream-X3K9QZ")
		must(t, os.WriteFile(temp, []byte(content), 0o600))
		must(t, os.Rename(temp, filepath.Join(dir, name)))
	},
	"rsync": func(t *testing.T, dir, name, content string) {
		temp := filepath.Join(dir, "."+name+".iW7MHO")
		must(t, os.WriteFile(temp, []byte(content), 0o600))
		must(t, os.Rename(temp, filepath.Join(dir, name)))
	},
	"emacs": func(t *testing.T, dir, name, content string) {
		lock, auto := filepath.Join(dir, ".#"+name), filepath.Join(dir, "#"+name+"#")
		must(t, os.Symlink("ada@host.1234:1", lock))
		must(t, os.WriteFile(auto, []byte(content), 0o644))
		must(t, os.Rename(filepath.Join(dir, name), filepath.Join(dir, name+"~")))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
		must(t, os.Remove(auto))
		must(t, os.Remove(lock))
	},
	"a browser": func(t *testing.T, dir, name, content string) {
		temp := filepath.Join(dir, name+".crdownload")
		must(t, os.WriteFile(temp, []byte(content), 0o644))
		must(t, os.Rename(temp, filepath.Join(dir, name)))
	},
	"zarr 3, exclusive": func(t *testing.T, dir, name, content string) {
		temp := filepath.Join(dir, name+".0c2d3b5f8b9d4c5fa1f52d6fd9a0b7aa.partial")
		must(t, os.WriteFile(temp, []byte(content), 0o644))
		must(t, os.Remove(filepath.Join(dir, name)))
		must(t, os.Link(temp, filepath.Join(dir, name)))
		must(t, os.Remove(temp))
	},
}

func TestOfficeProgramsSaveOnADriveThatEnforcesNames(t *testing.T) {
	if suite.plain {
		return
	}
	d := newDrive(t, scheme("hierarchical"), sealAfter(20*time.Millisecond))
	for who, save := range officeSaves {
		t.Run(who, func(t *testing.T) {
			dir := d.session("sub-" + regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(who, ""))
			const name = "report.xlsx"
			must(t, os.WriteFile(filepath.Join(dir, name), []byte("first"), 0o644)) // Excel saves a new file in place
			d.sync()
			for _, content := range []string{"second", "third"} {
				save(t, dir, name, content)
				d.sync()
			}
			var got []string
			for _, v := range get(os.ReadDir(filepath.Join(dir, ".versions", name)))(t) {
				got = append(got, string(get(os.ReadFile(filepath.Join(dir, ".versions", name, v.Name())))(t)))
			}
			if want := []string{"first", "second", "third"}; !slices.Equal(got, want) {
				t.Errorf("the versions hold %q, want %q", got, want)
			}
			for _, v := range get(os.ReadDir(filepath.Join(dir, ".versions")))(t) {
				if v.Name() != name {
					t.Errorf("%s has versions", v.Name())
				}
			}
		})
	}
	rng := newRand(4)
	for _, p := range patterns {
		t.Run(p.name, func(t *testing.T) {
			path := filepath.Join(d.session("sub-patterns"), regexp.MustCompile(`[^a-z]+`).ReplaceAllString(p.name, "-")+".bin")
			var old []byte
			for range 3 {
				content := p.next(rng, old)
				p.save(t, path, old, content)
				if got := get(os.ReadFile(path))(t); !bytes.Equal(got, content) {
					t.Fatal("it reads back as something else")
				}
				old = content
			}
		})
	}
	t.Run("notebook", func(t *testing.T) {
		code := d.path("EXP0042", "code")
		must(t, os.MkdirAll(filepath.Join(code, ".ipynb_checkpoints"), 0o755))
		must(t, os.WriteFile(filepath.Join(code, ".~analysis.ipynb"), []byte("new"), 0o644))
		must(t, os.Rename(filepath.Join(code, ".~analysis.ipynb"), filepath.Join(code, "analysis.ipynb")))
		must(t, os.WriteFile(filepath.Join(code, ".ipynb_checkpoints", "analysis-checkpoint.ipynb"), []byte("new"), 0o644))
		d.sync()
		if got := get(os.ReadDir(filepath.Join(code, ".versions", "analysis.ipynb")))(t); len(got) != 1 {
			t.Errorf("the notebook has versions %v", got)
		}
		if got := get(os.ReadDir(filepath.Join(code, ".ipynb_checkpoints", ".versions")))(t); len(got) != 0 {
			t.Errorf("the checkpoints have versions: %v", got)
		}
	})
	d.check()
}

// A wrong name fails with the errno that people understand, and is explained in four ways.
func TestARefusedNameIsExplained(t *testing.T) {
	if suite.plain {
		return
	}
	need(t, "getfattr", "attr")
	d := newDrive(t, scheme("hierarchical"))
	dir := d.session("sub-01")
	good := filepath.Join(dir, "eeg.csv")
	must(t, os.WriteFile(good, []byte("x"), 0o644))
	bad := filepath.Join(dir, "eeg_1.csv")
	for op, do := range map[string]func() error{
		"open":    func() error { return os.WriteFile(bad, nil, 0o644) },
		"mkdir":   func() error { return os.Mkdir(bad, 0o755) },
		"mknod":   func() error { return unix.Mknod(bad, unix.S_IFIFO|0o600, 0) },
		"symlink": func() error { return os.Symlink("eeg.csv", bad) },
		"link":    func() error { return os.Link(good, bad) },
		"rename":  func() error { return os.Rename(good, bad) },
	} {
		want := syscall.EINVAL
		if op == "rename" {
			want = syscall.EPERM
		}
		if err := do(); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", op, err, want)
		}
	}
	must(t, os.WriteFile(good, []byte("x"), 0o644)) // and what is right goes on

	for program, want := range map[string]string{
		"mv eeg.csv eeg_1.csv": "mv: cannot move 'eeg.csv' to 'eeg_1.csv': Operation not permitted",
		"mkdir sub_2":          "mkdir: cannot create directory 'sub_2': Invalid argument",
	} {
		cmd := exec.Command("/bin/sh", "-c", program)
		cmd.Dir, cmd.Env = dir, append(programEnv(tempDir(t)), "LC_ALL=C")
		if out, err := cmd.CombinedOutput(); err == nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("%s: %v, printed %q, want %q", program, err, out, want)
		}
	}
	os.WriteFile(bad, nil, 0o644)
	const reason = `data_type = "eeg_1": want a text that matches [A-Za-z][0-9A-Za-z]*(?:-[0-9A-Za-z]+)*, for example eeg; did you mean eeg-1?`
	text := string(get(os.ReadFile(d.path(".rdfs", "last-error")))(t))
	for _, want := range []string{" create EXP0042/sub-01/ses-01/eeg_1.csv: refused\n", reason, "nearest right path: EXP0042/sub-01/ses-01/eeg-1.csv"} {
		if !strings.Contains(text, want) {
			t.Errorf("last-error lacks %q:\n%s", want, text)
		}
	}
	out := run(t, exec.Command("getfattr", "--only-values", "-n", "user.rdfs.last_rejection", dir))
	if out != text {
		t.Errorf("the attribute says\n%s\nand the file\n%s", out, text)
	}
	lines := strings.Split(strings.TrimSpace(string(get(os.ReadFile(d.path(".rdfs", "rejections.jsonl")))(t))), "\n")
	var last struct {
		Op, Path, Errno, Suggestion, Program string
		Problems                             []struct{ Field, Value, Expected, Suggestion string }
	}
	must(t, json.Unmarshal([]byte(lines[len(lines)-1]), &last))
	if len(lines) != 9 || last.Op != "create" || last.Errno != "EINVAL" || last.Suggestion != "EXP0042/sub-01/ses-01/eeg-1.csv" ||
		len(last.Problems) != 1 || last.Problems[0].Field != "data_type" || last.Problems[0].Suggestion != "eeg-1" {
		t.Errorf("%d lines, the last is %+v", len(lines), last)
	}
	if log := d.logTail(); !strings.Contains(log, `msg="name refused" op=create path=EXP0042/sub-01/ses-01/eeg_1.csv`) {
		t.Errorf("the log does not tell:\n%s", log)
	}
	if words := string(get(os.ReadFile(d.path(".rdfs", "NAMING.md")))(t)); !strings.Contains(words, "**hierarchical**") {
		t.Errorf("NAMING.md says\n%s", words)
	}
	// .rdfs is there for who knows its name, in the root only.
	for _, e := range get(os.ReadDir(d.mnt))(t) {
		if e.Name() == ".rdfs" {
			t.Error(".rdfs is listed")
		}
	}
	if _, err := os.Stat(filepath.Join(dir, ".rdfs")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf(".rdfs below the root: %v", err)
	}
	for name, err := range map[string]error{
		"write":  os.WriteFile(d.path(".rdfs", "last-error"), nil, 0o644),
		"create": os.WriteFile(d.path(".rdfs", "new"), nil, 0o644),
		"remove": os.Remove(d.path(".rdfs", "NAMING.md")),
	} {
		if !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s in .rdfs: %v", name, err)
		}
	}
}

// Each user is told of their own mistakes.
func TestRefusalsAreToldToWhoMadeThem(t *testing.T) {
	if suite.plain {
		return
	}
	needRoot(t)
	d := newDrive(t, scheme("hierarchical"))
	must(t, os.Chmod(d.mnt, 0o777))
	os.WriteFile(d.path("of-root"), nil, 0o644)
	read := func(name string) (text string) {
		must(t, as(t, nobody, nobody, func() error {
			b, err := os.ReadFile(d.path(".rdfs", name))
			text = string(b)
			return err
		}))
		return text
	}
	if got := read("last-error"); got != "" {
		t.Errorf("before any mistake: %q", got)
	}
	must(t, as(t, nobody, nobody, func() error { os.WriteFile(d.path("of-nobody"), nil, 0o644); return nil }))
	for _, name := range []string{"last-error", "rejections.jsonl"} {
		if got := read(name); !strings.Contains(got, "of-nobody") || strings.Contains(got, "of-root") {
			t.Errorf("nobody reads in %s: %s", name, got)
		}
	}
	if got := string(get(os.ReadFile(d.path(".rdfs", "last-error")))(t)); !strings.Contains(got, "of-root") {
		t.Errorf("root reads %s", got)
	}
	if got := string(get(os.ReadFile(d.path(".rdfs", "rejections.jsonl")))(t)); strings.Count(got, "\n") != 2 {
		t.Errorf("root reads %s", got)
	}
}

func TestHostileNamesAreRefusedOnADriveThatEnforcesNames(t *testing.T) {
	if suite.plain {
		return
	}
	d := newDrive(t, scheme("free", "rules:", "  - {id: any, path: '{x:/.+/}'}", "  - {id: below, path: 'dir/**'}"))
	must(t, os.Mkdir(d.path("dir"), 0o755))
	for _, dir := range []string{d.mnt, d.path("dir")} {
		for name, want := range map[string]error{
			"a\nb": syscall.EINVAL, "a\x01": syscall.EINVAL, "a\x7f": syscall.EINVAL, "\u202egpj.exe": syscall.EINVAL, "a\u200b": syscall.EINVAL,
			"what?": syscall.EINVAL, "a:b": syscall.EINVAL, "...": syscall.EINVAL, "end ": syscall.EINVAL, "CON": syscall.EINVAL, "nul.txt": syscall.EINVAL,
			"e\u0301": syscall.EINVAL, strings.Repeat("n", 201): syscall.EINVAL, strings.Repeat("n", 255): syscall.EINVAL,
			strings.Repeat("n", 256): syscall.ENAMETOOLONG, "\xff\xfe": syscall.EILSEQ,
		} {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); !errors.Is(err, want) {
				t.Errorf("%q: got %v, want %v", name, err, want)
			}
		}
		for _, name := range []string{"Müller", "日本語", strings.Repeat("n", 200), "-rf", "~", " x", "a\\b"} {
			err := os.WriteFile(filepath.Join(dir, name), nil, 0o644)
			if name == "a\\b" {
				if !errors.Is(err, syscall.EINVAL) {
					t.Errorf("%q: got %v", name, err)
				}
				continue
			}
			must(t, err)
			must(t, os.Remove(filepath.Join(dir, name)))
		}
	}
	if text := string(get(os.ReadFile(d.path(".rdfs", "last-error")))(t)); strings.ContainsAny(strings.ReplaceAll(text, "\n", ""), "\x01\x7f\r\x1b") {
		t.Errorf("a control character reaches the terminal: %q", text)
	}
}

// Rules that contradict each other, and patterns that backtracking could not end: the first rule that matches counts,
// and every name is judged at once.
func TestConflictingRulesAndExplodingPatterns(t *testing.T) {
	if suite.plain {
		return
	}
	d := newDrive(t, scheme("free", "rules:",
		"  - {id: first, path: '{x:/[a-z]+/}.csv', mode: 0600}",
		"  - {id: second, path: '{y:/[a-z]+/}.csv', mode: 0644}",
		"  - {id: twice, path: '{z:/([xy]+)+[xy]*([xy]+)+z/}.bin'}",
		"  - {id: long, path: '{w:/([ab]|a)*a[ab]{21}/}.dat'}"))
	must(t, os.WriteFile(d.path("both.csv"), nil, 0o666))
	if st := get(os.Stat(d.path("both.csv")))(t); st.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v, want that of the first rule", st.Mode())
	}
	r := d.rdfs("names", "explain", d.path("both.csv"))
	if r.err != nil || !strings.Contains(r.out, "first") || strings.Contains(r.out, "second") {
		t.Errorf("names explain: %v\n%s", r.err, r.out)
	}
	if r := d.rdfs("names", "lint", d.repo); r.err == nil || !strings.Contains(r.out, "second") {
		t.Errorf("names lint does not tell of the second rule: %v\n%s", r.err, r.out)
	}
	for _, stem := range []string{strings.Repeat("xy", 90), strings.Repeat("ab", 90), strings.Repeat("a", 180)} {
		for _, ext := range []string{".bin", ".dat"} {
			name, right := stem+ext, stem[0] == 'a' && ext == ".dat"
			if err := os.WriteFile(d.path(name), nil, 0o644); right != (err == nil) || !right && !errors.Is(err, syscall.EINVAL) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	must(t, os.WriteFile(d.path(strings.Repeat("xy", 90)+"z.bin"), nil, 0o644))
	d.check()
}

// A scheme that is changed on a full repository touches nothing that is stored.
func TestAChangedSchemeLeavesWhatIsStored(t *testing.T) {
	if suite.plain {
		return
	}
	d := newDrive(t)
	must(t, os.MkdirAll(d.path("any dir", "b"), 0o755))
	must(t, os.WriteFile(d.path("any dir", "b", "weights.txt"), []byte("1"), 0o644))
	d.umount()
	scheme("hierarchical")(d)
	d.mount()
	must(t, os.WriteFile(d.path("any dir", "b", "weights.txt"), []byte("2"), 0o644))
	must(t, os.WriteFile(d.path("any dir", "b", "weights.txt.tmp"), []byte("3"), 0o644))
	must(t, os.Rename(d.path("any dir", "b", "weights.txt.tmp"), d.path("any dir", "b", "weights.txt")))
	if err := os.WriteFile(d.path("any dir", "b", "new.txt"), nil, 0o644); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a new name: %v", err)
	}
	must(t, os.Rename(d.path("any dir"), d.path("EXP0001")))
	if got := string(get(os.ReadFile(d.path("EXP0001", "b", "weights.txt")))(t)); got != "3" {
		t.Errorf("it holds %q", got)
	}
	r := d.rdfs("names", "check", d.mnt)
	if r.err == nil || !strings.Contains(r.out, "EXP0001/b/\n") {
		t.Errorf("names check: %v\n%s", r.err, r.out)
	}
	must(t, os.RemoveAll(d.path("EXP0001")))
	d.check()
}

// SQLite's journal is not data, and survives a crash of the daemon as everything that was fsynced does.
func TestADatabaseRollsBackAfterACrashThoughItsJournalIsNoData(t *testing.T) {
	if suite.plain {
		return
	}
	needPrograms(t)
	d := newDrive(t, scheme("hierarchical"))
	path := filepath.Join(d.session("sub-01"), "trials.db")
	py := func(code string) string {
		cmd := exec.Command("/usr/bin/python3", "-c", code, path)
		cmd.Env = programEnv(tempDir(t))
		return run(t, cmd)
	}
	py("import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nc.execute('create table t (x)')\n" +
		"c.executemany('insert into t values (?)', [(i,) for i in range(20000)])\nc.commit()")
	// A transaction that spilled to the database, and is not committed: only the journal can take it back.
	py("import os, sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nc.execute('pragma cache_size = 5')\n" +
		"c.execute('update t set x = -1')\nassert os.path.getsize(sys.argv[1] + '-journal') > 0\nos._exit(0)")
	d.kill()
	detach(d.mnt)
	d.mount()
	if _, err := os.Stat(path + "-journal"); err != nil {
		t.Fatal(err)
	}
	if got := py("import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nprint(c.execute('select sum(x) from t').fetchone()[0], c.execute('pragma integrity_check').fetchone()[0])"); got != "199990000 ok\n" {
		t.Errorf("after the crash: %s", got)
	}
}
