package lint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestHouse checks this module. A finding is a fault of the house, or a row that
// is missing in table.go.
func TestHouse(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	findings, err := Check(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range Rules() {
		t.Run(rule, func(t *testing.T) {
			for _, f := range findings {
				if f.Rule == rule {
					t.Error(f)
				}
			}
		})
	}
}

// Rows stand in order: a package imports only what stands above it, so the table
// allows no cycle.
func TestTheTablePointsDown(t *testing.T) {
	var above []string
	for _, r := range imports {
		for _, may := range r.may {
			if may != "..." && !slices.Contains(above, may) {
				t.Errorf("%s may import %s, which does not stand above it", r.pkg, may)
			}
		}
		if slices.Contains(above, r.pkg) {
			t.Errorf("%s stands there twice", r.pkg)
		}
		above = append(above, r.pkg)
	}
}

// What the design says in words, against slips in the table.
func TestTheTableKeepsWhatTheDesignSays(t *testing.T) {
	may := func(from, to string) bool {
		for _, r := range imports {
			if matches(from, []string{r.pkg}) {
				return matches(to, r.may)
			}
		}
		t.Errorf("%s has no row", from)
		return false
	}
	everything := []string{
		"internal/blob", "internal/disk", "internal/naming", "internal/schema", "tiers", "tiers/pack", "tiers/dir", "tiers/s3",
		"tiers/memory", "tiers/tiertest", "cache", "internal/draft", "catalog", "catalog/kv", "snapshot", "internal/volume",
		"fs", "internal/control", "internal/config", "internal/lint",
	}
	tests := []struct {
		claim   string
		of      []string
		knows   []string
		allowed bool
	}{
		{"the bottom knows nothing of ours", []string{"internal/blob", "internal/disk", "internal/naming", "internal/schema"}, everything, false},
		{"bytes know no names", []string{"tiers", "tiers/pack", "tiers/dir", "tiers/s3", "cache", "internal/draft"},
			[]string{"catalog", "catalog/kv", "snapshot", "internal/naming", "internal/schema", "internal/volume"}, false},
		{"names know no bytes", []string{"catalog", "catalog/kv", "snapshot"}, []string{"tiers", "tiers/pack", "cache", "internal/draft", "internal/disk"}, false},
		{"the conductor knows no door", []string{"internal/volume"}, []string{"fs", "internal/control", "internal/config", "cmd/rdfs"}, false},
		{"doors know the conductor", []string{"fs", "internal/control"}, []string{"internal/volume"}, true},
		{"doors know nothing behind it", []string{"fs", "internal/control"}, []string{"catalog", "cache", "tiers", "internal/draft", "snapshot"}, false},
		{"the wiring knows concrete kinds", []string{"cmd/rdfs", "internal/config"}, []string{"tiers/dir", "tiers/s3"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.claim, func(t *testing.T) {
			for _, from := range tt.of {
				for _, to := range tt.knows {
					if may(from, to) != tt.allowed {
						t.Errorf("%s may import %s: %v", from, to, !tt.allowed)
					}
				}
			}
		})
	}
	wiring := []string{"cmd/rdfs", "internal/config", "internal/bench", "internal/drivetest"}
	for _, from := range everything {
		for _, kind := range []string{"tiers/dir", "tiers/s3", "tiers/memory"} {
			if may(from, kind) && !slices.Contains(wiring, from) {
				t.Errorf("%s may import %s, a concrete kind", from, kind)
			}
		}
	}
}

// `make mount` puts a drive into the checkout: neither go nor these tests may walk into it.
func TestTheDriveOfMakeMountIsNotCode(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	makefile, module, ignored := read("Makefile"), read("go.mod"), read(".gitignore")
	for i, variable := range []string{"MNT     ?= ", "REPO    ?= "} {
		if !strings.Contains(makefile, variable+drives[i]+"\n") || !strings.Contains(module, "\t./"+drives[i]+"\n") || !strings.Contains(ignored, "/"+drives[i]+"/\n") {
			t.Errorf("%s stands not in all of Makefile, go.mod and .gitignore", drives[i])
		}
	}
	root := t.TempDir()
	for _, name := range drives {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name, "data.go"), []byte("no code"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if pkgs, err := load(root); err != nil || len(pkgs) != 0 {
		t.Errorf("walked into a drive: %v, %v", pkgs, err)
	}
}
