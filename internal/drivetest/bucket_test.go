package drivetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/tiers/s3/s3test"
)

// inBucket makes a bucket of a server the only tier of the drive.
func inBucket(endpoint string) option {
	return func(d *drive) {
		file := filepath.Join(d.repo, "rdfs.yaml")
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			return // called before init as well
		}
		must(d.t, err)
		tiers := "tiers:\n  - name: cloud\n    kind: s3\n    endpoint: " + endpoint + "\n    bucket: lab-data\n    prefix: mouse\n    stall_timeout: 1s\n"
		changed := regexp.MustCompile(`(?m)^tiers:\n(  .*\n)+`).ReplaceAll(text, []byte(tiers))
		if bytes.Equal(changed, text) {
			d.t.Fatalf("no tiers in %s", file)
		}
		must(d.t, os.WriteFile(file, changed, 0o644))
	}
}

// noise returns n bytes that cannot be compressed.
func noise(n int, seed uint64) []byte {
	var key [32]byte
	key[0] = byte(seed)
	b := make([]byte, n)
	rand.NewChaCha8(key).Read(b)
	return b
}

func TestADriveLivesInABucket(t *testing.T) {
	s3test.SetEnv(t)
	server := s3test.Start(t, "lab-data")
	d := newDrive(t, inBucket(server.Endpoint))
	want := map[string][]byte{"large.bin": noise(24<<20, 1), "empty": nil}
	for i := range 200 {
		want[fmt.Sprintf("small-%03d.csv", i)] = []byte(strings.Repeat(fmt.Sprintf("%d,%d\n", i, i*i), i))
	}
	for name, data := range want {
		must(t, os.WriteFile(d.path(name), data, 0o644))
	}
	d.sync()
	want["small-007.csv"] = []byte("seven\n")
	must(t, os.WriteFile(d.path("small-007.csv"), want["small-007.csv"], 0o644))
	d.umount()
	if _, err := os.Stat(filepath.Join(d.repo, "blobs")); !os.IsNotExist(err) {
		t.Errorf("a directory for packs was made beside the bucket: %v", err)
	}
	d.evict()
	d.mount()
	for name, data := range want {
		got, err := os.ReadFile(d.path(name))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s came back with %d bytes, %v; want %d", name, len(got), err, len(data))
		}
	}
	if n := len(d.history(d.path("small-007.csv"))); n != 2 {
		t.Errorf("%d versions of a file that was saved twice", n)
	}
	d.check()
}

func TestADeadNetworkIsANuisance(t *testing.T) {
	s3test.SetEnv(t)
	proxy := s3test.NewProxy(t, s3test.Start(t, "lab-data"))
	d := newDrive(t, inBucket(proxy.Endpoint))
	before, cold := noise(300<<10, 1), noise(300<<10, 2)
	must(t, os.WriteFile(d.path("before"), before, 0o644))
	must(t, os.WriteFile(d.path("cold"), cold, 0o644))
	d.sync()
	d.umount()
	d.evict()
	d.mount()
	if got, err := os.ReadFile(d.path("before")); err != nil || !bytes.Equal(got, before) {
		t.Fatalf("before: %v", err)
	}
	for _, f := range []s3test.Fault{s3test.Reset, s3test.BlackHole, s3test.Busy} {
		proxy.Always(f)
		during := noise(100<<10, 3+uint64(f))
		must(t, os.WriteFile(d.path("during"), during, 0o644)) // programs go on saving
		if got, err := os.ReadFile(d.path("during")); err != nil || !bytes.Equal(got, during) {
			t.Errorf("what was just saved: %v", err)
		}
		if got, err := os.ReadFile(d.path("before")); err != nil || !bytes.Equal(got, before) {
			t.Errorf("what is in the cache: %v", err)
		}
		_, err := os.ReadFile(d.path("cold"))
		wantErrno(t, "reading what only the bucket has", err, unix.EIO)
		// What was closed is sealed a moment later; until then it is not safe, or reported so.
		if !eventually(30*time.Second, func() bool { return !d.status().SafeToUnplug }) {
			t.Error("status says that it is safe to unplug")
		}
		proxy.Always(s3test.None)
		if !eventually(time.Minute, func() bool { return d.rdfs("sync", d.mnt).err == nil && d.status().SafeToUnplug }) {
			t.Fatalf("it does not drain when the network is back: %v", d.rdfs("status", d.mnt))
		}
	}
	if got, err := os.ReadFile(d.path("cold")); err != nil || !bytes.Equal(got, cold) {
		t.Errorf("cold, with the network back: %v", err)
	}
	if n := len(d.history(d.path("during"))); n != 3 {
		t.Errorf("%d versions of a file that was saved three times", n)
	}
	d.check()
}

func TestADriveIsMountedThoughItsBucketIsAway(t *testing.T) {
	s3test.SetEnv(t)
	server := s3test.Start(t, "lab-data")
	d := newDrive(t, inBucket(server.Endpoint))
	must(t, os.WriteFile(d.path("a"), []byte("first"), 0o644))
	d.sync()
	d.umount()
	server.Kill()
	d.mount()
	if got, err := os.ReadFile(d.path("a")); err != nil || string(got) != "first" {
		t.Errorf("from the cache: %q, %v", got, err)
	}
	must(t, os.WriteFile(d.path("a"), []byte("second"), 0o644))
	d.must(d.rdfs("umount", "--no-wait", d.mnt))
	if !d.waitExit(time.Minute) {
		t.Fatalf("the daemon still runs\n%s", d.logTail())
	}
	d.daemon = nil
	server.Up()
	d.mount()
	d.sync()
	if n := len(d.history(d.path("a"))); n != 2 {
		t.Errorf("%d versions, want 2", n)
	}
	d.check()
}

func TestABucketOfAnotherRepositoryIsRefused(t *testing.T) {
	s3test.SetEnv(t)
	server := s3test.Start(t, "lab-data")
	newDrive(t, inBucket(server.Endpoint)).umount()
	d := unmounted(t, inBucket(server.Endpoint))
	d.refused(d.rdfs("mount", d.repo, d.mnt), "another repository", "place of its own")
}
