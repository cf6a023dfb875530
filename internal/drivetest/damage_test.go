package drivetest

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A damaged is a repository whose contents are known, not mounted, to be damaged in copies.
type damaged struct {
	t       *testing.T
	repo    string
	content map[string]string // BLAKE3 of each file and version, by path in the mount
}

// soundRepository makes the original.
func soundRepository(t *testing.T) *damaged {
	t.Helper()
	d := newDrive(t)
	rng := rand.New(rand.NewPCG(8, 8))
	must(t, os.Mkdir(d.path("sub"), 0o755))
	for i := range 20 {
		must(t, os.WriteFile(d.path("sub", fmt.Sprintf("small%d.txt", i)), randomBytes(rng, 2000+i*100), 0o644))
	}
	must(t, os.WriteFile(d.path("large.bin"), randomBytes(rng, 3_000_000), 0o644))
	must(t, os.WriteFile(d.path("text.csv"), []byte(strings.Repeat("1.25,abc,2024\n", 100_000)), 0o644))
	d.sync()
	must(t, os.WriteFile(d.path("text.csv"), []byte(strings.Repeat("9.75,abc,2025\n", 80_000)), 0o644))
	d.sync()
	x := &damaged{t: t, repo: d.repo, content: map[string]string{}}
	for path, e := range walk(t, d.mnt) {
		if e.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		x.content[path] = e.Content
		if d.plain {
			continue
		}
		for _, v := range d.versions(d.path(path)) {
			rel := get(filepath.Rel(d.mnt, v))(t)
			x.content[rel] = get(hashFile(v))(t)
		}
	}
	d.umount()
	return x
}

// copy is a drive on a copy of the repository, not mounted.
func (x *damaged) copy(t *testing.T) *drive {
	t.Helper()
	d := unmounted(t)
	must(t, os.RemoveAll(d.repo))
	run(t, exec.Command("cp", "-a", x.repo, d.repo))
	return d
}

// filesUnder lists the regular files below a directory of the repository, the largest first.
func filesUnder(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	var largest int64
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Size() > largest {
			largest = info.Size()
			all = append([]string{p}, all...)
		} else {
			all = append(all, p)
		}
		return nil
	})
	must(t, err)
	if len(all) == 0 {
		t.Fatalf("no files in %s", dir)
	}
	return all
}

// flip changes one byte of a file, at a fraction of its length, and nothing else: not even its time.
func flip(t *testing.T, file string, at float64) {
	t.Helper()
	info := get(os.Stat(file))(t)
	f := get(os.OpenFile(file, os.O_RDWR, 0))(t)
	off := min(int64(float64(info.Size())*at), info.Size()-1)
	b := make([]byte, 1)
	get(f.ReadAt(b, off))(t)
	b[0] ^= 0x55
	get(f.WriteAt(b, off))(t)
	must(t, f.Close())
	must(t, os.Chtimes(file, info.ModTime(), info.ModTime()))
}

// wantVerified reads everything: each file has its bytes or cannot be read. It returns how many cannot.
func (x *damaged) wantVerified(t *testing.T, d *drive) (unreadable int) {
	t.Helper()
	dropCaches()
	for path, want := range x.content {
		got, err := hashFile(d.path(path))
		if err != nil {
			unreadable++
			if e := errnoOf(err); e != unix.EIO {
				t.Errorf("%s: got %v, want its bytes or EIO", path, err)
			}
		} else if got != want {
			t.Errorf("%s: WRONG BYTES: %s, want %s", path, got, want)
		}
	}
	return unreadable
}

// wantFinding wants check to fail with a finding that names the file and says what to do.
func wantFinding(t *testing.T, d *drive, file string) {
	t.Helper()
	res, r := d.tryCheck()
	if r.err == nil || res.Errors == 0 {
		t.Errorf("check found nothing wrong: %v", r)
	}
	base := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	for _, f := range res.Findings {
		if strings.Contains(f.Object+f.Problem, base) {
			if f.Fix == "" {
				t.Errorf("the finding does not say what to do: %+v", f)
			}
			return
		}
	}
	t.Errorf("no finding names %s: %+v", base, res.Findings)
}

// A pack that is flipped, cut or lost is never read as if it were whole, and check names it.
func TestDamagedPackIsNamedAndNeverBelieved(t *testing.T) {
	if onMount(t) {
		return
	}
	x := soundRepository(t)
	for name, c := range map[string]struct {
		harm  func(t *testing.T, pack string)
		reads bool // damage to what files are read from, not only to what describes it
	}{
		"flipped near the start": {func(t *testing.T, p string) { flip(t, p, 0.0005) }, false},
		"flipped at the start":   {func(t *testing.T, p string) { flip(t, p, 0) }, false},
		"flipped in the middle":  {func(t *testing.T, p string) { flip(t, p, 0.5) }, true},
		"flipped at the end":     {func(t *testing.T, p string) { flip(t, p, 1) }, false},
		"cut in half": {func(t *testing.T, p string) {
			must(t, os.Truncate(p, get(os.Stat(p))(t).Size()/2))
		}, true},
		"emptied": {func(t *testing.T, p string) { must(t, os.Truncate(p, 0)) }, true},
		"lost":    {func(t *testing.T, p string) { must(t, os.Remove(p)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := x.copy(t)
			d.evict()
			pack := filesUnder(t, filepath.Join(d.repo, "blobs"))[0]
			must(t, os.Chmod(pack, 0o644))
			c.harm(t, pack)
			wantFinding(t, d, pack)
			d.mount()
			bad := x.wantVerified(t, d)
			if c.reads && bad == 0 {
				t.Error("everything can be read, although a pack is damaged: was it read from elsewhere?")
			}
			wantFinding(t, d, pack)
			must(t, os.WriteFile(d.path("after.txt"), []byte("work goes on"), 0o644))
			d.sync(d.path("after.txt"))
			d.remount()
			wantBytes(t, d.path("after.txt"), []byte("work goes on"))
		})
	}
}

// A damaged file of the cache is noticed, and its bytes come from the packs.
func TestDamagedCacheIsNotBelieved(t *testing.T) {
	if onMount(t) {
		return
	}
	x := soundRepository(t)
	for name, harm := range map[string]func(t *testing.T, file string){
		"flipped": func(t *testing.T, p string) {
			flip(t, p, 0.5)
			must(t, os.Chtimes(p, time.Now(), time.Now()))
		},
		"cut":     func(t *testing.T, p string) { must(t, os.Truncate(p, get(os.Stat(p))(t).Size()/2)) },
		"longer":  func(t *testing.T, p string) { must(t, os.Truncate(p, get(os.Stat(p))(t).Size()+1000)) },
		"emptied": func(t *testing.T, p string) { must(t, os.Truncate(p, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			d := x.copy(t)
			d.mount()
			x.wantVerified(t, d) // fills the cache
			d.umount()
			for _, file := range filesUnder(t, filepath.Join(d.repo, "cache")) {
				os.Chmod(file, 0o644)
				if get(os.Stat(file))(t).Size() > 0 {
					harm(t, file)
				}
			}
			d.mount()
			if bad := x.wantVerified(t, d); bad > 0 {
				t.Errorf("%d files cannot be read, although the packs have them", bad)
			}
		})
	}
	t.Run("silently", func(t *testing.T) { // one bit rots: neither size nor time tell; check --data reads it
		d := x.copy(t)
		d.mount()
		x.wantVerified(t, d)
		d.umount()
		var file string
		for _, f := range filesUnder(t, filepath.Join(d.repo, "cache")) {
			if get(os.Stat(f))(t).Size() == 3_000_000 {
				file = f
			}
		}
		if file == "" {
			t.Fatal("the large file is not in the cache")
		}
		flip(t, file, 0.5)
		wantFinding(t, d, file)
		d.evict() // what it says to do
		d.check()
		d.mount()
		if bad := x.wantVerified(t, d); bad > 0 {
			t.Errorf("%d files cannot be read", bad)
		}
	})
}

// A damaged catalog is refused, or found, and never ends in a crash or in wrong bytes.
func TestDamagedCatalogIsRefusedOrFound(t *testing.T) {
	if onMount(t) {
		return
	}
	x := soundRepository(t)
	catalog := func(d *drive) string { return filesUnder(t, filepath.Join(d.repo, "catalog"))[0] }
	for name, harm := range map[string]func(t *testing.T, file string){
		"not a catalog": func(t *testing.T, p string) {
			must(t, os.WriteFile(p, []byte(strings.Repeat("nonsense ", 5000)), 0o600))
		},
		"emptied": func(t *testing.T, p string) { must(t, os.Truncate(p, 0)) },
		"cut":     func(t *testing.T, p string) { must(t, os.Truncate(p, 3*4096)) },
		"lost":    func(t *testing.T, p string) { must(t, os.Remove(p)) },
		"both heads flipped": func(t *testing.T, p string) {
			f := get(os.OpenFile(p, os.O_RDWR, 0))(t)
			defer f.Close()
			for _, at := range []int64{16 + 20, 4096 + 16 + 20} {
				get(f.WriteAt([]byte{0xff, 0xfe}, at))(t)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := x.copy(t)
			harm(t, catalog(d))
			d.refused(d.rdfs("mount", "-f", d.repo, d.mnt), "catalog")
			d.refused(d.rdfs("check", d.repo), "catalog")
		})
	}
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range 12 {
		t.Run(fmt.Sprintf("flipped anywhere/%d", i), func(t *testing.T) {
			d := x.copy(t)
			d.evict()
			file := catalog(d)
			size := get(os.Stat(file))(t).Size()
			f := get(os.OpenFile(file, os.O_RDWR, 0))(t)
			page := rng.Int64N(size / 4096)
			for range 8 {
				get(f.WriteAt([]byte{byte(rng.Uint32())}, page*4096+rng.Int64N(4096)))(t)
			}
			must(t, f.Close())
			_, r := output2(d.rdfs("check", "--data", d.repo))
			if strings.Contains(r, "goroutine ") {
				t.Errorf("page %d: check crashed: %s", page, r)
			}
			if err := d.tryMount(); err != nil {
				if log := d.logTail(); strings.Contains(log, "goroutine ") || !strings.Contains(log, "catalog") {
					t.Errorf("page %d: mount ended: %v\n%s", page, err, log)
				}
				return
			}
			dropCaches()
			for path, want := range x.content { // names may be gone; bytes may not be wrong
				if got, err := hashFile(d.path(path)); err == nil && got != want {
					t.Errorf("page %d: %s: WRONG BYTES", page, path)
				}
			}
			d.rdfs("umount", d.mnt)
			d.waitExit(20 * time.Second)
			d.daemon = nil
		})
	}
}

func output2(r result) (ok bool, text string) { return r.err == nil, r.out + r.errOut }

// A mistake in rdfs.yaml is named with its line and its key.
func TestConfigMistakesNameLineAndKey(t *testing.T) {
	if onMount(t) {
		return
	}
	for name, c := range map[string]struct{ text, key string }{
		"a key that is none":      {"sael_after: 1s", "sael_after"},
		"a value that is none":    {"seal_after: soon", "seal_after"},
		"a section that is none":  {"cash:\n  max_size: 1G", "cash"},
		"a value of another kind": {"cache: 5", "cache"},
	} {
		t.Run(name, func(t *testing.T) {
			d := unmounted(t)
			file := filepath.Join(d.repo, "rdfs.yaml")
			old := string(get(os.ReadFile(file))(t))
			key, _, _ := strings.Cut(c.text, ":")
			var keep []string // the old text without the section that is set now
			skip := false
			for line := range strings.Lines(old) {
				if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "#") && strings.TrimSpace(line) != "" {
					skip = strings.HasPrefix(line, key+":")
				}
				if !skip {
					keep = append(keep, line)
				}
			}
			must(t, os.WriteFile(file, []byte(strings.Join(keep, "")+c.text+"\n"), 0o644))
			d.refused(d.rdfs("mount", "-f", d.repo, d.mnt), "rdfs.yaml", fmt.Sprint(len(keep)+1), c.key)
		})
	}
}
