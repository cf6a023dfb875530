package lint

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// goodDoc starts a package whose comment is long enough.
const goodDoc = "// Package x is there.\n// It guarantees nothing.\n// It has caveats.\n"

func TestRules(t *testing.T) {
	tests := []struct {
		name  string
		rule  string
		files map[string]string
		want  []string // findings of the rule, as file:line
	}{
		{"blob imports disk", "imports point down",
			map[string]string{"internal/blob/a.go": goodDoc + "package blob\n\nimport _ \"github.com/rdfs/rdfs/internal/disk\"\n"},
			[]string{"internal/blob/a.go:6"}},
		{"a test of blob imports disk", "imports point down",
			map[string]string{"internal/blob/a_test.go": goodDoc + "package blob\n\nimport _ \"github.com/rdfs/rdfs/internal/disk\"\n"}, nil},
		{"the volume imports a door", "imports point down",
			map[string]string{"internal/volume/a.go": goodDoc + "package volume\n\nimport (\n\t_ \"github.com/rdfs/rdfs/catalog\"\n\t_ \"github.com/rdfs/rdfs/fs\"\n)\n"},
			[]string{"internal/volume/a.go:8"}},
		{"a command imports all it likes", "imports point down",
			map[string]string{"cmd/rdfs/a.go": goodDoc + "package main\n\nimport _ \"github.com/rdfs/rdfs/tiers/dir\"\n"}, nil},
		{"a package without a row", "imports point down",
			map[string]string{"internal/blobs/a.go": goodDoc + "package blobs\n"}, []string{"internal/blobs/a.go:0"}},
		{"a module in the module is another's business", "imports point down",
			map[string]string{"tools/go.mod": "module x\n", "tools/a.go": "package tools\n"}, nil},

		{"bbolt outside its package", "modules stay confined",
			map[string]string{
				"catalog/a.go":         "package catalog\n\nimport _ \"go.etcd.io/bbolt\"\n",
				"catalog/a_test.go":    "package catalog\n\nimport _ \"go.etcd.io/bbolt/errors\"\n",
				"catalog/kv/a.go":      "package kv\n\nimport _ \"go.etcd.io/bbolt\"\n",
				"catalog/kv/a_test.go": "package kv\n\nimport _ \"go.etcd.io/bbolt\"\n",
			},
			[]string{"catalog/a.go:3", "catalog/a_test.go:3"}},
		{"go-fuse in the door, the bench and tests of the drive", "modules stay confined",
			map[string]string{
				"fs/a.go":                      "package fs\n\nimport _ \"github.com/hanwen/go-fuse/v2/fs\"\n",
				"internal/bench/loop/a.go":     "package loop\n\nimport _ \"github.com/hanwen/go-fuse/v2/fs\"\n",
				"internal/drivetest/a.go":      "package drivetest\n\nimport _ \"github.com/hanwen/go-fuse/v2/fs\"\n",
				"internal/drivetest/b_test.go": "package drivetest\n\nimport _ \"github.com/hanwen/go-fuse/v2/posixtest\"\n",
			},
			[]string{"internal/drivetest/a.go:3"}},
		{"the log package", "modules stay confined",
			map[string]string{
				"cache/a.go":      "package cache\n\nimport _ \"log\"\n",
				"cache/a_test.go": "package cache\n\nimport _ \"log\"\n",
				"cmd/rdfs/a.go":   "package main\n\nimport _ \"log\"\n",
			},
			[]string{"cache/a.go:3"}},

		{"no package comment", "packages explain themselves",
			map[string]string{"cache/a.go": "package cache\n"}, []string{"cache/a.go:0"}},
		{"a short package comment", "packages explain themselves",
			map[string]string{"cache/a.go": "// Package cache caches.\n//\n// Really.\npackage cache\n"}, []string{"cache/a.go:0"}},
		{"a comment that is not attached", "packages explain themselves",
			map[string]string{"cache/a.go": goodDoc + "\npackage cache\n"}, []string{"cache/a.go:0"}},
		{"a comment in any file will do", "packages explain themselves",
			map[string]string{"cache/a.go": "package cache\n", "cache/doc.go": goodDoc + "package cache\n"}, nil},
		{"also for a package of tests", "packages explain themselves",
			map[string]string{"cache/a_test.go": goodDoc + "package cache\n"}, nil},

		{"a package named by place", "names say something",
			map[string]string{
				"internal/util/a.go":    "package util\n",
				"internal/helpers/a.go": "package fine\n",
				"internal/fine/a.go":    "package common\n",
				"internal/utility/a.go": "package utility\n",
			},
			[]string{"internal/fine/a.go:0", "internal/helpers/a.go:0", "internal/util/a.go:0"}},

		{"printing, exiting and the clock", "no calls past Options",
			map[string]string{"cache/a.go": `package cache

import (
	"fmt"
	"log/slog"
	"os"
	wall "time"
)

var now = wall.Now

func f() {
	fmt.Println("x")
	fmt.Fprintln(os.Stderr, "x")
	os.Exit(1)
	_ = wall.Now()
	_ = (wall.Since)(now())
	slog.Info("x")
	slog.New(nil).Info("x")
}
`}, []string{"cache/a.go:13", "cache/a.go:15", "cache/a.go:16", "cache/a.go:17", "cache/a.go:18"}},
		{"what only looks like it", "no calls past Options",
			map[string]string{"cache/a.go": "package cache\n\nvar time interface{ Now() int }\n\nvar x = time.Now()\n"}, nil},
		{"programs and tests may", "no calls past Options",
			map[string]string{
				"cmd/rdfs/a.go":       "package main\n\nimport \"time\"\n\nvar x = time.Now()\n",
				"internal/bench/a.go": "package bench\n\nimport \"time\"\n\nvar x = time.Now()\n",
				"cache/a_test.go":     "package cache\n\nimport \"time\"\n\nvar x = time.Now()\n",
			}, nil},

		{"init", "no init, no global logger",
			map[string]string{
				"cache/a.go":      "package cache\n\ntype t int\n\nfunc (t) init() {}\n\nfunc init() {}\n",
				"cmd/rdfs/a.go":   "package main\n\nfunc init() {}\n",
				"cache/a_test.go": "package cache\n\nfunc init() {}\n",
			}, []string{"cache/a.go:7", "cmd/rdfs/a.go:3"}},
		{"loggers of a package", "no init, no global logger",
			map[string]string{"cache/a.go": `package cache

import "log/slog"

var a *slog.Logger

var b = slog.New(nil)

type o struct{ Log *slog.Logger }

var c = func() *slog.Logger { return slog.New(nil) }

func f() { var d *slog.Logger; _ = d }
`}, []string{"cache/a.go:5", "cache/a.go:7"}},

		{"panics that stand for code", "nothing unfinished",
			map[string]string{"cache/a.go": `package cache

import "fmt"

func f() { panic("TODO: write it") }
func g() { panic(fmt.Errorf("%s: not implemented", "g")) }
func h() { panic("unreachable") }
`}, []string{"cache/a.go:5", "cache/a.go:6"}},

		{"a long file", "files are short",
			map[string]string{
				"cache/a.go":      "package cache\n" + strings.Repeat("\n", 600),
				"cache/b.go":      "package cache\n" + strings.Repeat("\n", 599),
				"cache/a_test.go": "package cache\n" + strings.Repeat("\n", 600),
			}, []string{"cache/a.go:0"}},

		{"not formatted", "source is formatted",
			map[string]string{
				"cache/a.go":          "package  cache\n",
				"cache/b_test.go":     "package  cache\n",
				"cache/c.go":          "package cache\n",
				"cache/testdata/d.go": "package  cache\n",
				"cache/.hidden/d.go":  "package  cache\n",
			}, []string{"cache/a.go:0", "cache/b_test.go:0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !slices.Contains(Rules(), tt.rule) {
				t.Fatalf("there is no rule %q", tt.rule)
			}
			findings, err := Check(tree(t, tt.files))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range findings {
				if f.Rule == tt.rule {
					at := strings.TrimSuffix(f.String(), " "+f.Text)
					if at = strings.TrimSuffix(at, ":"); f.Line == 0 {
						at += ":0"
					}
					got = append(got, at)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCheckReportsSourceThatDoesNotParse(t *testing.T) {
	_, err := Check(tree(t, map[string]string{"cache/a.go": "package\n"}))
	if err == nil || !strings.Contains(err.Error(), "cache/a.go") {
		t.Errorf("got %v, want an error with the file", err)
	}
}

// tree writes a module.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
