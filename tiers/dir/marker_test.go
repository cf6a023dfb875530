package dir

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/internal/disk"
)

const otherRepo = "01JD9ZK3V6W7X8Y9Z0ZZZZZZZZ"

// TestFormat1OpensForEver reads a tier that was written when the format was made.
func TestFormat1OpensForEver(t *testing.T) {
	path := t.TempDir()
	if err := os.CopyFS(path, os.DirFS("../../testdata/formats/tier-dir/v1")); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, repo, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := map[string]string{"packs/01/a-pack": "the bytes of a pack\n", "packs/01/empty": "", "top": "no directory\n"}
	for _, key := range keys(t, s) {
		info, err := s.Stat(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, info.Size)
		if err := s.ReadAt(t.Context(), key, p, 0); err != nil {
			t.Fatal(err)
		}
		if text, ok := want[key]; !ok || text != string(p) {
			t.Errorf("%s: got %q, want %q", key, p, text)
		}
		delete(want, key)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestTheMarkerIsAsFORMATSays(t *testing.T) {
	path := t.TempDir()
	now := time.Date(2026, 11, 22, 10, 0, 0, 5, time.FixedZone("", 3600))
	newStore(t, path, Options{Now: func() time.Time { return now }})
	got, err := os.ReadFile(filepath.Join(path, "rdfs-tier"))
	want := "{\n  \"format\": 1,\n  \"repository\": \"" + repo + "\",\n  \"created\": \"2026-11-22T09:00:00Z\"\n}\n"
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}

func TestOpenRefusesWhatIsNoTierOfOurs(t *testing.T) {
	tests := []struct {
		name, marker string // no marker if empty
		want         error  // nil: any other
		says         []string
	}{
		{"no marker", "", blob.ErrOffline, []string{"mount", "rdfs-tier"}},
		{"another repository", `{"format":1,"repository":"` + otherRepo + `"}`, ErrForeign, []string{repo, otherRepo}},
		{"a newer format", `{"format":2,"repository":{"id":"x"}}`, nil, []string{"format 2", "newer rdfs"}},
		{"no format", `{"repository":"` + repo + `"}`, blob.ErrCorrupt, []string{"rdfs-tier"}},
		{"no JSON", "\x00\x00\x00", blob.ErrCorrupt, []string{"rdfs-tier", "FORMAT.md"}},
		{"a wrong type", `{"format":1,"repository":7}`, blob.ErrCorrupt, []string{"rdfs-tier"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := t.TempDir()
			if tt.marker != "" {
				if err := os.WriteFile(filepath.Join(path, "rdfs-tier"), []byte(tt.marker), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Open(path, repo, Options{})
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			for _, says := range append(tt.says, path) {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%q does not say %q", err, says)
				}
			}
			if tt.marker == "" {
				return
			}
			// Create must not make it ours.
			if err := Create(path, repo, Options{}); err == nil {
				t.Error("create: got no error")
			}
			if got, _ := os.ReadFile(filepath.Join(path, "rdfs-tier")); string(got) != tt.marker {
				t.Errorf("create changed the marker to %q", got)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "missing"), repo, Options{}); !errors.Is(err, blob.ErrOffline) {
		t.Errorf("a missing directory: got %v, want %v", err, blob.ErrOffline)
	}
}

func TestCreateDoesNotReplaceAMarkerItCannotRead(t *testing.T) {
	fsys := disk.NewCrash()
	if err := Create("/tier", otherRepo, Options{FS: fsys}); err != nil {
		t.Fatal(err)
	}
	broken := disk.NewFaulty(fsys, func(op disk.Op, _ string) error {
		if op == disk.OpRead {
			return syscall.EIO
		}
		return nil
	})
	if err := Create("/tier", repo, Options{FS: broken}); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v, want EIO", err)
	}
	if _, err := Open("/tier", otherRepo, Options{FS: fsys}); err != nil {
		t.Errorf("the tier is no longer its owner's: %v", err)
	}
}

// everyCall makes each kind of call on a store, and returns the errors.
func everyCall(t *testing.T, s *Store) map[string]error {
	errs := map[string]error{
		"put new":  s.Put(t.Context(), "packs/01/new", strings.NewReader("x"), 1),
		"put old":  s.Put(t.Context(), "packs/01/a", strings.NewReader("bytes"), 5),
		"read":     s.ReadAt(t.Context(), "packs/01/a", make([]byte, 1), 0),
		"delete":   s.Delete(t.Context(), "packs/01/a"),
		"read new": s.ReadAt(t.Context(), "never/there", make([]byte, 1), 0),
	}
	_, errs["stat"] = s.Stat(t.Context(), "packs/01/a")
	errs["list"] = nil
	for _, err := range s.List(t.Context(), "") {
		errs["list"] = err
	}
	return errs
}

func TestAnUnmountedTierIsOfflineAndStaysEmpty(t *testing.T) {
	parent := t.TempDir()
	path, away := filepath.Join(parent, "tier"), filepath.Join(parent, "away")
	s := newStore(t, path, Options{})
	put(t, s, "packs/01/a", "bytes")
	// What a mountpoint looks like after its disk went away.
	if err := os.Rename(path, away); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	for call, err := range everyCall(t, s) {
		if !errors.Is(err, blob.ErrOffline) || errors.Is(err, blob.ErrNotFound) {
			t.Errorf("%s: got %v, want %v", call, err, blob.ErrOffline)
		}
	}
	if entries, err := os.ReadDir(path); err != nil || len(entries) != 0 {
		t.Errorf("beneath the mountpoint: %v, %v; want nothing", entries, err)
	}
	// It comes back, and all is as it was.
	if err := errors.Join(os.Remove(path), os.Rename(away, path)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if err := s.ReadAt(t.Context(), "packs/01/a", got, 0); err != nil || string(got) != "bytes" {
		t.Errorf("got %q, %v", got, err)
	}
	put(t, s, "packs/01/new", "x")
}

func TestADiskThatGoesAwayDuringAPutIsOffline(t *testing.T) {
	var path string
	gone := false
	fsys := disk.NewFaulty(disk.OS, func(op disk.Op, name string) error {
		// The last step that looks at the tier before the marker is checked again.
		if gone && op == disk.OpSyncDir && filepath.Base(name) == "packs" {
			return os.Remove(filepath.Join(path, "rdfs-tier"))
		}
		return nil
	})
	path = t.TempDir()
	s := newStore(t, path, Options{FS: fsys})
	put(t, s, "packs/a", "x")
	gone = true
	if err := s.Put(t.Context(), "packs/b", bytes.NewReader([]byte("x")), 1); !errors.Is(err, blob.ErrOffline) {
		t.Errorf("got %v, want %v", err, blob.ErrOffline)
	}
}

func TestErrorsOfADeadDiskAreOffline(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.ESTALE, syscall.ENOTCONN, syscall.ENODEV, syscall.EHOSTDOWN} {
		t.Run(errno.Error(), func(t *testing.T) {
			dead := false
			fsys := disk.NewFaulty(disk.NewCrash(), func(disk.Op, string) error {
				if dead {
					return errno
				}
				return nil
			})
			s := newStore(t, "/tier", Options{FS: fsys})
			put(t, s, "packs/01/a", "bytes")
			dead = true
			for call, err := range everyCall(t, s) {
				if !errors.Is(err, blob.ErrOffline) || !errors.Is(err, errno) {
					t.Errorf("%s: got %v, want %v and %v", call, err, blob.ErrOffline, errno)
				}
			}
			dead = false
		})
	}
}

func TestABadSectorIsNotOffline(t *testing.T) {
	bad := false
	fsys := disk.NewFaulty(disk.NewCrash(), func(op disk.Op, name string) error {
		if bad && op == disk.OpRead && filepath.Base(name) == "a" {
			return syscall.EIO
		}
		return nil
	})
	s := newStore(t, "/tier", Options{FS: fsys})
	put(t, s, "a", "bytes")
	bad = true
	err := s.ReadAt(t.Context(), "a", make([]byte, 5), 0)
	if !errors.Is(err, syscall.EIO) || errors.Is(err, blob.ErrOffline) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want EIO alone", err)
	}
}
