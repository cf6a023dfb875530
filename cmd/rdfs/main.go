package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/term"
)

func main() { os.Exit(mainStatus()) }

// mainStatus runs the process's command line and returns its exit status.
func mainStatus() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{
		engine:   volumeEngine{},
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		terminal: term.IsTerminal(int(os.Stderr.Fd())),
		now:      time.Now,
		patience: 10 * time.Second,
	}
	if filepath.Base(os.Args[0]) == "mount.rdfs" {
		return a.mountHelper(ctx, os.Args[1:])
	}
	return a.run(ctx, os.Args[1:])
}
