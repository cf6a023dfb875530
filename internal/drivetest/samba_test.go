//go:build long

package drivetest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The share of docs/recipes.md shows snapshots as previous versions: a client lists them and reads through them.
func TestSambaShowsSnapshotsAsPreviousVersions(t *testing.T) {
	needRoot(t)
	need(t, "smbd", "samba")
	need(t, "smbclient", "smbclient")
	d := newDrive(t)
	must(t, os.Mkdir(d.path("sub"), 0o755))
	must(t, os.WriteFile(d.path("f.txt"), []byte("one"), 0o644))
	must(t, os.Mkdir(d.path("gone"), 0o755))
	must(t, os.WriteFile(d.path("sub/g.txt"), []byte("below"), 0o644))
	must(t, os.WriteFile(d.path("gone/h.txt"), []byte("removed"), 0o644))
	at := time.Now().UTC().Truncate(time.Second)
	d.snap("hourly-" + at.Format("2006-01-02T15-04-05Z"))
	d.snap("before the analysis")
	must(t, os.WriteFile(d.path("f.txt"), []byte("two"), 0o644))
	must(t, os.Remove(d.path("sub/g.txt")))
	must(t, os.RemoveAll(d.path("gone")))

	s := newSamba(t, d)
	token := at.Format("@GMT-2006.01.02-15.04.05")
	if out := s.client("allinfo f.txt"); strings.Count(out, "@GMT-") != 1 || !strings.Contains(out, token) {
		t.Errorf("previous versions of f.txt, want %s alone:\n%s", token, out)
	}
	if out := s.client(fmt.Sprintf(`ls %s\sub\*`, token)); !strings.Contains(out, "g.txt") {
		t.Errorf("the directory with a removed file:\n%s", out)
	}
	for name, want := range map[string]string{"f.txt": "two", token + `\f.txt`: "one", token + `\sub\g.txt`: "below",
		`".snapshots\before the analysis\gone\h.txt"`: "removed"} {
		got := filepath.Join(s.dir, "got")
		s.client(fmt.Sprintf(`get %s %s`, name, got))
		if text := string(get(os.ReadFile(got))(t)); text != want {
			t.Errorf("%s holds %q, want %q", name, text, want)
		}
	}
	s.client(fmt.Sprintf(`put %s in.txt`, filepath.Join(s.dir, "got")))
	if out, err := s.try(fmt.Sprintf(`put %s %s\new.txt`, filepath.Join(s.dir, "got"), token)); err == nil {
		t.Errorf("a client writes into a snapshot:\n%s", out)
	}
	s.stop()
	d.sync()
	d.check()
}

// samba is a server on a port of the loopback device, with everything it keeps in a directory of the test.
type samba struct {
	t    *testing.T
	dir  string
	conf string
	port int
	stop func()
}

func newSamba(t *testing.T, d *drive) *samba {
	t.Helper()
	// Not tempDir: its name is too long for the sockets in it.
	s := &samba{t: t, dir: get(os.MkdirTemp(suite.root, "smb"))(t)}
	t.Cleanup(func() { os.RemoveAll(s.dir) })
	free := get(net.Listen("tcp", "127.0.0.1:0"))(t)
	s.port = free.Addr().(*net.TCPAddr).Port
	free.Close()
	s.conf = filepath.Join(s.dir, "smb.conf")
	text := fmt.Sprintf("[global]\nserver role = standalone server\nsmb ports = %d\ninterfaces = 127.0.0.1\nbind interfaces only = yes\n"+
		"map to guest = bad user\nguest account = root\nload printers = no\ndisable spoolss = yes\n", s.port)
	for _, key := range []string{"private dir", "lock directory", "state directory", "cache directory", "pid directory", "ncalrpc dir"} {
		dir := filepath.Join(s.dir, strings.Fields(key)[0])
		must(t, os.Mkdir(dir, 0o755))
		text += key + " = " + dir + "\n"
	}
	must(t, os.WriteFile(s.conf, []byte(text+s.share(d)+"guest ok = yes\nforce user = root\n"), 0o644))
	cmd := exec.Command("smbd", "--foreground", "--no-process-group", "--configfile="+s.conf, "--log-basename="+s.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	must(t, cmd.Start())
	stopped := false
	s.stop = func() {
		if !stopped {
			stopped = true
			syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // its children, too
			cmd.Wait()
		}
	}
	t.Cleanup(s.stop)
	if !eventually(20*time.Second, func() bool { _, err := s.try("ls"); return err == nil }) {
		s.stop()
		log, _ := os.ReadFile(filepath.Join(s.dir, "log.smbd"))
		t.Fatalf("smbd does not serve: %s\n%s", &said, log)
	}
	return s
}

// share is the section of the recipe, for the test's mount.
func (s *samba) share(d *drive) string {
	for _, b := range blocks(s.t, "recipes.md") {
		if b.lang == "ini" && strings.Contains(b.text, "[research]") {
			return strings.ReplaceAll(b.text, "= /research", "= "+d.mnt)
		}
	}
	s.t.Fatal("the page has no share")
	return ""
}

func (s *samba) try(command string) (string, error) {
	out, errOut, err := output(exec.Command("smbclient", "-p", fmt.Sprint(s.port), "-N", "-s", s.conf, "//127.0.0.1/research", "-c", command), time.Minute)
	return out + errOut, err
}

func (s *samba) client(command string) string {
	s.t.Helper()
	out, err := s.try(command)
	if err != nil {
		s.t.Fatalf("smbclient: %s: %v\n%s", command, err, out)
	}
	return out
}
