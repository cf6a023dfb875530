package drivetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const docsDir = "../../docs"

// A block is a fenced piece of a page.
type block struct {
	lang, text string
	line       int // where it begins
}

// blocks returns the fenced pieces of a page, in order.
func blocks(t *testing.T, page string) (all []block) {
	t.Helper()
	var b *block
	for i, line := range strings.Split(string(get(os.ReadFile(filepath.Join(docsDir, page)))(t)), "\n") {
		lang, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && b == nil:
			b = &block{lang: lang, line: i + 1}
		case fence:
			all, b = append(all, *b), nil
		case b != nil:
			b.text += line + "\n"
		}
	}
	if b != nil {
		t.Fatalf("%s: the block that begins in line %d does not end", page, b.line)
	}
	return all
}

// interpreters are the languages of the examples that are run. The others are not installed.
var interpreters = map[string][]string{
	"python": {"/usr/bin/python3", "-"},
	"r":      {"/usr/bin/Rscript", "-"},
	"sh":     {"/bin/sh", "-eus"},
}

// The examples of docs/recipes.md run on a drive, in their order, and print what the page says.
func TestRecipesPrintWhatThePageShows(t *testing.T) {
	if suite.plain {
		return // they are about versions
	}
	needPrograms(t)
	need(t, "getfattr", "attr")
	d := newDrive(t)
	home := tempDir(t)
	must(t, os.Symlink(suite.bin, filepath.Join(home, "rdfs")))
	env := append(programEnv(home), "PATH="+home+":/usr/bin:/bin")
	page, ran := blocks(t, "recipes.md"), map[string]int{}
	for i, b := range page {
		argv := interpreters[b.lang]
		if argv == nil {
			continue
		}
		ran[b.lang]++
		t.Run(fmt.Sprintf("line %d %s", b.line, b.lang), func(t *testing.T) {
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Dir, cmd.Env, cmd.Stdin = d.mnt, env, strings.NewReader(b.text)
			got := run(t, cmd)
			if i+1 == len(page) || page[i+1].lang != "output" {
				t.Fatal("the page does not show what it prints")
			}
			if want := page[i+1].text; got != want {
				t.Errorf("printed\n%s\nthe page says\n%s", got, want)
			}
		})
	}
	for lang := range interpreters {
		if ran[lang] == 0 {
			t.Errorf("the page has no example in %s", lang)
		}
	}
	d.sync()
	d.check()
}

// A docClaim is a claim of docs/semantics.md: its words there, and a test of them in an empty directory.
type docClaim struct {
	words string
	try   func(t *testing.T, d *drive, dir string)
}

var docClaims = []docClaim{
	{"while a file is truncated and written anew, its last version stays readable under `.versions/`", func(t *testing.T, d *drive, dir string) {
		p := saveVersion(t, d, dir, "f.txt", "one")
		f := get(os.OpenFile(p, os.O_WRONLY|os.O_TRUNC, 0))(t)
		defer f.Close()
		get(f.WriteString("tw"))(t)
		wantVersions(t, dir, "f.txt", "one")
	}},
	{"An open file stays readable and writable after it was deleted or replaced", func(t *testing.T, d *drive, dir string) {
		p := saveVersion(t, d, dir, "f", "one")
		f := get(os.OpenFile(p, os.O_RDWR, 0))(t)
		defer f.Close()
		must(t, os.Remove(p))
		get(f.WriteAt([]byte("two"), 3))(t)
		if b := make([]byte, 6); get(f.ReadAt(b, 0))(t) != 6 || string(b) != "onetwo" {
			t.Errorf("read %q", b)
		}
	}},
	{"A name that is not UTF-8 is refused with EILSEQ", func(t *testing.T, d *drive, dir string) {
		wantErrno(t, "create", os.WriteFile(dir+"/\xff", nil, 0o644), unix.EILSEQ)
	}},
	{"`.versions`, `.snapshots` and `.rdfs` are reserved in every directory: nothing can be created under these names or renamed to them", func(t *testing.T, d *drive, dir string) {
		p := saveVersion(t, d, dir, "f", "one")
		for _, name := range []string{".versions", ".snapshots", ".rdfs"} {
			to := filepath.Join(dir, name)
			for what, err := range map[string]error{"mkdir": os.Mkdir(to, 0o755), "create": os.WriteFile(to, nil, 0o644),
				"symlink": os.Symlink("f", to), "link": os.Link(p, to), "rename": os.Rename(p, to)} {
				if err == nil {
					t.Errorf("%s %s: allowed", what, name)
				}
			}
		}
	}},
	{"`user.*` attributes are kept, up to 255 bytes of name and 65536 bytes of value; a larger value gives E2BIG", func(t *testing.T, d *drive, dir string) {
		p := saveVersion(t, d, dir, "f", "one")
		name, value := "user."+strings.Repeat("n", 250), make([]byte, 65536)
		must(t, unix.Setxattr(p, name, value, 0))
		if n := get(unix.Getxattr(p, name, value))(t); n != len(value) {
			t.Errorf("%d bytes came back", n)
		}
		wantErrno(t, "one byte more", unix.Setxattr(p, name, make([]byte, 65537), 0), unix.E2BIG)
	}},
	{"Setting an attribute, a mode, an owner or a time makes no version", func(t *testing.T, d *drive, dir string) {
		p := saveVersion(t, d, dir, "f", "one")
		must(t, unix.Setxattr(p, "user.a", []byte("1"), 0))
		must(t, os.Chmod(p, 0o600))
		must(t, os.Lchown(p, os.Getuid(), os.Getgid()))
		must(t, os.Chtimes(p, get(os.Stat(p))(t).ModTime().Add(-1e9), get(os.Stat(p))(t).ModTime().Add(-1e9)))
		d.sync(p)
		wantVersions(t, dir, "f", "one")
	}},
	{"`user.rdfs.seq`, `.blake3`, `.state`, `.copies`, `.tier`, `.verified`, `.author`, `.program` and `.id` answer by name and are not listed, so copies do not carry them along; setting anything below `user.rdfs.` gives EPERM", func(t *testing.T, d *drive, dir string) {
		p := saveVersion(t, d, dir, "f", "one")
		buf := make([]byte, 4096)
		for _, name := range []string{"seq", "blake3", "state", "copies", "tier", "author", "program", "id"} {
			if n, err := unix.Getxattr(p, "user.rdfs."+name, buf); err != nil || n == 0 {
				t.Errorf("user.rdfs.%s: %d bytes, %v", name, n, err)
			}
		}
		if n := get(unix.Listxattr(p, buf))(t); n != 0 {
			t.Errorf("listed: %q", buf[:n])
		}
		wantErrno(t, "setxattr", unix.Setxattr(p, "user.rdfs.mine", []byte("1"), 0), unix.EPERM)
	}},
	{"What a content is, is read when it is stored: `user.rdfs.format`, `.schema` (JSON), `.schema.fingerprint`, `.rows`, `.columns` answer for files, versions and snapshots, and `user.mime_type` where nobody has set it", func(t *testing.T, d *drive, dir string) {
		saveVersion(t, d, dir, "f", "a,b\n1,2\n")
		snapshot := "content-" + filepath.Base(dir)
		d.must(d.rdfs("snapshot", "create", "--repo", d.repo, snapshot))
		saveVersion(t, d, dir, "f", "{}")
		rel := get(filepath.Rel(d.mnt, dir))(t)
		for _, p := range []string{versionPaths(t, dir, "f")[0], filepath.Join(d.mnt, ".snapshots", snapshot, rel, "f")} {
			for name, want := range map[string]string{"user.rdfs.format": "csv", "user.rdfs.rows": "1", "user.rdfs.columns": `["a","b"]`, "user.mime_type": "text/csv"} {
				if got, err := getAttr(p, name); err != nil || got != want {
					t.Errorf("%s of %s: got %q, %v, want %q", name, p, got, err, want)
				}
			}
			for _, name := range []string{"user.rdfs.schema", "user.rdfs.schema.fingerprint"} {
				if got, err := getAttr(p, name); err != nil || got == "" {
					t.Errorf("%s of %s: got %q, %v", name, p, got, err)
				}
			}
		}
		p := filepath.Join(dir, "f")
		if got, err := getAttr(p, "user.mime_type"); err != nil || got != "application/json" {
			t.Errorf("after the next save: got %q, %v", got, err)
		}
		must(t, setAttr(p, "user.mime_type", "text/x-mine", 0))
		if got, err := getAttr(p, "user.mime_type"); err != nil || got != "text/x-mine" {
			t.Errorf("when it is set: got %q, %v", got, err)
		}
	}},
	{"Reading does not change access times; only utimensat(2) does", func(t *testing.T, d *drive, dir string) {
		p := saveVersion(t, d, dir, "f", "one")
		must(t, os.Chtimes(p, get(os.Stat(p))(t).ModTime().Add(-3600e9), get(os.Stat(p))(t).ModTime()))
		var before, after unix.Stat_t
		must(t, unix.Stat(p, &before))
		get(os.ReadFile(p))(t)
		must(t, unix.Stat(p, &after))
		if before.Atim != after.Atim {
			t.Errorf("the access time was %v and is %v", before.Atim, after.Atim)
		}
	}},
	{"A save that changes no byte makes no version", func(t *testing.T, d *drive, dir string) {
		p := saveVersion(t, d, dir, "f", "one")
		saveVersion(t, d, dir, "f", "one")
		must(t, get(os.OpenFile(p, os.O_RDWR, 0))(t).Close())
		d.sync(p)
		wantVersions(t, dir, "f", "one")
	}},
	{"A file that is mapped for writing makes no version before it is unmapped", func(t *testing.T, d *drive, dir string) {
		p := saveVersion(t, d, dir, "f", "one")
		f := get(os.OpenFile(p, os.O_RDWR, 0))(t)
		m := get(unix.Mmap(int(f.Fd()), 0, 3, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED))(t)
		f.Close()
		copy(m, "two")
		d.sync(p)
		wantVersions(t, dir, "f", "one")
		must(t, unix.Munmap(m))
		d.must(d.rdfs("seal", p))
		wantVersions(t, dir, "f", "one", "two")
	}},
	{"`.versions/FILE/` in every directory holds FILE's versions as read-only files (EROFS), with the permissions FILE has now", func(t *testing.T, d *drive, dir string) {
		p := saveVersion(t, d, dir, "f", "one")
		must(t, os.Chmod(p, 0o640))
		v := versionPaths(t, dir, "f")[0]
		_, err := os.OpenFile(v, os.O_WRONLY, 0)
		wantErrno(t, "open for writing", err, unix.EROFS)
		wantErrno(t, "unlink", os.Remove(v), unix.EROFS)
		if !eventually(5e9, func() bool { return get(os.Stat(v))(t).Mode().Perm() == 0o640 }) {
			t.Errorf("the version's mode is %v", get(os.Stat(v))(t).Mode())
		}
	}},
	{"`.snapshots/NAME` is the directory as it was when the snapshot NAME was taken, also where what is below has since been changed, renamed, moved or deleted", snapshotDocClaim(testSnapshotShows, testSnapshotOfMovedDirectory)},
	{"`ls MNT/.snapshots` lists the snapshots with the time they were taken; in other directories those that know the directory are listed", snapshotDocClaim(testSnapshotListed)},
	{"`mkdir MNT/.snapshots/NAME` takes a snapshot of the whole drive, `rmdir` drops it; in the `.snapshots` of other directories both give EROFS", snapshotDocClaim(testSnapshotDropped, testSnapshotNames)},
	{"`.snapshots/@MOMENT` opens any moment that is kept, unlisted: `@2026-11-22T10:00:00Z`, `@2026-11-22` (the end of that day), `@yesterday`, `@-2h`, `@GMT-2026.11.22-10.00.00`", snapshotDocClaim(testSnapshotMoments)},
	{"Everything in a snapshot is read-only: every change gives EROFS, and a link from it into the live tree EXDEV", snapshotDocClaim(testSnapshotReadOnly, testSnapshotAttributes)},
	{"Inode numbers in a snapshot differ from the live ones and from those of other snapshots, are the same after a remount, and names of one file share one", snapshotDocClaim(testSnapshotInodes)},
	{"The versions of a deleted file stay", func(t *testing.T, d *drive, dir string) {
		p := saveVersion(t, d, dir, "f", "one")
		must(t, os.Remove(p))
		wantVersions(t, dir, "f", "one")
		d.must(d.rdfs("restore", p, "--version", "1"))
		if got := string(get(os.ReadFile(p))(t)); got != "one" {
			t.Errorf("restored %q", got)
		}
	}},
	{"also when the directory was deleted", func(t *testing.T, d *drive, dir string) {
		sub := filepath.Join(dir, "sub")
		must(t, os.Mkdir(sub, 0o755))
		p := saveVersion(t, d, sub, "f", "one")
		must(t, os.RemoveAll(sub))
		d.refused(d.rdfs("restore", p, "--version", "1"), "make the directory again")
		must(t, os.Mkdir(sub, 0o755))
		d.must(d.rdfs("restore", p, "--version", "1"))
		if got := string(get(os.ReadFile(p))(t)); got != "one" {
			t.Errorf("restored %q", got)
		}
	}},
	{"numbered in the order of its saves, and the newest is what the path holds", func(t *testing.T, d *drive, dir string) {
		p, want := saveVersion(t, d, dir, "f", "one"), []string{"one"}
		for i, data := range []string{"two", "three", "four"} {
			other := saveVersion(t, d, dir, "t", data)
			if i%2 == 0 { // sealed content is moved onto the path
				must(t, os.Rename(other, p))
			} else {
				must(t, os.Remove(p))
				must(t, os.Link(other, p))
				must(t, os.Remove(other))
			}
			want = append(want, data)
		}
		d.sync()
		list := d.history(p)
		if len(list) != len(want) {
			t.Fatalf("%d versions, want %d: %+v", len(list), len(want), list)
		}
		for i, v := range list {
			if v.Seq != i+1 || v.Content != b3([]byte(want[i])) || v.Current != (i == len(list)-1) {
				t.Errorf("version %d is %+v, want %q", i+1, v, want[i])
			}
		}
	}},
	{"nothing is lost, also while mounted", func(t *testing.T, d *drive, dir string) {
		p := saveVersion(t, d, dir, "f", strings.Repeat("0123456789", 30_000))
		d.evict()
		dropCaches()
		if got := get(os.ReadFile(p))(t); len(got) != 300_000 {
			t.Errorf("%d bytes are left", len(got))
		}
	}},
}

// snapshotDocClaim tries tests of snapshots as a claim of the page.
func snapshotDocClaim(tests ...func(t *testing.T, d *drive, dir, name string)) func(*testing.T, *drive, string) {
	return func(t *testing.T, d *drive, dir string) {
		for i, try := range tests {
			sub := filepath.Join(dir, fmt.Sprint(i))
			must(t, os.Mkdir(sub, 0o755))
			try(t, d, sub, fmt.Sprintf("%s-%d", filepath.Base(dir), i))
		}
	}
}

// The claims of docs/semantics.md stand there in the words that are tried here, and they hold.
func TestSemanticsHoldAsThePageSays(t *testing.T) {
	if suite.plain {
		return
	}
	page := strings.Join(strings.Fields(string(get(os.ReadFile(filepath.Join(docsDir, "semantics.md")))(t))), " ")
	bold := regexp.MustCompile(`\*\*(.+?)\*\*`).FindAllString(page, -1)
	for _, b := range bold {
		sentence := len(b) > 60 // shorter ones are labels
		if sentence && !slices.ContainsFunc(docClaims, func(c docClaim) bool { return strings.Contains(b, c.words) }) {
			t.Errorf("the page has this in bold, and nothing tries it: %s", b)
		}
	}
	for _, c := range docClaims {
		if !slices.ContainsFunc(bold, func(b string) bool { return strings.Contains(b, c.words) }) {
			t.Errorf("the page does not say this in bold: %s", c.words)
		}
	}
	ways := map[string]option{"the kernel writes": func(*drive) {}, "the daemon writes": func(d *drive) { d.args = []string{"-o", "nopassthrough"} }}
	for way, o := range ways {
		t.Run(way, func(t *testing.T) {
			d := newDrive(t, o)
			for i, c := range docClaims {
				t.Run(c.words, func(t *testing.T) {
					dir := d.path(fmt.Sprint("claim", i))
					must(t, os.Mkdir(dir, 0o755))
					c.try(t, d, dir)
				})
			}
			d.sync()
			d.check()
		})
	}
}

// saveVersion saves a file and returns its path when it is stored.
func saveVersion(t *testing.T, d *drive, dir, name, content string) string {
	t.Helper()
	p := filepath.Join(dir, name)
	must(t, os.WriteFile(p, []byte(content), 0o644))
	d.sync(p)
	return p
}

// versionPaths returns the versions of a file, oldest first.
func versionPaths(t *testing.T, dir, name string) (paths []string) {
	t.Helper()
	versions := filepath.Join(dir, ".versions", name)
	for _, e := range get(os.ReadDir(versions))(t) {
		paths = append(paths, filepath.Join(versions, e.Name()))
	}
	return paths
}

// wantVersions compares what the versions of a file hold, oldest first.
func wantVersions(t *testing.T, dir, name string, want ...string) {
	t.Helper()
	var got []string
	for _, p := range versionPaths(t, dir, name) {
		got = append(got, string(get(os.ReadFile(p))(t)))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the versions of %s hold %q, want %q", name, got, want)
	}
}
