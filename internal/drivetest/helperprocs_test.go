package drivetest

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// helperAppend opens FILE for appending and writes COUNT lines of its TAG, one write each.
func helperAppend(args []string) error {
	f, err := os.OpenFile(args[0], os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	count, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	for i := range count {
		if _, err := fmt.Fprintf(f, "%s %06d\n", args[1], i); err != nil {
			return err
		}
	}
	return f.Close()
}

// helperFlock says whether an exclusive flock on FILE can be had at once: "free" or "held".
func helperFlock(args []string) error {
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	return sayLock(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
}

// helperFcntl says whether a write lock on 10 bytes of FILE at OFFSET can be had at once.
func helperFcntl(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	off, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err
	}
	lock := unix.Flock_t{Type: unix.F_WRLCK, Start: off, Len: 10}
	return sayLock(unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock))
}

func sayLock(err error) error {
	switch err {
	case nil:
		fmt.Println("free")
	case unix.EAGAIN, unix.EACCES:
		fmt.Println("held")
	default:
		return err
	}
	return nil
}

// helperHold opens FILE for writing, writes TEXT, says "ready", and closes it when its standard input ends.
func helperHold(args []string) error {
	f, err := os.OpenFile(args[0], os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(args[1]); err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil && err.Error() != "EOF" {
		return err
	}
	return f.Close()
}

// helperSave writes TEXT to FILE as a program does that knows nothing of the drive.
func helperSave(args []string) error { return os.WriteFile(args[0], []byte(args[1]), 0o644) }

// hold starts a process that holds file open for writing, having written text. Calling release ends it.
func hold(t *testing.T, file, text string) (cmd *exec.Cmd, release func()) {
	t.Helper()
	cmd = helper("hold", file, text)
	in := get(cmd.StdinPipe())(t)
	out := get(cmd.StdoutPipe())(t)
	must(t, cmd.Start())
	ended := false
	release = func() {
		if ended {
			return
		}
		ended = true
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the process that held %s open: %v", file, err)
		}
	}
	t.Cleanup(release)
	buf := make([]byte, 16)
	if n, err := out.Read(buf); err != nil || string(buf[:n]) != "ready\n" {
		t.Fatalf("the process that holds %s open said %q, %v", file, buf[:n], err)
	}
	return cmd, release
}
