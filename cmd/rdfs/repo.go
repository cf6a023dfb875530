package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/rdfs/rdfs/internal/config"
	"github.com/rdfs/rdfs/internal/control"
	"github.com/rdfs/rdfs/internal/keys"
	"github.com/rdfs/rdfs/internal/volume"
)

// engine opens repositories. volumeEngine is the real one; tests have another.
type engine interface {
	// Open opens the repository. The caller holds its lock until Close returned.
	Open(ctx context.Context, o openOptions) (drive, error)
}

type openOptions struct {
	Dir    string // of the repository, absolute
	Config *config.Config
	Now    func() time.Time
	Logger *slog.Logger
	// Secret returns what opens an encrypted repository. It may ask a person.
	Secret func(context.Context) (keys.Secret, error)
}

// drive is an open repository.
type drive interface {
	control.Drive
	// Access says whether the caller can reach path.
	Access(ctx context.Context, who control.Caller, path string) error
	// Mount mounts the drive; it serves when Mount returns.
	Mount(ctx context.Context, o mountOptions) (mounted, error)
	// Background does what a mounted drive does by itself, until ctx ends: it takes
	// snapshots and collects garbage when they are due, and ships the catalog to the tier.
	Background(ctx context.Context)
	// Close seals what was closed until ctx ends, and ends the drive. What is left
	// unsealed is taken up by the next Open.
	Close(ctx context.Context, progress func(volume.Progress)) error
}

// mounted is a drive at its place in the tree.
type mounted interface {
	// NoPassthrough says why the kernel does not read and write files by itself; ""
	// when it does.
	NoPassthrough() string
	// Unmount takes the drive off the tree. An error means that it is still there: a
	// program uses it.
	Unmount(ctx context.Context) error
	// Wait returns when the drive was unmounted, by whomever.
	Wait()
}

// mountOptions are the options of a mount as they hold after the command line, -o
// and rdfs.yaml were put together.
type mountOptions struct {
	Mountpoint  string // absolute
	Source      string // of the table of mounts: the repository's directory
	AllowOther  bool
	ReadOnly    bool
	Passthrough bool     // use it where the kernel and the privileges allow
	Kernel      []string // passed on to mount(2): nodev, nosuid, noexec, noatime...
	Debug       bool     // log every request
}
