package control

import (
	"context"
	"time"

	"github.com/rdfs/rdfs/internal/volume"
)

// Drive is an open repository as the command line needs it. *volume.Volume with
// what is built on it is one, and so is Client. Paths are relative to the root of the drive, slash-separated,
// without a leading slash; "" is the root. All methods may be called at once from
// many goroutines. A progress function may be nil; it is called from one goroutine
// at a time and must not block.
type Drive interface {
	Moments
	Finder

	Status(ctx context.Context) (volume.Status, error)
	// Log returns the versions of the file at path, oldest first.
	Log(ctx context.Context, path string) ([]volume.VersionInfo, error)
	Restore(ctx context.Context, req volume.RestoreRequest) (volume.RestoreResult, error)
	// Sync returns when everything below path that was closed before the call is
	// sealed and the catalog is durable.
	Sync(ctx context.Context, path string, progress func(volume.Progress)) error
	// Seal makes a version of the file at path now, also while it is open.
	Seal(ctx context.Context, path string) (volume.VersionInfo, error)
	// Check reads the whole repository; with data also every byte of the packs.
	Check(ctx context.Context, data bool, progress func(volume.Progress)) (volume.CheckResult, error)
	// GC forgets what is no longer kept and removes what nothing refers to; with
	// dryRun it only says so.
	GC(ctx context.Context, dryRun bool, progress func(volume.Progress)) (volume.GCResult, error)
	// Scrub reads every copy of every pack, and repairs those that are damaged.
	Scrub(ctx context.Context, req volume.ScrubRequest, progress func(volume.Progress)) (volume.ScrubResult, error)
	Metadata
}

// ProtocolVersion is raised when requests or answers change their meaning.
const ProtocolVersion = 1

// Hello is what a server says about itself.
type Hello struct {
	Protocol   int       `json:"protocol"`
	Version    string    `json:"version"` // of rdfs
	PID        int       `json:"pid"`
	Repository string    `json:"repository"` // directory
	Mountpoint string    `json:"mountpoint"`
	Started    time.Time `json:"started"`
}

// Caller is who asks, as the kernel says.
type Caller struct {
	UID    uint32
	GID    uint32
	Groups []uint32 // supplementary
	PID    int32
}

// message is one line of a streamed answer.
type message struct {
	Progress *volume.Progress `json:"progress,omitempty"`
	Result   any              `json:"result,omitempty"`
	Error    *Error           `json:"error,omitempty"`
}

// The bodies of requests.
type (
	pathRequest  struct{ Path string }
	checkRequest struct{ Data bool }
	gcRequest    struct{ DryRun bool }
	// UnmountRequest asks the server to end.
	UnmountRequest struct {
		NoWait bool // leave unsealed files to the next mount
	}
)
