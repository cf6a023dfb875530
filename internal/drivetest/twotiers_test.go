package drivetest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/tiers/s3/s3test"
)

// inBuckets gives the drive a bucket of each server as a tier, a, b, ..., and asks for as
// many copies.
func inBuckets(endpoints ...string) option {
	return func(d *drive) {
		file := filepath.Join(d.repo, "rdfs.yaml")
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			return // called before init as well
		}
		must(d.t, err)
		var b strings.Builder
		b.WriteString("tiers:\n")
		for i, e := range endpoints {
			fmt.Fprintf(&b, "  - name: %c\n    kind: s3\n    endpoint: %s\n    bucket: lab-data\n    prefix: mouse\n    stall_timeout: 1s\n", 'a'+i, e)
		}
		changed := regexp.MustCompile(`(?m)^tiers:\n(  .*\n)+`).ReplaceAllString(string(text), b.String())
		changed = strings.Replace(changed, "  copies: 1\n", fmt.Sprintf("  copies: %d\n", len(endpoints)), 1)
		must(d.t, os.WriteFile(file, []byte(changed), 0o644))
	}
}

// attribute returns an extended attribute of a file.
func attribute(t *testing.T, file, name string) string {
	t.Helper()
	buf := make([]byte, 100)
	n, err := unix.Getxattr(file, name, buf)
	if err != nil {
		t.Errorf("%s of %s: %v", name, file, err)
	}
	return string(buf[:max(n, 0)])
}

func TestOneOfTwoProvidersMayBeAway(t *testing.T) {
	s3test.SetEnv(t)
	a, b := s3test.NewProxy(t, s3test.Start(t, "lab-data")), s3test.NewProxy(t, s3test.Start(t, "lab-data"))
	d := newDrive(t, inBuckets(a.Endpoint, b.Endpoint))
	want := map[string][]byte{"large": noise(12<<20, 1)}
	for i := range 30 {
		want[fmt.Sprintf("small-%02d", i)] = bytes.Repeat([]byte(fmt.Sprintln(i)), 100*i+1)
	}
	for name, data := range want {
		must(t, os.WriteFile(d.path(name), data, 0o644))
	}
	d.sync()
	for attr, is := range map[string]string{"state": "stored", "copies": "2", "tier": "a,b"} {
		if got := attribute(t, d.path("large"), "user.rdfs."+attr); got != is {
			t.Errorf("user.rdfs.%s is %q, want %q", attr, got, is)
		}
	}
	for _, f := range []s3test.Fault{s3test.Reset, s3test.BlackHole, s3test.Busy} {
		a.Always(f)
		d.umount0()
		d.evict()
		d.mount()
		for name, data := range want {
			if got, err := os.ReadFile(d.path(name)); err != nil || !bytes.Equal(got, data) {
				t.Errorf("fault %d: %s from the other provider: %d bytes, %v", f, name, len(got), err)
			}
		}
		name := fmt.Sprint("saved-during-", f)
		want[name] = noise(200<<10, 10+uint64(f))
		must(t, os.WriteFile(d.path(name), want[name], 0o644))
		if !eventually(time.Minute, func() bool { return attribute(t, d.path(name), "user.rdfs.state") == "sealed" }) {
			t.Errorf("fault %d: what is saved does not reach the other provider: %v", f, d.rdfs("status", d.mnt))
		}
		if st := d.status(); st.SafeToUnplug {
			t.Errorf("fault %d: it is said to be safe with one copy", f)
		}
		a.Always(s3test.None)
		if !eventually(2*time.Minute, func() bool { return d.status().SafeToUnplug }) {
			t.Fatalf("fault %d: the copies are not made when the provider is back: %v", f, d.rdfs("status", d.mnt))
		}
		if got := attribute(t, d.path(name), "user.rdfs.tier"); got != "a,b" {
			t.Errorf("fault %d: in the end it is in %s", f, got)
		}
	}
	d.sync()
	d.check()
}

// umount0 unmounts and leaves the copies that cannot be made now to the next mount.
func (d *drive) umount0() {
	d.t.Helper()
	d.must(d.rdfs("umount", "--no-wait", d.mnt))
	if !d.waitExit(time.Minute) {
		d.t.Fatalf("the daemon still runs\n%s", d.logTail())
	}
	d.daemon = nil
}

func TestADriveIsHadBackFromOneOfTwoProviders(t *testing.T) {
	s3test.SetEnv(t)
	a, b := s3test.Start(t, "lab-data"), s3test.Start(t, "lab-data")
	d := newDrive(t, inBuckets(a.Endpoint, b.Endpoint), shipOften)
	fillForDrill(d)
	before := picture(d)
	d.umount()
	must(t, os.RemoveAll(d.repo))
	a.Kill()
	d.must(d.rdfs("recover", "--from", "s3://lab-data/mouse", "--endpoint", b.Endpoint, d.repo))
	d.mount()
	if after := picture(d); after != before {
		t.Errorf("had back from one provider it is\n%s\nand was\n%s", after, before)
	}
	// The lost provider comes back, and has what it should.
	a.Up()
	if !eventually(time.Minute, func() bool { return d.rdfs("check", "--data", d.repo).err == nil }) {
		t.Errorf("with the lost provider back: %v", d.rdfs("check", "--data", d.repo))
	}
}

func TestBytesThatAProviderSpoiledAreRepaired(t *testing.T) {
	s3test.SetEnv(t)
	server := s3test.Start(t, "lab-data")
	a := s3test.NewProxy(t, server)
	d := newDrive(t, inBuckets(a.Endpoint, s3test.Start(t, "lab-data").Endpoint))
	want := noise(3<<20, 7)
	must(t, os.WriteFile(d.path("file"), want, 0o644))
	d.umount()
	d.evict()
	d.mount()
	packs := 0
	must(t, filepath.WalkDir(filepath.Join(server.Dir, "lab-data", "mouse", "packs"), func(p string, e os.DirEntry, err error) error {
		if err == nil && e.IsDir() && strings.HasSuffix(p, ".pack") { // the server keeps an object as a directory
			packs++
			must(t, os.RemoveAll(p))
			return filepath.SkipDir
		}
		return err
	}))
	if packs == 0 {
		t.Fatal("no pack was found to be lost")
	}
	if got, err := os.ReadFile(d.path("file")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if !eventually(time.Minute, func() bool { return d.rdfs("check", "--data", d.repo).err == nil }) {
		t.Errorf("the lost copy is not made anew: %v", d.rdfs("check", "--data", d.repo))
	}
}
