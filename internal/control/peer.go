package control

import (
	"fmt"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peer asks the kernel who is at the other end of c.
func peer(c net.Conn) (Caller, error) {
	uc, ok := c.(*net.UnixConn)
	if !ok {
		return Caller{}, fmt.Errorf("peer of %T: not a unix socket", c)
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return Caller{}, err
	}
	var who Caller
	var inner error
	err = raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err != nil {
			inner = fmt.Errorf("who is calling: %w", err)
			return
		}
		who = Caller{UID: cred.Uid, GID: cred.Gid, PID: cred.Pid}
		who.Groups, inner = peerGroups(int(fd))
	})
	if err == nil {
		err = inner
	}
	return who, err
}

// peerGroups returns the supplementary groups of the process at the other end, as
// they were when it connected.
func peerGroups(fd int) ([]uint32, error) {
	groups := make([]uint32, 64)
	for {
		size := uint32(len(groups) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == 0:
			return groups[:size/4], nil
		case errno == syscall.ERANGE && int(size/4) > len(groups):
			groups = make([]uint32, size/4)
		case errno == syscall.ENOPROTOOPT:
			return nil, nil
		default:
			return nil, fmt.Errorf("groups of the caller: %w", errno)
		}
	}
}
