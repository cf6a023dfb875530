package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rdfs/rdfs/internal/blob"
	"github.com/rdfs/rdfs/tiers"
	"github.com/rdfs/rdfs/tiers/s3/s3test"
	"github.com/rdfs/rdfs/tiers/tiertest"
)

const repo = "01JNB7Z0000000000000000000"

var prefixes atomic.Int64

// newStore returns an empty tier in the bucket at an endpoint.
func newStore(t *testing.T, endpoint string, change ...func(*Options)) *Store {
	t.Helper()
	o := Options{Endpoint: endpoint, Bucket: "bucket", Prefix: fmt.Sprintf("p%d/x", prefixes.Add(1)), Stall: 2 * time.Second, pause: 5 * time.Millisecond}
	for _, f := range change {
		f(&o)
	}
	if err := Create(t.Context(), repo, o); err != nil {
		t.Fatal(err)
	}
	s, err := Open(repo, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	s3test.SetEnv(t)
	server := s3test.Start(t, "bucket")
	tiertest.Run(t, func(t *testing.T) tiers.Store { return newStore(t, server.Endpoint) })
}

func TestConformanceWithServerSideEncryption(t *testing.T) {
	s3test.SetEnv(t)
	server := s3test.Start(t, "bucket")
	tiertest.Run(t, func(t *testing.T) tiers.Store {
		return newStore(t, server.Endpoint, func(o *Options) { o.Encryption = EncryptS3 })
	})
}

func TestConformanceBehindAServerThatIsOftenBusy(t *testing.T) {
	s3test.SetEnv(t)
	proxy := s3test.NewProxy(t, s3test.Start(t, "bucket"))
	var mu sync.Mutex
	n, refused := 0, make(map[string]bool)
	proxy.When(func(r *http.Request) s3test.Fault {
		mu.Lock()
		defer mu.Unlock()
		// Often, but never the same request twice: how many tries are enough is not the question here.
		what := r.Method + " " + r.URL.String()
		if n++; n%4 == 0 && !refused[what] {
			refused[what] = true
			return s3test.Busy
		}
		delete(refused, what)
		return s3test.None
	})
	tiertest.Run(t, func(t *testing.T) tiers.Store { return newStore(t, proxy.Endpoint) })
}

func TestTheBucketOfAnotherRepositoryIsRefused(t *testing.T) {
	s3test.SetEnv(t)
	server := s3test.Start(t, "bucket")
	s := newStore(t, server.Endpoint)
	o := s.o
	if err := Create(t.Context(), repo, o); err != nil {
		t.Errorf("to create the same once more: %v", err)
	}
	other, err := Open("01JNB7Z0000000000000000001", o)
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"create": Create(t.Context(), "01JNB7Z0000000000000000001", o),
		"put":    other.Put(t.Context(), "a", strings.NewReader("x"), 1),
		"delete": other.Delete(t.Context(), "a"),
	} {
		if !errors.Is(err, tiers.ErrForeign) {
			t.Errorf("%s: got %v, want ErrForeign", what, err)
		}
	}
}

func TestWhatIsWrongIsSaidInWords(t *testing.T) {
	s3test.SetEnv(t)
	server := s3test.Start(t, "bucket")
	good := newStore(t, server.Endpoint).o
	tests := []struct {
		name   string
		change func(*testing.T, *Options)
		want   string
	}{
		{"no bucket", func(_ *testing.T, o *Options) { o.Bucket = "nowhere" }, "the bucket does not exist"},
		{"no marker", func(_ *testing.T, o *Options) { o.Prefix = "empty" }, "is not a tier"},
		{"wrong secret", func(t *testing.T, _ *Options) { t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret-0") }, "the secret key is wrong"},
		{"unknown key", func(t *testing.T, _ *Options) { t.Setenv("AWS_ACCESS_KEY_ID", "nobody") }, "does not know the access key"},
		{"refused", func(_ *testing.T, o *Options) { o.Endpoint = "http://127.0.0.1:1" }, "connection refused"},
		{"TLS to a server without", func(_ *testing.T, o *Options) { o.Endpoint = strings.Replace(server.Endpoint, "http", "https", 1) }, "HTTP response to HTTPS client"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := good
			tt.change(t, &o)
			s, err := Open(repo, o)
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Stat(t.Context(), "a")
			if !errors.Is(err, blob.ErrOffline) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want ErrOffline and %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "wrong-secret-0") || strings.Contains(err.Error(), s3test.SecretKey) {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

func TestBadOptionsAreRefusedAtOnce(t *testing.T) {
	for name, o := range map[string]Options{
		"no scheme":        {Endpoint: "nas:9000", Bucket: "bucket"},
		"a path":           {Endpoint: "http://nas/b", Bucket: "bucket"},
		"a password":       {Endpoint: "http://me:secret@nas", Bucket: "bucket"},
		"no bucket":        {Endpoint: "http://nas"},
		"an odd bucket":    {Endpoint: "http://nas", Bucket: "My_Bucket"},
		"a bad prefix":     {Endpoint: "http://nas", Bucket: "bucket", Prefix: "a//b"},
		"odd credentials":  {Endpoint: "http://nas", Bucket: "bucket", Credentials: "yaml"},
		"odd encryption":   {Endpoint: "http://nas", Bucket: "bucket", Encryption: "rot13"},
		"sse-c, no TLS":    {Endpoint: "http://nas", Bucket: "bucket", Encryption: EncryptCustomer},
		"sse-c, no key":    {Endpoint: "https://nas", Bucket: "bucket", Encryption: EncryptCustomer, KeyFile: "/nowhere"},
		"no certificates":  {Endpoint: "https://nas", Bucket: "bucket", CAFile: "/nowhere"},
		"odd certificates": {Endpoint: "https://nas", Bucket: "bucket", CAFile: "/dev/null"},
	} {
		if _, err := Open(repo, o); err == nil || strings.Contains(err.Error(), "secret@") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestFaultsThatPassAreNoticedByNobody(t *testing.T) {
	s3test.SetEnv(t)
	server := s3test.Start(t, "bucket")
	data := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	for name, f := range map[string]s3test.Fault{"reset": s3test.Reset, "busy": s3test.Busy, "cut": s3test.Cut, "lost answer": s3test.LostAck, "stall": s3test.Stall} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := s3test.NewProxy(t, server)
			s := newStore(t, proxy.Endpoint, func(o *Options) { o.Stall = 300 * time.Millisecond })
			if f != s3test.Cut && f != s3test.Stall { // which need an answer with a body
				proxy.Times(2, http.MethodPut, f)
			}
			if err := s.Put(t.Context(), "a", bytes.NewReader(data), int64(len(data))); err != nil {
				t.Errorf("put: %v", err)
			}
			proxy.Times(2, http.MethodGet, f)
			got := make([]byte, len(data)-7)
			if err := s.ReadAt(t.Context(), "a", got, 7); err != nil || !bytes.Equal(got, data[7:]) {
				t.Errorf("read: %v, the bytes are right: %v", err, bytes.Equal(got, data[7:]))
			}
			proxy.Times(2, http.MethodDelete, f)
			if err := s.Delete(t.Context(), "a"); err != nil {
				t.Errorf("delete: %v", err)
			}
			proxy.Always(s3test.None)
			if _, err := s.Stat(t.Context(), "a"); !errors.Is(err, blob.ErrNotFound) {
				t.Errorf("after delete: got %v", err)
			}
		})
	}
}

func TestAReadThatWasCutGoesOnWhereItWas(t *testing.T) {
	s3test.SetEnv(t)
	proxy := s3test.NewProxy(t, s3test.Start(t, "bucket"))
	s := newStore(t, proxy.Endpoint)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	if err := s.Put(t.Context(), "a", bytes.NewReader(data), int64(len(data))); err != nil {
		t.Fatal(err)
	}
	var ranges []string
	cut := 3
	proxy.When(func(r *http.Request) s3test.Fault { // one request at a time
		ranges = append(ranges, r.Header.Get("Range"))
		if cut--; cut >= 0 {
			return s3test.Cut
		}
		return s3test.None
	})
	got := make([]byte, len(data))
	if err := s.ReadAt(t.Context(), "a", got, 0); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("read: %v", err)
	}
	if len(ranges) != 4 {
		t.Fatalf("ranges: %q", ranges)
	}
	for i := range ranges[1:] {
		if ranges[i] == ranges[i+1] {
			t.Errorf("the range %s was asked for twice", ranges[i])
		}
	}
}

// A server that never answers costs each caller a bounded time, and when it is known
// to be away almost none.
func TestADeadServerFailsInBoundedTimeAndComesBack(t *testing.T) {
	s3test.SetEnv(t)
	proxy := s3test.NewProxy(t, s3test.Start(t, "bucket"))
	s := newStore(t, proxy.Endpoint, func(o *Options) { o.Stall = 100 * time.Millisecond })
	proxy.Always(s3test.Reset)
	for range 3 {
		if err := s.Put(t.Context(), "a", strings.NewReader("x"), 1); !errors.Is(err, blob.ErrOffline) {
			t.Fatalf("got %v, want ErrOffline", err)
		}
	}
	before := proxy.Requests.Load()
	if _, err := s.Stat(t.Context(), "a"); !errors.Is(err, blob.ErrOffline) {
		t.Fatalf("got %v, want ErrOffline", err)
	}
	if n := proxy.Requests.Load() - before; n > 1 {
		t.Errorf("%d requests to a server that is known to be away", n)
	}
	proxy.Always(s3test.None)
	for {
		err := s.Put(t.Context(), "a", strings.NewReader("x"), 1)
		if err == nil {
			break
		}
		if t.Context().Err() != nil || !errors.Is(err, blob.ErrOffline) {
			t.Fatalf("it does not come back: %v", err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func TestABlackHoleIsGivenUp(t *testing.T) {
	s3test.SetEnv(t)
	proxy := s3test.NewProxy(t, s3test.Start(t, "bucket"))
	s := newStore(t, proxy.Endpoint, func(o *Options) { o.Stall = 100 * time.Millisecond })
	proxy.Always(s3test.BlackHole)
	if _, err := s.Stat(t.Context(), "a"); !errors.Is(err, blob.ErrOffline) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want ErrOffline", err)
	}
}

func TestWhatTheServerAcknowledgedSurvivesItsDeath(t *testing.T) {
	s3test.SetEnv(t)
	server := s3test.Start(t, "bucket")
	s := newStore(t, server.Endpoint)
	acked := map[string]bool{}
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; !stop.Load(); i++ {
			key := fmt.Sprintf("k/%d", i)
			if err := s.Put(t.Context(), key, strings.NewReader(key), int64(len(key))); err == nil {
				acked[key] = true
			}
			if i == 50 {
				stop.Store(true)
				server.Kill()
			}
		}
	}()
	<-done
	server.Up()
	for key := range acked {
		p := make([]byte, len(key))
		if err := retry(t, func() error { return s.ReadAt(t.Context(), key, p, 0) }); err != nil || string(p) != key {
			t.Errorf("%s: %q, %v", key, p, err)
		}
	}
	if len(acked) < 50 {
		t.Errorf("only %d were acknowledged", len(acked))
	}
}

// retry calls fn until the server is believed to be back.
func retry(t *testing.T, fn func() error) error {
	for {
		err := fn()
		if !errors.Is(err, blob.ErrOffline) || t.Context().Err() != nil {
			return err
		}
		<-time.After(20 * time.Millisecond)
	}
}

func TestABucketWithVersionsKeepsNothingThatWasDeleted(t *testing.T) {
	s3test.SetEnv(t)
	server := s3test.Start(t, "bucket")
	s := newStore(t, server.Endpoint)
	if err := s.client.EnableVersioning(t.Context(), "bucket"); err != nil {
		t.Fatal(err)
	}
	s, err := Open(repo, s.o) // it looks again
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Put(t.Context(), "a", strings.NewReader("x"), 1); err != nil {
			t.Fatal(err)
		}
		if err := s.Put(t.Context(), "ab", strings.NewReader("x"), 1); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	left := 0
	err = filepath.WalkDir(filepath.Join(server.Dir, "bucket", s.o.Prefix, "a"), func(string, os.DirEntry, error) error { left++; return nil })
	if err != nil || left > 1 { // the path itself, which is not there
		t.Errorf("%d files of the object are left (%v)", left, err)
	}
	if _, err := s.Stat(t.Context(), "ab"); err != nil {
		t.Errorf("another object: %v", err)
	}
}

func TestObjectsInParts(t *testing.T) {
	s3test.SetEnv(t)
	server := s3test.Start(t, "bucket")
	s := newStore(t, server.Endpoint)
	data := bytes.Repeat([]byte("0123456789abcdef"), (2*partSize+1000)/16)
	for range 2 { // an existing key is success
		if err := s.Put(t.Context(), "large", bytes.NewReader(data), int64(len(data))); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, len(data))
	if err := s.ReadAt(t.Context(), "large", got, 0); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read: %v", err)
	}
	err := s.Put(t.Context(), "short", bytes.NewReader(data), int64(len(data))+1)
	if !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, blob.ErrOffline) {
		t.Errorf("a source that is too short: got %v", err)
	}
}
