package volume

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/s3"
	"github.com/rdfs/rdfs/tiers/s3/s3test"
)

// Packs are collected from a real bucket as from a directory. When it refuses to delete
// them the next run finds them again.
func TestGCOfABucket(t *testing.T) {
	server := s3test.Start(t, "lab-data")
	proxy := s3test.NewProxy(t, server)
	keys := filepath.Join(t.TempDir(), "credentials")
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", s3test.AccessKey, s3test.SecretKey)
	if err := os.WriteFile(keys, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o := s3.Options{Endpoint: proxy.Endpoint, Bucket: "lab-data", Prefix: "p", Credentials: s3.CredentialsFile, File: keys}
	if err := s3.Create(bg(t), "test", o); err != nil {
		t.Fatal(err)
	}
	store, err := s3.Open("test", o)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, limited, func(o *Options) { o.Tiers = tiers.Only(store) })
	stored := func() (n int, size int64) {
		for info, err := range store.List(bg(t), "packs/") {
			if err != nil {
				t.Fatal(err)
			}
			n, size = n+1, size+info.Size
		}
		return n, size
	}
	kept := bytesOf("kept", 1<<20)
	save := func(round int) { // one pack that is garbage as a whole, and one of which a quarter is needed
		r.write("dead", bytesOf(fmt.Sprint("dead", round), 4<<20))
		r.sync()
		for k := range 3 {
			r.write(fmt.Sprint("mixed", k), bytesOf(fmt.Sprint("mixed", round, k), 1<<20))
		}
		r.write(fmt.Sprint("kept", round), kept+fmt.Sprint(round))
		r.sync()
		r.write("dead", "other")
		for k := range 3 {
			r.write(fmt.Sprint("mixed", k), "other")
		}
		r.later()
	}
	save(1)
	_, before := stored()
	res := r.gc()
	if _, after := stored(); res.Repacked == 0 || before-after != res.FreedBytes || after > 2<<20 {
		t.Errorf("%d bytes before, %d after, of %+v", before, after, res)
	}

	save(2)
	proxy.When(func(req *http.Request) s3test.Fault {
		if req.Method == http.MethodDelete {
			return s3test.Reset
		}
		return s3test.None
	})
	if res, err := r.v.GC(bg(t), false, nil); err == nil {
		t.Errorf("nothing could be deleted: %+v", res)
	}
	proxy.Always(s3test.None)
	r.gc()
	if _, after := stored(); after > 3<<20 {
		t.Errorf("%d bytes are left", after)
	}
	r.dropCache()
	for round := 1; round <= 2; round++ {
		r.wantBytes(fmt.Sprint("kept", round), kept+fmt.Sprint(round))
	}
}
