package fs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/volume"
)

// Options of Mount.
type Options struct {
	Source     string // shown as the device in mount tables: the repository's directory
	AllowOther bool   // let other users than the one who mounts in
	ReadOnly   bool
	Kernel     []string // options of mount(2): nodev, nosuid, noexec, noatime...
	Debug      bool     // log every request
	// NoPassthrough makes all bytes go through this process, for tests and doubts.
	NoPassthrough bool
	Shelves       map[string]Shelf // directories of links, by their names in .rdfs
	Logger        *slog.Logger
}

// Mount is a mounted drive.
type Mount struct {
	door   *door
	server *fuse.Server
	path   string
	why    string // there is no passthrough
}

// mountFlags are options that mount(2) takes as bits only. go-fuse knows the others.
var mountFlags = map[string]uintptr{
	"noatime":    unix.MS_NOATIME,
	"nodiratime": unix.MS_NODIRATIME,
}

// maxRequest is the size of the largest read or write in bytes that the kernel sends.
const maxRequest = 1 << 20

// New mounts the volume at a directory and begins to serve. The volume must outlive
// the mount.
func New(vol *volume.Volume, path string, o Options) (*Mount, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	d := newDoor(vol, &o)
	mo := &fuse.MountOptions{
		Name:          "rdfs",
		FsName:        o.Source,
		AllowOther:    o.AllowOther,
		MaxBackground: 64,
		MaxWrite:      maxRequest,
		Debug:         o.Debug,
		Options:       []string{"default_permissions"},
		// Replies are bytes, never files: the library would fill a pipe for each before it
		// finds that out, and say so for each of the largest size.
		DisableSplice: true,
		// Set-id bits are ours to clear (SetAttr), and open tells us of O_TRUNC: both
		// save requests, the first one before every write.
		ExtraCapabilities: fuse.CAP_HANDLE_KILLPRIV_V2 | fuse.CAP_ATOMIC_O_TRUNC,
	}
	if o.ReadOnly {
		mo.Options = append(mo.Options, "ro")
	}
	if os.Geteuid() == 0 {
		mo.DirectMount = true
		mo.DirectMountFlags = unix.MS_MGC_VAL // neither nosuid nor nodev: root may have devices
	}
	for _, k := range o.Kernel {
		if flag := mountFlags[k]; flag != 0 && mo.DirectMount {
			mo.DirectMountFlags |= flag
		} else {
			mo.Options = append(mo.Options, k)
		}
	}
	server, err := fuse.NewServer(d, path, mo)
	if err != nil {
		return nil, fmt.Errorf("mount %s: %w", path, err)
	}
	m := &Mount{door: d, server: server, path: path}
	d.server = server
	if o.NoPassthrough {
		m.why = "it is switched off"
	} else if err := d.backing.probe(server, vol.DraftDir()); err != nil {
		m.why = err.Error()
	}
	vol.SetPassthrough(m.why == "")
	vol.SetNotifier(d)
	vol.SetMountpoint(path)
	// Not server.WaitMount: all that it does here is to open a file of the drive in this
	// very process. A process that is killed with a request to itself on its way never
	// dies, because the kernel waits for the answer before it closes the device.
	go server.Serve()
	m.setReadAhead()
	return m, nil
}

// WhyNoPassthrough says why reads and writes go through this process; "" when the
// kernel does them itself.
func (m *Mount) WhyNoPassthrough() string { return m.why }

// Wait returns when the drive is no longer mounted.
func (m *Mount) Wait() { m.server.Wait() }

// Open returns how many files are open.
func (m *Mount) Open() int { return m.door.files.len() }

// ErrInUse: the drive cannot be unmounted, a program uses it.
var ErrInUse = errors.New("the drive is in use: close the programs that have files open in it, or stand in it")

// Unmount takes the drive off the directory. It fails with ErrInUse while programs
// use it.
func (m *Mount) Unmount(ctx context.Context) error {
	// A program that has just ended may still be seen as a user for a moment.
	wait := 10 * time.Millisecond
	for {
		err := m.unmount()
		if err == nil || !errors.Is(err, syscall.EBUSY) && !strings.Contains(err.Error(), "busy") {
			return err
		}
		if wait > time.Second {
			return ErrInUse
		}
		select {
		case <-ctx.Done():
			return ErrInUse
		case <-time.After(wait):
		}
		wait *= 2
	}
}

func (m *Mount) unmount() error {
	if os.Geteuid() == 0 {
		err := unix.Unmount(m.path, 0)
		if err == unix.EINVAL {
			return nil // it is not mounted any more
		}
		return err
	}
	return m.server.Unmount()
}

// readAheadKB is how far the kernel reads ahead of a program in a file that we serve.
const readAheadKB = 4096

// setReadAhead raises the kernel's read-ahead for the mount, where we may. It asks the
// kernel for the device only: the answer must not need a request to ourselves.
func (m *Mount) setReadAhead() {
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, m.path, unix.AT_STATX_DONT_SYNC, 0, &st) != nil {
		return
	}
	bdi := fmt.Sprintf("%d:%d", st.Dev_major, st.Dev_minor)
	path := filepath.Join("/sys/class/bdi", bdi, "read_ahead_kb")
	if err := os.WriteFile(path, []byte(strconv.Itoa(readAheadKB)), 0); err != nil {
		m.door.log.Debug("read-ahead stays as it is", "err", err)
	}
}
