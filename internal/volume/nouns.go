package volume

import "github.com/rdfs/rdfs/catalog"

// The nouns of the catalog that doors speak in.
type (
	Inode   = catalog.Inode
	FileID  = catalog.FileID
	Seq     = catalog.Seq
	Epoch   = catalog.Epoch
	Time    = catalog.Time
	Version = catalog.Version
)

// Root is the inode of the root directory.
const Root = catalog.Root

// The file types that doors tell apart.
const (
	TypeDir     = catalog.TypeDir
	TypeRegular = catalog.TypeRegular
	TypeSymlink = catalog.TypeSymlink
)
