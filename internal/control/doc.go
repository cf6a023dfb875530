// Package control lets other processes speak to a running drive: HTTP over a unix
// socket in REPO/run. The command line uses it; it is a door like the mount, and
// knows the drive only as the interface Drive.
//
// It also holds the two things that decide who may speak to what: the lock that
// lets one process at a time have a repository open (Lock), and the table of
// mounts that turns an ordinary path into a repository and a path inside it
// (Resolve).
//
// # Guarantees
//
// The server learns from the kernel, not from the request, who asks (SO_PEERCRED).
// Everybody who can reach the socket may ask for the status, and for the versions
// of files, as far as Options.Access lets them; Restore runs with the identity of
// the caller; Check and Unmount are for the owner of the repository and for root.
//
// A client tells apart: nothing is mounted (ErrNotMounted), the process that had
// it mounted is dead (ErrStale), a socket that it may not open (fs.ErrPermission),
// and a drive that does not answer (ErrNoAnswer). An error of the drive keeps its
// meaning across the socket: errors.Is works with the sentinels of io/fs, with
// blob's, and with syscall.EBUSY, ENOSPC, EROFS and EINVAL.
//
// # Caveats
//
// The lock is flock(2): it holds among the processes of one machine. A repository
// on a network filesystem that is mounted from two machines at once is refused only
// if that filesystem carries flock between them.
//
// # Format
//
// Requests and answers are JSON. Long requests answer with JSON lines: any number
// of {"progress":...}, then exactly one {"result":...} or {"error":...}. Both ends
// are the same binary; ProtocolVersion guards against a daemon that is older than
// the command.
package control
