package drivetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// helperEnv names the helper that the test binary is to be, when it is started as a second process.
const helperEnv = "RDFS_TEST_HELPER"

// helpers are the other processes of the tests. A helper gets the arguments of its command line; an error
// ends it with status 1 and the error on standard error.
func helpers() map[string]func(args []string) error {
	return map[string]func(args []string) error{
		"guard":        helperGuard,
		"append":       helperAppend,
		"flock":        helperFlock,
		"fcntl":        helperFcntl,
		"hold":         helperHold,
		"crash-writer": helperCrashWriter,
		"survivor":     helperSurvivor,
		"save":         helperSave,
		"collect":      helperCollect,
	}
}

func runHelper(name string, args []string) int {
	h, ok := helpers()[name]
	if !ok {
		fmt.Fprintln(os.Stderr, "no helper", name)
		return 2
	}
	if err := h(args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// helper is the command that runs a helper.
func helper(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), helperEnv+"="+name)
	return cmd
}

// nobody is the ordinary user of the tests.
const nobody = 65534

// as runs fn on a thread of its own that has the user, the group and no other group, as a login would have
// given them. fn must stay on its goroutine. The thread ends with it.
func as(t *testing.T, uid, gid int, fn func() error) error {
	t.Helper()
	needRoot(t)
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, and its identity with it
		var err error
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
			done <- err
		}()
		// The raw calls change this thread only; package syscall would change all of them.
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETGROUPS, 0, 0, 0); e != 0 {
			err = e
			return
		}
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid)); e != 0 {
			err = e
			return
		}
		if _, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); e != 0 {
			err = e
			return
		}
		err = fn()
	}()
	return <-done
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root: run it with sudo")
	}
}

// need fails the test when a program is missing, and says which Debian package has it.
func need(t *testing.T, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%s is missing: apt-get install %s", program, debian)
	}
}

// programEnv is the environment of every program that the tests run: the same everywhere, nothing from home.
func programEnv(home string) []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + home, "TMPDIR=" + home, "LC_ALL=C.UTF-8", "TZ=UTC", "TERM=dumb",
		"PYTHONDONTWRITEBYTECODE=1", "PYTHONHASHSEED=0", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "R_PROFILE_USER=/dev/null", "R_ENVIRON_USER=/dev/null",
	}
}

// run runs a program and returns what it printed; it fails the test unless the program ends well in time.
func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, errOut, err := output(cmd, 3*time.Minute)
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, out, errOut)
	}
	return out
}

// output runs a program for at most limit.
func output(cmd *exec.Cmd, limit time.Duration) (stdout, stderr string, err error) {
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return "", "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	stop := context.AfterFunc(ctx, func() {
		if ctx.Err() == context.DeadlineExceeded {
			cmd.Process.Kill()
		}
	})
	err = cmd.Wait()
	stop()
	if ctx.Err() != nil {
		err = fmt.Errorf("did not end within %v: %w", limit, err)
	}
	cancel()
	return out.String(), errOut.String(), err
}

// eventually asks until ok, for at most limit. It is for what the kernel or another process does in its own time.
func eventually(limit time.Duration, ok func() bool) bool {
	for end := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		if ok() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// wantErrno fails unless err is one of the given errors.
func wantErrno(t *testing.T, what string, err error, want ...unix.Errno) {
	t.Helper()
	got := errnoOf(err)
	for _, w := range want {
		if got == w {
			return
		}
	}
	t.Errorf("%s: got %v, want %v", what, err, want)
}

// must fails the test at once if err is not nil.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// get is must for calls that also return a value: get(os.ReadFile(p))(t).
func get[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// errnoOf is the system's number in err; 0 for nil, and EDOM (which no call here returns) if there is none.
func errnoOf(err error) unix.Errno {
	var e unix.Errno
	if err == nil {
		return 0
	}
	if errors.As(err, &e) {
		return e
	}
	return unix.EDOM
}

// procFD names an open file for linkat(2), as the manual page of open(2) says.
func procFD(fd int) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }

// userCredential makes a child process run as the user, without other groups.
func userCredential(uid int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
}
