// Package s3test starts real S3 servers for tests, and puts a proxy before them that
// makes faults. It knows nothing of rdfs.
//
// The server is MinIO as a process, which scripts/s3-server.sh builds when it is missing
// (the first time that takes minutes). A test fails, and is not skipped, without it.
package s3test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// The credentials of every server.
const (
	AccessKey = "rdfsadmin"
	SecretKey = "rdfssecret123"
)

// kmsKey lets the server encrypt what it stores: a name and 32 bytes in base64.
const kmsKey = "rdfs-key:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// Server is a MinIO process with a data directory of its own.
type Server struct {
	Endpoint string // http://127.0.0.1:PORT
	Dir      string // its data

	t    testing.TB
	addr string
	bin  string
	cmd  *exec.Cmd
	done chan struct{}
	log  *bytes.Buffer
}

// Start starts a server with the buckets, which ends with the test. It fails the test
// when there is no server to start.
func Start(t testing.TB, buckets ...string) *Server {
	t.Helper()
	s := &Server{t: t, Dir: t.TempDir(), bin: binary(t), addr: freeAddr(t)}
	s.Endpoint = "http://" + s.addr
	for _, b := range buckets { // a directory of the data is a bucket
		if err := os.Mkdir(filepath.Join(s.Dir, b), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.Up()
	t.Cleanup(s.Kill)
	return s
}

// Env returns the variables that give a program the credentials.
func Env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + AccessKey, "AWS_SECRET_ACCESS_KEY=" + SecretKey}
}

// SetEnv gives this process the credentials until the test ends.
func SetEnv(t *testing.T) {
	for _, v := range Env() {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
}

// Up starts the process, on the address and the data it had before, and waits until
// it serves.
func (s *Server) Up() {
	s.t.Helper()
	s.log = new(bytes.Buffer)
	s.cmd = exec.Command(s.bin, "server", "--quiet", "--address", s.addr, "--console-address", freeAddr(s.t), s.Dir)
	s.cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+AccessKey, "MINIO_ROOT_PASSWORD="+SecretKey, "MINIO_BROWSER=off",
		"MINIO_UPDATE=off", "MINIO_CI_CD=1", "MINIO_KMS_SECRET_KEY="+kmsKey)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("start the S3 server: %v", err)
	}
	s.done = make(chan struct{})
	go func() { s.cmd.Wait(); close(s.done) }()
	for deadline := time.Now().Add(60 * time.Second); ; {
		resp, err := http.Get(s.Endpoint + "/minio/health/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-s.done:
			s.t.Fatalf("the S3 server has ended: %s", s.log)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the S3 server does not serve: %v", err)
		}
	}
}

// Kill ends the process as kill -9 does. Its data stay.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill()
	<-s.done
	s.cmd = nil
}

// freeAddr returns an address of this machine that nobody listens on.
func freeAddr(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// binary returns the server's program, built when it is missing.
var binary = func() func(testing.TB) string {
	find := sync.OnceValues(func() (string, error) {
		_, file, _, _ := runtime.Caller(0)
		script := filepath.Join(filepath.Dir(file), "..", "..", "..", "scripts", "s3-server.sh")
		var stderr bytes.Buffer
		cmd := exec.Command(script)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("%s: %w\n%s", script, err, &stderr)
		}
		return strings.TrimSpace(string(out)), nil
	})
	return func(t testing.TB) string {
		t.Helper()
		path, err := find()
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
}()
