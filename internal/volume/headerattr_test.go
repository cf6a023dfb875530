package volume

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rdfs/rdfs/catalog"
)

func TestWhatAFileIsCanBeAskedWhenItIsStored(t *testing.T) {
	r := newRig(t)
	r.write("f", "a,b\n1,x\n2,y\n")
	if got := r.xattr("f", "user.rdfs.rows"); got != "" {
		t.Errorf("of a draft: got %q rows, want none", got)
	}
	r.sync()
	want := map[string]string{
		"user.rdfs.format":  "csv",
		"user.rdfs.rows":    "2",
		"user.rdfs.columns": `["a","b"]`,
		"user.mime_type":    "text/csv",
		"user.rdfs.schema": `{"format":"csv","mime":"text/csv","rows":2,"columns":[{"name":"a","type":"int64"},{"name":"b","type":"string"}],` +
			`"attrs":{"charset":"utf-8","delimiter":"comma"}}`,
	}
	for name, val := range want {
		if got := r.xattr("f", name); got != val {
			t.Errorf("%s: got %q, want %q", name, got, val)
		}
	}
	first := r.xattr("f", "user.rdfs.schema.fingerprint")
	if len(first) != 64 {
		t.Errorf("fingerprint: %q", first)
	}
	if names, err := r.v.Listxattr(r.attr("f").Ino); err != nil || len(names) != 0 {
		t.Errorf("listed: %q, %v", names, err)
	}
	// What people set wins, and goes again.
	r.setxattr("f", "user.mime_type", "text/x-mine")
	if got := r.xattr("f", "user.mime_type"); got != "text/x-mine" {
		t.Errorf("set: got %q", got)
	}
	if names, err := r.v.Listxattr(r.attr("f").Ino); err != nil || !slices.Equal(names, []string{"user.mime_type"}) {
		t.Errorf("listed: %q, %v", names, err)
	}
	if err := r.v.Removexattr(r.attr("f").Ino, "user.mime_type", ada); err != nil {
		t.Error(err)
	}
	if err := r.v.Removexattr(r.attr("f").Ino, "user.mime_type", ada); !errors.Is(err, ErrNoAttr) {
		t.Errorf("what is computed cannot be removed: %v", err)
	}

	// The next content is something else; the version before is what it was.
	r.write("f", `{"k": true}`)
	r.sync()
	if got := r.xattr("f", "user.mime_type"); got != "application/json" {
		t.Errorf("after a save: got %q", got)
	}
	if got := r.xattr("f", "user.rdfs.rows"); got != "" {
		t.Errorf("after a save: got %q rows, want none", got)
	}
	ver, err := r.v.Version(r.attr("f").File, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.v.ContentAttr(ver.Content, "user.rdfs.rows"); string(got) != "2" {
		t.Errorf("the first version has %q rows, want 2", got)
	}
	// Another file with the same content, and one with the same columns.
	r.write("copy", "a,b\n1,x\n2,y\n")
	r.write("more", "a,b\n1,x\n2,y\n3,z\n")
	r.sync()
	if a, b := r.xattr("copy", "user.rdfs.schema.fingerprint"), r.xattr("more", "user.rdfs.schema.fingerprint"); a != first || b != first {
		t.Errorf("fingerprints: %q, %q, want %q", a, b, first)
	}
}

func TestABrokenFileIsStoredLikeAnyOther(t *testing.T) {
	r := newRig(t)
	for name, data := range map[string]string{"h5": "\x89HDF\r\n\x1a\n\x00\x00", "npy": "\x93NUMPY\x01\x00\xff\xffx", "parquet": "PAR1 not finished", "empty": ""} {
		r.write(name, data)
		r.sync()
		if got := r.read(name); got != data {
			t.Errorf("%s: got %q", name, got)
		}
		if got := r.xattr(name, "user.rdfs.schema"); name != "empty" && !strings.Contains(got, `"findings":[`) {
			t.Errorf("%s: got %q, want a finding", name, got)
		}
	}
	if got := r.xattr("empty", "user.mime_type"); got != "" {
		t.Errorf("empty: got %q", got)
	}
	empty := r.attr("empty").Content
	err := r.v.cat.View(func(tx *catalog.Tx) error {
		if tx.HasHeader(empty) {
			t.Error("the empty content has a header")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
