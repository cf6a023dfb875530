package volume

import "errors"

// The errors of the volume, to be tested with errors.Is. Errors of the operating
// system (no space, input/output error) pass through wrapped.
var (
	ErrNotExist  = errors.New("no such file or directory")
	ErrExist     = errors.New("file exists")
	ErrNotDir    = errors.New("not a directory")
	ErrIsDir     = errors.New("is a directory")
	ErrNotEmpty  = errors.New("directory not empty")
	ErrInvalid   = errors.New("invalid argument")
	ErrPerm      = errors.New("operation not permitted")
	ErrHeld      = errors.New("must be kept as it is")
	ErrAccess    = errors.New("permission denied")
	ErrReadOnly  = errors.New("read-only")
	ErrReserved  = errors.New("the name is reserved")
	ErrTooLong   = errors.New("name too long")
	ErrNotUTF8   = errors.New("name is not UTF-8")
	ErrNoAttr    = errors.New("no such attribute")
	ErrTooBig    = errors.New("value too big")
	ErrNotSup    = errors.New("operation not supported")
	ErrBusy      = errors.New("busy")
	ErrTooMany   = errors.New("too many links")
	ErrNoData    = errors.New("no data or hole beyond this offset")
	ErrLost      = errors.New("the draft of this file is missing: run `rdfs check`")
	ErrCrossLink = errors.New("not in the same drive")
)
