package drivetest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers/s3/s3test"
)

const testPassphrase = "a horse of 17 hands"

// encrypted makes the drive encrypted. The test sets the passphrase with withPassphrase.
func encrypted(d *drive) { d.init = []string{"--encrypt"} }

func withPassphrase(t *testing.T) { t.Setenv("RDFS_PASSPHRASE", testPassphrase) }

// wantNothingReadable searches all files below a directory, and their names, for words of
// what was saved.
func wantNothingReadable(t *testing.T, dir string, secrets map[string][]byte) {
	t.Helper()
	files := 0
	must(t, filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		data := []byte(strings.TrimPrefix(p, dir))
		if e.Type().IsRegular() {
			files++
			text, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			data = append(data, text...)
		}
		for what, secret := range secrets {
			if bytes.Contains(data, secret) {
				t.Errorf("%s: shows %s (%q)", p, what, secret[:min(len(secret), 32)])
			}
		}
		return nil
	}))
	if files < 6 {
		t.Errorf("only %d objects were looked at", files)
	}
}

// fillWithSecrets saves things whose names, content and metadata can be recognized, in
// several directories, and returns how.
func fillWithSecrets(d *drive) map[string][]byte {
	t := d.t
	t.Helper()
	fillForDrill(d)
	large := noise(2<<20, 77)
	csv := []byte("electrode,voltage\n" + strings.Repeat("hippocampus_left,0.25\n", 40))
	for _, dir := range []string{"zebrafish", "macaque"} {
		must(t, os.MkdirAll(d.path(dir, "patient-mueller"), 0o755))
		must(t, os.WriteFile(d.path(dir, "patient-mueller", "rec.csv"), csv, 0o644))
		must(t, os.WriteFile(d.path(dir, "large.bin"), large, 0o644))
		must(t, unix.Setxattr(d.path(dir, "large.bin"), "user.diagnosis", []byte("epilepsy"), 0))
	}
	must(t, os.WriteFile(d.path("zebrafish", "short"), []byte("x"), 0o644))
	d.must(d.rdfs("snapshot", "create", "before-surgery", "-R", d.repo))
	must(t, os.WriteFile(d.path("macaque", "patient-mueller", "rec.csv"), append(csv, "cerebellum,1\n"...), 0o644))
	d.sync()
	secrets := map[string][]byte{"a name": []byte("zebrafish"), "another name": []byte("mueller"), "a file's name": []byte("large.bin"),
		"content": []byte("hippocampus"), "a field": []byte("diagnosis"), "metadata": []byte("epilepsy"), "a snapshot": []byte("surgery"),
		"rdfs.yaml": []byte("keep_copies"), "a tag": []byte("good,raw"), "bytes of a large file": large[1<<20:][:24], "its first bytes": large[:24],
		"the passphrase": []byte(testPassphrase)}
	for name, data := range map[string][]byte{"large.bin": large, "rec.csv": csv, "x": []byte("x")} {
		sum := blob.Sum(data)
		secrets["the hash of "+name] = sum[:16]
		secrets["the hash of "+name+" in digits"] = []byte(hex.EncodeToString(sum[:8]))
	}
	return secrets
}

func TestNothingReadableReachesADirectory(t *testing.T) {
	withPassphrase(t)
	d := newDrive(t, encrypted, shipOften)
	secrets := fillWithSecrets(d)
	want := picture(d)
	d.check()
	d.umount()
	tier := filepath.Join(d.repo, "blobs")
	wantNothingReadable(t, tier, secrets)
	d.evict()
	d.mount()
	wantPicture(t, picture(d), want)
	d.must(d.rdfs("gc", d.repo))
	d.check()
	d.umount()
	wantNothingReadable(t, tier, secrets)
	// A drive that is not encrypted shows it all: the search finds what is there.
	plain := newDrive(t)
	fillWithSecrets(plain)
	plain.umount()
	found := 0
	must(t, filepath.WalkDir(filepath.Join(plain.repo, "blobs"), func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && bytes.Contains(get(os.ReadFile(p))(t), secrets["its first bytes"]) {
			found++
		}
		return err
	}))
	if found == 0 {
		t.Error("not even a drive that is not encrypted shows its content: the search is no proof")
	}
}

func TestNothingReadableReachesABucketAndThePassphraseBringsItBack(t *testing.T) {
	withPassphrase(t)
	s3test.SetEnv(t)
	server := s3test.Start(t, "lab-data")
	d := newDrive(t, encrypted, inBucket(server.Endpoint))
	secrets := fillWithSecrets(d)
	want := picture(d)
	d.umount()
	wantNothingReadable(t, filepath.Join(server.Dir, "lab-data"), secrets)
	must(t, os.RemoveAll(d.repo))

	from := []string{"recover", "--from", "s3://lab-data/mouse", "--endpoint", server.Endpoint}
	t.Setenv("RDFS_PASSPHRASE", "another one")
	d.refused(d.rdfs(append(from, d.repo)...), "wrong key")
	if _, err := os.Lstat(d.repo); !os.IsNotExist(err) {
		t.Errorf("a wrong key left something behind: %v", err)
	}
	withPassphrase(t)
	d.must(d.rdfs(append(from, d.repo)...))
	d.mount()
	wantPicture(t, picture(d), want)
	must(t, os.WriteFile(d.path("zebrafish", "later"), []byte("later\n"), 0o644)) // and it goes on, under the same key
	d.sync()
	if keys := dataKeys(d); keys["zebrafish"] != 1 {
		t.Errorf("keys after the recovery: %v", keys)
	}
	d.mount()
	d.check()
}

// dataKeys unmounts the drive and counts the data keys of each directory.
func dataKeys(d *drive) map[string]int {
	d.t.Helper()
	d.umount()
	var list struct {
		Data []struct {
			Directory string
			Current   bool
		}
	}
	d.decode(d.rdfs("key", "list", "--json", d.repo), &list)
	n := map[string]int{}
	for _, k := range list.Data {
		n[k.Directory]++
	}
	return n
}

func TestAnEncryptedRepositoryOpensWithItsKeyOnly(t *testing.T) {
	withPassphrase(t)
	d := unmounted(t, encrypted)
	tier := filepath.Join(d.repo, "blobs")
	untouched := func() {
		t.Helper()
		for _, p := range []string{tier, filepath.Join(d.repo, "catalog", "catalog.db")} {
			if _, err := os.Lstat(p); !os.IsNotExist(err) {
				t.Errorf("%s was made: %v", p, err)
			}
		}
	}
	t.Setenv("RDFS_PASSPHRASE", "another one")
	text := d.refused(d.rdfs("mount", d.repo, d.mnt), "wrong key: no key slot of the repository opens with it")
	page := string(get(os.ReadFile(filepath.Join(docsDir, "encryption.md")))(t))
	if said := strings.ReplaceAll(strings.TrimSpace(text), d.repo, "/srv/repo"); !strings.Contains(page, "\n    "+said+"\n") {
		t.Errorf("docs/encryption.md does not say %q", said)
	}
	untouched()
	t.Setenv("RDFS_PASSPHRASE", "")
	cmd := exec.Command(suite.bin, "mount", d.repo, d.mnt)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without a terminal
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "is encrypted, and there is no terminal") {
		t.Errorf("without a key: %v, %s", err, out)
	}
	untouched()

	withPassphrase(t)
	d.mount()
	must(t, os.WriteFile(d.path("f"), []byte("text\n"), 0o644))
	d.umount()

	// Neither end of it can be made to work without encryption.
	file := filepath.Join(d.repo, "rdfs.yaml")
	yaml := get(os.ReadFile(file))(t)
	must(t, os.WriteFile(file, bytes.Replace(yaml, []byte("domain: directory"), []byte("domain: none"), 1), 0o644))
	d.refused(d.rdfs("check", d.repo), "an encrypted repository stays encrypted")
	plain := unmounted(t)
	file = filepath.Join(plain.repo, "rdfs.yaml")
	must(t, os.WriteFile(file, bytes.Replace(get(os.ReadFile(file))(t), []byte("domain: none"), []byte("domain: directory"), 1), 0o644))
	plain.refused(plain.rdfs("mount", plain.repo, plain.mnt), "only `rdfs init --encrypt` makes an encrypted repository")
}

// The places where a key is looked for, in the order of docs/encryption.md: each is tried
// with wrong ones in all places after it.
func TestTheKeyIsTakenFromTheFirstPlaceThatHasOne(t *testing.T) {
	withPassphrase(t)
	d := unmounted(t, encrypted)
	good, bad := filepath.Join(d.dir, "good.key"), filepath.Join(d.dir, "bad.key")
	d.must(d.rdfs("key", "add", "--new-key-file", good, d.repo))
	must(t, os.WriteFile(bad, noise(32, 1), 0o600))
	file := filepath.Join(d.repo, "rdfs.yaml")
	config := func(key, value string) {
		text := get(os.ReadFile(file))(t)
		line := regexp.MustCompile(`(?m)^  ` + key + `: .*$`)
		if !line.Match(text[bytes.Index(text, []byte("\nencryption:")):]) {
			t.Fatalf("no %s in %s", key, text)
		}
		must(t, os.WriteFile(file, line.ReplaceAll(text, []byte("  "+key+": "+value)), 0o644))
	}
	opens := func(what string, args ...string) {
		t.Helper()
		if r := d.rdfs(append([]string{"key", "list", d.repo}, args...)...); r.err != nil {
			t.Errorf("%s: %v", what, r)
		}
	}
	t.Setenv("RDFS_PASSPHRASE", "")
	config("key_command", "echo '"+testPassphrase+"'")
	opens("key_command")
	config("key_command", "echo wrong")
	config("key_file", good)
	opens("key_file")
	config("key_file", bad)
	t.Setenv("RDFS_KEY_FILE", good)
	opens("RDFS_KEY_FILE")
	t.Setenv("RDFS_KEY_FILE", bad)
	withPassphrase(t)
	opens("RDFS_PASSPHRASE")
	t.Setenv("RDFS_PASSPHRASE", "wrong")
	opens("--key-file", "--key-file", good)
	d.refused(d.rdfs("key", "list", "--key-file", bad, d.repo), "wrong key")
	config("key_command", "false")
	config("key_file", "none")
	t.Setenv("RDFS_KEY_FILE", "")
	t.Setenv("RDFS_PASSPHRASE", "")
	d.refused(d.rdfs("key", "list", d.repo), "encryption.key_command", "exit status 1")
}

func TestASecretReachesTheDaemonByAPipeOnly(t *testing.T) {
	withPassphrase(t)
	d := unmounted(t, encrypted)
	d.must(d.rdfs("mount", d.repo, d.mnt))
	defer detach(d.mnt)
	must(t, os.WriteFile(d.path("f"), []byte("text\n"), 0o644))
	found := 0
	for _, p := range get(filepath.Glob("/proc/[0-9]*/cmdline"))(t) {
		line, err := os.ReadFile(p)
		if err != nil || !bytes.Contains(line, []byte(d.mnt)) || !bytes.Contains(line, []byte("--foreground")) {
			continue
		}
		found++
		environ := get(os.ReadFile(filepath.Join(filepath.Dir(p), "environ")))(t)
		if bytes.Contains(append(line, environ...), []byte(testPassphrase)) {
			t.Errorf("%s shows the passphrase", p)
		}
	}
	if found != 1 {
		t.Errorf("%d daemons found", found)
	}
	d.must(d.rdfs("umount", d.mnt))
	must(t, filepath.WalkDir(d.repo, func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		if bytes.Contains(get(os.ReadFile(p))(t), []byte(testPassphrase)) {
			t.Errorf("%s holds the passphrase", p)
		}
		if strings.HasPrefix(p, filepath.Join(d.repo, "keys")) && get(e.Info())(t).Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v", p, get(e.Info())(t).Mode())
		}
		return nil
	}))
}

func TestKeySlotsComeAndGoAndTheKeyIsExported(t *testing.T) {
	withPassphrase(t)
	d := newDrive(t, encrypted)
	fillForDrill(d)
	want := picture(d)
	d.umount()
	keyFile, exported := filepath.Join(d.dir, "lab.key"), filepath.Join(d.dir, "export")
	d.must(d.rdfs("key", "add", "--new-key-file", keyFile, d.repo))
	d.must(d.rdfs("key", "export", "--output", exported, d.repo))
	for _, p := range []string{keyFile, exported} {
		if mode := get(os.Stat(p))(t).Mode(); mode.Perm() != 0o600 {
			t.Errorf("%s: mode %v", p, mode)
		}
	}
	d.refused(d.rdfs("key", "export", "--output", exported, d.repo), "exists already")
	var list struct{ Slots []struct{ ID, Kind string } }
	d.decode(d.rdfs("key", "list", "--json", d.repo), &list)
	if len(list.Slots) != 2 {
		t.Fatalf("slots %v", list.Slots)
	}
	for _, s := range list.Slots {
		if s.Kind == "passphrase" {
			d.must(d.rdfs("key", "remove", s.ID, d.repo))
		}
	}
	d.refused(d.rdfs("check", d.repo), "wrong key")
	t.Setenv("RDFS_PASSPHRASE", "")
	t.Setenv("RDFS_KEY_FILE", keyFile)
	for _, s := range list.Slots {
		if s.Kind == "file" {
			d.refused(d.rdfs("key", "remove", s.ID, d.repo), "last key slot")
		}
	}
	must(t, os.Chmod(keyFile, 0o644))
	d.refused(d.rdfs("check", d.repo), "others may read it")
	must(t, os.Chmod(keyFile, 0o600))
	d.mount()
	wantPicture(t, picture(d), want)
	d.umount()

	// Everything is gone but the tier, without its keys, and the export.
	tier := filepath.Join(d.dir, "tier")
	must(t, os.Rename(filepath.Join(d.repo, "blobs"), tier))
	must(t, os.RemoveAll(d.repo))
	must(t, filepath.WalkDir(filepath.Join(tier, "keys"), func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			err = os.WriteFile(p, nil, 0o600)
		}
		return err
	}))
	d.refused(d.rdfs("recover", "--from", tier, "--key-file", keyFile, d.repo))
	d.must(d.rdfs("recover", "--from", tier, "--key-file", exported, d.repo))
	t.Setenv("RDFS_KEY_FILE", exported)
	d.mount()
	wantPicture(t, picture(d), want)
	d.check()
	d.umount()
	t.Setenv("RDFS_NEW_PASSPHRASE", "a new one")
	d.must(d.rdfs("key", "rotate", d.repo))
	d.refused(d.rdfs("check", d.repo), "wrong key", "before the keys were rotated")
	t.Setenv("RDFS_KEY_FILE", "")
	t.Setenv("RDFS_PASSPHRASE", "a new one")
	d.mount()
	wantPicture(t, picture(d), want)
	must(t, os.WriteFile(d.path("exp", "after"), []byte("after the rotation\n"), 0o644))
	d.sync()
	d.check()
	if n := dataKeys(d); n["exp"] != 2 || n[""] != 2 {
		t.Errorf("data keys %v", n)
	}
}

func TestEqualFilesAreStoredOnceForEachKey(t *testing.T) {
	withPassphrase(t)
	d := newDrive(t, encrypted)
	data := noise(3<<20, 5)
	packs := func() (n int64) {
		d.sync()
		must(t, filepath.WalkDir(filepath.Join(d.repo, "blobs", "packs"), func(p string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				n += get(e.Info())(t).Size()
			}
			return err
		}))
		return n >> 20
	}
	save := func(name string) {
		must(t, os.MkdirAll(filepath.Dir(d.path(name)), 0o755))
		must(t, os.WriteFile(d.path(name), data, 0o644))
	}
	if save("a/one"); packs() != 3 {
		t.Errorf("one file: %d MiB", packs())
	}
	if save("a/b/two"); packs() != 3 {
		t.Errorf("again in one directory: %d MiB", packs())
	}
	if save("c/three"); packs() != 6 {
		t.Errorf("in another directory: %d MiB", packs())
	}
	// Also when the bytes are copied without being read.
	must(t, os.Mkdir(d.path("e"), 0o755))
	run(t, exec.Command("cp", "--reflink=auto", d.path("a/one"), d.path("e/four")))
	if packs() != 9 {
		t.Errorf("copied to a third directory: %d MiB", packs())
	}
	sum := blob.Sum(data).String()
	for _, name := range []string{"a/one", "a/b/two", "c/three", "e/four"} {
		buf := make([]byte, 100)
		if n, err := unix.Getxattr(d.path(name), "user.rdfs.blake3", buf); err != nil || string(buf[:n]) != sum {
			t.Errorf("%s: blake3 %q, %v; b3sum prints %s", name, buf[:max(n, 0)], err, sum)
		}
		if h := d.history(d.path(name)); len(h) != 1 || h[0].Content != sum {
			t.Errorf("%s: %+v", name, h)
		}
	}
	d.check()
	d.umount()
	d.evict()
	d.mount()
	for _, name := range []string{"a/one", "a/b/two", "c/three", "e/four"} {
		if got := get(os.ReadFile(d.path(name)))(t); !bytes.Equal(got, data) {
			t.Errorf("%s: other bytes", name)
		}
	}
}

func TestTamperedAndSwappedObjectsAreFoundAndNeverRead(t *testing.T) {
	withPassphrase(t)
	d := newDrive(t, encrypted)
	var names []string
	for i := range 2 { // two packs
		name := fmt.Sprintf("f%d", i)
		must(t, os.WriteFile(d.path(name), noise(300<<10, uint64(i)), 0o644))
		d.sync()
		names = append(names, name)
	}
	d.umount()
	var packs []string
	must(t, filepath.WalkDir(filepath.Join(d.repo, "blobs", "packs"), func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			packs = append(packs, p)
		}
		return err
	}))
	if len(packs) != 2 {
		t.Fatalf("packs %v", packs)
	}
	a, b := get(os.ReadFile(packs[0]))(t), get(os.ReadFile(packs[1]))(t)
	flip := func(p []byte, at int) []byte { p = bytes.Clone(p); p[at] ^= 1; return p }
	for name, now := range map[string][2][]byte{"tampered": {flip(a, 1000), flip(b, 1000)}, "swapped": {b, a}} {
		for i, p := range packs {
			must(t, os.Chmod(p, 0o600))
			must(t, os.WriteFile(p, now[i], 0o600))
		}
		d.evict()
		d.mount()
		for _, f := range names {
			if got, err := os.ReadFile(d.path(f)); err == nil {
				t.Errorf("%s: read %d bytes of %s", name, len(got), f)
			}
		}
		if res, _ := d.tryCheck(); res.Errors == 0 {
			t.Errorf("%s: check finds nothing", name)
		}
		d.umount()
	}
}

func TestTheScriptRefusesAnEncryptedTier(t *testing.T) {
	withPassphrase(t)
	d := newDrive(t, encrypted)
	must(t, os.WriteFile(d.path("f"), []byte("text\n"), 0o644))
	d.umount()
	out, err := exec.Command("python3", "../../scripts/rdfs-extract.py", filepath.Join(d.repo, "blobs"), "list").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "encrypted") || strings.Contains(string(out), "Traceback") {
		t.Errorf("%v: %s", err, out)
	}
}
