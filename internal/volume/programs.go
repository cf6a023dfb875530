package volume

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Caller is who asks for an operation.
type Caller struct {
	UID, GID uint32
	PID      uint32 // thread id; 0: unknown
	Program  string // command line; the volume reads it where it needs it
}

// programs reads and briefly remembers the command lines of callers.
type programs struct {
	mu sync.Mutex
	m  map[uint32]program
}

type program struct {
	line string
	read time.Time
}

const (
	programFresh = 100 * time.Millisecond // a process may exec another program
	maxPrograms  = 256
	maxLine      = 1024 // bytes of a command line that are kept
)

func (p *programs) init() { p.m = make(map[uint32]program) }

// line returns the command line of a process that is waiting for us, "" if it
// cannot be read.
func (p *programs) line(pid uint32, now time.Time) string {
	if pid == 0 {
		return ""
	}
	p.mu.Lock()
	known, ok := p.m[pid]
	p.mu.Unlock()
	if ok && now.Sub(known.read) < programFresh {
		return known.line
	}
	line := readCommandLine(pid)
	p.mu.Lock()
	if len(p.m) >= maxPrograms {
		clear(p.m)
	}
	p.m[pid] = program{line, now}
	p.mu.Unlock()
	return line
}

// identify reads the command line of a caller. It may wait for the caller's memory
// map, and so for requests of its other threads: no lock may be held.
func (v *Volume) identify(who *Caller) {
	if who.Program == "" {
		who.Program = v.who.line(who.PID, v.now())
	}
}

func readCommandLine(pid uint32) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	words := bytes.Split(bytes.TrimRight(b, "\x00"), []byte{0})
	var line strings.Builder
	for i, w := range words {
		if i > 0 {
			line.WriteByte(' ')
		}
		s := strings.ToValidUTF8(string(w), "?")
		if s == "" || strings.ContainsAny(s, " \t\n\"'\\") {
			s = fmt.Sprintf("%q", s)
		}
		line.WriteString(s)
		if line.Len() > maxLine {
			break
		}
	}
	s := line.String()
	if len(s) > maxLine {
		s = s[:maxLine-3]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
		s += "..."
	}
	return s
}
