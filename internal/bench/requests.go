package bench

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Requests counts FUSE requests by name, such as LOOKUP.
type Requests map[string]int

// per lists the requests, the most frequent first, divided by n.
func (r Requests) per(n float64) string {
	names := slices.SortedFunc(maps.Keys(r), func(a, b string) int {
		if r[a] != r[b] {
			return r[b] - r[a]
		}
		return strings.Compare(a, b)
	})
	var parts []string
	for _, name := range names {
		if v := float64(r[name]) / n; v >= 0.005 {
			parts = append(parts, fmt.Sprintf("%s %.2f", name, v))
		}
	}
	return strings.Join(parts, "  ")
}

// requestCounter counts the requests that the kernel sends to each FUSE mount, by the tracepoint fuse_request_send. The daemons
// need not help. It slows everything down a little. A nil counter counts nothing.
type requestCounter struct {
	mnt, instance string
	pipe          int
	stop          chan struct{}
	stopped       sync.WaitGroup

	mu     sync.Mutex
	counts map[uint64]Requests // by device number of the mount
	idle   int                 // how often the pipe was found empty
}

func newRequestCounter(mnt string) (*requestCounter, error) {
	if err := os.MkdirAll(mnt, 0o755); err != nil {
		return nil, err
	}
	if err := unix.Mount("tracefs", mnt, "tracefs", 0, ""); err != nil {
		return nil, fmt.Errorf("mount tracefs: %w", err)
	}
	c := &requestCounter{mnt: mnt, instance: filepath.Join(mnt, "instances", fmt.Sprintf("rdfs-bench-%d", os.Getpid())), pipe: -1,
		stop: make(chan struct{}), counts: map[uint64]Requests{}}
	if err := c.begin(); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *requestCounter) begin() (err error) {
	if err := os.Mkdir(c.instance, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.instance, "buffer_size_kb"), []byte("32768"), 0); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.instance, "events/fuse/fuse_request_send/enable"), []byte("1"), 0); err != nil {
		return err
	}
	if c.pipe, err = unix.Open(filepath.Join(c.instance, "trace_pipe"), unix.O_RDONLY|unix.O_NONBLOCK, 0); err != nil {
		return err
	}
	c.stopped.Go(c.read)
	return nil
}

func (c *requestCounter) close() error {
	close(c.stop)
	c.stopped.Wait()
	if c.pipe >= 0 {
		unix.Close(c.pipe)
	}
	os.WriteFile(filepath.Join(c.instance, "events/fuse/fuse_request_send/enable"), []byte("0"), 0)
	return errors.Join(os.Remove(c.instance), unix.Unmount(c.mnt, 0))
}

func (c *requestCounter) read() {
	buf := make([]byte, 1<<16)
	var rest string
	for {
		n, err := unix.Read(c.pipe, buf)
		if err != nil || n <= 0 {
			c.mu.Lock()
			c.idle++
			c.mu.Unlock()
			select {
			case <-c.stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
			continue
		}
		lines := strings.Split(rest+string(buf[:n]), "\n")
		rest = lines[len(lines)-1]
		c.mu.Lock()
		for _, line := range lines[:len(lines)-1] {
			if dev, name, ok := parseRequest(line); ok {
				if c.counts[dev] == nil {
					c.counts[dev] = Requests{}
				}
				c.counts[dev][name]++
			}
		}
		c.mu.Unlock()
	}
}

// parseRequest reads "... fuse_request_send: connection 45 req 2 opcode 1 (FUSE_LOOKUP) len 50".
func parseRequest(line string) (dev uint64, name string, ok bool) {
	_, line, ok = strings.Cut(line, "fuse_request_send: connection ")
	if !ok {
		return 0, "", false
	}
	number, line, _ := strings.Cut(line, " ")
	dev, err := strconv.ParseUint(number, 10, 64)
	_, line, _ = strings.Cut(line, "(FUSE_")
	name, _, ok = strings.Cut(line, ")")
	return dev, name, ok && err == nil
}

// snapshot is what has been counted for a directory.
func (c *requestCounter) snapshot(d *directory) Requests {
	if c == nil || d.daemon == nil {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Stat(d.daemon.mnt, &st); err != nil {
		return nil
	}
	// Two empty reads from now on mean that all that has happened is counted.
	c.mu.Lock()
	from := c.idle
	c.mu.Unlock()
	for {
		c.mu.Lock()
		if c.idle >= from+2 {
			defer c.mu.Unlock()
			// The kernel's own form of a device number, which the tracepoint prints.
			return maps.Clone(c.counts[uint64(unix.Major(st.Dev))<<20|uint64(unix.Minor(st.Dev))])
		}
		c.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
}

// since is what has been counted since a snapshot.
func (c *requestCounter) since(d *directory, before Requests) Requests {
	now := c.snapshot(d)
	for name, n := range before {
		now[name] -= n
	}
	return now
}
