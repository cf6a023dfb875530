package volume

import (
	"context"
	"time"
)

// The kernel does not wait for the RELEASE that ends a handle: close(2) has returned
// when it is still on its way to us. Measured, it takes 40 µs, and 2 ms at most on an
// idle machine.
const (
	releaseGrace = 20 * time.Millisecond
	releaseSure  = 2 * time.Second
	releasePoll  = 200 * time.Microsecond
)

// closedness is what is known of a file that counts as open for writing.
type closedness string

const (
	closedNot   closedness = "a program has it open"
	closedMaybe closedness = "nobody can tell"
	closedSure  closedness = "no program has it open: the RELEASE is on its way"
)

// awaitReleases gives files that were closed just now the time to be known as closed.
// Where the kernel writes to a file itself, a lease tells whether it is: one that is
// open costs no time, one that is closed as much as a busy machine needs. The others
// cost releaseGrace together.
func (v *Volume) awaitReleases(ctx context.Context) {
	grace, cancel := context.WithTimeout(ctx, releaseGrace)
	defer cancel()
	sure, cancel := context.WithTimeout(ctx, releaseSure)
	defer cancel()
	for _, n := range v.nodes.inUse() {
		for open := true; open; {
			wait := grace
			switch v.closedness(n) {
			case closedNot:
				wait = nil
			case closedSure:
				wait = sure
			}
			if open = wait != nil && wait.Err() == nil; open {
				time.Sleep(releasePoll)
			}
		}
		v.nodes.release(n)
	}
}

func (v *Volume) closedness(n *node) closedness {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.writers == 0 || n.orphan != nil {
		return closedNot // or is known as closed
	}
	if !n.pass || n.file == nil || n.w != nil { // we ourselves may be the writer
		return closedMaybe
	}
	switch busy, err := leaseRefused(n.file); {
	case err != nil:
		return closedMaybe
	case busy:
		return closedNot
	}
	return closedSure
}
