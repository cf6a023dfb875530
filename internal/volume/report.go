package volume

import "time"

// Status is what `rdfs status` shows: plain data, ready for JSON.
type Status struct {
	Repository  string    `json:"repository"` // directory
	ID          string    `json:"id"`         // of the repository, a ULID
	Mountpoint  string    `json:"mountpoint,omitempty"`
	Time        time.Time `json:"time"`
	Passthrough bool      `json:"passthrough"`             // the kernel reads and writes backing files itself
	ReadOnlyWhy string    `json:"read_only_why,omitempty"` // set when the catalog or a draft failed: nothing can be saved

	Epoch    uint64 `json:"epoch"`
	Inodes   uint64 `json:"inodes"`
	Versions uint64 `json:"versions"`

	OpenForWriting int      `json:"open_for_writing"` // files
	Unsealed       int      `json:"unsealed"`         // files closed and not yet sealed, or open for writing
	UnsealedBytes  int64    `json:"unsealed_bytes"`
	Sealing        int      `json:"sealing"` // files being sealed now
	SealErrors     []string `json:"seal_errors,omitempty"`

	CatalogBytes     int64     `json:"catalog_bytes"`
	CatalogShipped   time.Time `json:"catalog_shipped,omitzero"`     // when all of it was in the tier
	CatalogShipError string    `json:"catalog_ship_error,omitempty"` // why it could not be brought there
	CacheBytes       int64     `json:"cache_bytes"`
	CacheMax         int64     `json:"cache_max"`
	Packs            int       `json:"packs"`
	PackBytes        int64     `json:"pack_bytes"`
	FreeBytes        int64     `json:"free_bytes"` // on the disk of the drafts

	// Tiers are where packs are kept, the nearest first. Copies that are still to be made,
	// or moved, wait for one of them.
	Tiers        []TierStatus `json:"tiers"`
	Waiting      int          `json:"copies_waiting"` // packs
	WaitingBytes int64        `json:"copies_waiting_bytes"`

	History History `json:"history"`

	// NamesRefused counts names that the naming scheme refused since the mount, and
	// those that were accepted with a warning.
	NamesRefused int64 `json:"names_refused"`
	// MetadataRefused counts values that the schema or the path refused since the mount.
	MetadataRefused int64 `json:"metadata_refused"`
	// Refusals counts what was wrong with all of these: by operation (create, rename,
	// setxattr, ...; "warned" where it was accepted) and by field, "" when it was the name as a whole.
	Refusals []RefusalCount `json:"refusals"`

	// SafeToUnplug: everything that was closed is sealed, the catalog is durable, and all
	// copies that are asked for are made.
	SafeToUnplug bool     `json:"safe_to_unplug"`
	Why          []string `json:"why,omitempty"` // what is not safe yet, for people
}

// RefusalCount is how often a field was wrong in an operation.
type RefusalCount struct {
	Op    string `json:"op"`
	Field string `json:"field"`
	Count int64  `json:"count"`
}

// TierStatus says how a tier answers.
type TierStatus struct {
	Name     string    `json:"name"`
	Provider string    `json:"provider"`
	Error    string    `json:"error,omitempty"` // of the last try; empty: it answers, or was not asked yet
	Since    time.Time `json:"since,omitzero"`  // it does not answer
}

// History says what history costs: what the last mark of a garbage collection found,
// and what was stored since.
type History struct {
	Marked       time.Time `json:"marked,omitzero"`   // when that mark began; zero: there was none yet
	LiveBytes    int64     `json:"live_bytes"`        // in packs, that the live tree needed
	HistoryBytes int64     `json:"history_bytes"`     // that only versions and snapshots needed
	Reclaimable  int64     `json:"reclaimable_bytes"` // that nothing needed
	AddedBytes   int64     `json:"added_bytes"`       // stored since: live, or history by now
	Snapshots    int       `json:"snapshots"`
	Horizon      time.Time `json:"horizon,omitzero"` // every moment from here on can be read; zero: all of them
}

// VersionInfo is one line of `rdfs log`.
type VersionInfo struct {
	Seq     uint32    `json:"seq"`
	Time    time.Time `json:"time"` // of the content: its modification time
	Sealed  time.Time `json:"sealed"`
	Size    int64     `json:"size"`    // bytes
	UID     uint32    `json:"uid"`     // who saved
	Author  string    `json:"author"`  // name of UID where known
	Program string    `json:"program"` // command line of the writer
	Content string    `json:"content"` // BLAKE3-256, as b3sum prints it; empty while unsealed
	Current bool      `json:"current"`
	Note    string    `json:"note,omitempty"` // e.g. "restored from version 3"
}

// RestoreRequest asks for an earlier version. Exactly one of Seq and At is set.
type RestoreRequest struct {
	Path   string    `json:"path"` // relative to the root of the drive
	Seq    uint32    `json:"seq,omitempty"`
	At     time.Time `json:"at,omitzero"`
	To     string    `json:"to,omitempty"` // another path in the drive; empty: in place
	DryRun bool      `json:"dry_run,omitempty"`
	UID    uint32    `json:"uid"` // who asks
	GID    uint32    `json:"gid"`
	Groups []uint32  `json:"groups,omitempty"`
}

// RestoreResult says what Restore did, or would do.
type RestoreResult struct {
	Path    string      `json:"path"` // that now has the content
	From    VersionInfo `json:"from"`
	NewSeq  uint32      `json:"new_seq"` // of the version that Restore made; 0 when nothing changed
	Changed bool        `json:"changed"`
}

// Progress is reported while something long is going on. Total 0 means unknown.
type Progress struct {
	Phase string `json:"phase"` // e.g. "sealing", "checking packs"
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
	Unit  string `json:"unit"` // "files", "bytes", "rows"
	Item  string `json:"item,omitempty"`
}

// Finding is one thing that check found wrong.
type Finding struct {
	Severity string `json:"severity"` // "error" or "note"
	Object   string `json:"object"`   // file or row, as people can find it
	Problem  string `json:"problem"`
	Fix      string `json:"fix"` // what to run or do
}

// CheckResult sums up a check.
type CheckResult struct {
	Rows     int64     `json:"rows"`
	Files    int64     `json:"files"`
	Packs    int64     `json:"packs"`
	Bytes    int64     `json:"bytes"` // read and hashed; 0 without data
	Findings []Finding `json:"findings,omitempty"`
	Errors   int       `json:"errors"` // findings of severity "error"
}
