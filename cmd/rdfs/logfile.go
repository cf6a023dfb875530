package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// logFile is a log that keeps within its bound: at max bytes it becomes NAME.1, in
// place of an older one, and a new one begins. Safe for concurrent use.
type logFile struct {
	mu     sync.Mutex
	name   string
	max    int64
	stderr bool // also the process's descriptor 2 goes there: a panic belongs in the log
	f      *os.File
	size   int64
}

func openLog(name string, max int64, stderr bool) (*logFile, error) {
	l := &logFile{name: name, max: max, stderr: stderr}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	return l, nil
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && l.stderr {
		err = unix.Dup3(int(f.Fd()), 2, 0)
	}
	if err != nil {
		f.Close()
		return err
	}
	if l.f != nil {
		l.f.Close()
	}
	l.f, l.size = f, info.Size()
	return nil
}

// Write writes one line. When rotating fails it goes on in the old file: a log that
// is too long is better than none.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size > 0 && l.size+int64(len(p)) > l.max {
		if err := os.Rename(l.name, l.name+".1"); err == nil {
			l.open()
		}
		l.size = min(l.size, l.max/2) // not again at the next line
	}
	n, err := l.f.Write(p)
	l.size += int64(n)
	return n, err
}

func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.f.Close()
}

func parseLevel(s string) (slog.Level, error) {
	var l slog.Level
	switch s {
	case "", "debug", "info", "warn", "error":
		if s == "" {
			return slog.LevelInfo, nil
		}
		err := l.UnmarshalText([]byte(s))
		return l, err
	}
	return l, fmt.Errorf("log level %q: want debug, info, warn or error", s)
}

func newLogger(w io.Writer, level string) (*slog.Logger, error) {
	l, err := parseLevel(level)
	if err != nil {
		return nil, err
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l})), nil
}
