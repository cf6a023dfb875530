package drivetest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// suite is what all tests of one run share. It is written by TestMain before the first test.
var suite struct {
	root  string // directory of this run; everybody may pass through it
	bin   string // the rdfs binary
	plain bool   // plain directories instead of mounts
	guard *guard
}

func TestMain(m *testing.M) {
	if name := os.Getenv(helperEnv); name != "" {
		os.Exit(runHelper(name, os.Args[1:]))
	}
	os.Exit(runSuite(m))
}

func runSuite(m *testing.M) int {
	unix.Umask(0o022)
	suite.plain = os.Getenv("RDFS_TEST_PLAIN") == "1"
	root, err := os.MkdirTemp("", "rdfs-drivetest-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "drivetest:", err)
		return 1
	}
	suite.root = root
	if err := os.Chmod(root, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, "drivetest:", err)
		return 1
	}
	suite.guard, err = startGuard(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "drivetest: guard:", err)
		return 1
	}
	if !suite.plain {
		if suite.bin, err = buildBinary(root); err != nil {
			fmt.Fprintln(os.Stderr, "drivetest:", err)
			return 1
		}
	}
	code := m.Run()
	if code != 0 && os.Getenv("RDFS_TEST_KEEP") == "1" {
		fmt.Fprintln(os.Stderr, "drivetest: kept", root)
		suite.guard.keep()
		return code
	}
	if err := os.RemoveAll(root); err != nil {
		fmt.Fprintln(os.Stderr, "drivetest: clean up:", err)
	}
	return code
}

// buildBinary returns the rdfs binary under test, and builds it unless one is given.
func buildBinary(root string) (string, error) {
	if bin := os.Getenv("RDFS_TEST_BIN"); bin != "" {
		return filepath.Abs(bin)
	}
	bin := filepath.Join(root, "rdfs")
	cmd := exec.Command("go", "build", "-o", bin, "github.com/rdfs/rdfs/cmd/rdfs")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build cmd/rdfs: %w\n%s", err, out)
	}
	return bin, nil
}

// A guard is a process that outlives the test binary for a moment. It reads, from a pipe, the daemons and
// mounts that exist, and takes them down when the pipe ends, whatever ended it. Safe for concurrent use.
type guard struct {
	mu sync.Mutex
	w  *os.File
}

func startGuard(root string) (*guard, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.Command("/proc/self/exe", root)
	cmd.Env = append(os.Environ(), helperEnv+"=guard")
	cmd.Stdin = r
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a ^C at the terminal must not end it first
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &guard{w: w}, cmd.Process.Release()
}

func (g *guard) tell(word string, arg any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	fmt.Fprintln(g.w, word, arg)
}

func (g *guard) daemon(pid int)   { g.tell("daemon", pid) }
func (g *guard) ended(pid int)    { g.tell("ended", pid) }
func (g *guard) mount(mnt string) { g.tell("mount", mnt) }
func (g *guard) disk(mnt string)  { g.tell("disk", mnt) }
func (g *guard) keep()            { g.tell("keep", "") }

// helperGuard is the guard's process: args is the directory of the run.
func helperGuard(args []string) error {
	daemons, mounts, keep := map[int]bool{}, map[string]bool{}, false
	var disks []string // the first holds the others
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		word, arg, _ := strings.Cut(lines.Text(), " ")
		pid, _ := strconv.Atoi(arg)
		switch word {
		case "daemon":
			daemons[pid] = true
		case "ended":
			delete(daemons, pid)
		case "mount":
			mounts[arg] = true
		case "disk":
			disks = append(disks, arg)
		case "keep":
			keep = true
		}
	}
	for pid := range daemons {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	for mnt := range mounts {
		detach(mnt)
	}
	for _, mnt := range slices.Backward(disks) {
		thaw(mnt) // fails unless the test ended in the middle of a power cut
		unix.Unmount(mnt, unix.MNT_DETACH)
	}
	if keep {
		return nil
	}
	return os.RemoveAll(args[0])
}
